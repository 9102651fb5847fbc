"""What decorators may do with what they are given, by their names. Pure."""

from __future__ import annotations

import ast

from lsp_server.edits.python_scopes import FunctionNode

# They make something else of it, and that is all.
_QUIET = frozenset(
    """
    abstractmethod abstractproperty asynccontextmanager cache cached_property classmethod
    contextmanager dataclass dataclass_transform define deleter deprecated final frozen getter
    lru_cache no_type_check overload override property runtime_checkable setter singledispatch
    singledispatchmethod staticmethod total_ordering unique verify wraps
    """.split()  # noqa: SIM905 - one a line would be a screen
)
# They keep it, and call it later.
_KEEPERS = frozenset(
    """
    argument command connect delete errorhandler event feature fixture get group handler head hookimpl
    listener middleware on option parametrize patch post put receiver register route rule task usefixtures
    """.split()  # noqa: SIM905 - one a line would be a screen
)


def may_call(function: FunctionNode) -> bool:
    """Whether one of its decorators may call a function as soon as it is defined."""
    return not _names_of(function) <= _QUIET | _KEEPERS


def may_keep(node: FunctionNode | ast.ClassDef) -> bool:
    """Whether one of its decorators may call it, or hold it for others: it has to be defined for them."""
    return not _names_of(node) <= _QUIET


def _names_of(node: FunctionNode | ast.ClassDef) -> set[str]:
    called = (it.func if isinstance(it, ast.Call) else it for it in node.decorator_list)
    return {ast.unparse(it).rpartition(".")[2] for it in called}
