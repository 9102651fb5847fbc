"""Moves methods out of their classes, in files of real projects, by the process that refactors.

Each task names a class, a method, and how many nodes both have in the tree of the file. A move is
right if the method is a function of the module, of as many nodes as before, and its class has as many
less, both within a tenth; and if the result passes the gates of any refactor.
"""

from __future__ import annotations

import ast
import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path

from lsp_server.bench.measure import CouldNotRun
from lsp_server.edits.change import Change, EditKind, FileChange
from lsp_server.edits.verification import verify
from lsp_server.refactor.job import Job
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.worker_client import RefactorWorker

TOLERANCE = 0.1
_FIELD = re.compile(r"^\s*(method|class_name|method_children|class_children) = (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Move:
    """`problem` says why it does not count, or is empty."""

    name: str
    problem: str
    is_kept: bool  # a method stays that calls the function


async def move_methods(tasks: Path) -> list[Move]:
    """Raises `CouldNotRun`."""
    worker = RefactorWorker()
    moves = []
    try:
        with gzip.open(tasks, "rt", encoding="utf-8") as lines:
            for line in lines:
                task = json.loads(line)
                fields = {name: value.strip('"') for name, value in _FIELD.findall(task["test"])}
                moves.append(await _move(worker, task, fields))
    except OSError as error:
        raise CouldNotRun(f"the tasks cannot be read: {error}") from error
    finally:
        await worker.close()
    return moves


async def _move(worker: RefactorWorker, task: dict[str, str], fields: dict[str, str]) -> Move:
    name, path, source = task["name"], task["module"], task["source"]
    class_, method = fields["class_name"], fields["method"]
    line = _line_of(ast.parse(source), class_, method)
    job = Job("move_method", "", path, (line, 0), (line, 0), texts={path: source})
    try:
        outcome = await worker.perform(job)
    except RefactorRefused as refusal:
        return Move(name, str(refusal), is_kept=False)
    after = outcome.files[0].after
    change = Change(name, (FileChange(f"file:///{path}", source, after),))
    problem = verify(change, EditKind.REFACTOR).refusal
    size, size_of_class = int(fields["method_children"]), int(fields["class_children"])
    problem = problem or _check(after, class_, method, size, size_of_class - size)
    return Move(name, problem, is_kept=bool(outcome.note))


def _line_of(tree: ast.Module, class_: str, method: str) -> int:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == class_:
            for it in node.body:
                if isinstance(it, ast.FunctionDef) and it.name == method:
                    return it.lineno - 1
    raise CouldNotRun(f"there is no {class_}.{method} in the task's file")


def _check(text: str, class_: str, function: str, size: int, size_of_class: int) -> str:
    """What is wrong with a result, or nothing."""
    tree = ast.parse(text)
    functions = [it for it in tree.body if isinstance(it, ast.FunctionDef) and it.name == function]
    classes = [it for it in ast.walk(tree) if isinstance(it, ast.ClassDef) and it.name == class_]
    if not functions:
        return f"{function} is no function of the module"
    if not classes:
        return f"there is no class {class_}"
    for what, node, wanted in (
        (function, functions[0], size),
        (class_, classes[0], size_of_class),
    ):
        found = sum(1 for _ in ast.walk(node))
        if abs(found - wanted) >= TOLERANCE * wanted:
            return f"{what} has {found} nodes in place of {wanted}"
    return ""
