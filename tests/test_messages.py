"""The messages of server and extension, which both write down, are the same on both sides."""

from __future__ import annotations

import re
import typing
from dataclasses import fields
from typing import Any

import pytest

from lsp_server import chat_protocol, protocol
from lsp_server.chat import transcript
from lsp_server.features import chat
from tests.sources import ROOT

TYPES = {
    "string": "str",
    "number": "int",
    "number | null": "float | None",
    "WorkspaceEdit | null": "Any",
    "boolean": "bool",
    "ModelState": "ModelState",
    "readonly ModelRole[]": "list[ModelRole]",
    "readonly ApiKey[]": "list[ApiKey]",
    "readonly FolderIndex[]": "list[FolderIndex]",
    "readonly Problem[]": "list[Problem]",
}


def typescript(name: str = "protocol.ts") -> str:
    text = (ROOT / "extension/src" / name).read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)


def interfaces(name: str = "protocol.ts") -> dict[str, dict[str, str]]:
    """The fields of each interface with their types."""
    found = re.findall(r"interface (\w+) \{(.*?)\}", typescript(name), flags=re.DOTALL)
    return {
        name: dict(re.findall(r"readonly (\w+): ([^;]+);", body, flags=re.DOTALL))
        for name, body in found
    }


def messages() -> dict[str, tuple[str, list[str]]]:
    """Their kinds and type parameters, by their methods."""
    text = re.sub(r"\s+", " ", typescript())
    found = re.findall(r'new (\w+)Type<([^>]*)>\( ?"([^"]+)",? ?\)', text)
    return {method: (kind, parameters.split(", ")) for kind, parameters, method in found}


def test_the_messages_are_those_of_the_extension() -> None:
    ours = {
        protocol.STATUS: ("Notification", ["StatusParams"]),
        protocol.INDEX_STATUS: ("Notification", ["IndexStatusParams"]),
        protocol.SET_API_KEYS: ("Notification", ["ApiKeysParams"]),
        protocol.SET_PROBLEMS: ("Notification", ["ProblemsParams"]),
        protocol.RESTART_HOST: ("Request", ["NoFields", "NoFields", "void"]),
        protocol.EDIT: ("Request", ["EditParams", "WorkspaceEdit", "void"]),
        protocol.EDIT_DRAFT: ("Notification", ["EditDraftParams"]),
        protocol.FIX: ("Request", ["FixParams", "FixResult", "void"]),
        protocol.CHECK_FIX: ("Request", ["CheckFixParams", "FixResult", "void"]),
        protocol.EXPLAIN_COMPLETION: ("Request", ["NoFields", "ExplainCompletionResult", "void"]),
        protocol.EXPORT_TRACE: ("Request", ["NoFields", "ExportTraceResult", "void"]),
        protocol.STATISTICS: ("Request", ["NoFields", "StatisticsResult", "void"]),
    }
    assert messages() == ours
    named = {value for value in vars(protocol).values() if str(value).startswith("sparrow/")}
    assert named == ours.keys()
    assert protocol.__doc__ is not None
    assert set(re.findall(r"`(sparrow/\w+)`", protocol.__doc__)) == named


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("StatusParams", protocol.StatusParams),
        ("ApiKey", protocol.ApiKey),
        ("ApiKeysParams", protocol.ApiKeysParams),
        ("Problem", protocol.Problem),
        ("ProblemsParams", protocol.ProblemsParams),
        ("EditParams", protocol.EditParams),
        ("FixParams", protocol.FixParams),
        ("CheckFixParams", protocol.CheckFixParams),
        ("FixResult", protocol.FixResult),
        ("ExplainCompletionResult", protocol.Explanation),
        ("ExportTraceResult", protocol.TraceExport),
        ("StatisticsResult", protocol.StatisticsPage),
    ],
)
def test_the_fields_are_those_of_the_extension(theirs: str, ours: type) -> None:
    expected = {name: _name(kind) for name, kind in typing.get_type_hints(ours).items()}
    assert {name: TYPES[kind] for name, kind in interfaces()[theirs].items()} == expected


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("ModelState", typing.get_type_hints(protocol.StatusParams)["state"]),
        ("ModelRole", protocol.ModelRole),
    ],
)
def test_the_words_are_those_of_the_extension(theirs: str, ours: Any) -> None:
    (union,) = re.findall(rf"type {theirs} = ([^;]+);", typescript())
    assert [*typing.get_args(ours)] == re.findall(r'"(\w+)"', union)


def _name(kind: Any) -> str:
    if typing.get_origin(kind) is list:
        return f"list[{_name(*typing.get_args(kind))}]"
    if kind == protocol.ModelRole:
        return "ModelRole"
    if typing.get_origin(kind) is typing.Literal:
        return "ModelState"
    return kind.__name__ if isinstance(kind, type) else str(kind)


CHAT = "chatProtocol.ts"
OF_THE_CHAT = [
    *("Mention", "Chip", "Summary", "Conversation", "Message", "Step", "Found", "Usage"),
    *("Proposal", "State", "SendParams", "Sent", "Selection", "ContextParams"),
    *("ContextResult", "ApplyParams"),
]


def test_the_chats_messages_are_listed() -> None:
    named = {value for value in vars(chat_protocol).values() if str(value).startswith("sparrow/")}
    assert chat_protocol.__doc__ is not None
    assert set(re.findall(r"`(sparrow/[\w/]+)`", chat_protocol.__doc__)) == named


@pytest.mark.parametrize("name", OF_THE_CHAT)
def test_the_chats_fields_are_those_of_the_extension(name: str) -> None:
    ours = typing.get_type_hints(getattr(chat_protocol, name))
    theirs = {
        field: kind.replace("readonly ", "").replace("Chat", "")
        for field, kind in interfaces(CHAT)[f"Chat{name}"].items()
    }
    assert theirs == {field: _in_typescript(kind) for field, kind in ours.items()}


@pytest.mark.parametrize("name", ["MentionKind", "Role", "AnswerState", "StepState"])
def test_the_chats_words_are_those_of_the_extension(name: str) -> None:
    (union,) = re.findall(rf"type Chat{name} =\s+([^;]+);", typescript(CHAT))
    assert [*typing.get_args(getattr(chat_protocol, name))] == re.findall(r'"(\w+)"', union)


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (transcript.Mention, chat_protocol.Mention),
        (transcript.Chip, chat_protocol.Chip),
        (transcript.Step, chat_protocol.Step),
        (transcript.Found, chat_protocol.Found),
        (transcript.Usage, chat_protocol.Usage),
        (transcript.Entry, chat_protocol.Message),
        (chat.Sent, chat_protocol.Sent),
    ],
)
def test_what_is_kept_of_a_chat_is_what_is_told(kept: Any, told: type) -> None:
    names = {re.sub(r"_(\w)", lambda it: it[1].upper(), field.name) for field in fields(kept)}
    assert names - {"origin"} == set(typing.get_type_hints(told))  # that is for the server alone


def _in_typescript(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in _PLAIN_TYPES:
        return _PLAIN_TYPES[kind]
    if origin is list:
        return f"{_in_typescript(arguments[0])}[]"
    if origin is typing.Literal:
        named = [name for name, it in vars(chat_protocol).items() if it == kind]
        return named[0]
    if arguments:  # a union
        return " | ".join(map(_in_typescript, arguments))
    return str(kind.__name__)


_PLAIN_TYPES: dict[Any, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
