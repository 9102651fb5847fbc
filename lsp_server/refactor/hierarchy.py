"""Methods that may stand in each other's place, since they are called alike. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from lsp_server.edits.python_scopes import FunctionNode, parameters_of
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import parse


def find_namesake(texts: Mapping[str, str], home: str, line: int, parameter: str) -> str:
    """Which other method has the name and a parameter of the one in whose head a line is; or nothing.

    Lines count from 1. What no class has has no namesakes, and neither has `__init__`.
    """
    own = next(
        (it for it in _methods(parse(texts[home], home)) if _has_in_head(it, line, parameter)), None
    )
    if own is None or own.name == "__init__":
        return ""
    head = re.compile(rf"def\s+{re.escape(own.name)}\b")
    for path, text in texts.items():
        if not head.search(text):
            continue
        try:
            tree = parse(text, path)
        except RefactorRefused:
            continue
        for it in _methods(tree):
            is_other = (path, it.lineno) != (home, own.lineno) and it.name == own.name
            if is_other and parameter in {argument.arg for argument in parameters_of(it)}:
                return f"{path}, line {it.lineno} has a {own.name} with {parameter} too"
    return ""


def _methods(tree: ast.Module) -> Iterator[FunctionNode]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (it for it in node.body if isinstance(it, FunctionNode))


def _has_in_head(method: FunctionNode, line: int, parameter: str) -> bool:
    return any(it.arg == parameter and it.lineno == line for it in parameters_of(method))
