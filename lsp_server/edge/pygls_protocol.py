"""Where our messages are read otherwise than pygls reads them."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, lsp_method

from lsp_server.workspace.documents import Document

logger = logging.getLogger(__name__)

# The version of the document that the request is about, when it arrived.
_arrived_at: ContextVar[int | None] = ContextVar("version at arrival", default=None)


def has_changed(document: Document | None) -> bool:
    """Whether the document is another than when the request came that is being handled.

    A coroutine begins behind all messages that were read together with its request, and a change
    that the editor sent after it is made by then: its positions are of the text before.
    """
    return document is not None and document.version != _arrived_at.get()


class SparrowProtocol(LanguageServerProtocol):
    """Leaves documents to our own handlers: pygls would copy the whole file at each keystroke."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        """As pygls, but a request that cannot be read is answered, and may leave `params` out."""
        if "jsonrpc" in data and "method" in data:
            data.setdefault("params", None)
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "method" in data and isinstance(data.get("id"), int | str):
                self._send_response(data["id"], error=error.to_response_error())
            raise

    def _handle_request(self, msg_id: Any, method_name: str, params: Any) -> None:
        identifier = getattr(params, "text_document", None)
        documents: Any = getattr(self._server, "documents", None)
        document = documents.get(identifier.uri) if identifier and documents else None
        _arrived_at.set(document.version if document is not None else None)
        super()._handle_request(msg_id, method_name, params)

    def _execute_handler(
        self, msg_id: Any, handler: Any, callback: Any, args: Any = None, kwargs: Any = None
    ) -> None:
        """As pygls, which would hold the futures of notifications for ever: some KB at each key."""
        super()._execute_handler(msg_id, handler, callback, args, kwargs)
        future = self._request_futures.get(msg_id)
        if future is not None:
            future.add_done_callback(lambda _: self._request_futures.pop(msg_id, None))

    def _send_handler_result(self, future: Any, *, msg_id: Any) -> None:
        """As pygls, but a refusal is an answer: no traceback for it, which editors show as a fault."""
        error = None if future.cancelled() else future.exception()
        if not isinstance(error, JsonRpcException):
            super()._send_handler_result(future, msg_id=msg_id)
            return
        self._request_futures.pop(msg_id, None)
        logger.info("refused: %s", error)
        self._send_response(msg_id, error=error.to_response_error())

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Any:
        """An older client's root becomes a folder; pygls would fail on one that is no URI."""
        params.workspace_folders = _folders(params)
        params.root_uri = params.root_path = None
        return (yield from super().lsp_initialize(params))

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> Any:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Any:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> Any:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None


def _folders(params: types.InitializeParams) -> list[types.WorkspaceFolder]:
    """The workspace's folders; an older client names one, by its URI or its path."""
    if params.workspace_folders:
        return list(params.workspace_folders)
    try:
        uri = params.root_uri or (Path(params.root_path).as_uri() if params.root_path else "")
    except ValueError:  # a relative path, or none at all
        uri = ""
    return [types.WorkspaceFolder(uri, "")] if uri else []
