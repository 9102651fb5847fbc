"""The edits that a model is asked for: where each is offered, and what the model is told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lsp_server.edits.change import EditKind
from lsp_server.edits.tests_of import is_test
from lsp_server.workspace.outline import Symbol, SymbolKind

ActionName = Literal[
    "docstring", "types", "simplify", "split", "async", "tests", "instruction", "fix"
]
_CODE = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.CLASS})
_TYPED = frozenset({"python", "typescript", "typescriptreact", "php"})
_ASYNC = frozenset({"python", "javascript", "javascriptreact", "typescript", "typescriptreact"})
_ASYNC |= frozenset({"rust", "csharp"})


@dataclass(frozen=True, slots=True)
class ModelAction:
    """`kind` is the code action's; `instruction` is what the model is told to do.

    `{name}` in both texts is the symbol's name.
    """

    name: ActionName
    title: str
    kind: str
    edit: EditKind
    instruction: str

    def titled(self, symbol: str) -> str:
        return self.title.format(name=symbol)


ACTIONS: dict[ActionName, ModelAction] = {
    it.name: it
    for it in (
        ModelAction(
            "docstring",
            "Document {name}",
            "refactor.rewrite.docstring",
            EditKind.DOCSTRING,
            "Write the documentation of {name}, in the style that the file has: what it does, what it"
            " takes and gives, and which errors it raises, as far as that is not plain. Where it has"
            " some, mend what is wrong in it. Change nothing else, no comments and no code.",
        ),
        ModelAction(
            "types",
            "Add type hints to {name}",
            "refactor.rewrite.types",
            EditKind.TYPES,
            "Annotate the parameters and results of {name}, and of what is in it, with the types that"
            " they have in this code. Import what that needs. Change nothing else.",
        ),
        ModelAction(
            "simplify",
            "Simplify {name}",
            "refactor.rewrite.simplify",
            EditKind.REWRITE,
            "Make {name} simpler to read, without changing what it does or how it is called.",
        ),
        ModelAction(
            "split",
            "Split {name} into smaller parts",
            "refactor.rewrite.split",
            EditKind.REWRITE,
            "Split {name} into smaller parts that each do one thing and have telling names, without"
            " changing what it does or how it is called.",
        ),
        ModelAction(
            "async",
            "Make {name} async",
            "refactor.rewrite.async",
            EditKind.REWRITE,
            "Make {name} asynchronous: what waits (for a database, a network, a file, a timer) is"
            " awaited, by the asynchronous interface of the library that is used or its usual"
            " replacement, and so is what calls it in this file.",
        ),
        ModelAction(
            "tests",
            "Write tests for {name}",
            "refactor.rewrite.tests",
            EditKind.TESTS,
            "Write tests for {name} that pass with the code as it is: each case of its behaviour once,"
            " with the edge cases, in the style and with the library of the tests that are there.",
        ),
        ModelAction("instruction", "Edit by instruction", "refactor.rewrite", EditKind.REWRITE, ""),
        ModelAction(
            "fix",
            "Fix with the model",
            "quickfix",
            EditKind.FIX,
            "Fix this problem, and nothing else.",
        ),
    )
}


def find_symbol(symbols: Sequence[Symbol], first_line: int, last_line: int) -> Symbol | None:
    """The innermost function or class that has both lines, counted from 0."""
    found = None
    for symbol in symbols:
        if symbol.kind in _CODE and symbol.start_line <= first_line and last_line < symbol.end_line:
            found = symbol  # parents come before children
    return found


def find_actions(language: str, symbol: Symbol | None, path: str) -> list[ModelAction]:
    """What may be asked for at a symbol. The free instruction and fixes are not among them.

    In a file of tests no tests for it are offered.
    """
    if symbol is None:
        return []
    names: list[ActionName] = ["docstring"]
    names += ["types"] if language in _TYPED else []
    names += ["simplify", "split"]
    is_async = symbol.signature.startswith("async ")
    names += ["async"] if language in _ASYNC and not is_async else []
    names += ["tests"]
    return [ACTIONS[name] for name in names if name != "tests" or not is_test(path)]
