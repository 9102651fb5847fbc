"""The chat at the edge: registers its messages, and converts on the way in and out.

A refusal is an answer with an error, which the view shows in its place: what, why, what to do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from lsp_server import chat_protocol as protocol
from lsp_server.chat.applying import Applying
from lsp_server.chat.blocks import lines_ref
from lsp_server.chat.codebase import Codebase
from lsp_server.chat.gathering import Gathering
from lsp_server.chat.live_answer import Event
from lsp_server.chat.sources import Asked, Sources
from lsp_server.chat.store import ChatStore
from lsp_server.chat.transcript import (
    MENTION_KINDS,
    ChatRefused,
    Conversation,
    Entry,
    Mention,
    MentionKind,
)
from lsp_server.edge.assists import RequestFailed
from lsp_server.edge.verifying import check_types, modules_of
from lsp_server.edits.workspace_edit import EditRefused, plan_edit
from lsp_server.features.chat import Chat
from lsp_server.features.chat_state import ChatState
from lsp_server.repository import RepositoryReader
from lsp_server.user_folders import data_folder

if TYPE_CHECKING:
    from lsp_server.attention import UserActivity
    from lsp_server.edge.late import Feature
    from lsp_server.server import SparrowServer

_ResultT = TypeVar("_ResultT")
_KINDS: Mapping[str, MentionKind] = {it: it for it in MENTION_KINDS}


def make_chat(server: SparrowServer, activity: UserActivity) -> Chat:
    code = Codebase(server.documents, server.folders, server.index, activity)
    repository = RepositoryReader(server.index, lambda: True, lambda: None)
    return Chat(
        code=code,
        gathering=Gathering(Sources(code, repository)),
        store=ChatStore(data_folder, server.log_warning),
        client=server.models.for_chat,
        chats=lambda: server.models.chats,
        workspace=lambda: "\n".join(sorted(map(str, server.folders.roots))),
        notify=lambda event: server.protocol.notify(protocol.EVENT, _event(event)),
        log=server.log_warning,
        applying=lambda: Applying(
            code,
            modules=lambda uri: modules_of(server, uri),
            type_check=lambda change: check_types(server, change),
        ),
    )


def make_chat_state(server: SparrowServer) -> ChatState:
    return ChatState(
        chats=lambda: server.models.chats,
        status=lambda: server.models.chat_status,
        notify=lambda state: server.protocol.notify(protocol.STATE_CHANGED, state),
    )


def register_chat(server: SparrowServer, feature: Feature) -> None:
    chat = server.parts.chat
    _register_conversations(feature, chat)
    _register_asking(feature, chat)

    @feature(protocol.APPLY)
    async def apply(params: Any) -> types.WorkspaceEdit:
        given = _fields(params)
        name, answer = _text(given, "id"), _text(given, "answerId")
        block = given.get("block")
        if type(block) is not int:
            raise JsonRpcInvalidParams("block must be a whole number")
        applied = await _answered(chat.apply(name, answer, block, _maybe_text(given, "uri")))
        try:
            planned = plan_edit(
                applied.change,
                refusal=server.folders.edit_refusal,
                # Each hunk is for the user to look at.
                risk=lambda file, _: applied.evidence.doubt(file.uri) or "written in the chat",
            )
        except EditRefused as error:
            raise RequestFailed(f"Apply: {error}") from error
        return server.converter.workspace_edit(planned)

    @feature(protocol.STATE)
    async def state(_: Any) -> protocol.State:
        return await server.parts.chat_state.now()


def _register_conversations(feature: Feature, chat: Chat) -> None:
    @feature(protocol.LIST)
    async def list_conversations(_: Any) -> dict[str, Any]:
        found = await _answered(chat.summaries())
        told = [{**_camel(it), "isRunning": is_running} for it, is_running in found]
        return {"conversations": told}

    @feature(protocol.OPEN)
    async def open_conversation(params: Any) -> dict[str, Any]:
        conversation, is_running = await _answered(chat.open(_text(_fields(params), "id")))
        return _conversation(conversation, is_running=is_running)

    @feature(protocol.DELETE)
    async def delete(params: Any) -> dict[str, Any]:
        await _answered(chat.delete(_text(_fields(params), "id")))
        return {}

    @feature(protocol.RENAME)
    async def rename(params: Any) -> dict[str, Any]:
        given = _fields(params)
        await _answered(chat.rename(_text(given, "id"), _text(given, "title")))
        return {}

    @feature(protocol.EXPORT)
    async def export(params: Any) -> dict[str, Any]:
        return {"markdown": await _answered(chat.export(_text(_fields(params), "id")))}


def _register_asking(feature: Feature, chat: Chat) -> None:
    @feature(protocol.SEND)
    async def send(params: Any) -> dict[str, Any]:
        given = _fields(params)
        thinking = given.get("thinking")
        sent = await _answered(
            chat.send(
                _maybe_text(given, "id"),
                _asked(given),
                thinking=thinking if isinstance(thinking, bool) else None,
                replaces=_maybe_text(given, "replaces"),
            )
        )
        return _object(sent)

    @feature(protocol.REGENERATE)
    async def regenerate(params: Any) -> dict[str, Any]:
        return _object(await _answered(chat.regenerate(_text(_fields(params), "id"))))

    @feature(protocol.STOP)
    async def stop(params: Any) -> dict[str, Any]:
        await chat.stop(_text(_fields(params), "id"))
        return {}

    @feature(protocol.SUGGEST)
    def suggest(params: Any) -> dict[str, Any]:
        given = _fields(params)
        found = chat.suggest(_text(given, "query"), _maybe_text(given, "uri"))
        return {"mentions": _camel(found)}

    @feature(protocol.CONTEXT)
    async def context(params: Any) -> dict[str, Any]:
        given = _fields(params)
        gathered = await _answered(chat.context(_maybe_text(given, "id"), _asked(given)))
        return {
            "chips": _camel(gathered.chips),
            "usedTokens": gathered.used_tokens,
            "limitTokens": gathered.limit_tokens,
            "isExact": gathered.is_exact,
        }


async def _answered(answer: Awaitable[_ResultT]) -> _ResultT:
    try:
        return await answer
    except ChatRefused as error:
        message = f"{error.message[:1].upper()}{error.message[1:]}"
        raise RequestFailed(f"{message}. {error.hint}".rstrip()) from error


def _asked(given: Mapping[str, Any]) -> Asked:
    uri, selected = _maybe_text(given, "uri"), _fields(given.get("selection"))
    selection = None
    first, last = selected.get("startLine"), selected.get("endLine")
    if type(first) is int and type(last) is int and 0 <= first <= last:
        selection = first, last + 1
    mentions = [_mention(_fields(it)) for it in _items(given, "mentions")]
    if uri is not None and selection is not None:
        ref = lines_ref(uri, *selection)
        mentions = [
            dataclasses.replace(it, ref=ref) if it.kind == "selection" and not it.ref else it
            for it in mentions
        ]
    return Asked(
        _text(given, "text"),
        tuple(mentions),
        frozenset(map(_whole, _items(given, "without"))),
        uri,
        selection,
    )


def _mention(given: Mapping[str, Any]) -> Mention:
    kind = _KINDS.get(str(given.get("kind")))
    if kind is None:
        raise JsonRpcInvalidParams(f"there is no mention of kind {given.get('kind')!r}")
    ref, label, detail = (_whole(given.get(name, "")) for name in ("ref", "label", "detail"))
    return Mention(kind, ref, label, detail)


def _fields(params: Any) -> dict[str, Any]:
    """The fields of an object, as pygls makes one of an unknown message's parameters."""
    if isinstance(params, Mapping):
        return dict(params)
    as_dict: Callable[[], dict[str, Any]] | None = getattr(params, "_asdict", None)
    return dict(as_dict()) if as_dict is not None else {}


def _items(given: Mapping[str, Any], name: str) -> list[Any]:
    found = given.get(name)
    return found if isinstance(found, list) else []


def _text(given: Mapping[str, Any], name: str) -> str:
    found = given.get(name)
    if not isinstance(found, str):
        raise JsonRpcInvalidParams(f"{name} must be a text")
    return _whole(found)


def _maybe_text(given: Mapping[str, Any], name: str) -> str | None:
    return None if given.get(name) is None else _text(given, name)


def _whole(text: Any) -> str:
    """A text that UTF-8 can hold: half a surrogate pair, which JavaScript has, becomes a mark."""
    return str(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _conversation(conversation: Conversation, *, is_running: bool) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "updatedAt": conversation.updated_ms,
        "messages": len(conversation.transcript),
        "isRunning": is_running,
        "transcript": [_entry(it) for it in conversation.transcript],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    shown = _object(entry)
    del shown["origin"]  # of no use to a client
    return shown


def _event(event: Event) -> dict[str, Any]:
    body = {name: _camel(value) for name, value in event.body.items()}
    return {
        "id": event.id,
        "answerId": event.answer_id,
        "seq": event.seq,
        "kind": event.kind,
        **body,
    }


def _object(value: Any) -> dict[str, Any]:
    made: dict[str, Any] = _camel(value)
    return made


def _camel(value: Any) -> Any:
    """Values and sequences of them as JSON, with the names that the protocol has."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            _name(field.name): _camel(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, list | tuple):
        return [_camel(it) for it in value]
    return value


def _name(snake: str) -> str:
    if snake == "updated_ms":
        return "updatedAt"
    first, *rest = snake.split("_")
    return first + "".join(it.capitalize() for it in rest)
