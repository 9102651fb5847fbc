"""What the editor may ask is told at the start; what answers is loaded behind it.

To make the classes of all features takes as long as everything else that a start does, and the editor
is to be answered before. So what `initialize` says of each method stands here by itself, and the first
call of any, or the end of the start, loads them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from lsprotocol import types

from lsp_server import chat_protocol, protocol

if TYPE_CHECKING:
    from lsp_server.server import SparrowServer

HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])


class Feature(Protocol):
    """Makes a decorator of what answers a method."""

    def __call__(self, name: str) -> Callable[[HandlerT], HandlerT]: ...


class _Method(NamedTuple):
    options: Any = None
    # What is no coroutine answers before the next message is read.
    is_coroutine: bool = True


METHODS: Mapping[str, _Method] = {
    types.TEXT_DOCUMENT_INLINE_COMPLETION: _Method(types.InlineCompletionOptions()),
    types.TEXT_DOCUMENT_CODE_ACTION: _Method(
        types.CodeActionOptions(
            code_action_kinds=[*protocol.REFACTOR_KINDS, "quickfix"], resolve_provider=True
        ),
        is_coroutine=False,
    ),
    types.CODE_ACTION_RESOLVE: _Method(),
    types.TEXT_DOCUMENT_PREPARE_RENAME: _Method(is_coroutine=False),
    types.TEXT_DOCUMENT_RENAME: _Method(types.RenameOptions(prepare_provider=True)),
    protocol.EDIT: _Method(),
    protocol.FIX: _Method(),
    protocol.CHECK_FIX: _Method(),
    protocol.EXPLAIN_COMPLETION: _Method(is_coroutine=False),
    protocol.EXPORT_TRACE: _Method(is_coroutine=False),
    protocol.STATISTICS: _Method(),
    chat_protocol.APPLY: _Method(),
    chat_protocol.CONTEXT: _Method(),
    chat_protocol.DELETE: _Method(),
    chat_protocol.EXPORT: _Method(),
    chat_protocol.LIST: _Method(),
    chat_protocol.OPEN: _Method(),
    chat_protocol.REGENERATE: _Method(),
    chat_protocol.RENAME: _Method(),
    chat_protocol.SEND: _Method(),
    chat_protocol.STATE: _Method(),
    chat_protocol.STOP: _Method(),
    chat_protocol.SUGGEST: _Method(is_coroutine=False),
}


def register_late(server: SparrowServer) -> None:
    for name, method in METHODS.items():
        handler = _coroutine(server, name) if method.is_coroutine else _function(server, name)
        server.feature(name, method.options)(handler)


def load_handlers(server: SparrowServer) -> Mapping[str, Callable[..., Any]]:
    """What answers each method."""
    from lsp_server.edge.actions import register_actions
    from lsp_server.edge.chat import register_chat
    from lsp_server.edge.completions import register_completions
    from lsp_server.edge.fix import register_fix
    from lsp_server.edge.insight import register_insight

    handlers: dict[str, Callable[..., Any]] = {}

    def feature(name: str) -> Callable[[HandlerT], HandlerT]:
        def add(handler: HandlerT) -> HandlerT:
            handlers[name] = handler
            return handler

        return add

    register_completions(server, feature)
    register_actions(server, feature)
    register_insight(server, feature)
    register_chat(server, feature)
    register_fix(server, feature)
    return handlers


def _coroutine(server: SparrowServer, name: str) -> Callable[[Any], Any]:
    async def handle(params: Any) -> Any:
        return await server.handlers[name](params)

    return handle


def _function(server: SparrowServer, name: str) -> Callable[[Any], Any]:
    def handle(params: Any) -> Any:
        return server.handlers[name](params)

    return handle
