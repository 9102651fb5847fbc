"""Changes a function's parameters and what calls it: one is removed, added, or changes places. Pure.

A place that cannot be changed with the same meaning is refused; one that may mean another function is
the caller's business.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lsp_server.edits.python_scopes import FunctionNode, parameters_of
from lsp_server.refactor.method_uses import MethodKind, kind_of
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import Source, TextEdit

NEW_PARAMETER = "parameter"
_COMMENT_BEHIND = re.compile(r",?((?:[ \t]*#[^\n]*)?)(?=\n)")


@dataclass(frozen=True, slots=True)
class SignatureChange:
    """`names` are of one parameter (`remove`), of two neighbours (`swap`) or the new one's (`add`)."""

    what: str
    names: tuple[str, ...]
    positional: tuple[str, ...]  # all parameters that may be given by their place, without self
    has_instance: bool  # the function is a method that is called on what is its first parameter


def plan(what: str, names: tuple[str, ...], function: FunctionNode, owner: str) -> SignatureChange:
    """Raises `RefactorRefused`. `owner` is the name of the function's class, or empty."""
    positional = [it.arg for it in (*function.args.posonlyargs, *function.args.args)]
    has_instance = bool(owner) and kind_of(function) is not MethodKind.STATIC
    if has_instance:
        positional = positional[1:]
    known = {it.arg for it in parameters_of(function)}
    for name in names:
        if what != "add" and name not in known:
            raise RefactorRefused(f"{function.name} has no parameter {name}")
        if what == "swap" and name not in positional:
            raise RefactorRefused(
                f"{name} has no place among the parameters: it is given by its name"
            )
    return SignatureChange(what, names, tuple(positional), has_instance)


def change_head(source: Source, function: FunctionNode, change: SignatureChange) -> list[TextEdit]:
    """Raises `RefactorRefused`."""
    if change.what == "add":
        return [_add(source, function, change.names[0])]
    pieces = {it.arg: _extent(source, function, it) for it in parameters_of(function)}
    if not all(name in pieces for name in change.names):
        raise RefactorRefused(
            f"{function.name} on line {function.lineno}, which goes with it, has other parameters"
        )
    if change.what == "swap":
        return _swap(source, function, change, pieces)
    (name,) = change.names
    for part in function.body:
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and node.id == name:
                raise RefactorRefused(f"{name} is used on line {node.lineno}: remove that first")
    if function.args.vararg and function.args.vararg.arg == name:
        raise RefactorRefused(f"*{name} takes what is left: it cannot be removed here")
    if function.args.kwarg and function.args.kwarg.arg == name:
        raise RefactorRefused(f"**{name} takes what is left: it cannot be removed here")
    arguments = function.args
    alone = (arguments.posonlyargs, () if arguments.vararg else arguments.kwonlyargs)
    if any([it.arg for it in group] == [name] for group in alone):
        raise RefactorRefused(f"{name} stands beside a bare / or *, which would be left alone")
    return [_cut(source, *pieces[name])]


def change_call(
    source: Source, call: ast.Call, change: SignatureChange, *, is_bound: bool
) -> list[TextEdit]:
    """`is_bound`: the instance is not among the arguments. Raises `RefactorRefused`."""
    if change.what == "add":
        return []
    skipped = 1 if change.has_instance and not is_bound else 0
    arguments = call.args[skipped:]
    places = [change.positional.index(it) for it in change.names if it in change.positional]
    starred = next((i for i, it in enumerate(arguments) if isinstance(it, ast.Starred)), None)
    if starred is not None and places and starred <= max(places):
        raise RefactorRefused(
            f"{source.path}, line {call.lineno} passes a list of arguments: write them out first"
        )
    if change.what == "remove":
        return _remove_argument(source, call, arguments, change)
    given = [i for i in places if i < len(arguments)]
    if len(given) == 2:  # noqa: PLR2004 - both by their place
        one, other = (arguments[i] for i in given)
        return [
            TextEdit(source.start(one), source.end(one), source.text_of(other)),
            TextEdit(source.start(other), source.end(other), source.text_of(one)),
        ]
    if len(given) == 1:
        # Its neighbour is given by name or left out: from now on its place is the neighbour's.
        at = source.start(arguments[given[0]])
        return [TextEdit(at, at, f"{change.positional[given[0]]}=")]
    return []


def _remove_argument(
    source: Source, call: ast.Call, arguments: list[ast.expr], change: SignatureChange
) -> list[TextEdit]:
    (name,) = change.names
    place = change.positional.index(name) if name in change.positional else None
    if place is not None and place < len(arguments):
        return [_cut(source, source.start(arguments[place]), source.end(arguments[place]))]
    for it in call.keywords:
        if it.arg == name:
            return [_cut(source, source.start(it), source.end(it))]
    if any(it.arg is None for it in call.keywords):
        raise RefactorRefused(
            f"{source.path}, line {call.lineno} passes a dictionary of arguments: write them out first"
        )
    return []


def _add(source: Source, function: FunctionNode, name: str) -> TextEdit:
    arguments = function.args
    new = f"{name}=None"
    if arguments.vararg is not None:  # before it, it would take one of what that takes
        end = source.end(arguments.vararg)
        return TextEdit(end, end, f", {new}")
    behind = [*arguments.posonlyargs, *arguments.args]
    if behind:
        _, end = _extent(source, function, behind[-1])
        slash = ", /" if not arguments.args else ""
        if slash:
            end = source.text.index("/", end) + 1
        line = source.text[source.line_start(behind[-1].lineno) : source.start(behind[-1])]
        between = f",\n{line}" if not line.strip() else ", "  # below each other, or in one line
        return TextEdit(end, end, f"{between}{new}")
    at = source.text.index("(", source.start(function)) + 1
    if not (arguments.kwonlyargs or arguments.kwarg):
        return TextEdit(at, at, new)
    below = re.match(r"[ \t]*(\n[ \t]*)", source.text[at:])  # of others below each other
    return TextEdit(at, at, f"{below[1]}{new}," if below else f"{new}, ")


def _swap(
    source: Source,
    function: FunctionNode,
    change: SignatureChange,
    pieces: dict[str, tuple[int, int]],
) -> list[TextEdit]:
    first, second = (pieces[name] for name in change.names)
    texts = [source.text[slice(*it)] for it in (first, second)]
    has_default = [name in _defaults(function) for name in change.names]
    if has_default[0] != has_default[1]:
        raise RefactorRefused(
            f"{change.names[0]} and {change.names[1]} cannot change places: one has a default value"
        )
    swapped = [TextEdit(*first, texts[1]), TextEdit(*second, texts[0])]
    own, other = (_COMMENT_BEHIND.match(source.text, end) for _, end in (first, second))
    if own is not None and other is not None:  # each in a line of its own
        swapped += [TextEdit(*own.span(1), other[1]), TextEdit(*other.span(1), own[1])]
    return swapped


def _defaults(function: FunctionNode) -> dict[str, ast.expr]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    found = {
        it.arg: value
        for it, value in zip(reversed(positional), reversed(arguments.defaults), strict=False)
    }
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    found.update({it.arg: value for it, value in named if value is not None})
    return found


def _extent(source: Source, function: FunctionNode, parameter: ast.arg) -> tuple[int, int]:
    """A parameter with its annotation and its default value."""
    default = _defaults(function).get(parameter.arg)
    end = source.end(parameter)
    if default is not None:
        end = source.end(default)
        while source.text[end : end + 1] == ")" and source.text.count(
            "(", source.end(parameter), end
        ) > (source.text.count(")", source.end(parameter), end)):
            end += 1  # of a default in parentheses
    return source.start(parameter), end


def _cut(source: Source, start: int, end: int) -> TextEdit:
    """Takes a piece out of a list, with the comma behind it, or else the one before it."""
    text = source.text
    behind = end + len(text[end:]) - len(text[end:].lstrip())
    if text[behind : behind + 1] == ",":
        behind += 1
        rest = text[behind:].lstrip(" ")
        if rest.lstrip()[:1] not in (")", ""):
            behind += len(text[behind:]) - len(text[behind:].lstrip())
            return TextEdit(start, behind, "")
        before = text[:start].rstrip()
        return TextEdit(len(before) if before.endswith(",") else start, behind, "")
    before = text[:start].rstrip()
    if before.endswith(","):
        return TextEdit(len(before) - 1, end, "")
    return TextEdit(start, end, "")


def calls_of(tree: ast.Module) -> Iterator[tuple[ast.Call, ast.Name | ast.Attribute]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node, node.func
