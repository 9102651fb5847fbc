"""Thinking, tool calls and text in a streamed answer, however it is split."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.formats.tool_calls import (
    Event,
    MalformedToolCall,
    Text,
    Thinking,
    ToolCall,
    ToolCallParser,
)

SCHEMAS: dict[str, dict[str, Any]] = {
    "read": {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "line": {"type": "integer"},
            "whole": {"type": "boolean"},
        },
    },
    "stop": {"type": "object", "properties": {}},
}
READ_A = ToolCall("read", {"path": "a.py"})
JSON_A = '<tool_call>\n{"name": "read", "arguments": {"path": "a.py"}}\n</tool_call>'
XML_A = (
    "<tool_call>\n<function=read>\n<parameter=path>\na.py\n</parameter>\n</function>\n</tool_call>"
)


def merged(events: Iterable[Event]) -> list[Event]:
    result: list[Event] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, Text) and isinstance(last, Text):
            result[-1] = Text(last.text + event.text)
        elif isinstance(event, Thinking) and isinstance(last, Thinking):
            result[-1] = Thinking(last.text + event.text)
        else:
            result.append(event)
    return result


def parse(*deltas: str, in_thinking: bool = False, schemas: Any = SCHEMAS) -> list[Event]:
    parser = ToolCallParser(schemas, in_thinking=in_thinking)
    events = [event for delta in deltas for event in parser.feed(delta)]
    return merged([*events, *parser.finish()])


CASES: dict[str, tuple[str, list[Event]]] = {
    "nothing": ("", []),
    "text": ("a < b <tool", [Text("a < b <tool")]),
    "json": (JSON_A, [READ_A]),
    "xml": (XML_A, [READ_A]),
    "text around": (f"Look:\n{JSON_A}\nDone.", [Text("Look:\n"), READ_A, Text("Done.")]),
    "several": (f"{JSON_A}\n{XML_A}{JSON_A}", [READ_A, READ_A, READ_A]),
    "no arguments": (
        '<tool_call>{"name": "stop"}</tool_call><tool_call><function=stop></function></tool_call>',
        [ToolCall("stop", {}), ToolCall("stop", {})],
    ),
    "thinking": ("<think>\nhm\n</think>\n\nyes", [Thinking("hm\n"), Text("yes")]),
    "empty thinking": ("<think>\n\n</think>\n\nyes", [Text("yes")]),
    "thinking closed twice": ("<think>a</think>\n</think>b", [Thinking("a"), Text("b")]),
    "thinking twice": (
        f"<think>a</think>{JSON_A}<think>b</think>c",
        [Thinking("a"), READ_A, Thinking("b"), Text("c")],
    ),
    "thinking that is not closed": ("<think>hm", [Thinking("hm")]),
    "tags in text": ("Write `<think>` and </think>.", [Text("Write `<think>` and </think>.")]),
    "a call while thinking": (
        f"<think>hm {XML_A}\nso</think>yes",
        [Thinking("hm "), READ_A, Thinking("so"), Text("yes")],
    ),
    "a mention while thinking": (
        "<think>I call <tool_call> then.</think>yes",
        [Thinking("I call <tool_call> then."), Text("yes")],
    ),
    "a mention": ("Use <tool_call>, </tool_call>.", [Text("Use <tool_call>, </tool_call>.")]),
    "a mention at the end": ("Use <tool_call>", [Text("Use <tool_call>")]),
    "a function mentioned": ("Use <function=x> or so", [Text("Use <function=x> or so")]),
    "a tool mentioned": ("Use <function=read> or so", [Text("Use <function=read> or so")]),
    "a long function": ("<function=" + "x" * 300, [Text("<function=" + "x" * 300)]),
    "without its wrapper": (
        "Look: <function=read><parameter=path>a.py</parameter></function>\n</tool_call>",
        [Text("Look: "), READ_A],
    ),
    "not closed but whole": (JSON_A.removesuffix("</tool_call>"), [READ_A]),
    "xml not closed but whole": (XML_A.removesuffix("</tool_call>"), [READ_A]),
    "closed in part": (XML_A.removesuffix("_call>"), [READ_A]),
    "closing tags in a json string": (
        '<tool_call>{"name":"read","arguments":{"path":"</tool_call>\\"}{"}}</tool_call>',
        [ToolCall("read", {"path": '</tool_call>"}{'})],
    ),
    "a newline in a json string": (
        '<tool_call>{"name":"read","arguments":{"path":"a\nb"}}</tool_call>',
        [ToolCall("read", {"path": "a\nb"})],
    ),
    "json arguments as a string": (
        '<tool_call>{"name":"read","arguments":"{\\"line\\": \\"3\\"}"}</tool_call>',
        [ToolCall("read", {"line": 3})],
    ),
    "values of many kinds": (
        (
            "<tool_call><function=read><parameter=path>\nif a < b > c:\n\n    <i>x</i>\n\n</parameter>\n"
            "<parameter=line>\n12\n</parameter><parameter=whole>True</parameter></function></tool_call>"
        ),
        [ToolCall("read", {"path": "if a < b > c:\n\n    <i>x</i>\n", "line": 12, "whole": True})],
    ),
    "tags in a value": (
        (
            "<tool_call><function=read><parameter=path>a</parameter> b </function> <parameter=line>c"
            "</parameter></function></tool_call>"
        ),
        [ToolCall("read", {"path": "a</parameter> b </function> <parameter=line>c"})],
    ),
    "a parameter that is not closed": (
        (
            "<tool_call><function=read>\n<parameter=path>\na.py\n<parameter=line>\n3\n</parameter>\n"
            "</function></tool_call>"
        ),
        [ToolCall("read", {"path": "a.py", "line": 3})],
    ),
    "a last parameter that is not closed": (
        "<tool_call><function=read><parameter=path>a.py\n</function></tool_call>",
        [READ_A],
    ),
    "a function that is not closed": (
        "<tool_call><function=read><parameter=path>a.py</parameter></tool_call>Done.",
        [READ_A, Text("Done.")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_answer(case: str) -> None:
    text, events = CASES[case]
    assert parse(text) == events


MALFORMED = {
    "cut off json": ('<tool_call>{"name": "re', "it is not closed", '{"name": "re'),
    "cut off xml": (
        "<tool_call><function=read><parameter=path>a",
        "it is not closed",
        "<function=read><parameter=path>a",
    ),
    "no json": ("<tool_call>{name: x}</tool_call>", "it is not JSON", "{name: x}"),
    "no name": ('<tool_call>{"arguments": {}}</tool_call>', "names no tool", '{"arguments": {}}'),
    "odd arguments": (
        '<tool_call>{"name": "read", "arguments": [1]}</tool_call>',
        "its arguments are not an object",
        '{"name": "read", "arguments": [1]}',
    ),
    "unknown tool": (
        '<tool_call>{"name": "rm"}</tool_call>',
        "there is no tool named 'rm'; there are read, stop",
        '{"name": "rm"}',
    ),
    "unknown function": (
        "<tool_call><function=rm></function></tool_call>",
        "there is no tool named 'rm'",
        "<function=rm></function>",
    ),
    "a wrong type": (
        "<tool_call><function=read><parameter=line>x</parameter></function></tool_call>",
        "the argument 'line' is 'x', and should be of type integer",
        "<function=read><parameter=line>x</parameter></function>",
    ),
    "text between parameters": (
        "<tool_call><function=read>so: <parameter=line>1</parameter></function></tool_call>",
        "'so: <parameter=line>1</parameter>' is no parameter",
        "<function=read>so: <parameter=line>1</parameter></function>",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_call_that_cannot_be_read_says_why(case: str) -> None:
    text, reason, raw = MALFORMED[case]
    (event,) = parse(text)
    assert isinstance(event, MalformedToolCall)
    assert reason in event.reason
    assert event.raw == raw


def test_what_follows_a_malformed_call_is_read() -> None:
    broken = '<tool_call>{"name": "read", "arguments": {"path": "a"b"}}</tool_call>'
    first, *others = parse(f"{broken}\n{JSON_A}Done.")
    assert isinstance(first, MalformedToolCall)
    assert others == [READ_A, Text("Done.")]
    first, *others = parse(f'<tool_call>{{"name": "x}}</tool_call>{JSON_A}')
    assert isinstance(first, MalformedToolCall)
    assert others == [READ_A]


class TestThinkingThatTheTemplateOpened:
    def test_the_answer_starts_inside(self) -> None:
        assert parse("hm\n</think>\n\nyes", in_thinking=True) == [Thinking("hm\n"), Text("yes")]

    def test_a_call_ends_nothing(self) -> None:
        events = parse(f"hm {JSON_A} so </think>yes", in_thinking=True)
        assert events == [Thinking("hm "), READ_A, Thinking("so "), Text("yes")]

    def test_a_closing_tag_that_was_not_expected_is_dropped_at_the_start(self) -> None:
        assert parse("\n</think>\n\nyes") == [Text("yes")]


def test_without_tools_nothing_is_a_call() -> None:
    assert parse(f"{JSON_A}{XML_A}", schemas={}) == [Text(f"{JSON_A}{XML_A}")]
    assert parse("<think>a</think>b", schemas={}) == [Thinking("a"), Text("b")]


def test_text_is_passed_on_as_soon_as_it_can_be_no_tag() -> None:
    parser = ToolCallParser(SCHEMAS)
    assert parser.feed("a <tool_c") == [Text("a ")]
    assert parser.feed("ases> b") == [Text("<tool_cases> b")]
    assert parser.feed("<") == []
    assert parser.feed("= c") == [Text("<= c")]


def test_a_call_is_passed_on_with_its_last_bracket() -> None:
    parser = ToolCallParser(SCHEMAS)
    assert parser.feed('<tool_call>{"name":"stop","arguments":{}') == []
    assert parser.feed("}") == [ToolCall("stop", {})]


FRAGMENTS = [
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "<function=read>", "</function>"),
    *("<function=no>", "<function=", "<parameter=path>", "<parameter=line>", "</parameter>"),
    *('{"name": "read", "arguments": {"path": "', '"}}', "{", "}", '"', "\\", JSON_A, XML_A),
    *("\n", " ", "text", "1", "<", ">", "<tool_", "é🐦", "x" * 190),
]


@st.composite
def splits(draw: st.DrawFn) -> tuple[str, list[str]]:
    text = "".join(draw(st.lists(st.sampled_from(FRAGMENTS), max_size=14)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return text, [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(example=splits(), in_thinking=st.booleans())
def test_events_do_not_depend_on_the_split(
    *, example: tuple[str, list[str]], in_thinking: bool
) -> None:
    text, deltas = example
    whole = parse(text, in_thinking=in_thinking)
    assert parse(*deltas, in_thinking=in_thinking) == whole
    assert parse(*text, in_thinking=in_thinking) == whole


@pytest.mark.parametrize("case", CASES)
def test_every_case_reads_the_same_by_characters(case: str) -> None:
    text, events = CASES[case]
    assert parse(*text) == events
    for at in range(len(text)):
        assert parse(text[:at], text[at:]) == events


VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(st.sampled_from(["path", "note"]), VALUES))
def test_calls_are_read_as_they_were_written(arguments: dict[str, str]) -> None:
    call = json.dumps({"name": "read", "arguments": arguments})
    assert parse(f"<tool_call>{call}</tool_call>") == [ToolCall("read", arguments)]
    parameters = "".join(f"<parameter={k}>\n{v}\n</parameter>\n" for k, v in arguments.items())
    xml = f"<tool_call>\n<function=read>\n{parameters}</function>\n</tool_call>"
    assert parse(xml) == [ToolCall("read", arguments)]


@given(st.text(max_size=60))
def test_no_text_is_lost(text: str) -> None:
    assert (
        "".join(event.text for event in parse("x" + text) if isinstance(event, Text)) == "x" + text
    )
