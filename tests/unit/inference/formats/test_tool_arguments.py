"""The types of arguments that were spelled as text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.formats.tool_arguments import MalformedArguments, json_call, typed


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (None, "3", "3"),
        ({}, "true", "true"),
        ({"type": "string"}, "3", "3"),
        ({"type": "string"}, " a ", " a "),
        ({"type": "integer"}, " 3 ", 3),
        ({"type": "integer"}, "-3", -3),
        ({"type": "integer"}, "3.0", 3),
        ({"type": "number"}, "3", 3),
        ({"type": "number"}, "1e-3", 0.001),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "False", False),
        ({"type": "array"}, '["a", 1]', ["a", 1]),
        ({"type": "array"}, "['a', (1, None)]", ["a", [1, None]]),
        ({"type": "object"}, '{"a": {"b": [true]}}', {"a": {"b": [True]}}),
        ({"type": "object"}, "{'a': True, 'b': '\\d'}", {"a": True, "b": "\\d"}),
        ({"type": "null"}, "None", None),
        ({"type": ["string", "null"]}, "null", None),
        ({"type": ["string", "null"]}, "nullable", "nullable"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "3", 3),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "3a", "3a"),
        ({"oneOf": [{"type": "array"}, {"type": "null"}]}, "[]", []),
        ({"anyOf": [{"type": "integer"}, {"$ref": "#/x"}]}, "3", "3"),
        ({"type": "magic"}, "3", MalformedArguments),
        ({"type": "integer"}, "3.5", MalformedArguments),
        ({"type": "integer"}, "9" * 5000, MalformedArguments),
        ({"type": "integer"}, "true", MalformedArguments),
        ({"type": "number"}, "true", MalformedArguments),
        ({"type": "number"}, "NaN", MalformedArguments),
        ({"type": "boolean"}, "1", MalformedArguments),
        ({"type": "array"}, "{}", MalformedArguments),
        ({"type": "array"}, "[" * 100_000, MalformedArguments),
        ({"type": "object"}, "{1, 2}", MalformedArguments),
        ({"type": "object"}, "{'a': {1}}", MalformedArguments),
        ({"type": "object"}, "__import__('os')", MalformedArguments),
    ],
)
def test_an_argument(schema: Any, text: str, value: Any) -> None:
    if value is MalformedArguments:
        with pytest.raises(MalformedArguments, match="the argument 'key' is"):
            typed("key", text, schema)
    else:
        read = typed("key", text, schema)
        assert read == value
        assert type(read) is type(value)


def test_json_calls_keep_the_types_they_have() -> None:
    schemas = {"a": {"properties": {"n": {"type": "integer"}, "s": {"type": "string"}}}}
    call = '{"name": "a", "arguments": {"n": "7", "s": "7", "other": [1]}}'
    assert json_call(call, schemas) == ("a", {"n": 7, "s": "7", "other": [1]})


@given(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(["null", "boolean", "integer", "number", "array", "object", "string"]),
        max_size=3,
    ),
)
def test_any_text_is_read_or_refused(text: str, types: list[str]) -> None:
    try:
        typed("key", text, {"type": types})
    except MalformedArguments:
        assert types
        assert "string" not in types
