"""Moves a method out of its class, to a function behind it, and rewrites what calls it. Pure.

`self.method(x)` becomes `method(x)` where the method makes no use of its instance, else
`method(self, x)`. What may call the method in a way that cannot be known from the code (objects of
another file or an unknown type, a base class from elsewhere) is served by a method that stays and
calls the function. What cannot be moved without another meaning is refused.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lsp_server.edits.python_scopes import FunctionNode, Scope, own_nodes_of, parameters_of
from lsp_server.edits.python_source import first_line
from lsp_server.refactor import method_text
from lsp_server.refactor.method_uses import (
    MethodKind,
    Receiver,
    Use,
    Uses,
    defines,
    find_uses,
    first_parameter,
    heirs,
    kind_of,
    last_name,
)
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import Source, TextEdit, apply_edits, parse

_OF_METHODS = ("staticmethod", "classmethod", "override")
# They call what they are given with the arguments that they are called with.
_TRANSPARENT = ("cache", "lru_cache", "contextmanager", "asynccontextmanager", "wraps")


@dataclass(frozen=True, slots=True)
class Moved:
    """The file's text behind the move; `kept` says why a method stays that calls the function."""

    text: str
    kept: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A method, its class and the classes around that, the outermost first."""

    method: FunctionNode
    owner: ast.ClassDef
    around: tuple[ast.ClassDef, ...]

    @property
    def outermost(self) -> ast.ClassDef:
        return (*self.around, self.owner)[0]

    @property
    def class_path(self) -> str:
        return ".".join(it.name for it in (*self.around, self.owner))


def move_method(text: str, line: int, others: Mapping[str, str], path: str = "the file") -> Moved:
    """Moves the method whose head is on a line, which counts from 0.

    `others` are texts of other files that have the method's name in them, by path: they stay as they
    are. Raises `RefactorRefused`.
    """
    source = Source(text, path)
    place = _find_method(source, line + 1)
    method, kind = place.method, kind_of(place.method)
    _check(source, place)
    uses = find_uses(source.tree, place.owner, method)
    _check_uses(source, place, uses, others)
    keeps_first = kind is not MethodKind.STATIC and _needs_first(method, kind, uses)
    edits = [*_rewrite_uses(source, place, kind, uses.found, keeps_first=keeps_first)]
    kept = _why_kept(source, place, uses, others)
    function = method_text.function_text(
        source,
        method,
        source.indent_of(place.outermost.lineno),
        [
            *edits,
            *_at_module_level(source, place),
            *(
                ()
                if keeps_first or kind is MethodKind.STATIC
                else method_text.without_first_parameter(source, method)
            ),
        ],
    )
    left = (
        method_text.delegate(source, method, kind, keeps_first=keeps_first)
        if kept
        else method_text.removal(source, method, place.owner)
    )
    edits = [it for it in edits if not left.start <= it.start < left.end]
    at = source.line_start(method_text.behind_class(source, place.outermost))
    before = "" if source.text[:at].endswith("\n") else "\n"
    between = "\n" if source.indent_of(place.outermost.lineno) else "\n\n"
    edits += [left, TextEdit(at, at, f"{before}{between}{function}")]
    return Moved(apply_edits(source.text, edits), kept)


def _find_method(source: Source, line: int) -> _Place:
    def search(node: ast.AST, around: tuple[ast.ClassDef, ...]) -> Iterator[_Place]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, FunctionNode):
                is_here = first_line(child) <= line < child.body[0].lineno or line == child.lineno
                if is_here and around and child in around[-1].body:
                    yield _Place(child, around[-1], around[:-1])
            elif isinstance(child, ast.ClassDef):
                yield from search(child, (*around, child))
            else:
                yield from search(child, around)

    found = next(search(source.tree, ()), None)
    if found is None:
        raise RefactorRefused(
            "there is no method of a class here that could become a function of the module: put the "
            "cursor on its name. Methods of classes inside of functions stay there"
        )
    return found


def _check(source: Source, place: _Place) -> None:
    method, owner = place.method, place.owner
    name = method.name
    if name.startswith("__"):
        why = (
            "Python itself calls it" if name.endswith("__") else "its name is private to the class"
        )
        raise RefactorRefused(f"{name} has to stay in its class: {why}")
    if kind_of(method) is not MethodKind.STATIC and first_parameter(method) is None:
        raise RefactorRefused(f"{name} has no parameter for its instance")
    for decorator in method.decorator_list:
        spelled = last_name(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if spelled in (
            "property",
            "cached_property",
            "setter",
            "getter",
            "deleter",
            "overload",
        ) or (spelled.startswith("abstract")):
            raise RefactorRefused(
                f"{name} is decorated with {spelled}, which works in a class alone"
            )
    if sum(_binds(it, name) for it in owner.body) > 1:
        raise RefactorRefused(f"{place.class_path} defines {name} more than once")
    for node in ast.walk(method):
        if isinstance(node, ast.Name) and node.id in ("super", "__class__"):
            raise RefactorRefused(
                f"{name} uses {node.id} on line {node.lineno}, which needs the class"
            )
    module = symtable.symtable(source.text, "module", "exec")
    if any(it.is_assigned() or it.is_imported() for it in _lookup(module, name)):
        raise RefactorRefused(f"the module has another {name} already; rename the method first")
    if hasattr(builtins, name) and any(
        isinstance(it, ast.Name) and it.id == name for it in ast.walk(source.tree)
    ):
        raise RefactorRefused(
            f"the module uses Python's own {name}, which the function would hide; rename it first"
        )


def _lookup(table: symtable.SymbolTable, name: str) -> Iterator[symtable.Symbol]:
    if name in table.get_identifiers():
        yield table.lookup(name)


def _binds(node: ast.stmt, name: str) -> bool:
    if isinstance(node, FunctionNode | ast.ClassDef):
        return node.name == name
    return any(
        isinstance(it, ast.Name) and it.id == name and isinstance(it.ctx, ast.Store)
        for it in ast.walk(node)
    )


def _check_uses(source: Source, place: _Place, uses: Uses, others: Mapping[str, str]) -> None:
    name = place.method.name
    if uses.assigned:
        raise RefactorRefused(f"line {uses.assigned[0]} sets {name} as an attribute")
    if uses.in_class_body:
        raise RefactorRefused(
            f"the body of the class itself uses {name} on line {uses.in_class_body[0]}"
        )
    trees = {source.path: source.tree}
    for path, text in others.items():
        try:
            trees[path] = parse(text, path)
        except RefactorRefused:
            continue  # a file that is no Python defines no class
    for path, tree in trees.items():
        for heir in heirs(tree, place.owner.name):
            line = defines(heir, name)
            if line is not None and heir is not place.owner:
                raise RefactorRefused(
                    f"{heir.name} overrides {name} ({path}, line {line}): a function cannot be"
                )


def _needs_first(method: FunctionNode, kind: MethodKind, uses: Uses) -> bool:
    """Whether the function has to have the instance, or the class, as a parameter."""
    first = first_parameter(method)
    if first is None:
        return False
    transparent = (*_OF_METHODS, *_TRANSPARENT)
    for decorator in method.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if last_name(called) not in transparent:
            return True  # it may do something with the arguments
    wanted = Receiver.CLASS if kind is MethodKind.CLASS else Receiver.INSTANCE
    own = {
        it.node.value
        for it in uses.found
        if it.receiver is wanted and method in it.scopes and it.call is not None
    }
    return any(
        isinstance(node, ast.Name) and node.id == first.arg and node not in own
        for part in method.body
        for node in ast.walk(part)
    )


def _rewrite_uses(
    source: Source, place: _Place, kind: MethodKind, uses: list[Use], *, keeps_first: bool
) -> Iterator[TextEdit]:
    name = place.method.name
    renamed: set[tuple[Scope, ...]] = set()
    for use in uses:
        if use.receiver is Receiver.UNKNOWN:
            continue
        yield from _free_name(source, use, name, renamed)
        yield TextEdit(source.start(use.node), source.end(use.node), name)
        # Of an instance's method that is called on its class the instance is the first argument.
        has_instance = kind is MethodKind.INSTANCE and use.receiver is not Receiver.INSTANCE
        if use.call is None:
            if has_instance != keeps_first:
                how = "without an instance" if has_instance else "with its instance"
                raise RefactorRefused(
                    f"line {use.node.lineno} passes {name} on {how}: call it there first"
                )
        elif has_instance and not keeps_first:
            yield _without_first_argument(source, use.call, name)
        elif keeps_first and not has_instance:
            receiver = source.text_of(use.node.value)
            if kind is MethodKind.CLASS and use.receiver is Receiver.INSTANCE:
                receiver = f"type({receiver})"
            yield from _with_first_argument(source, use.call, receiver)


def _with_first_argument(source: Source, call: ast.Call, receiver: str) -> Iterator[TextEdit]:
    arguments = _arguments(call)
    start = (
        source.start(arguments[0])
        if arguments
        else source.text.index("(", source.end(call.func)) + 1
    )
    if arguments and source.end(arguments[0]) == source.end(call):
        # A generator that has the brackets of the call for its own.
        end = source.end(call)
        yield TextEdit(start, start, f"({receiver}, ")
        yield TextEdit(end, end, ")")
        return
    yield TextEdit(start, start, f"{receiver}, " if arguments else receiver)


def _without_first_argument(source: Source, call: ast.Call, name: str) -> TextEdit:
    if not call.args or isinstance(call.args[0], ast.Starred):
        raise RefactorRefused(f"line {call.lineno} calls {name} without naming its instance")
    first = call.args[0]
    following = _arguments(call)[1:]
    end = source.start(following[0]) if following else source.end(first)
    return TextEdit(source.start(first), end, "")


def _arguments(call: ast.Call) -> list[ast.expr | ast.keyword]:
    """All arguments, in the order of the text."""
    return sorted([*call.args, *call.keywords], key=lambda it: (it.lineno, it.col_offset))


def _free_name(
    source: Source, use: Use, name: str, renamed: set[tuple[Scope, ...]]
) -> Iterator[TextEdit]:
    """Renames a variable around a use that would hide the function."""
    for depth, scope in enumerate(use.scopes, start=1):
        if isinstance(scope, ast.ClassDef):
            continue
        if any(it.arg == name for it in parameters_of(scope)):
            raise RefactorRefused(
                f"around line {use.node.lineno} there is a parameter {name}, which would hide the "
                "function; rename it first"
            )
        stores = [it for it in own_nodes_of(scope) if _is_store(it, name)]
        if not stores or use.scopes[:depth] in renamed:
            continue
        renamed.add(use.scopes[:depth])
        other = f"{name}_"
        taken = {it.id for it in ast.walk(scope) if isinstance(it, ast.Name)}
        if other in taken or not all(isinstance(it, ast.Name) for it in stores):
            raise RefactorRefused(
                f"around line {use.node.lineno} there is a local {name}, which would hide the "
                "function; rename it first"
            )
        for node in ast.walk(scope):
            if isinstance(node, ast.Name) and node.id == name:
                yield TextEdit(source.start(node), source.end(node), other)


def _is_store(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name and not isinstance(node.ctx, ast.Load)
    if isinstance(
        node, FunctionNode | ast.ClassDef | ast.ExceptHandler | ast.MatchAs | ast.MatchStar
    ):
        return node.name == name
    if isinstance(node, ast.alias):
        return (node.asname or node.name.partition(".")[0]) == name
    return isinstance(node, ast.Global | ast.Nonlocal) and name in node.names


def _at_module_level(source: Source, place: _Place) -> Iterator[TextEdit]:
    """What means something else, or nothing, outside of the class: its own names, private names."""
    method, owner = place.method, place.owner
    bound = {
        it.id for it in own_nodes_of(owner) if isinstance(it, ast.Name) and _is_store(it, it.id)
    }
    bound |= {it.name for it in own_nodes_of(owner) if isinstance(it, FunctionNode | ast.ClassDef)}
    arguments = method.args
    evaluated = [
        *method.decorator_list,
        *arguments.defaults,
        *(it for it in arguments.kw_defaults if it is not None),
        *(it.annotation for it in parameters_of(method) if it.annotation is not None),
        *([method.returns] if method.returns is not None else []),
    ]
    for part in evaluated:
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and node.id in bound:
                start = source.start(node)
                yield TextEdit(start, start, f"{place.class_path}.")
    for decorator in method.decorator_list:
        if isinstance(decorator, ast.Name) and decorator.id in _OF_METHODS:
            line = decorator.lineno
            yield TextEdit(source.line_start(line), source.line_start(line + 1), "")
    mangled = f"_{owner.name.lstrip('_')}"
    for node in ast.walk(method):
        name = node.attr if isinstance(node, ast.Attribute) else ""
        name = node.id if isinstance(node, ast.Name) else name
        if name.startswith("__") and not name.endswith("__"):
            assert isinstance(node, ast.Attribute | ast.Name)
            at = source.end(node) - len(name)
            yield TextEdit(at, at, mangled)


def _why_kept(source: Source, place: _Place, uses: Uses, others: Mapping[str, str]) -> str:
    name, owner = place.method.name, place.owner
    unknown = [it.node.lineno for it in uses.found if it.receiver is Receiver.UNKNOWN]
    lines = sorted([*unknown, *uses.spelled])
    if lines:
        return f"line {lines[0]} may call it"
    for path, text in others.items():
        if _mentions(text, path, name):
            return f"{path} may call it"
    in_file = {it.name: it for it in ast.walk(source.tree) if isinstance(it, ast.ClassDef)}
    waiting = [*owner.bases]
    seen = {owner.name}
    while waiting:
        base = last_name(waiting.pop())
        if base in seen or base in ("object", "Generic", "Protocol"):
            continue
        seen.add(base)
        if base in in_file:
            if defines(in_file[base], name) is not None:
                return f"{base} has a {name} too, in whose place it may be called"
            waiting += in_file[base].bases
        elif not name.startswith("_"):
            return f"{base or 'a base class'} may call it"
    return ""


def _mentions(text: str, path: str, name: str) -> bool:
    if name not in text:
        return False
    try:
        tree = parse(text, path)
    except RefactorRefused:
        return True
    return any(
        (isinstance(node, ast.Attribute) and node.attr == name)
        or (isinstance(node, ast.Constant) and node.value == name)
        for node in ast.walk(tree)
    )
