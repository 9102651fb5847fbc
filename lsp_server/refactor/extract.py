"""Makes a function of statements or of an expression, and a variable of an expression. Pure.

What a function takes and gives is told by the tree (`name_flow.py`): too much rather than too little. The
code itself stays as it is written, comments and line breaks too; only its indentation changes, and not
within strings.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp_server.edits.python_scopes import FunctionNode, own_nodes
from lsp_server.edits.python_source import first_line
from lsp_server.refactor import name_flow
from lsp_server.refactor.method_uses import MethodKind, kind_of
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.selected import (
    Selected,
    expression_of,
    function_around,
    path_to,
    statements_of,
    whole_lines,
)
from lsp_server.refactor.source import Source, TextEdit, apply_edits, lines_inside_strings

_INDENT = "    "


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a new function is to stand: behind `function`, or before `statement` of the module."""

    function: FunctionNode | None
    owner: ast.ClassDef | None
    statement: ast.stmt


def extract_function(source: Source, start: int, end: int, name: str) -> str:
    """The text with the code between two offsets in a function of its own; no white space at its ends.

    Raises `RefactorRefused`.
    """
    path = path_to(source, start, end)
    function, owner = function_around(source, path, start)
    if function is None and any(isinstance(it, ast.ClassDef) for it in path):
        raise RefactorRefused("the body of a class runs before its functions are there")
    statements = statements_of(source, path, start, end)
    if statements:
        whole_lines(source, start, end)
        selected = Selected(source, path, function, start, end, tuple(statements))
    else:
        expression = expression_of(source, path, start, end)
        selected = Selected(source, path, function, start, end, (expression,))
    _check(selected)
    home = _Home(function, owner, path[1] if len(path) > 1 else statements[0])  # type: ignore[arg-type]
    arguments, results = _flow(selected)
    return _written(selected, home, name, arguments, results)


def _check(selected: Selected) -> None:
    own = list(own_nodes(selected.nodes))
    in_loops = {
        id(it)
        for loop in own
        if isinstance(loop, name_flow.Loop)
        for it in own_nodes([*loop.body, *loop.orelse])
    }
    for it in own:
        if isinstance(it, ast.Yield | ast.YieldFrom | ast.Global | ast.Nonlocal):
            raise RefactorRefused(f"what is on line {it.lineno} works in its own function alone")
        if isinstance(it, ast.Break | ast.Continue) and id(it) not in in_loops:
            raise RefactorRefused(
                f"line {it.lineno} leaves a loop that is not selected: select the whole loop"
            )
    returns = [it for it in own if isinstance(it, ast.Return)]
    if returns and not selected.leaves:
        raise RefactorRefused(
            f"line {returns[0].lineno} returns, and the code goes on in other cases: "
            "select also what is done then"
        )


def _flow(selected: Selected) -> tuple[list[str], list[str]]:
    """The names that the new function takes, and those that it gives. Raises `RefactorRefused`."""
    before = selected.bound_before()
    own = before | name_flow.bound(selected.around).keys()
    own -= name_flow.declared(selected.around).keys()
    written = [it for it in name_flow.bound(selected.nodes) if it in own]
    read = selected.read_after()
    if selected.is_in_loop:
        read |= set(_read_first(selected, own))
    results = [] if selected.leaves else [it for it in written if it in read]
    if results and not selected.statements:
        raise RefactorRefused(f"{results[0]} is used behind the selection: assign it before")
    uncertain = set(results) - (name_flow.surely_bound(selected.statements) or set())
    for name in sorted(uncertain - before):
        raise RefactorRefused(
            f"{name} has a value in some cases alone, and is used behind the selection: "
            "assign it before"
        )
    taken = dict.fromkeys([*_read_first(selected, own & before), *sorted(uncertain)])
    if selected.function is None:  # what a module binds its functions see
        taken = {it: None for it in taken if it in written}
    for name in (*taken, *results):
        if name in selected.shared():
            raise RefactorRefused(f"{name} is set by a function within, which means this very name")
    return list(taken), results


def _read_first(selected: Selected, names: set[str]) -> Iterator[str]:
    """Those of the names that are read before the selection itself gives them a value."""
    assigned: set[str] = set()
    for node in selected.nodes:
        for read in name_flow.reads(node):
            if read.name in names and read.name not in assigned:
                yield read.name
        if isinstance(node, ast.stmt):
            assigned |= name_flow.surely_bound([node]) or set()


def _written(
    selected: Selected, home: _Home, name: str, arguments: Sequence[str], results: Sequence[str]
) -> str:
    source, function = selected.source, home.function
    prefix, first, decorator = _place_in_class(home)
    if not prefix and _calls_super(selected):
        raise RefactorRefused("super() works in a method alone, and the new function is none")
    arguments = [it for it in arguments if it != first]
    call = f"{prefix}{name}({', '.join(arguments)})"
    is_async = selected.awaits
    if is_async:
        call = f"await {call}"
        if not selected.statements and not isinstance(selected.nodes[0], ast.Await):
            call = f"({call})"
    if results:
        call = f"{', '.join(results)} = {call}"
    elif selected.statements and selected.leaves:
        call = f"return {call}"
    head_line = first_line(function) if function is not None else home.statement.lineno
    margin = source.indent_of(head_line) if function is not None else ""
    inner = margin + _unit(source, function)
    head = f"{'async ' if is_async else ''}def {name}({', '.join([*([first] if first else []), *arguments])}):"
    lines = [
        *([f"{margin}@{decorator}"] if decorator else []),
        f"{margin}{head}",
        *_declarations(selected, inner),
        *_body(selected, inner),
        *([f"{inner}return {', '.join(results)}"] if results else []),
    ]
    if function is not None:
        assert function.end_lineno is not None
        at = source.line_start(function.end_lineno) + len(source.lines[function.end_lineno - 1])
        added = TextEdit(at, at, "\n\n" + "\n".join(lines))
    else:
        at = source.line_start(first_line(home.statement))
        added = TextEdit(at, at, "\n".join(lines) + "\n\n\n")
    return apply_edits(source.text, [TextEdit(selected.start, selected.end, call), added])


def _place_in_class(home: _Home) -> tuple[str, str, str]:
    """What stands before a call, the first parameter and the decorator of a method; or nothing."""
    if home.function is None or home.owner is None:
        return "", "", ""
    kind = kind_of(home.function)
    if kind is MethodKind.STATIC:
        return f"{home.owner.name}.", "", "staticmethod"
    positional = [*home.function.args.posonlyargs, *home.function.args.args]
    if not positional:
        raise RefactorRefused(f"{home.function.name} has no parameter for its instance")
    first = positional[0].arg
    return f"{first}.", first, "classmethod" if kind is MethodKind.CLASS else ""


def _calls_super(selected: Selected) -> bool:
    return any(
        isinstance(it, ast.Call)
        and isinstance(it.func, ast.Name)
        and it.func.id == "super"
        and not it.args
        for node in selected.nodes
        for it in ast.walk(node)
    )


def _unit(source: Source, function: FunctionNode | None) -> str:
    """By how much a body is indented there."""
    if function is not None and function.body[0].lineno > function.lineno:
        margin = source.indent_of(first_line(function))
        return source.indent_of(first_line(function.body[0])).removeprefix(margin) or _INDENT
    return _INDENT


def _declarations(selected: Selected, margin: str) -> Iterator[str]:
    """For what the code binds of an outer scope, where it does not say so itself."""
    here = name_flow.declared(selected.nodes)
    written = name_flow.bound(selected.nodes)
    for name, kind in name_flow.declared(selected.around).items():
        if name in written and name not in here:
            yield f"{margin}{kind} {name}"


def _body(selected: Selected, margin: str) -> list[str]:
    text = selected.source.text[selected.start : selected.end]
    if selected.statements:
        return reindented(selected.source, selected.start, text, margin)
    return reindented(selected.source, selected.start, f"return {_in_brackets(text)}", margin)


def _in_brackets(text: str) -> str:
    """An expression that may stand alone."""
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return f"({text})"
    return text


def reindented(source: Source, start: int, text: str, margin: str) -> list[str]:
    """Lines that begin at an offset, with another indentation; what is in strings stays."""
    first = source.text.count("\n", 0, start) + 1
    old = source.indent_of(first)
    fixed = lines_inside_strings(source.text)
    lines = text.split("\n")
    changed = [margin + lines[0].lstrip()]
    for number, line in enumerate(lines[1:], first + 1):
        if number in fixed:
            changed.append(line)
        elif not line.strip():
            changed.append("")
        else:
            changed.append(margin + (line[len(old) :] if line.startswith(old) else line.lstrip()))
    return changed


def extract_variable(source: Source, start: int, end: int, name: str) -> tuple[str, str]:
    """The text with an expression in a variable before its statement, and a doubt, or none.

    Raises `RefactorRefused`.
    """
    path = path_to(source, start, end)
    expression = expression_of(source, path, start, end)
    at = next(n for n in range(len(path) - 1, -1, -1) if isinstance(path[n], ast.stmt))
    statement = path[at]
    assert isinstance(statement, ast.stmt)
    doubt = _doubt_of(
        [*itertools.takewhile(lambda it: it is not expression, path[at:]), expression]
    )
    before = path[at - 1]
    while isinstance(before, ast.If) and _is_elif(source, before, statement):
        doubt = "it is computed also where an earlier condition holds"
        at, statement = at - 1, before
        before = path[at - 1]
    line = first_line(statement)
    margin = source.indent_of(line)
    head = source.text[source.line_start(line) : source.start(statement)]
    if not isinstance(statement, FunctionNode | ast.ClassDef) and head.strip():
        raise RefactorRefused(
            "its statement stands behind another one in the line: part them first"
        )
    text = source.text[start:end]
    lines = reindented(source, start, f"{name} = {_in_brackets(text)}", margin)
    place = source.line_start(line)
    edits = [TextEdit(place, place, "\n".join(lines) + "\n"), TextEdit(start, end, name)]
    return apply_edits(source.text, edits), doubt


def _is_elif(source: Source, around: ast.If, statement: ast.stmt) -> bool:
    return (
        around.orelse == [statement]
        and isinstance(statement, ast.If)
        and source.text.startswith("elif", source.start(statement))
    )


def _doubt_of(path: Sequence[ast.AST]) -> str:
    """What is not as before of an expression at the end of a path from its statement on.

    Raises `RefactorRefused`.
    """
    doubt = ""
    for at, around in enumerate(path[:-1]):
        inner = path[at + 1]
        match around:
            case ast.While():
                raise RefactorRefused("the condition of a loop is computed in each round of it")
            case ast.Lambda() if inner is around.body:
                raise RefactorRefused("what a lambda computes it computes when it is called")
            case ast.match_case():
                raise RefactorRefused("what a case asks it asks only of what did not match before")
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                if around.generators[0].iter not in path:
                    raise RefactorRefused("a comprehension computes it for each of its items")
            case ast.BoolOp() if inner is not around.values[0]:
                doubt = "it is computed also where what stands before it decides"
            case ast.Compare() if inner in around.comparators[1:]:
                doubt = "it is computed also where what stands before it decides"
            case ast.IfExp() if inner is not around.test:
                doubt = "it is computed also where its condition does not hold"
            case _:
                pass
    return doubt
