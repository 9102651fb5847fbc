"""A language server in a process of its own, as an editor has one, and what it said.

Whatever a test does, `serving` checks on the way out that standard output held protocol frames and
nothing else, that no pop-up was asked for, and that no process is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from lsprotocol import types
from pygls.io_ import run_async
from pygls.lsp.client import LanguageClient

from lsp_server.edge.fitted_edit import TAKES_ALL

from .lsp_frames import Recorder, frame, frames
from .place import PATIENCE_S, Place, place

COMMAND = (str(Path(sys.executable).with_name("sparrow")), "lsp")
_PATIENT = """
from lsp_server.chat import gathering
from lsp_server.cli import main
from lsp_server.features import completion, naming

completion.DEADLINE_S = gathering.COUNT_TIMEOUT_S = naming.LIMIT_S = 15.0
main()
"""
# The same, but that on no busy machine a model is late.
PATIENT = (sys.executable, "-P", "-c", _PATIENT, "lsp")


@dataclass
class Said:
    """What the server told the editor, in order."""

    statuses: list[dict[str, Any]] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    progress: list[tuple[Any, Any]] = field(default_factory=list)  # token and value
    drafts: list[Any] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)  # that are shown over the editor
    is_indexed: bool = False  # all folders were looked at
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def states(self) -> list[str]:
        return [status["state"] for status in self.statuses]

    def forget(self) -> None:
        """All but how the model is."""
        del self.statuses[:-1], self.logged[:], self.progress[:]


class Server:
    def __init__(
        self, process: asyncio.subprocess.Process, client: LanguageClient, recorder: Recorder
    ) -> None:
        self.process = process
        self.client = client
        self.recorder = recorder
        self.said = Said()
        self.initialized: types.InitializeResult | None = None
        self._requests = 0

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for something that the server says."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self.said.changed.clear()
                await self.said.changed.wait()

    async def ready(self) -> None:
        await self.until(lambda: self.said.states[-1:] == ["ready"])

    def open(self, uri: str, text: str, language: str = "python", version: int = 1) -> str:
        self.client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, language, version, text))
        )
        return uri

    def close(self, uri: str) -> None:
        self.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
        )

    def save(self, uri: str) -> None:
        self.client.text_document_did_save(
            types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri))
        )

    def change(self, uri: str, version: int, *changes: Any) -> None:
        """Each change is a whole text, or (line, character, line, character, text)."""
        self.client.protocol.notify(
            types.TEXT_DOCUMENT_DID_CHANGE,
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version, uri), [_change(it) for it in changes]
            ),
        )

    def ask(
        self,
        uri: str,
        line: int,
        character: int,
        *,
        token: str | None = None,
        by_hand: bool = False,
        **context: Any,
    ) -> tuple[str, asyncio.Future[Any]]:
        """Asks for a completion: the request's id, and its answer."""
        kinds = types.InlineCompletionTriggerKind
        self._requests += 1
        request = f"request-{self._requests}"
        answer = self.client.protocol.send_request_async(
            types.TEXT_DOCUMENT_INLINE_COMPLETION,
            types.InlineCompletionParams(
                context=types.InlineCompletionContext(
                    kinds.Invoked if by_hand else kinds.Automatic, **context
                ),
                text_document=types.TextDocumentIdentifier(uri),
                position=types.Position(line, character),
                work_done_token=token,
            ),
            msg_id=request,
        )
        return request, answer

    async def complete(self, uri: str, line: int, character: int, **options: Any) -> str | None:
        """The text that would be shown, or None.

        Asked again where the machine was too busy for the deadline of a completion.
        """
        async with asyncio.timeout(PATIENCE_S):
            answer = await self.ask(uri, line, character, **options)[1]
            while answer is None and "took too long" in await self.explain():
                answer = await self.ask(uri, line, character, **options)[1]
        if answer is None:
            return None
        (item,) = answer.items
        assert isinstance(item.insert_text, str)
        return item.insert_text

    def tell(self, settings: Any) -> None:
        """All settings, as an editor sends them that cannot be asked."""
        self.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))

    async def ready_with(self, model: str) -> None:
        """Waits until that model is the one that was last said to be ready."""
        await self.until(
            lambda: (
                [(it["state"], it["model"]) for it in self.said.statuses[-1:]] == [("ready", model)]
            )
        )

    def cancel(self, request: str) -> None:
        self.client.cancel_request(types.CancelParams(request))

    async def request(self, method: str, params: Any = None) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return await self.client.protocol.send_request_async(method, params)

    async def explain(self) -> str:
        """Why the last completion was shown or not, without the requests before it."""
        told = str((await self.request("sparrow/explainCompletion", {})).markdown)
        return told.partition("## The last requests")[0]

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def send(self, message: Any) -> None:
        """A JSON value in a frame."""
        self.write(frame(json.dumps(message).encode()))

    async def stop(self) -> int:
        await self.request(types.SHUTDOWN)
        self.client.exit(None)
        return await self.ended()

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def errors(self) -> str:
        """All of standard error, once the process has ended."""
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode(errors="replace")


@dataclass
class Shared:
    """A server for tests that leave it as it was, on a loop that outlives them."""

    where: Place
    server: Server
    runner: asyncio.Runner

    def uri(self, name: str) -> str:
        return (self.where.folder / name).as_uri()


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Makes a test of a coroutine function; it runs on the loop of a `Shared` server it asks for."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        shared = next((it for it in fixtures.values() if isinstance(it, Shared)), None)
        if shared is None:
            asyncio.run(test(**fixtures))
        else:
            shared.server.said.forget()
            shared.runner.run(test(**fixtures))

    return run


@contextlib.contextmanager
def sharing(*rules: Mapping[str, Any], **more: Any) -> Iterator[Shared]:
    """A server with a model of these rules, ready, and with these settings beside it."""
    with place() as where, asyncio.Runner() as runner:
        chosen = {"completion": {"model": where.script(*rules)}, **more}
        server_of = serving(where, chosen)
        server = runner.run(server_of.__aenter__())
        try:
            runner.run(server.ready())
            yield Shared(where, server, runner)
        finally:
            runner.run(server_of.__aexit__(None, None, None))


@contextlib.asynccontextmanager
async def serving(
    where: Place,
    settings: Mapping[str, Any] | None = None,
    *,
    command: Sequence[str] = PATIENT,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    capabilities: types.ClientCapabilities | None = None,
    initialize: Mapping[str, Any] | None = None,
    configuration: Callable[[], Any] | None = None,
    greet: bool = True,
) -> AsyncIterator[Server]:
    """A server that has been initialized, on a place's workspace; ends it on the way out.

    `configuration` answers `workspace/configuration`, `initialize` overrides parameters, and without
    `greet` nothing is sent at all.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd or where.runtime,
        env=environment or where.environment(),
        limit=2**24,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    client = LanguageClient("test", "1")
    recorder = Recorder(process.stdout)
    server = Server(process, client, recorder)
    _listen(server, configuration)
    client.protocol.set_writer(process.stdin)
    reading = asyncio.create_task(run_async(Event(), recorder, client.protocol))
    try:
        if greet:
            await _greet(server, where, settings, capabilities, initialize)
        yield server
        if process.returncode is None and not process.stdin.is_closing():
            await server.stop()
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        finally:
            with contextlib.suppress(ConnectionError):
                await process.stdin.wait_closed()
            await reading
            process._transport.close()  # type: ignore[attr-defined]
    frames(bytes(recorder.data))
    # A test takes those out that its user is to see: nobody else is shown any.
    assert server.said.messages == []


async def _greet(
    server: Server,
    where: Place,
    settings: Mapping[str, Any] | None,
    capabilities: types.ClientCapabilities | None,
    initialize: Mapping[str, Any] | None,
) -> None:
    parameters: dict[str, Any] = {
        "capabilities": capabilities or types.ClientCapabilities(workspace=TAKES_ALL),
        "process_id": os.getpid(),
        "workspace_folders": [types.WorkspaceFolder(where.folder.as_uri(), "workspace")],
        "initialization_options": None if settings is None else {"settings": dict(settings)},
    }
    async with asyncio.timeout(PATIENCE_S):
        server.initialized = await server.client.initialize_async(
            types.InitializeParams(**(parameters | dict(initialize or {})))
        )
    server.client.initialized(types.InitializedParams())


def _listen(server: Server, configuration: Callable[[], Any] | None) -> None:
    said, client = server.said, server.client

    def took_status(params: Any) -> None:
        said.statuses.append(
            {key: getattr(params, key) for key in ("roles", "state", "engine", "model", "message")}
        )
        said.changed.set()

    def took_index_status(params: Any) -> None:
        said.is_indexed = all(it.isCurrent for it in params.folders)
        said.changed.set()

    def took_log(params: types.LogMessageParams) -> None:
        said.logged.append(params.message)
        said.changed.set()

    def took_message(params: types.ShowMessageParams) -> None:
        said.messages.append(params.message)

    def took_progress(params: types.ProgressParams) -> None:
        value: Any = params.value
        message = value.get("message") if isinstance(value, dict) else value.message
        said.progress.append((params.token, message))
        said.changed.set()

    def took_draft(params: Any) -> None:
        said.drafts.append(params)

    def asked_settings(_: types.ConfigurationParams) -> Any:
        return [configuration() if configuration else None]

    client.feature("sparrow/status")(took_status)
    client.feature("sparrow/editDraft")(took_draft)
    client.feature("sparrow/indexStatus")(took_index_status)
    client.feature(types.WINDOW_LOG_MESSAGE)(took_log)
    client.feature(types.WINDOW_SHOW_MESSAGE)(took_message)
    client.feature(types.PROGRESS)(took_progress)
    if configuration is not None:
        client.feature(types.WORKSPACE_CONFIGURATION)(asked_settings)


def _change(change: Any) -> Any:
    if isinstance(change, str):
        return types.TextDocumentContentChangeWholeDocument(change)
    start_line, start, end_line, end, text = change
    return types.TextDocumentContentChangePartial(
        types.Range(types.Position(start_line, start), types.Position(end_line, end)), text
    )
