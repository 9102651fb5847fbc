"""Inline completion at the edge: registers it, and converts on the way in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server.edge.progress import report_text
from lsp_server.edge.pygls_protocol import has_changed
from lsp_server.features.completion import ASKED_FOR, TYPING, Completion, Request
from lsp_server.workspace.documents import Edit

if TYPE_CHECKING:
    from lsp_server.edge.late import Feature
    from lsp_server.server import SparrowServer


def register_completions(server: SparrowServer, feature: Feature) -> None:
    parts = server.parts

    @feature(types.TEXT_DOCUMENT_INLINE_COMPLETION)
    async def inline_completion(
        params: types.InlineCompletionParams,
    ) -> types.InlineCompletionList | None:
        if has_changed(server.documents.get(params.text_document.uri)):
            return None  # the typing has gone on, and asks again
        on_text = report_text(server, params.work_done_token)
        request = _request(server, params)
        with parts.warm_up.completing(request.uri, request.position):
            completion = await parts.completion.complete(request, on_text)
            others = await parts.completion.beside(request, completion)
        completions = ([completion] if completion else []) + others
        return (
            types.InlineCompletionList([_item(server, params, it) for it in completions])
            if completions
            else None
        )


def _request(server: SparrowServer, params: types.InlineCompletionParams) -> Request:
    document = server.documents.get(params.text_document.uri)
    lines = document.lines if document else []
    selected = params.context.selected_completion_info
    automatic = params.context.trigger_kind == types.InlineCompletionTriggerKind.Automatic
    return Request(
        uri=params.text_document.uri,
        position=server.converter.from_client(params.position, lines),
        trigger=TYPING if automatic else ASKED_FOR,
        selected=Edit(
            server.converter.from_client(selected.range.start, lines),
            server.converter.from_client(selected.range.end, lines),
            selected.text,
        )
        if selected
        else None,
    )


def _item(
    server: SparrowServer, params: types.InlineCompletionParams, completion: Completion
) -> types.InlineCompletionItem:
    document = server.documents.get(params.text_document.uri)
    lines = document.lines if document else []
    return types.InlineCompletionItem(
        insert_text=completion.text,
        range=types.Range(
            server.converter.to_client(completion.start, lines),
            server.converter.to_client(completion.end, lines),
        ),
    )
