"""Repairs of statements: one that is missing, too much, in the wrong place, or leaves wrongly. Pure."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator

from lsp_server.agent.repairs.region import Edit, Proposal, Region
from lsp_server.workspace.documents import split_lines

_MAX_NAMES = 8
_MAX_COPIES = 8
_SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)
_JUMPS = {ast.Break: "break", ast.Continue: "continue"}


def statements(region: Region) -> Iterator[Proposal]:
    yield from _moved(region)
    yield from _left_out(region)
    yield from _leaving(region)
    yield from _inserted(region)
    yield from _base_cases(region)


def _moved(region: Region) -> Iterator[Proposal]:
    """A block's last statement behind the block, the one behind into it, or two that change places."""
    for block in region.blocks():
        for one, other in itertools.pairwise(block):
            yield from _exchanged(region, one, other)
            inner = _last_block(one)
            if inner and isinstance(other, _SIMPLE):
                text = region.text[region.line_start(other) : region.behind(other)]
                indented = _indented(text, region.indentation(inner[-1]))
                yield _line_edit(region, other, indented, "statement into the block before", 0.4)
    for statement in region.statements():
        inner = _last_block(statement)
        if len(inner) > 1 and isinstance(inner[-1], _SIMPLE):
            last = inner[-1]
            text = region.text[region.line_start(last) : region.behind(last)]
            outdented = _indented(text, region.indentation(statement))
            yield _line_edit(region, last, outdented, "statement behind its block", 0.4)


def _last_block(node: ast.stmt) -> list[ast.stmt]:
    if isinstance(node, ast.For | ast.AsyncFor | ast.While | ast.If | ast.With):
        return node.orelse if getattr(node, "orelse", None) else node.body  # type: ignore[union-attr]
    return []


def _exchanged(region: Region, one: ast.stmt, other: ast.stmt) -> Iterator[Proposal]:
    start, middle, end = region.line_start(one), region.line_start(other), region.behind(other)
    if start >= middle or not isinstance(one, _SIMPLE) or not isinstance(other, _SIMPLE):
        return
    first, second = region.text[start : region.behind(one)], region.text[middle:end]
    between = region.text[region.behind(one) : middle]
    second = second if second.endswith("\n") else second + "\n"
    edit = Edit(start, end, second + between + first)
    yield Proposal((edit,), "statements exchanged", 0.35, one.lineno - 1)


def _line_edit(
    region: Region, statement: ast.stmt, text: str, template: str, prior: float
) -> Proposal:
    edit = Edit(region.line_start(statement), region.behind(statement), text)
    return Proposal((edit,), template, prior, statement.lineno - 1)


def _indented(text: str, indentation: str) -> str:
    lines = split_lines(text)
    own = len(lines[0]) - len(lines[0].lstrip())
    return "".join(indentation + line[own:] if line.strip() else line for line in lines)


def _left_out(region: Region) -> Iterator[Proposal]:
    for statement in region.statements():
        if not isinstance(statement, _SIMPLE) or _shares_line(region, statement):
            continue
        text = f"{region.indentation(statement)}pass\n" if _is_alone(region, statement) else ""
        yield _line_edit(region, statement, text, "statement left out", 0.2)


def _is_alone(region: Region, statement: ast.stmt) -> bool:
    return any(block == [statement] for block in region.blocks())


def _shares_line(region: Region, statement: ast.stmt) -> bool:
    before = region.text[region.line_start(statement) : region.start(statement)]
    return bool(before.strip())


def _leaving(region: Region) -> Iterator[Proposal]:
    """`break` for `continue`, a value that is not returned, and how a generator hands on."""
    for statement in region.statements():
        start, line = region.start(statement), statement.lineno - 1
        if isinstance(statement, ast.Break | ast.Continue):
            old = _JUMPS[type(statement)]
            for new in ("break", "continue", "pass"):
                if new != old:
                    edit = Edit(start, start + len(old), new)
                    yield Proposal((edit,), "other way to leave", 0.35, line)
        elif isinstance(statement, ast.Expr):
            match statement.value:
                case ast.Yield(value=ast.expr() as value):
                    text = f"yield from {region.source(value)}"
                    edit = Edit(start, region.end(statement), text)
                    yield Proposal((edit,), "yield from", 0.4, line)
                case ast.YieldFrom(value=value):
                    edit = Edit(start, region.end(statement), f"yield {region.source(value)}")
                    yield Proposal((edit,), "yield", 0.3, line)
                case ast.Call():
                    yield Proposal((Edit(start, start, "return "),), "missing return", 0.3, line)
        elif isinstance(statement, ast.Return) and statement.value is not None:
            yield from _returned_later(region, statement)


def _returned_later(region: Region, statement: ast.Return) -> Iterator[Proposal]:
    """What is returned together with what a name holds."""
    if statement.value is None or not isinstance(statement.value, ast.ListComp | ast.Name):
        return
    value = region.source(statement.value)
    for name in region.named("list", "str", "")[:_MAX_NAMES]:
        if name != value:
            text = f"{name} + {value}"
            yield region.replace(statement.value, text, "missing operand", 0.2)


def _inserted(region: Region) -> Iterator[Proposal]:
    """A statement that is missing: like one near by, a name kept, an item added, a count."""
    lines = list(_new_lines(region))
    for block in region.blocks():
        for number, statement in enumerate(block):
            if _shares_line(region, statement):
                continue
            indentation = region.indentation(statement)
            if not _leaves(statement):
                at = region.behind(statement)
                lead = "" if region.text[:at].endswith("\n") else "\n"
                for text, prior in lines:
                    edit = Edit(at, at, f"{lead}{indentation}{text}\n")
                    yield Proposal((edit,), "missing statement", prior, statement.lineno - 1)
            if number == 0 or _leaves(statement):
                at = region.line_start(statement)
                for text, prior in lines:
                    edit = Edit(at, at, f"{indentation}{text}\n")
                    yield Proposal((edit,), "missing statement", prior, statement.lineno - 1)


def _leaves(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Return | ast.Raise | ast.Break | ast.Continue)


def _new_lines(region: Region) -> Iterator[tuple[str, float]]:
    """Statements that might be missing somewhere, each once."""
    found: dict[str, float] = {}
    names = region.names[:_MAX_NAMES]
    # A collection that is asked for what it has comes first: it may never be given anything.
    for name, method, prior in (
        *_filled(_asked(region), region, 0.2),
        *_filled(names, region, 0.15),
    ):
        for item in names:
            if item != name:
                found.setdefault(f"{name}.{method}({item})", prior)
    for name in region.named("int"):
        found.setdefault(f"{name} += 1", 0.15)
        found.setdefault(f"{name} -= 1", 0.1)
    stored = _stored(region)
    for one, other in itertools.permutations(names, 2):
        kinds = {region.kind(one), region.kind(other)} - {""}
        if one in stored and len(kinds) <= 1:
            found.setdefault(f"{one} = {other}", 0.1)
    copies = [
        region.source(it)
        for it in region.statements()
        if isinstance(it, ast.AugAssign | ast.Expr) and it.lineno == it.end_lineno
    ]
    for text in copies[:_MAX_COPIES]:
        found.setdefault(text, 0.12)
    yield from found.items()


def _filled(names: Iterable[str], region: Region, prior: float) -> Iterator[tuple[str, str, float]]:
    """How something is put into collections; where it is not known what a name holds, either way."""
    for name in names:
        kind = region.kind(name)
        for method, of in _OF.items():
            if kind == of or (not kind and prior > _USUAL):
                yield name, method, prior


_USUAL = 0.15
_OF = {"add": "set", "append": "list"}


def _stored(region: Region) -> set[str]:
    return {
        it.id
        for it in region.expressions()
        if isinstance(it, ast.Name) and isinstance(it.ctx, ast.Store)
    }


def _asked(region: Region) -> list[str]:
    """Names whose items a condition asks for with `in`."""
    found: dict[str, None] = {}
    for node in region.expressions():
        match node:
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id=name)]):
                if name in region.names:
                    found[name] = None
    return list(found)


def _base_cases(region: Region) -> Iterator[Proposal]:
    """What is returned at once for nothing: of each parameter that may be empty, zero or None."""
    function = region.node
    body = [it for it in function.body if not region.is_docstring(it)]
    if not body:
        return
    values = {
        region.source(it.value): None
        for it in region.statements()
        if isinstance(it, ast.Return) and isinstance(it.value, ast.Constant | ast.List | ast.Name)
    }
    at, indentation = region.line_start(body[0]), region.indentation(body[0])
    parameters = [it.arg for it in function.args.args if it.arg not in {"self", "cls"}]
    for name in parameters[:4]:
        answers = dict.fromkeys((*values, name, "[]", "0", "None", "1", "False", '""'))
        for test in (f"not {name}", f"{name} is None"):
            for answer in list(answers)[:8]:
                text = f"{indentation}if {test}:\n{indentation}    return {answer}\n"
                proposal = Proposal((Edit(at, at, text),), "missing base case", 0.08, 0)
                yield Proposal(proposal.edits, proposal.template, 0.08, body[0].lineno - 1)
