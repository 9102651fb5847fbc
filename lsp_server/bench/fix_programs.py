"""Small programs with one fault each, as workspaces: of its test's assertions every second is shown.

QuixBugs has 40, HumanEvalFix 164. A search sees a program and the shown half of its tests; what it comes
to is judged by all of them. Each assertion is a test of its own where the tests allow it.
"""

from __future__ import annotations

import ast
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsp_server.bench.measure import CouldNotRun

PROGRAM, TESTS = "program.py", "test_program.py"


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    faulty: str
    shown_tests: str  # unittest's modules, which import `program`
    all_tests: str
    text: str  # what it is to do

    @property
    def shown(self) -> tuple[str, ...]:
        """The ids of the shown tests."""
        names = re.findall(r"def (test_\d+)\(self\)", self.shown_tests)
        return tuple(f"{Path(TESTS).stem}.Tests.{name}" for name in names)


def quixbugs(data: Path) -> list[Program]:
    """Raises `CouldNotRun` where the data is not there."""
    return _read(data / "quixbugs" / "python.jsonl", _of_quixbugs)


def humanevalfix(data: Path) -> list[Program]:
    return _read(data / "humanevalfix" / "python.jsonl.gz", _of_humanevalfix)


def _read(file: Path, make: Callable[[dict[str, Any]], Program]) -> list[Program]:
    try:
        data = file.read_bytes()
        lines = (gzip.decompress(data) if file.suffix == ".gz" else data).decode().splitlines()
        return [make(json.loads(line)) for line in lines if line.strip()]
    except (OSError, ValueError, KeyError) as error:
        raise CouldNotRun(f"{file} cannot be read: {error!r}") from error


def _of_quixbugs(row: dict[str, Any]) -> Program:
    tests = row["tests"]
    return Program(
        row["name"],
        row["buggy_program"].rstrip("\n") + "\n",
        _module(_halved(tests)),
        _module(ast.parse(tests)),
        row["docstring"].strip('"\n'),
    )


def _of_humanevalfix(row: dict[str, Any]) -> Program:
    tests = row["test"]
    return Program(
        row["task_id"].replace("/", "-"),
        row["prompt"] + row["buggy_solution"].rstrip("\n") + "\n",
        _module(_halved(tests)),
        _module(ast.parse(tests)),
        row["docstring"],
    )


def _halved(tests: str) -> ast.Module:
    """The tests without every second assertion."""
    tree = ast.parse(tests)
    asserts = sorted(
        (it for it in ast.walk(tree) if isinstance(it, ast.Assert)),
        key=lambda it: (it.lineno, it.col_offset),
    )
    dropped = set(asserts[1::2])

    class Halve(ast.NodeTransformer):
        def visit_Assert(self, node: ast.Assert) -> ast.Assert | None:
            return None if node in dropped else node

        def generic_visit(self, node: ast.AST) -> ast.AST:
            super().generic_visit(node)
            if isinstance(node, ast.FunctionDef | ast.For | ast.If) and not node.body:
                node.body = [ast.Pass()]
            return node

    halved: ast.Module = Halve().visit(tree)
    return halved


def _module(tests: ast.Module) -> str:
    """A module of unittest: what asserts at its level, or calls what does, becomes a method."""
    setup: list[str] = []
    methods: list[list[str]] = []
    asserting = {
        it.name: it
        for it in tests.body
        if isinstance(it, ast.FunctionDef) and any(isinstance(n, ast.Assert) for n in ast.walk(it))
    }
    functions = {it.name for it in tests.body if isinstance(it, ast.FunctionDef)}
    for node in tests.body:
        match node:
            case ast.Assert():
                methods.append([ast.unparse(node)])
            case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=arguments)) if (
                name in functions
            ):
                if name in asserting:
                    methods += _calls(asserting[name], arguments)
            case _:
                setup.append(ast.unparse(node))
    lines = ["import unittest", "", "from program import *", "", *setup, ""]
    lines += ["", "class Tests(unittest.TestCase):"]
    for number, method in enumerate(methods, 1):
        body = "\n".join(method).split("\n")
        lines += [f"    def test_{number}(self):", *(f"        {it}" for it in body), ""]
    return "\n".join(lines)


def _calls(function: ast.FunctionDef, arguments: list[ast.expr]) -> list[list[str]]:
    """The methods of a call: one, or one for each assertion where there is nothing else."""
    parameters = [it.arg for it in function.args.args]
    bound = [f"{name} = {ast.unparse(it)}" for name, it in zip(parameters, arguments, strict=True)]
    bound = [it for it in bound if it.partition(" = ")[0] != it.partition(" = ")[2]]
    if all(isinstance(it, ast.Assert) for it in function.body):
        return [[*bound, ast.unparse(it)] for it in function.body]
    return [[f"{function.name}({', '.join(map(ast.unparse, arguments))})"]]
