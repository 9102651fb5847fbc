"""Tests from an issue's own code: taken only where they fail twice as the issue says. Pure.

A script is what the issue shows, as it stands; what it ends with has to be an error that the issue names,
and none that any code out of its place ends with.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp_server.agent.clues import Clues
from lsp_server.agent.data import TestCommand
from lsp_server.edits.python_source import parse_python

MAX_SCRIPTS = 3
FOLDER = ".sparrow-reproduction"  # in a copy; never in the user's tree
_MODULE = "test_sparrow_reproduction"
_TEST = """\
import unittest

SCRIPT = {script!r}


class Reproduction(unittest.TestCase):
    def test_issue(self):
        exec(compile(SCRIPT, "issue.py", "exec"), {{"__name__": "issue"}})
"""
# What says that the code could not be run, not that it went wrong.
_OUT_OF_PLACE_NAMES = """
    ConnectionError FileNotFoundError ImportError IndentationError KeyboardInterrupt MemoryError
    ModuleNotFoundError NameError PermissionError SyntaxError TabError TimeoutError
"""
_OUT_OF_PLACE = frozenset(_OUT_OF_PLACE_NAMES.split())
_RUNS = 2  # that have to end alike
_LAST_ERROR = re.compile(
    r"^([A-Za-z_][\w.]*(?:Error|Exception|Warning|Exit|Fault))\b", re.MULTILINE
)


def scripts(clues: Clues) -> list[str]:
    """The issue's blocks of Python that import something and do something with it."""
    found = []
    for block in clues.code:
        tree = parse_python(block)
        if isinstance(tree, SyntaxError) or not any(map(_acts, tree.body)):
            continue
        if any(isinstance(it, ast.Import | ast.ImportFrom) for it in ast.walk(tree)):
            found.append(block)
    return found[:MAX_SCRIPTS]


def _acts(node: ast.stmt) -> bool:
    return not isinstance(
        node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    )


def reproduces(clues: Clues, outputs: Sequence[str], exit_codes: Sequence[int | None]) -> str:
    """The error that each of the runs ended with, where the issue speaks of it; or nothing."""
    errors = {_last_error(it) for it in outputs}
    if len(outputs) < _RUNS or len(errors) != 1 or any(code in (0, None) for code in exit_codes):
        return ""
    error = errors.pop()
    if not error or error in _OUT_OF_PLACE:
        return ""
    return error if error in clues.errors or _is_said(error, clues) else ""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A test that fails as long as the issue's code ends with an error: its file, and its id."""

    path: str
    text: str
    test: str


def as_test(script: str, command: TestCommand) -> Reproduction | None:
    """None where the tests are run by nothing that would run it."""
    text = _TEST.format(script=textwrap.dedent(script))
    match command.framework, command.argv:
        case "pytest", _:
            file = f"{_MODULE}.py"
            return Reproduction(file, text, f"{file}::Reproduction::test_issue")
        case "unittest", (*_, "discover", "-s", start):
            return Reproduction(f"{start}/{_MODULE}.py", text, f"{_MODULE}.Reproduction.test_issue")
        case "unittest", _:
            return Reproduction(f"{_MODULE}.py", text, f"{_MODULE}.Reproduction.test_issue")
    return None


def _is_said(error: str, clues: Clues) -> bool:
    return error in clues.names


def _last_error(output: str) -> str:
    names: Iterator[str] = (it.rpartition(".")[2] for it in reversed(_LAST_ERROR.findall(output)))
    return next(names, "")
