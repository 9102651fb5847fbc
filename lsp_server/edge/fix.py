"""Fixes of issues at the edge: the request, and the action on a diagnostic that leads to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from lsp_server import protocol
from lsp_server.edge.assists import RequestFailed
from lsp_server.edge.progress import told
from lsp_server.edits.tests_of import is_test
from lsp_server.edits.workspace_edit import EditRefused, plan_edit
from lsp_server.features.fix import FixFeature, FixRefusal, FixRequest
from lsp_server.workspace.outline import SymbolKind

if TYPE_CHECKING:
    from lsp_server.edge.late import Feature
    from lsp_server.features.fix import Fixed
    from lsp_server.server import SparrowServer

# A command of the editor's that asks for a fix: it is given a URI and a text.
FIX_COMMAND = "sparrow.fixIssue"
_MAX_ISSUE_CHARACTERS = 100_000


def register_fix(server: SparrowServer, feature: Feature) -> None:
    fixes = FixFeature(
        documents=server.documents,
        config=lambda: server.config,
        folder_of=server.index.folder_of,
        index=server.index.snapshot,
        completion=lambda: server.models.completion,
        chat=lambda: server.models.for_chat() if server.models.may_chat else None,
        is_hidden=lambda uri: bool(server.folders.edit_refusal(uri)),
    )

    @feature(protocol.FIX)
    async def fix(params: Any) -> protocol.FixResult:
        request = FixRequest(
            uri=str(params.uri),
            issue=str(params.issue)[:_MAX_ISSUE_CHARACTERS],
            interpreter=str(params.interpreter),
            is_allowed=params.mayRun is True,
        )
        return await answer(params, lambda report: fixes.fix(request, report))

    @feature(protocol.CHECK_FIX)
    async def check_fix(params: Any) -> protocol.FixResult:
        return await answer(params, fixes.check)

    async def answer(
        params: Any,
        work: Callable[[Callable[[str], None]], Awaitable[Fixed | FixRefusal]],
    ) -> protocol.FixResult:
        # Our own extension has a button of its own.
        has_button = not server.editor_commands
        own_token = getattr(params, "workDoneToken", None)
        async with told(
            server, "Sparrow: Fix Issue", has_button=has_button, own_token=own_token
        ) as report:
            fixed = await work(report)
        if isinstance(fixed, FixRefusal):
            raise RequestFailed(f"Fix Issue: {fixed.reason}. {fixed.hint}".rstrip())
        return protocol.FixResult(
            verdict=fixed.verdict,
            reason=fixed.reason,
            markdown=fixed.markdown,
            edit=_edit(server, fixed),
        )


def offer_fix(server: SparrowServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    """For an error in a file of tests, or a test by its name, where the editor can ask for a fix."""
    uri = params.text_document.uri
    place = server.folders.place_of(uri)
    if FIX_COMMAND not in server.editor_commands or place is None or not is_test(place[1]):
        return []
    if params.context.only and "quickfix" not in params.context.only:
        return []
    errors = [
        it
        for it in params.context.diagnostics
        if it.severity in (types.DiagnosticSeverity.Error, None)
    ]
    line, message = params.range.start.line, ""
    if errors:
        line, message = errors[0].range.start.line, errors[0].message
    elif name := _test_at(server, uri, place[1], line):
        message = f"the test {name} fails"
    if not message:
        return []
    arguments = [uri, f"{place[1]}, line {line + 1}: {message}"]
    return [
        types.CodeAction(
            "Fix the code that this test is about",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=errors[:1] or None,
            command=types.Command("Fix Issue", FIX_COMMAND, arguments=arguments),
        )
    ]


def _test_at(server: SparrowServer, uri: str, path: str, line: int) -> str:
    """The name of the test that is defined in a line, or nothing."""
    snapshot = server.index.snapshot(uri)
    for symbol in snapshot.symbols(path) if snapshot is not None else ():
        if (
            symbol.name_line == line
            and symbol.kind in (SymbolKind.FUNCTION, SymbolKind.METHOD)
            and symbol.name.lower().startswith("test")
        ):
            return symbol.name
    return ""


def _edit(server: SparrowServer, fixed: Fixed) -> types.WorkspaceEdit | None:
    """Each hunk is confirmed by the user, with what is known of it beside it."""
    if fixed.change is None:
        return None
    try:
        planned = plan_edit(
            fixed.change,
            refusal=server.folders.edit_refusal,
            risk=lambda *_: fixed.verdict,
        )
    except EditRefused as error:
        raise RequestFailed(f"Fix Issue: {error}") from error
    return server.converter.workspace_edit(planned)
