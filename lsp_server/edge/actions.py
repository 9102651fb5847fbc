"""Code actions and renames at the edge: registers them, and converts on the way in and out.

A refusal is an answer with an error, which the editor shows: what was asked for was asked for by the
user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from lsp_server import protocol
from lsp_server.edge.assists import Assists, RequestFailed
from lsp_server.edge.fitted_edit import fitted_edit
from lsp_server.edge.fix import offer_fix
from lsp_server.edge.pygls_protocol import has_changed
from lsp_server.edits.workspace_edit import EditRefused
from lsp_server.features.code_actions import Action, Resolved
from lsp_server.refactor.refusal import RefactorRefused

if TYPE_CHECKING:
    from lsp_server.edge.late import Feature
    from lsp_server.server import SparrowServer

# A command of the editor's that asks for another name: it is given a URI and a position.
RENAME_COMMAND = "sparrow.renameAt"
# A command of the editor's that asks for a file to move something to, which is done before `resolve`.
CHOOSE_FILE_COMMAND = "sparrow.chooseFile"


def register_actions(server: SparrowServer, feature: Feature) -> None:
    _register_code_actions(server, feature, Assists(server))
    _register_rename(server, feature)


def _register_code_actions(server: SparrowServer, feature: Feature, assists: Assists) -> None:
    @feature(types.TEXT_DOCUMENT_CODE_ACTION)
    def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        document = server.documents.get(params.text_document.uri)
        lines = document.lines if document is not None else []
        start = server.converter.from_client(params.range.start, lines)
        end = server.converter.from_client(params.range.end, lines)
        if start == end:  # asked at each move of the cursor
            server.parts.warm_up.looks_at(params.text_document.uri, start)
        found = server.parts.code_actions.find(
            params.text_document.uri,
            start,
            end,
            params.context.only,
            may_choose=CHOOSE_FILE_COMMAND in server.editor_commands,
            is_asked_for=params.context.trigger_kind == types.CodeActionTriggerKind.Invoked,
        )
        own = [_code_action(it) for it in found if not it.disabled or _shows_disabled(server)]
        fixes = [*assists.quick_fixes(params), *offer_fix(server, params)]
        return [*fixes, *own, *assists.model_edits(params)]

    @feature(types.CODE_ACTION_RESOLVE)
    async def resolve(action: types.CodeAction) -> types.CodeAction:
        if not isinstance(action.data, dict):
            return action
        if assists.made(action.data):
            return await assists.resolve(action)
        try:
            resolved = await server.parts.code_actions.resolve(action.title, action.data)
            action.edit = fitted_edit(server, resolved.change)
        except (RefactorRefused, EditRefused) as refusal:
            raise _failed(action.title, refusal) from refusal
        action.command = _ask_for_name(server, resolved)
        return action

    @feature(protocol.EDIT)
    async def edit(params: Any) -> types.WorkspaceEdit:
        return await assists.edit(params)


def _register_rename(server: SparrowServer, feature: Feature) -> None:
    @feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepare_rename(params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder:
        document = server.documents.get(params.text_document.uri)
        lines = document.lines if document is not None else []
        position = server.converter.from_client(params.position, lines)
        try:
            start, end, name = server.parts.code_actions.prepare_rename(
                params.text_document.uri, position
            )
        except RefactorRefused as refusal:
            raise _failed("Rename", refusal) from refusal
        place = types.Range(
            server.converter.to_client(start, lines), server.converter.to_client(end, lines)
        )
        return types.PrepareRenamePlaceholder(place, name)

    @feature(types.TEXT_DOCUMENT_RENAME)
    async def rename(params: types.RenameParams) -> types.WorkspaceEdit:
        document = server.documents.get(params.text_document.uri)
        if has_changed(document):
            raise RequestFailed("Rename: the document has changed meanwhile; ask again.")
        lines = document.lines if document is not None else []
        position = server.converter.from_client(params.position, lines)
        try:
            change = await server.parts.code_actions.rename(
                params.text_document.uri, position, params.new_name
            )
            return fitted_edit(server, change)
        except (RefactorRefused, EditRefused) as refusal:
            raise _failed("Rename", refusal) from refusal


def _failed(title: str, refusal: Exception) -> RequestFailed:
    """A reason may be a phrase, or end in a sentence that says what to do."""
    return RequestFailed(f"{title}: {str(refusal).removesuffix('.')}.")


def _shows_disabled(server: SparrowServer) -> bool:
    """Whether the editor shows actions that cannot be chosen, with the reason."""
    document = server.client_capabilities.text_document
    actions = document.code_action if document is not None else None
    return actions is not None and bool(actions.disabled_support)


def _code_action(action: Action) -> types.CodeAction:
    return types.CodeAction(
        action.title,
        kind=action.kind,
        data=dict(action.data),
        disabled=types.CodeActionDisabled(action.disabled) if action.disabled else None,
    )


def _ask_for_name(server: SparrowServer, resolved: Resolved) -> types.Command | None:
    """Where the editor can: it is asked for another name once the edit was made."""
    if resolved.name_at is None or RENAME_COMMAND not in server.editor_commands:
        return None
    uri, position = resolved.name_at
    # Names stand behind white space and plain code, of which columns are the same in all units;
    # what stands before them otherwise is in the text as it will be.
    place: Any = {"line": position.line, "character": position.column}
    return types.Command("Rename", RENAME_COMMAND, arguments=[uri, place])
