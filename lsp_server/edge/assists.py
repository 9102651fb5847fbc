"""Quick fixes and the edits that a model makes, as code actions: the edge to both.

What an action needs to be resolved travels in its `data`, which comes back as the editor has it: so
positions in it are read with care, and all that comes of it is verified. A model is asked when its
action is chosen, never when it is listed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server import protocol
from lsp_server.edge.fitted_edit import fitted_edit
from lsp_server.edge.progress import told
from lsp_server.edge.verifying import check_by_tools, modules_of
from lsp_server.edits.change import Change, EditKind
from lsp_server.edits.workspace_edit import EditRefused, plan_edit
from lsp_server.features.generated_tests import GeneratedTests
from lsp_server.features.model_edits import ModelEdits
from lsp_server.model_edits.actions import ACTIONS, ModelAction, find_actions, find_symbol
from lsp_server.model_edits.drafts import draft
from lsp_server.model_edits.request import Complained, EditRefusal, EditRequest
from lsp_server.quick_fixes.diagnostics import Diagnostic
from lsp_server.workspace.documents import Document, Edit, Position

if TYPE_CHECKING:
    from lsp_server.edits.verification import Evidence
    from lsp_server.server import SparrowServer

_MAX_DIAGNOSTICS = 10  # of a place, for which fixes are looked for
_MAX_TITLE_CHARACTERS = 60
_DRAFT_INTERVAL_S = 0.1
_KEY = "assist"


class RequestFailed(JsonRpcException):
    """As LSP 3.17 has it: the request was right, and what it asks for cannot be done."""

    CODE = types.LSPErrorCodes.RequestFailed.value
    MESSAGE = "Request failed"


class Assists:
    def __init__(self, server: SparrowServer) -> None:
        self._server = server
        self._model_edits = ModelEdits(
            documents=server.documents,
            client=server.models.for_chat,
            snapshot=server.index.snapshot,
            folder_of=server.index.folder_of,
            path_of=server.folders.path_of,
            exclusion=server.folders.exclusion,
            edit_refusal=server.folders.edit_refusal,
            parsed_text=server.index.parsed_text,
            modules=lambda document: modules_of(server, document.uri),
            tools_check=lambda change, complaints: check_by_tools(server, change, complaints),
            trials=GeneratedTests(
                documents=server.documents,
                config=lambda: server.config,
                folder_of=server.index.folder_of,
                is_hidden=lambda uri: bool(server.folders.edit_refusal(uri)),
            ),
            thinking=lambda: {"on": True, "off": False}.get(server.config.edit_thinking),
        )

    def quick_fixes(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        """The fixes for the diagnostics of a place, each with its diagnostic."""
        document = self._document(params)
        if document is None or not _is_wanted("quickfix", params.context.only):
            return []
        from lsp_server.quick_fixes.fixes import fixes

        path, snapshot = (
            self._server.folders.path_of(document),
            self._server.index.snapshot(document.uri),
        )
        return [
            types.CodeAction(
                fix.title,
                kind=fix.kind,
                diagnostics=[diagnostic],
                is_preferred=fix.is_preferred or None,
                data=self._data(document, "quick fix", edits=[_packed(edit) for edit in fix.edits]),
            )
            for diagnostic in params.context.diagnostics[:_MAX_DIAGNOSTICS]
            for fix in fixes(self._read(diagnostic, document), document, path, snapshot)
        ]

    def model_edits(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        """What a model may be asked for at a place, where there is one that chats."""
        server = self._server
        document = self._document(params)
        if document is None or document.problem or not server.models.may_chat:
            return []
        if server.folders.exclusion(document) or server.folders.edit_refusal(document.uri):
            return []
        start, end = self._span(params.range, document)
        path = server.folders.path_of(document)
        snapshot = server.index.snapshot(document.uri)
        # Before it is parsed for the first time, what is known may be of another text.
        is_known = snapshot is not None and server.index.parsed_text(document) is not None
        symbols = snapshot.symbols(path) if snapshot is not None and is_known else ()
        symbol = find_symbol(symbols, start.line, end.line)
        name = symbol.name if symbol is not None else ""
        problems = params.context.diagnostics[:_MAX_DIAGNOSTICS]
        told = [
            [
                it.source or "",
                "" if it.code is None else str(it.code),
                it.message,
                it.range.start.line,
            ]
            for it in problems
        ]
        offered: list[tuple[ModelAction, list[list[Any]]]] = [
            (it, []) for it in find_actions(document.language, symbol, path)
        ]
        offered += [(ACTIONS["fix"], told)] if told else []
        return [
            types.CodeAction(
                action.titled(name),
                kind=action.kind,
                diagnostics=list(problems) if shown else None,
                tags=[types.CodeActionTag.LlmGenerated],
                data=self._data(
                    document,
                    action.name,
                    start=[start.line, start.column],
                    end=[end.line, end.column],
                    problems=shown,
                ),
            )
            for action, shown in offered
            if _is_wanted(action.kind, params.context.only)
        ]

    def made(self, data: dict[str, Any]) -> bool:
        """Whether an action's data are of one of these."""
        return _KEY in data

    async def resolve(self, action: types.CodeAction) -> types.CodeAction:
        """The action with its edit. Raises `RequestFailed`, which the editor shows."""
        data: dict[str, Any] = action.data if isinstance(action.data, dict) else {}
        document = self._current(action.title, str(data.get("uri")), data.get("version"))
        if data[_KEY] == "quick fix":
            change = await self._fixed(action.title, document, data)
            action.edit = self._planned(action.title, change)
            return action
        request = EditRequest(
            ACTIONS[data[_KEY]],
            document.uri,
            Position(*data["start"]),
            Position(*data["end"]),
            complaints=tuple(map(_complained, data["problems"])),
            may_run=data.get("mayRun") is True,
            interpreter=str(data.get("interpreter") or ""),
        )
        action.edit = await self._edited(action.title, request)
        return action

    async def edit(self, params: Any) -> types.WorkspaceEdit:
        """`sparrow/edit`. Raises `RequestFailed`."""
        instruction = str(params.instruction).strip()
        title = " ".join(instruction.split())[:_MAX_TITLE_CHARACTERS]
        document = self._current(title, str(params.uri), params.version)
        place = types.Range(
            types.Position(params.startLine, params.startCharacter),
            types.Position(params.endLine, params.endCharacter),
        )
        start, end = self._span(place, document)
        request = EditRequest(ACTIONS["instruction"], document.uri, start, end, instruction)
        on_text = self._drafts(document, str(getattr(params, "draft", "")))
        return await self._edited(title, request, on_text)

    def _drafts(self, document: Document, name: str) -> Callable[[str], None]:
        """Tells the editor what comes of each answer so far, as often as one can see."""
        path, before = self._server.folders.path_of(document), document.text
        told_at = 0.0

        def tell(answer: str) -> None:
            nonlocal told_at
            if time.monotonic() - told_at < _DRAFT_INTERVAL_S:
                return
            told_at = time.monotonic()
            if found := draft(answer, path, before):
                params = protocol.EditDraftParams(
                    draft=name,
                    startLine=found.start_line,
                    endLine=found.end_line,
                    text=found.text,
                )
                self._server.protocol.notify(protocol.EDIT_DRAFT, params)

        return tell if name else lambda _: None

    def _current(self, title: str, uri: str, version: Any) -> Document:
        document = self._server.documents.get(uri)
        if document is None or document.version != version:
            raise RequestFailed(f"{title}: the document has changed meanwhile; ask again.")
        return document

    def _planned(
        self, title: str, change: Change, evidence: Evidence | None = None
    ) -> types.WorkspaceEdit:
        risk = evidence.doubt if evidence is not None else lambda _: ""
        try:
            planned = plan_edit(
                change,
                refusal=self._server.folders.edit_refusal,
                risk=lambda file, _: risk(file.uri),
            )
            return fitted_edit(self._server, planned)
        except EditRefused as error:
            raise RequestFailed(f"{title}: {error}") from error

    async def _fixed(self, title: str, document: Document, data: dict[str, Any]) -> Change:
        from lsp_server.edits.verification import verify
        from lsp_server.quick_fixes.fixes import QuickFix

        edits = tuple(_unpacked(it) for it in data["edits"])
        change = QuickFix(title, edits).change(document)
        known = self._server.index.parsed_text(document)
        evidence = await asyncio.to_thread(verify, change, EditKind.FIX, known=lambda _: known)
        self._current(title, document.uri, data["version"])
        if not evidence.passed:
            raise RequestFailed(f"{title}: nothing is changed, since {evidence.refusal}.")
        return change

    async def _edited(
        self, title: str, request: EditRequest, on_text: Callable[[str], None] = lambda _: None
    ) -> types.WorkspaceEdit:
        # Our own extension has a button of its own.
        has_button = not self._server.editor_commands
        async with told(self._server, f"Sparrow: {title}", has_button=has_button) as report:

            def tell(answer: str) -> None:
                report(f"{len(answer):,} characters")
                on_text(answer)

            edit = await self._model_edits.edit(request, tell)
        if isinstance(edit, EditRefusal):
            raise RequestFailed(f"{title}: {edit.reason}. {edit.hint}".rstrip())
        return self._planned(title, edit.change, edit.evidence)

    def _document(self, params: types.CodeActionParams) -> Document | None:
        return self._server.documents.get(params.text_document.uri)

    def _span(self, place: types.Range, document: Document) -> tuple[Position, Position]:
        converter, lines = self._server.converter, document.lines
        return converter.from_client(place.start, lines), converter.from_client(place.end, lines)

    def _read(self, diagnostic: types.Diagnostic, document: Document) -> Diagnostic:
        code = diagnostic.code
        start, end = self._span(diagnostic.range, document)
        return Diagnostic(
            diagnostic.source or "",
            "" if code is None else str(code),
            diagnostic.message,
            start,
            end,
        )

    def _data(self, document: Document, assist: str, **more: Any) -> dict[str, Any]:
        return {_KEY: assist, "uri": document.uri, "version": document.version, **more}


def _packed(edit: Edit) -> list[Any]:
    return [edit.start.line, edit.start.column, edit.end.line, edit.end.column, edit.text]


def _unpacked(packed: Sequence[Any]) -> Edit:
    first_line, first_column, last_line, last_column, text = packed
    return Edit(Position(first_line, first_column), Position(last_line, last_column), str(text))


def _complained(packed: Sequence[Any]) -> Complained:
    source, code, message, line = packed
    return Complained(str(source), str(code), str(message), int(line))


def _is_wanted(kind: str, only: Sequence[str] | None) -> bool:
    return not only or any(kind == it or kind.startswith(f"{it}.") or not it for it in only)
