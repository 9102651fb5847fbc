"""An editor without a window: drives a language server over stdio as VS Code would.

The demo, the doctor and the benchmarks see Sparrow through it, by the same messages as an editor.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from lsprotocol import types
from pygls.io_ import run_async
from pygls.lsp.client import LanguageClient
from pygls.protocol import LanguageServerProtocol

from lsp_server import protocol
from lsp_server.edge.convert import PositionConverter
from lsp_server.edge.fitted_edit import TAKES_ALL
from lsp_server.workspace.documents import Document, Edit, Position

logger = logging.getLogger(__name__)

EXIT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the server offers to insert, and where; times since the request in milliseconds."""

    text: str
    start: Position
    end: Position
    first_text_ms: float | None
    total_ms: float


class ServerEnded(Exception):
    """The language server's process is gone."""


class _Protocol(LanguageServerProtocol):
    def get_result_type(self, method: str) -> type[Any] | None:  # type: ignore[override] # cached
        """As pygls, which does not know that an edit by a model is answered as a rename is."""
        return super().get_result_type(
            types.TEXT_DOCUMENT_RENAME if method == protocol.EDIT else method
        )


class EditorSession:
    """Made by `open_session`."""

    def __init__(self, client: LanguageClient, process: asyncio.subprocess.Process) -> None:
        self._client = client
        self._process = process
        self._converter = PositionConverter(types.PositionEncodingKind.Utf16)
        self._tokens = itertools.count(1)
        self._on_text: dict[str, Callable[[str], None]] = {}
        self._status_changed = asyncio.Event()
        self.status: protocol.StatusParams | None = None  # of the model that completes
        self.is_indexed = False  # all folders were looked at
        self.initialized_ms = 0.0
        self.logged: list[str] = []
        self._listen()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self) -> int:
        """Waits for the end of the server's process; its exit status."""
        return await self._process.wait()

    async def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Waits until the model is ready.

        Raises `ServerEnded` or, after the time, `TimeoutError`.
        """
        await self._wait_until(
            lambda: self.status is not None and self.status["state"] == "ready", timeout_s
        )

    async def wait_indexed(self, timeout_s: float = 30.0) -> None:
        """Waits until all folders were looked at; raises as `wait_ready`."""
        await self._wait_until(lambda: self.is_indexed, timeout_s)

    async def _wait_until(self, is_so: Callable[[], bool], timeout_s: float) -> None:
        ended = asyncio.create_task(self._process.wait())
        try:
            async with asyncio.timeout(timeout_s):
                while not is_so():
                    self._status_changed.clear()
                    changed = asyncio.create_task(self._status_changed.wait())
                    await asyncio.wait({changed, ended}, return_when=asyncio.FIRST_COMPLETED)
                    changed.cancel()
                    if ended.done():
                        raise ServerEnded(f"the language server ended with {ended.result()}")
        finally:
            ended.cancel()

    def open(self, path: Path, language: str, text: str) -> Document:
        document = Document(path.as_uri(), language, 1, text)
        item = types.TextDocumentItem(document.uri, language, 1, text)
        self._client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return document

    def edit(self, document: Document, edit: Edit) -> None:
        """Changes the document here and in the server."""
        changed = types.Range(
            self._converter.to_client(edit.start, document.lines),
            self._converter.to_client(edit.end, document.lines),
        )
        document.apply(edit)
        document.version += 1
        self._client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(document.version, document.uri),
                [types.TextDocumentContentChangePartial(changed, edit.text)],
            )
        )

    async def complete(
        self,
        document: Document,
        position: Position,
        on_text: Callable[[str], None] | None = None,
        *,
        by_hand: bool = False,
    ) -> Suggestion | None:
        """Asks for an inline completion. `on_text` sees the raw text as it streams in.

        A caller that is cancelled cancels the request, as an editor does when the typing goes on.
        """
        started = time.perf_counter()
        first_text_ms: float | None = None
        token: str | None = None

        def streamed(text: str) -> None:
            nonlocal first_text_ms
            first_text_ms = first_text_ms or (time.perf_counter() - started) * 1000
            if on_text is not None:
                on_text(text)

        if on_text is not None:
            token = f"text-{next(self._tokens)}"
            self._on_text[token] = streamed
        kinds = types.InlineCompletionTriggerKind
        params = types.InlineCompletionParams(
            context=types.InlineCompletionContext(kinds.Invoked if by_hand else kinds.Automatic),
            text_document=types.TextDocumentIdentifier(document.uri),
            position=self._converter.to_client(position, document.lines),
            work_done_token=token,
        )
        try:
            answer = await self._request(types.TEXT_DOCUMENT_INLINE_COMPLETION, params)
        finally:
            if token is not None:
                del self._on_text[token]
        total_ms = (time.perf_counter() - started) * 1000
        items = answer.items if isinstance(answer, types.InlineCompletionList) else answer
        if not items:
            return None
        item = items[0]
        text = item.insert_text if isinstance(item.insert_text, str) else item.insert_text.value
        start = end = position
        if item.range is not None:
            start = self._converter.from_client(item.range.start, document.lines)
            end = self._converter.from_client(item.range.end, document.lines)
        return Suggestion(text, start, end, first_text_ms, total_ms)

    async def _request(self, method: str, params: Any) -> Any:
        """Cancelling the task cancels the request, as an editor does when the typing goes on."""
        request = f"request-{next(self._tokens)}"
        answer = self._client.protocol.send_request_async(method, params, msg_id=request)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            self._client.cancel_request(types.CancelParams(request))
            answer.add_done_callback(lambda it: it.cancelled() or it.exception())  # it is answered
            raise

    def save(self, document: Document) -> None:
        """Says that the file holds the document's text now."""
        identifier = types.TextDocumentIdentifier(document.uri)
        self._client.text_document_did_save(types.DidSaveTextDocumentParams(identifier))

    def close(self, document: Document) -> None:
        identifier = types.TextDocumentIdentifier(document.uri)
        self._client.text_document_did_close(types.DidCloseTextDocumentParams(identifier))

    async def code_actions(
        self, document: Document, selection: types.Range
    ) -> list[types.CodeAction]:
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(document.uri),
            selection,
            types.CodeActionContext([], trigger_kind=types.CodeActionTriggerKind.Invoked),
        )
        answer = await self._request(types.TEXT_DOCUMENT_CODE_ACTION, params)
        return [it for it in answer or () if isinstance(it, types.CodeAction)]

    async def resolve(self, action: types.CodeAction) -> types.CodeAction:
        """The action with its edit. Raises `JsonRpcException` with the reason where there is none."""
        resolved: types.CodeAction = await self._request(types.CODE_ACTION_RESOLVE, action)
        return resolved

    def apply(self, document: Document, action: types.CodeAction) -> None:
        """Makes the edits of a resolved action that are of this document, here and in the server."""
        changes = action.edit.document_changes if action.edit is not None else None
        for change in changes or ():
            if not isinstance(change, types.TextDocumentEdit):
                continue
            if change.text_document.uri != document.uri:
                continue
            edits = [it for it in change.edits if not isinstance(it, types.SnippetTextEdit)]
            for edit in sorted(edits, key=lambda it: it.range.start, reverse=True):
                start, end = (
                    self._converter.from_client(it, document.lines)
                    for it in (edit.range.start, edit.range.end)
                )
                self.edit(document, Edit(start, end, edit.new_text))

    async def rename(
        self, document: Document, position: types.Position, new_name: str
    ) -> types.WorkspaceEdit:
        """Raises `JsonRpcException` with the reason where there is no edit."""
        identifier = types.TextDocumentIdentifier(document.uri)
        params = types.RenameParams(identifier, position, new_name)
        answer = await self._request(types.TEXT_DOCUMENT_RENAME, params)
        return answer if answer is not None else types.WorkspaceEdit()

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        """One of the messages beside the language server protocol, as it stands."""
        return await self._client.protocol.send_request_async(method, dict(params))

    def listen(self, method: str, take: Callable[[Any], None]) -> None:
        """Has a notification of the server's taken, in place of who took it before."""

        def took(params: Any) -> None:
            take(params)

        self._client.feature(method)(took)

    async def instruct(
        self, document: Document, place: types.Range, instruction: str
    ) -> types.WorkspaceEdit:
        """An edit by a model. Raises `JsonRpcException` with the reason where there is none."""
        params = protocol.EditParams(
            uri=document.uri,
            version=document.version,
            startLine=place.start.line,
            startCharacter=place.start.character,
            endLine=place.end.line,
            endCharacter=place.end.character,
            instruction=instruction,
            draft="",
        )
        answer = await self._request(protocol.EDIT, params)
        return answer if answer is not None else types.WorkspaceEdit()

    async def explain(self) -> str:
        """Why the last completion was shown or not, as Markdown."""
        answer = await self._request(protocol.EXPLAIN_COMPLETION, {})
        return str(answer.markdown)

    def _listen(self) -> None:
        # pygls writes attributes onto what it registers, which a bound method does not take.
        def took_status(params: Any) -> None:
            self._took_status(params)

        def took_index_status(params: Any) -> None:
            self.is_indexed = bool(params.folders) and all(it.isCurrent for it in params.folders)
            self._status_changed.set()

        def took_progress(params: types.ProgressParams) -> None:
            self._took_progress(params)

        def took_log_message(params: types.LogMessageParams) -> None:
            self.logged.append(params.message)

        self._client.feature(protocol.STATUS)(took_status)
        self._client.feature(protocol.INDEX_STATUS)(took_index_status)
        self._client.feature(types.PROGRESS)(took_progress)
        self._client.feature(types.WINDOW_LOG_MESSAGE)(took_log_message)

    def _took_status(self, params: Any) -> None:
        if "completion" not in params.roles:
            return
        self.status = protocol.StatusParams(
            roles=params.roles,
            state=params.state,
            engine=params.engine,
            model=params.model,
            message=params.message,
            progress=params.progress,
        )
        self._status_changed.set()

    def _took_progress(self, params: types.ProgressParams) -> None:
        on_text = self._on_text.get(str(params.token))
        if on_text is not None and isinstance(params.value, dict):
            on_text(params.value.get("message", ""))


@contextlib.asynccontextmanager
async def open_session(
    command: Sequence[str],
    folder: Path,
    settings: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    api_keys: Sequence[Mapping[str, str]] = (),
) -> AsyncIterator[EditorSession]:
    """Starts a language server on a workspace folder; ends it, and its process, on the way out.

    `settings` is the `sparrow` section, `api_keys` as in `protocol.ApiKeysParams`. Nothing is counted
    in the user's statistics, and the server's log goes to nowhere. Raises `ServerEnded` when it does
    not come up.
    """
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder.parent,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    client = LanguageClient("sparrow-session", "1", _Protocol)
    session = EditorSession(client, process)
    client.protocol.set_writer(process.stdin)
    reading = asyncio.create_task(run_async(Event(), process.stdout, client.protocol, logger))
    try:
        initialize = asyncio.ensure_future(
            client.initialize_async(
                types.InitializeParams(
                    capabilities=types.ClientCapabilities(workspace=TAKES_ALL),
                    process_id=os.getpid(),
                    workspace_folders=[types.WorkspaceFolder(folder.as_uri(), folder.name)],
                    initialization_options={
                        "settings": {"statistics": {"enable": False}, **settings},
                        "apiKeys": [dict(key) for key in api_keys],
                    },
                )
            )
        )
        await asyncio.wait({initialize, reading}, return_when=asyncio.FIRST_COMPLETED)
        if not initialize.done():
            initialize.cancel()
            raise ServerEnded(f"the language server ended with {await process.wait()}")
        initialize.result()
        client.initialized(types.InitializedParams())
        session.initialized_ms = (time.perf_counter() - started) * 1000
        yield session
        if process.returncode is None:
            await client.shutdown_async(None)
            client.exit(None)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def sparrow_command() -> list[str]:
    """The command that starts the server of this very installation, as an editor would."""
    script = Path(sys.executable).with_name("sparrow.exe" if os.name == "nt" else "sparrow")
    if script.exists():
        return [str(script), "lsp"]
    return [sys.executable, "-P", "-m", "lsp_server", "lsp"]
