"""Edits that a model makes: asked for by the user, verified, and never applied here.

The model answers with search/replace blocks. Those that cannot be applied, and checks that fail, go
back to it, at most twice; where blocks still cannot be applied it is asked for the symbol as a whole.
What comes of it is a change with the evidence that it was verified by, or a refusal that says why.
Cancelling ends the generation at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inference.client import InferenceClient
from inference.content import Message
from inference.errors import InferenceError
from inference.protocol import ChatRole, Delta, Done, FinishReason, Priority
from inference.sampling import Sampling
from lsp_server.edits.blocks import BlockProblem
from lsp_server.edits.change import Change, EditKind, FileChange
from lsp_server.edits.tests_of import find_test_path
from lsp_server.model_edits.actions import find_symbol
from lsp_server.model_edits.answers import read_answer, read_whole
from lsp_server.model_edits.prompt import (
    Task,
    ask_for_whole,
    open_conversation,
    shorten,
    tell_problems,
    tell_refusal,
)
from lsp_server.model_edits.request import Complained, EditRefusal, EditRequest
from lsp_server.workspace.documents import Document, Documents
from lsp_server.workspace.outline import Symbol
from lsp_server.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    from lsp_server.edits.imports import Modules
    from lsp_server.edits.verification import Evidence, Finding
    from lsp_server.workspace.parse import ParsedText

logger = logging.getLogger(__name__)

LOAD_TIMEOUT_S = 600.0
TEMPERATURE = 0.3
MAX_TOKENS = 8192
MAX_ANSWERS = 3  # the first, and two that mend it
MAX_WHOLE_LINES = 150  # of a symbol that is written as a whole
_MAX_SHOWN_CHARACTERS = 120_000
_CHARACTERS_PER_TOKEN = 3  # of code, at the least


@dataclass(frozen=True, slots=True)
class ModelEdit:
    change: Change
    evidence: Evidence


class Trials(Protocol):
    """Runs tests that a model wrote; see `generated_tests.py`."""

    async def find_refusal(self, request: EditRequest) -> EditRefusal | None: ...
    async def run(
        self, request: EditRequest, change: Change
    ) -> Sequence[Finding] | EditRefusal: ...


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class _Target:
    """What is edited, as it was when the edit was asked for."""

    document: Document
    version: int
    task: Task
    symbol: Symbol | None
    uris: Mapping[str, str]  # by path, of the files that may be edited
    versions: Mapping[str, int | None]


class ModelEdits:
    """`thinking` says whether the model reasons first; None leaves it to the model.

    `folder_of` gives the workspace folder of a document, `edit_refusal` why a file may not be edited.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        client: Callable[[], InferenceClient],
        snapshot: Callable[[str], Snapshot | None],
        folder_of: Callable[[str], Path | None],
        path_of: Callable[[Document], str],
        exclusion: Callable[[Document], str],
        edit_refusal: Callable[[str], str],
        parsed_text: Callable[[Document], ParsedText | None],
        modules: Callable[[Document], Modules | None],
        tools_check: Callable[[Change, Sequence[Complained]], Awaitable[Sequence[Finding]]],
        trials: Trials,
        thinking: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._documents = documents
        self._client = client
        self._snapshot = snapshot
        self._folder_of = folder_of
        self._path_of = path_of
        self._exclusion = exclusion
        self._edit_refusal = edit_refusal
        self._parsed_text = parsed_text
        self._modules = modules
        self._tools_check = tools_check
        self._trials = trials
        self._thinking = thinking

    async def edit(
        self, request: EditRequest, on_text: Callable[[str], None] = lambda _: None
    ) -> ModelEdit | EditRefusal:
        """A verified change, or why there is none. `on_text` is called with each answer so far."""
        target = self._target(request)
        if isinstance(target, EditRefusal):
            return target
        try:
            if request.action.edit is EditKind.TESTS:
                refusal = await self._trials.find_refusal(request)
                if refusal is not None:
                    return refusal
            client = self._client()
            await client.wait_ready(LOAD_TIMEOUT_S)
            if client.capabilities is not None and not client.capabilities.chat:
                return EditRefusal(
                    f"{client.endpoint.model} does not chat, and edits are asked for in a chat",
                    "Name a model that does in the setting sparrow.chat.model.",
                )
            return await self._converse(client, request, target, on_text)
        except InferenceError as error:
            logger.warning("an edit was refused: %s", error)
            return EditRefusal(error.message, error.hint)

    def _target(self, request: EditRequest) -> _Target | EditRefusal:
        document = self._documents.get(request.uri)
        if document is None:
            return EditRefusal("the document is not open", "Open it, and try again.")
        reason = document.problem or self._exclusion(document) or self._edit_refusal(document.uri)
        if reason:
            return EditRefusal(f"{self._path_of(document)} is not edited: {reason}")
        if not (document.contains(request.start) and document.contains(request.end)):
            return EditRefusal("the selection lies outside of the document", "Select anew.")
        return self._make_target(request, document)

    def _make_target(self, request: EditRequest, document: Document) -> _Target | EditRefusal:
        path = self._path_of(document)
        snapshot = self._snapshot(document.uri)
        # Before it is parsed for the first time, what is known may be of another text.
        is_known = snapshot is not None and self._parsed_text(document) is not None
        symbols = snapshot.symbols(path) if snapshot is not None and is_known else ()
        symbol = find_symbol(symbols, request.start.line, request.end.line)
        instruction = request.action.instruction.format(name=symbol.name if symbol else "this code")
        if request.instruction:
            instruction = f"{instruction} {request.instruction}".strip()
        if not instruction:
            return EditRefusal("it was not said what is to be done", "Write what to change.")
        first, end = request.start.line, request.end.line + 1
        if symbol is not None and request.start == request.end:
            first, end = symbol.start_line, symbol.end_line
        editable: dict[str, str | None] = {path: document.text}
        uris, versions = {path: document.uri}, {path: document.version}
        own = shorten(document.lines, request.start, request.end, self._max_characters())
        shown = {path: own}
        if request.action.edit is EditKind.TESTS:
            found = self._tests(document, path, snapshot)
            if isinstance(found, EditRefusal):
                return found
            path_of_tests, uri, text, version = found
            editable, uris = {path_of_tests: text}, {path_of_tests: uri}
            versions = {path_of_tests: version} if version is not None else {}
            shown = {path_of_tests: text, **shown} if text is not None else shown
        task = Task(
            instruction, path, first, end, shown, editable, tuple(map(str, request.complaints))
        )
        return _Target(document, document.version, task, symbol, uris, versions)

    def _tests(
        self, document: Document, path: str, snapshot: Snapshot | None
    ) -> tuple[str, str, str | None, int | None] | EditRefusal:
        """The file for a document's tests: its path, URI, text and version as it is now."""
        folder = self._folder_of(document.uri)
        if folder is None or snapshot is None:
            return EditRefusal(
                "where tests belong is not known, since the document is in no indexed folder",
                "Open its folder, with sparrow.index.enable on.",
            )
        paths = snapshot.paths()
        place = find_test_path(path, document.language, paths)
        uri = (folder / place).as_uri()
        if reason := self._edit_refusal(uri):
            return EditRefusal(f"{place} is not edited: {reason}")
        opened = self._documents.get(uri)
        if opened is not None:
            return place, uri, opened.text, opened.version
        if place in paths:
            return place, uri, "".join(snapshot.lines(place)), None
        if (folder / place).exists():
            return EditRefusal(f"{place} is there, and not in the index", "Open it, and try again.")
        return place, uri, None, None

    def _max_characters(self) -> int:
        """How much of a file the model can be shown."""
        capabilities = self._client().capabilities
        tokens = capabilities.context_tokens if capabilities is not None else None
        if tokens is None:
            return _MAX_SHOWN_CHARACTERS
        room = tokens - min(MAX_TOKENS, tokens // 2) - tokens // 8
        return min(_MAX_SHOWN_CHARACTERS, room * _CHARACTERS_PER_TOKEN)

    async def _converse(
        self,
        client: InferenceClient,
        request: EditRequest,
        target: _Target,
        on_text: Callable[[str], None],
    ) -> ModelEdit | EditRefusal:
        messages = open_conversation(target.task)
        reasons: list[str] = []
        cannot_apply = False
        for _ in range(MAX_ANSWERS):
            answer = await self._ask(client, messages, on_text)
            if self._has_moved_on(target):
                return _MOVED_ON
            read = read_answer(answer.text, target.task, is_cut=answer.is_cut)
            cannot_apply = not isinstance(read, Mapping)
            if isinstance(read, Mapping):
                edit = await self._verified(request, target, read)
                if isinstance(edit, EditRefusal) or edit.evidence.passed:
                    return edit
                mended = tell_refusal(edit.evidence.refusal)
                reasons.append(edit.evidence.refusal)
            else:
                mended = tell_problems(read)
                reasons.append("\n".join(it.message for it in read))
            messages += [Message.of(ChatRole.ASSISTANT, answer.text or "(nothing)"), mended]
        if cannot_apply:
            found = await self._ask_for_whole(client, request, target, messages[:-1], on_text)
            if isinstance(found, ModelEdit | EditRefusal):
                return found
            reasons += [found] if found else []
        told = reasons[-1].partition("\n")[0].rstrip(".")
        return EditRefusal(
            f"{told} (the model's edit was refused {len(reasons)} times)",
            "Nothing was changed. Ask for less at once, or name a larger model.",
        )

    async def _ask_for_whole(
        self,
        client: InferenceClient,
        request: EditRequest,
        target: _Target,
        messages: Sequence[Message],
        on_text: Callable[[str], None],
    ) -> ModelEdit | EditRefusal | str:
        """The edit by a symbol that is written as a whole; or in words why there is none."""
        symbol, path = target.symbol, target.task.path
        if (
            symbol is None
            or path not in target.task.editable
            or symbol.end_line - symbol.start_line > MAX_WHOLE_LINES
        ):
            return ""
        lines = target.document.lines
        first, end = symbol.start_line, symbol.end_line
        text = "".join(lines[first:end])
        whole = [*messages, ask_for_whole(symbol.name, path, text)]
        answer = await self._ask(client, whole, on_text)
        if self._has_moved_on(target):
            return _MOVED_ON
        if answer.is_cut:
            return "the answer was cut at its limit of tokens"
        read = read_whole(answer.text, lines, first, end)
        if isinstance(read, BlockProblem):
            return read.message
        edit = await self._verified(request, target, {path: read})
        if isinstance(edit, ModelEdit) and not edit.evidence.passed:
            return edit.evidence.refusal
        return edit

    async def _ask(
        self,
        client: InferenceClient,
        messages: Sequence[Message],
        on_text: Callable[[str], None],
    ) -> _Answer:
        """The next answer, without what the model thinks."""
        text = ""
        is_cut = True
        capabilities = client.capabilities
        context = capabilities.context_tokens if capabilities is not None else None
        limit = MAX_TOKENS if context is None else min(MAX_TOKENS, context // 2)
        stream = client.chat(
            messages,
            Sampling(limit, TEMPERATURE),
            Priority.EDIT,
            thinking=self._thinking(),
        )
        async with contextlib.aclosing(stream):
            async for message in stream:
                if isinstance(message, Delta) and not message.thinking:
                    text += message.text
                    on_text(text)
                elif isinstance(message, Done):
                    is_cut = message.finish is not FinishReason.STOP
        return _Answer(text, is_cut)

    async def _verified(
        self, request: EditRequest, target: _Target, texts: Mapping[str, str]
    ) -> ModelEdit | EditRefusal:
        from lsp_server.edits.verification import verify, verify_imports

        task = target.task
        files = tuple(
            FileChange(target.uris[path], task.editable[path], text, target.versions.get(path))
            for path, text in texts.items()
        )
        title = request.action.titled(target.symbol.name if target.symbol else "this code")
        change = Change(title, files)
        known = self._parsed_text(target.document)
        evidence = await asyncio.to_thread(
            verify,
            change,
            request.action.edit,
            known=lambda uri: known if uri == target.document.uri else None,
        )
        modules = self._modules(target.document)
        if modules is not None and not self._has_moved_on(target):
            evidence = evidence.also(*verify_imports(change, modules))
        if evidence.passed:
            evidence = evidence.also(*await self._tools_check(change, request.complaints))
        if evidence.passed and request.action.edit is EditKind.TESTS:
            found = await self._trials.run(request, change)
            if isinstance(found, EditRefusal):
                return found
            evidence = evidence.also(*found)
            if self._has_moved_on(target):
                return _MOVED_ON
        return ModelEdit(change, evidence)

    def _has_moved_on(self, target: _Target) -> bool:
        document = target.document
        return (
            self._documents.get(document.uri) is not document or document.version != target.version
        )


_MOVED_ON = EditRefusal(
    "the document was changed while the model worked", "Nothing was changed. Ask again."
)
