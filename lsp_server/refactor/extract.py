"""Makes a function of statements or of an expression. Pure.

What a function takes and gives is told by the tree (`name_flow.py`): too much rather than too little. The
code itself stays as it is written, comments and line breaks too; only its indentation changes, and not
within strings.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from lsp_server.edits.python_scopes import FunctionNode, own_nodes
from lsp_server.edits.python_source import first_line
from lsp_server.refactor import blocks, name_flow
from lsp_server.refactor.decorators import may_call
from lsp_server.refactor.method_uses import MethodKind, kind_of
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.selected import (
    Selected,
    expression_of,
    function_around,
    path_to,
    statements_of,
)
from lsp_server.refactor.source import Source, TextEdit, apply_edits, lines_inside_strings

_INDENT = "    "


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a new function is to stand: behind `function`, or before `statement` of the module.

    One that is called as it is defined needs it before.
    """

    function: FunctionNode | None
    owner: str
    statement: ast.stmt


def extract_function(source: Source, start: int, end: int, name: str) -> str:
    """The text with the code between two offsets in a function of its own; no white space at its ends.

    Raises `RefactorRefused`.
    """
    path = path_to(source, start, end)
    function, owner = function_around(source, path, start, end)
    if function is None and any(isinstance(it, ast.ClassDef) for it in path):
        raise RefactorRefused("the body of a class runs before its functions are there")
    statements = statements_of(source, path, start, end)
    if statements:
        last = source.end(statements[-1])
        end = last if source.text[last:end].strip() == ";" else end  # which stays with what follows
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
        for it in name_flow.nodes_of_loop(loop)
    }
    for it in own:
        if isinstance(it, ast.Yield | ast.YieldFrom | ast.Global | ast.Nonlocal):
            raise RefactorRefused(f"what is on line {it.lineno} works in its own function alone")
        if isinstance(it, ast.Break | ast.Continue) and id(it) not in in_loops:
            raise RefactorRefused(
                f"line {it.lineno} leaves a loop that is not selected: select the whole loop"
            )
        if isinstance(it, ast.ImportFrom) and (
            it.module == "__future__" or any(alias.name == "*" for alias in it.names)
        ):
            raise RefactorRefused(f"the import on line {it.lineno} works in a module alone")
    if docstring := selected.docstring():
        raise RefactorRefused(f"line {docstring.lineno} is a docstring, and would be none any more")
    if call := name_flow.reads_by_name(selected.nodes):
        raise RefactorRefused(
            f"{ast.unparse(call.func)} on line {call.lineno} means the variables of the function that it "
            "is in"
        )
    returns = [it for it in own if isinstance(it, ast.Return)]
    if returns and not selected.leaves:
        raise RefactorRefused(
            f"line {returns[0].lineno} returns, and the code goes on in other cases: "
            "select also what is done then"
        )
    is_async = isinstance(selected.function, ast.AsyncFunctionDef)
    if returns and is_async and _yields(selected.around):
        raise RefactorRefused(
            f"line {returns[0].lineno} ends an asynchronous generator, which returns no value"
        )


def _yields(nodes: Sequence[ast.AST]) -> bool:
    return any(isinstance(it, ast.Yield | ast.YieldFrom) for it in own_nodes(nodes))


def _flow(selected: Selected) -> tuple[list[str], list[str]]:
    """The names that the new function takes, and those that it gives. Raises `RefactorRefused`."""
    before = selected.bound_before()
    own = before | name_flow.bound(selected.around).keys()
    own -= name_flow.declared(selected.around).keys()
    written = [it for it in name_flow.bound(selected.nodes) if it in own]
    surely_written = name_flow.surely_bound(selected.statements, trusting=False) or set()
    read = selected.read_after()
    if selected.is_of_module:  # what a module binds is its attribute
        read |= surely_written
    results = [] if selected.leaves else [it for it in written if it in read]
    if results and not selected.statements:
        raise RefactorRefused(f"{results[0]} is used behind the selection: assign it before")
    uncertain = set(results) - surely_written
    # Where one of them had no value before, the code behind says that no manager keeps errors.
    trusted = name_flow.surely_bound(selected.statements) or set()
    uncertain -= trusted - selected.surely_bound_before()
    taken = dict.fromkeys([*_read_first(selected, own & before), *sorted(uncertain)])
    if selected.function is None:  # what a module binds its functions see
        inner = selected.bound_within_statement()
        taken = {it: None for it in taken if it in written or it in inner}
    unsure = taken.keys() - selected.surely_bound_before()
    for name in sorted(unsure & uncertain):
        raise RefactorRefused(
            f"{name} has a value in some cases alone, and is used behind the selection: "
            "assign it before"
        )
    for name in sorted(unsure - name_flow.surely_read(selected.nodes)):
        raise RefactorRefused(
            f"{name} may have no value where the selection begins, which needs it in some cases alone: "
            "assign it before"
        )
    for name in (*taken, *results):
        if name in selected.shared():
            raise RefactorRefused(f"{name} is set by a function within, which means this very name")
    _check_same(selected, own, taken.keys())
    _check_meanwhile(selected, own)
    return list(taken), results


def _check_same(selected: Selected, own: AbstractSet[str], taken: AbstractSet[str]) -> None:
    """That no name has to be one and the same in both functions. Raises `RefactorRefused`."""
    for node in own_nodes(selected.nodes):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del) and node.id in taken:
            raise RefactorRefused(f"line {node.lineno} deletes {node.id}, which is set before")
    behind = selected.bound_behind() & own if selected.function is not None else set()
    for read in selected.reads():
        if read.is_deferred and read.name in behind:
            raise RefactorRefused(
                f"a function on line {read.node.lineno} reads {read.name}, which gets its value "
                "behind the selection"
            )


def _check_meanwhile(selected: Selected, own: AbstractSet[str]) -> None:
    """That what is written is not read elsewhere before the selection ends. Raises `RefactorRefused`."""
    if not selected.statements:
        return
    *early, last = selected.statements
    written = own & name_flow.bound([*early, last] if hasattr(last, "body") else early).keys()
    for read in selected.reads_of_functions_before():
        if read.name in written:
            raise RefactorRefused(
                f"{read.name} is read by a function, on line {read.node.lineno}, that the selection may "
                "call: it would not have its new value there"
            )
    for tried, read_then in blocks.read_after_errors(selected.path, selected.statements):
        for name in sorted(written & read_then):
            raise RefactorRefused(
                f"{name} is read where an error in the selection is caught, by the "
                f"`{'with' if isinstance(tried, ast.With | ast.AsyncWith) else 'try'}` on line "
                f"{tried.lineno}, and would not have its new value there"
            )


def _read_first(selected: Selected, names: AbstractSet[str]) -> Iterator[str]:
    """Those of the names that are read before the selection itself gives them a value."""
    yield from (it.name for it in selected.first_reads() if it.name in names)


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
    added = _placed(source, home, "\n".join(lines), blank_lines=1 if margin else 2)
    return apply_edits(source.text, [TextEdit(selected.start, selected.end, call), added])


def _placed(source: Source, home: _Home, text: str, blank_lines: int) -> TextEdit:
    """Puts a function where it is to stand, with blank lines around it."""
    is_early = home.function is not None and not home.owner and may_call(home.function)
    if home.function is None or is_early:
        line = first_line(home.function or home.statement)
        at = source.line_start(line)
        is_first = not at or source.lines[line - 2].rstrip().endswith(":")
        above = _blank_lines(source, range(line - 1, 0, -1))
        missing = 0 if is_first else blank_lines - above
        return TextEdit(at, at, "\n" * missing + text + "\n" * (blank_lines + 1))
    line = home.function.end_lineno or home.function.lineno
    at = source.line_start(line) + len(source.lines[line - 1])
    missing = blank_lines - _blank_lines(source, range(line + 1, len(source.lines) + 1))
    is_last = not source.text[at:].strip()
    return TextEdit(at, at, "\n" * (blank_lines + 1) + text + ("" if is_last else "\n" * missing))


def _blank_lines(source: Source, lines: Iterable[int]) -> int:
    return sum(1 for _ in itertools.takewhile(source.is_blank, lines))


def _place_in_class(home: _Home) -> tuple[str, str, str]:
    """What stands before a call, the first parameter and the decorator of a method; or nothing."""
    if home.function is None or not home.owner:
        return "", "", ""
    kind = kind_of(home.function)
    if kind is MethodKind.STATIC:
        return f"{home.owner}.", "", "staticmethod"
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
    return reindented(selected.source, selected.start, f"return {in_brackets(text)}", margin)


def in_brackets(text: str) -> str:
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
