"""Makes a variable of an expression, which is computed before its statement from then on. Pure.

What is computed too early, too often or in another order than it was is refused, or doubtful.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence

from lsp_server.edits.python_scopes import FunctionNode, Scope
from lsp_server.edits.python_source import first_line
from lsp_server.refactor import name_flow
from lsp_server.refactor.effects import Effects
from lsp_server.refactor.evaluation import acts_before, bound_before, evaluation_of, run_before
from lsp_server.refactor.extract import in_brackets, reindented
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.selected import expression_of, path_to
from lsp_server.refactor.source import Source, TextEdit, apply_edits

# They make nothing of what stands in the body of a class but attributes.
_PLAIN_BASES = frozenset({"object", "ABC", "Generic", "Exception", "ValueError", "RuntimeError"})
_OF_CLASS_BODIES = frozenset({"__module__", "__qualname__"})


def extract_variable(source: Source, start: int, end: int, name: str) -> tuple[str, str]:
    """The text with an expression in a variable before its statement, and a doubt, or none.

    Raises `RefactorRefused`.
    """
    path = path_to(source, start, end)
    expression = expression_of(source, path, start, end)
    at = next(n for n in range(len(path) - 1, -1, -1) if isinstance(path[n], ast.stmt))
    statement = path[at]
    assert isinstance(statement, ast.stmt)
    to_it = [*itertools.takewhile(lambda it: it is not expression, path[at:]), expression]
    evaluation = evaluation_of(to_it)
    if evaluation.repeated:
        raise RefactorRefused(evaluation.repeated)
    doubt = evaluation.skipped or _other_order(source, expression, run_before(to_it))
    if acts_before(source, statement, to_it, ast.Await | ast.Yield | ast.YieldFrom):
        doubt = "it is computed before what is awaited or yielded in its statement"
    before = path[at - 1]
    while isinstance(before, ast.If) and _is_elif(source, before, statement):
        doubt = "it is computed also where an earlier condition holds"
        at, statement = at - 1, before
        before = path[at - 1]
    _check_variable(source, statement, to_it)
    text = source.text[start:end]
    use = TextEdit(start, end, name)
    head = source.text[source.line_start(statement.lineno) : source.start(statement)]
    if head.strip() and not isinstance(statement, FunctionNode | ast.ClassDef):
        place = source.start(statement)  # behind a colon or another statement of its line
        new = TextEdit(place, place, f"{name} = {in_brackets(text)}; ")
        return apply_edits(source.text, [new, use]), doubt
    classes = _classes_around(path[: at + 1])
    if collector := next(filter(_collects, classes), None):
        doubt = _before_classes(source, classes, collector, expression) or doubt
        statement = classes[-1]
    line = first_line(statement)
    lines = reindented(source, start, f"{name} = {in_brackets(text)}", source.indent_of(line))
    place = source.line_start(line)
    return apply_edits(source.text, [TextEdit(place, place, "\n".join(lines) + "\n"), use]), doubt


def _other_order(source: Source, expression: ast.expr, before: Sequence[ast.AST]) -> str:
    """A doubt where what ran before an expression may matter to it, or the other way round."""
    conflict = Effects(source.tree).conflict(before, expression)
    if conflict is None:
        return ""
    written, *more = ast.unparse(conflict).split("\n")
    return f"it is computed before {written}{' ...' if more else ''}, which may matter to it"


def _check_variable(source: Source, statement: ast.stmt, path: Sequence[ast.AST]) -> None:
    """That the end of a path may be computed before a statement. Raises `RefactorRefused`."""
    expression = path[-1]
    bound = bound_before(source, statement, path)
    for read in name_flow.reads(expression):
        if read.name in bound:
            raise RefactorRefused(f"{read.name} has its value from the same statement")
    is_string = isinstance(expression, ast.Constant) and isinstance(expression.value, str)
    if is_string and isinstance(path[-2], ast.Expr):
        raise RefactorRefused("a docstring, or a text that stands alone, is no value of anything")


def _is_elif(source: Source, around: ast.If, statement: ast.stmt) -> bool:
    return (
        around.orelse == [statement]
        and isinstance(statement, ast.If)
        and source.text.startswith("elif", source.start(statement))
    )


def _classes_around(path: Sequence[ast.AST]) -> list[ast.ClassDef]:
    """The classes in whose bodies the end of a path runs, the innermost first."""
    scopes = [it for it in reversed(path[:-1]) if isinstance(it, Scope)]
    return [
        it
        for it in itertools.takewhile(lambda it: isinstance(it, ast.ClassDef), scopes)
        if isinstance(it, ast.ClassDef)
    ]


def _collects(class_: ast.ClassDef) -> bool:
    """Whether a class may make more of its variables than attributes: members, fields, columns."""
    return bool(
        class_.decorator_list
        or class_.keywords
        or any(_last_name(it) not in _PLAIN_BASES for it in class_.bases)
    )


def _last_name(base: ast.expr) -> str:
    while isinstance(base, ast.Subscript):
        base = base.value
    return ast.unparse(base).rpartition(".")[2]


def _before_classes(
    source: Source,
    classes: Sequence[ast.ClassDef],
    collector: ast.ClassDef,
    expression: ast.expr,
) -> str:
    """A doubt, or none, where an expression is computed before the classes. Raises `RefactorRefused`."""
    own = _OF_CLASS_BODIES | {it for class_ in classes for it in name_flow.bound(class_.body)}
    for read in name_flow.reads(expression):
        is_private = read.name.startswith("__") and not read.name.endswith("__")
        if read.name in own or is_private:
            raise RefactorRefused(
                f"a variable in the body of {collector.name} may become a member or a field of it, and "
                f"before the class {read.name} has no value"
            )
    start = source.start(expression)
    before = [
        it
        for class_ in classes
        for it in class_.body
        if source.end(it) <= start and not isinstance(it, Scope)
    ]
    return _other_order(source, expression, before)
