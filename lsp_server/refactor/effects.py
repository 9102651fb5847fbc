"""Whether two pieces of code may change places, by what is known of what they call. Pure.

Known are functions of Python itself and those of the same file, as far as they call nothing else. Of a
call that is not known it counts as possible that it does something; of an attribute that another one sets
it only where that is seen, or where a method of the same object is called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from lsp_server.edits.python_scopes import FunctionNode, own_nodes, own_nodes_of
from lsp_server.refactor import name_flow

_MAX_DEPTH = 4  # of functions that call each other
_PURE_FUNCTIONS = frozenset(
    """
    abs all any ascii bin bool bytearray bytes callable chr complex dict divmod enumerate filter
    float format frozenset getattr hasattr hash hex id int isinstance issubclass len list map max
    memoryview min object oct ord pow property range repr reversed round set slice sorted str sum
    super tuple type vars zip cast Path PurePath PurePosixPath Decimal Fraction Counter OrderedDict
    defaultdict deque partial attrgetter itemgetter namedtuple timedelta TypeVar NewType signature
    dedent
    """.split()  # noqa: SIM905 - one a line would be three screens
)
_PURE_METHODS = frozenset(
    """
    as_posix bit_length capitalize casefold center copy count decode difference encode endswith
    expandtabs find format format_map from_bytes fromkeys hex index intersection isalnum isalpha
    isascii isdecimal isdigit isidentifier islower isnumeric isspace issubset issuperset istitle
    isupper items join keys ljust lower lstrip maketrans most_common partition removeprefix
    removesuffix rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip
    swapcase symmetric_difference title to_bytes total_seconds translate union upper values
    with_name with_suffix zfill
    """.split()  # noqa: SIM905 - one a line would be three screens
)
_PURE_MODULES = frozenset(
    """
    ast collections colorsys copy dataclasses decimal difflib fnmatch fractions functools
    html ipaddress itertools keyword math numbers operator posixpath re shlex statistics string
    textwrap types typing unicodedata
    """.split()  # noqa: SIM905 - one a line would be three screens
)
_CHANGES = frozenset(
    """
    add append appendleft clear close discard extend insert next pop popitem popleft read readline
    readlines remove reverse seek send setdefault sort update write
    """.split()  # noqa: SIM905 - one a line would be three screens
)
_PLAIN_BASES = frozenset({"object", "ABC", "Generic", "Protocol", "Exception"})
_MAKERS = ("__init__", "__new__", "__post_init__")
_PURE_DECORATORS = ("staticmethod", "classmethod", "property", "override", "final", "overload")


class Effects:
    """Of the code of one file."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree

    @cached_property
    def _defined(self) -> dict[str, list[FunctionNode | ast.ClassDef]]:
        found: dict[str, list[FunctionNode | ast.ClassDef]] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, FunctionNode | ast.ClassDef):
                found.setdefault(node.name, []).append(node)
        return found

    @cached_property
    def _shared(self) -> set[str]:
        """The names that functions set which are not their own."""
        found = [it for it in ast.walk(self._tree) if isinstance(it, ast.Global | ast.Nonlocal)]
        return {name for it in found for name in it.names}

    @cached_property
    def _modules(self) -> set[str]:
        """What is imported whole, whose attributes hardly change."""
        imports = [it for it in ast.walk(self._tree) if isinstance(it, ast.Import)]
        return {alias.asname or alias.name for it in imports for alias in it.names}

    def conflict(self, before: Sequence[ast.AST], moved: ast.expr) -> ast.expr | None:
        """What of that which runs before an expression may matter to it, or it to that; or None."""
        reads = list(self._reads_of_state([moved]))
        own = list(self._acts([moved]))
        for act in self._acts(before):
            if own or any(self._may_set(act, it) for it in reads):
                return act
        for read in self._reads_of_state(before) if own else ():
            if any(self._may_set(act, read) for act in own):
                return read
        return None

    def _reads_of_state(self, nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
        """What is read of what may be changed elsewhere: no more than local names stand for themselves."""
        for node in _run(nodes):
            match node:
                case ast.Attribute(ctx=ast.Load()) | ast.Subscript(ctx=ast.Load()):
                    yield node
                case ast.Name(id=name) if name in self._shared:
                    yield node
                case ast.Call(args=arguments):
                    yield from (it for it in arguments if isinstance(it, ast.Name))
                case _:
                    pass

    def _acts(self, nodes: Iterable[ast.AST], depth: int = 0) -> Iterator[ast.expr]:
        """What does something, or may, when the nodes are run."""
        for node in _run(nodes):
            match node:
                case ast.Await() | ast.Yield() | ast.YieldFrom() | ast.NamedExpr():
                    yield node
                case ast.Call() if not self._is_pure(node, depth):
                    yield node
                case _:
                    pass

    def _is_pure(self, call: ast.Call, depth: int) -> bool:
        match call.func:
            case ast.Name(id=name) if name in self._defined:
                return self._are_pure(self._defined[name], depth)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                return self._are_pure(self._defined.get(name, []), depth)
            case ast.Attribute(attr=name) if name in self._defined:
                return False  # of an object whose type is not known
            case _:
                return _is_known(call)

    def _are_pure(self, definitions: Sequence[FunctionNode | ast.ClassDef], depth: int) -> bool:
        return (
            bool(definitions)
            and depth < _MAX_DEPTH
            and all(self._is_pure_definition(it, depth + 1) for it in definitions)
        )

    def _is_pure_definition(self, node: FunctionNode | ast.ClassDef, depth: int) -> bool:
        if isinstance(node, ast.ClassDef):
            makers = [it for it in node.body if isinstance(it, FunctionNode) and it.name in _MAKERS]
            is_plain = not node.keywords and all(
                isinstance(it, ast.Name) and it.id in _PLAIN_BASES for it in node.bases
            )
            return is_plain and all(self._is_pure_definition(it, depth) for it in makers)
        own = list(own_nodes_of(node))
        if isinstance(node, ast.AsyncFunctionDef) or any(
            isinstance(it, ast.Yield | ast.YieldFrom) for it in own
        ):
            return not node.decorator_list  # to call it runs none of it
        if any(_last_name(it) not in _PURE_DECORATORS for it in node.decorator_list):
            return False
        is_maker = node.name in _MAKERS  # of what nothing else has yet
        sets = [it for _, it in _sets(own) if not (is_maker and isinstance(it, ast.Attribute))]
        return not sets and not any(True for _ in self._acts(node.body, depth))

    def _may_set(self, act: ast.expr, read: ast.expr) -> bool:
        """Whether something that is done may set what is read elsewhere in the same statement."""
        if not isinstance(act, ast.Call):
            return True
        method = act.func
        if isinstance(method, ast.Attribute) and ast.unparse(method.value) not in self._modules:
            receiver = ast.dump(method.value)
            is_of_it = any(ast.dump(it) == receiver for it in ast.walk(read))
            if is_of_it and (method.attr in _CHANGES or not self._reached(act)):
                return method.attr in _CHANGES or isinstance(read, ast.Attribute)
        if isinstance(method, ast.Name) and method.id == "next" and act.args:
            return ast.dump(act.args[0]) == ast.dump(read)
        wanted = read.id if isinstance(read, ast.Name) else None
        wanted = read.attr if isinstance(read, ast.Attribute) else wanted
        return any(name == wanted for it in self._reached(act) for name, _ in _sets(_run(it.body)))

    def _reached(self, call: ast.Call) -> list[FunctionNode]:
        """The functions of the file that a call may run, by their names."""
        found: list[FunctionNode] = []
        waiting = [call]
        while waiting:
            function = waiting.pop().func
            name = function.id if isinstance(function, ast.Name) else ""
            if isinstance(function, ast.Attribute):
                name = function.attr
            for it in self._defined.get(name, []):
                if isinstance(it, FunctionNode) and it not in found:
                    found.append(it)
                    waiting += [inner for inner in _run(it.body) if isinstance(inner, ast.Call)]
        return found


def _is_known(call: ast.Call) -> bool:
    """Whether something that is not of the file does nothing but compute."""
    match call.func:
        case ast.Name(id=name):
            is_known = name in _PURE_FUNCTIONS or name.endswith(("Error", "Exception", "Warning"))
        case ast.Attribute(value=ast.Name(id=module)) if module in _PURE_MODULES:
            is_known = True
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="os"), attr="path")):
            is_known = True
        case ast.Attribute(attr="get"):
            is_known = bool(call.args)  # of a mapping: that of a queue has none
        case ast.Attribute(attr=name):
            is_known = name in _PURE_METHODS
        case _:
            is_known = False
    return is_known


def _last_name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called).rpartition(".")[2]


def _run(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes below that run when the nodes do: none of a function's or a lambda's body."""
    for node in own_nodes(nodes):
        yield node
        if isinstance(node, FunctionNode | ast.ClassDef):
            yield from own_nodes(name_flow.scope_parts(node)[0])


def _sets(nodes: Iterable[ast.AST]) -> Iterator[tuple[str | None, ast.AST]]:
    """The attributes and the variables from around that nodes set, with these; None for an item."""
    for node in nodes:
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del(), attr=name):
                yield name, node
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                yield None, node
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from ((name, node) for name in names)
            case _:
                pass
