"""Reads the inside of one tool call, in either spelling, and gives its arguments their types.

In the XML spelling every value is text. Its parameter's JSON schema says what it is meant to be; with
no schema, or one that allows strings and nothing that fits better, it stays text. The same is done
to JSON calls whose strings stand for something else, which models write as well. Whether required
arguments are there, and values within bounds, is left to the tool.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

Schemas = Mapping[str, Mapping[str, Any]]
"""For each tool's name the JSON schema of its parameters, which is that of an object."""

_HEADER = re.compile(r"<function=\s*([^<>\s]+)\s*>")
_PARAMETER = re.compile(r"\s*<parameter=\s*([^<>\s]+)\s*>")
_VALUE_END = re.compile(r"</parameter>(?=\s*(?:<parameter=[^<>]*>|\Z))")
_ANY_PARAMETER = re.compile(r"\n\s*<parameter=\s*([^<>\s]+)\s*>")
_INTEGER = re.compile(r"[+-]?\d{1,300}(?:\.0+)?")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "null": type(None),
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}


class MalformedArguments(ValueError):
    """Its message says what is wrong with a call, as a part of a sentence."""


def json_call(text: str, schemas: Schemas) -> tuple[str, dict[str, Any]]:
    """Name and arguments of `{"name": ..., "arguments": {...}}`. Raises MalformedArguments."""
    try:
        call = _mapping(json.loads(text, strict=False))
    except (ValueError, RecursionError) as error:
        raise MalformedArguments(f"it is not JSON ({error})") from error
    name = call.get("name")
    if not isinstance(name, str):
        raise MalformedArguments("it names no tool")
    arguments: Any = call.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments, strict=False)
        except (ValueError, RecursionError) as error:
            raise MalformedArguments(f"its arguments are not JSON ({error})") from error
    if not isinstance(arguments, dict):
        raise MalformedArguments("its arguments are not an object")
    properties = _properties(name, schemas)
    return name, {
        key: typed(key, value, properties.get(key)) if isinstance(value, str) else value
        for key, value in cast("dict[str, Any]", arguments).items()
    }


def function_call(text: str, schemas: Schemas) -> tuple[str, dict[str, Any]]:
    """Name and arguments of `<function=...>` with its parameters, up to `</function>`.

    A value reaches to the `</parameter>` that another parameter, or the end, follows; one that was
    not closed, to the line that starts with another parameter of the tool. A newline at either end
    of a value belongs to the spelling. Raises MalformedArguments.
    """
    header = _HEADER.match(text)
    if header is None:
        raise MalformedArguments("it names no tool")
    name = header[1]
    properties = _properties(name, schemas)
    arguments: dict[str, Any] = {}
    at, end = header.end(), len(text.rstrip())
    while at < end:
        parameter = _PARAMETER.match(text, at)
        if parameter is None:
            raise MalformedArguments(f"{text[at : at + 40].strip()!r} is no parameter")
        key = parameter[1]
        value, at = _value(text, parameter.end(), properties.keys() - arguments.keys() - {key})
        arguments[key] = typed(key, value, properties.get(key))
    return name, arguments


def typed(key: str, value: str, schema: Any) -> Any:
    """The value of an argument that was spelled as text, as its schema has it.

    Raises MalformedArguments where the schema allows no string and the text is nothing else.
    """
    types = _types(schema)
    if not types:
        return value
    for kind in ("null", "boolean", "integer", "number", "array", "object"):
        if kind in types:
            read = _read(kind, value.strip())
            if isinstance(read, _TYPES[kind]):
                return read if kind != "null" else None
    if "string" in types:
        return value
    wanted = " or ".join(sorted(types))
    raise MalformedArguments(
        f"the argument {key!r} is {value[:60]!r}, and should be of type {wanted}"
    )


def _properties(name: str, schemas: Schemas) -> Mapping[str, Any]:
    if name not in schemas:
        known = ", ".join(sorted(schemas))
        raise MalformedArguments(f"there is no tool named {name!r}; there are {known}")
    return _mapping(schemas[name].get("properties"))


def _mapping(value: object) -> Mapping[str, Any]:
    """The value, if it is one; a schema may hold anything where an object belongs."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def _value(text: str, start: int, further: set[str]) -> tuple[str, int]:
    """The value that starts there, and where what follows it starts."""
    close = _VALUE_END.search(text, start)
    end, after = (close.start(), close.end()) if close else (len(text), len(text))
    for opening in _ANY_PARAMETER.finditer(text, start, end):
        if opening[1] in further:
            end = after = opening.start()
            break
    return text[start:end].removeprefix("\n").removesuffix("\n"), after


def _types(schema: Any) -> set[str]:
    """The JSON types that a schema names; empty where it says nothing that can be used."""
    said = _mapping(schema)
    named = said.get("type")
    if isinstance(named, str):
        return {named}
    kinds = {kind for kind in _list(named) if isinstance(kind, str)}
    for combination in ("anyOf", "oneOf"):
        each = [_types(option) for option in _list(said.get(combination))]
        if each and not kinds:
            return set[str]().union(*each) if all(each) else set()
    return kinds


def _read(kind: str, text: str) -> Any:
    """What the text is as that type; of another type where it is not."""
    if kind in ("null", "boolean"):
        constants = {"null": None, "none": None, "true": True, "false": False}
        return constants.get(text.lower(), text)
    if kind == "integer":
        return int(text.partition(".")[0]) if _INTEGER.fullmatch(text) else text
    try:
        value = json.loads(text, strict=False, parse_constant=str)
    except (ValueError, RecursionError):
        value = _python_literal(text) if kind in ("array", "object") else text
    return text if isinstance(value, bool) else value


def _python_literal(text: str) -> Any:
    """Lists and dictionaries as Python writes them, which models do as well."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in what a model wrote
            return json.loads(json.dumps(ast.literal_eval(text)))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return text
