"""Tells rope what of a text is a name, where it is mistaken.

rope takes `async def fetch(` for a use of `fetch` rather than its definition, so that such a method is not
found or another thing of its name is; the `f` before a string for a variable of that name; and the
argument's name in `shop.add(item=item)` for the variable behind it, where it does not know what is called.
Parameters before `/` and behind `*` are none to it, and `b` in `a, b = 1, 2` is an argument's name.
"""

from __future__ import annotations

import re
from typing import Any

from rope.base import evaluate, pynamesdef, pyobjects, pyobjectsdef, worder
from rope.refactor import occurrences

_HEADS = frozenset({("def",), ("class",), ("async", "def")})
_parameters_by_rope: Any = pyobjectsdef.PyFunction.get_parameters
_is_argument_name_by_rope: Any = worder._RealFinder.is_function_keyword_parameter  # noqa: SLF001 - there is no other way in
_thing_at_by_rope: Any = evaluate.ScopeNameFinder.get_primary_and_pyname_at


def install() -> None:
    """Puts it in rope's place, in this process."""
    finder: Any = worder._RealFinder  # noqa: SLF001 - there is no other way in
    finder.is_a_class_or_function_name_in_header = _is_name_in_head
    finder.is_function_keyword_parameter = _is_argument_name
    scopes: Any = evaluate.ScopeNameFinder
    scopes.get_primary_and_pyname_at = _thing_at
    functions: Any = pyobjectsdef.PyFunction
    functions.get_parameters = _parameters
    textual: Any = occurrences._TextualFinder  # noqa: SLF001 - as above
    textual._get_occurrence_pattern = _occurrence_pattern  # noqa: SLF001 - as above


class _OnlyOneWay(pynamesdef.ParameterName):  # type: ignore[misc]
    """A parameter that is passed by its place alone, or by its name alone; of its type nothing is known."""

    def get_object(self) -> Any:
        return pyobjects.get_unknown()

    def get_objects(self) -> list[Any]:
        return []


def _parameters(function: Any) -> dict[str, Any]:
    is_first = function.parameter_pynames is None
    found: dict[str, Any] = _parameters_by_rope(function)  # which keeps what it gives
    if is_first:
        of = function.arguments
        for it in (*of.posonlyargs, *of.kwonlyargs):
            found[it.arg] = _OnlyOneWay(function, len(found))
    return found


def _is_name_in_head(finder: Any, offset: int) -> bool:
    start = finder._find_word_start(offset - 1)  # noqa: SLF001 - as above
    line_start = finder._get_line_start(start)  # noqa: SLF001 - as above
    return tuple(finder.code[line_start:start].split()) in _HEADS


def _is_argument_name(finder: Any, offset: int) -> bool:
    """Of a text in which lines end where statements do, and texts are blank."""
    if not _is_argument_name_by_rope(finder, offset):
        return False
    before = finder.code[finder._get_line_start(offset) : offset]  # noqa: SLF001 - as above
    return bool(before.count("(") > before.count(")"))


def _thing_at(finder: Any, offset: int) -> tuple[Any, Any]:
    if finder.worder.is_function_keyword_parameter(offset):
        called = finder.get_enclosing_function(offset)
        if not isinstance(called, pyobjects.AbstractFunction):
            return None, None
    found: tuple[Any, Any] = _thing_at_by_rope(finder, offset)
    return found


def _occurrence_pattern(finder: Any, name: str) -> re.Pattern[str]:
    """Strings before names, so that what stands before a string is a part of it."""
    found = finder.any("occurrence", [rf"\b{re.escape(name)}\b"])
    return re.compile(
        f"{finder.comment_pattern}|{finder.f_string_pattern}|{finder.string_pattern}|{found}"
    )
