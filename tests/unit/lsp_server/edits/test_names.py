"""Names that nothing binds, and those that a change leaves so."""

from __future__ import annotations

import random
import sysconfig
from pathlib import Path

import pytest

from lsp_server.edits.names import new_undefined_names
from lsp_server.edits.python_names import Use, find_undefined, find_undefined_by


def names(source: str) -> list[str]:
    found = find_undefined(source)
    assert found is not None
    return [it.name for it in found]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = y\n", ["y"]),
        ("import a.b, c as d\na, d, c\n", ["c"]),
        ("from a import b as c\nb, c\n", ["b"]),
        ("def f(a, /, b, *c, d=e, **g): return a, b, c, d, g, h\n", ["e", "h"]),
        ("def f():\n    global x\n    x = 1\nx\n", []),
        ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        return x\n", []),
        ("class A:\n    x = 1\n    y = x\n    def f(self): return x, __class__\n", ["x"]),
        ("class A:\n    x = [1]\n    y = [z for z in x if z]\n", []),
        ("[a for a in b]; a\n", ["b", "a"]),
        ("[(c := a) for a in ()]; c\n", []),
        ("{a: b for a, b in ()}; (a for a in ()); {a for a in ()}\n", []),
        ("lambda a, b=c: a + b + d\n", ["c", "d"]),
        ("try: pass\nexcept E as e: e\n", ["E"]),
        ("with open('a') as f: f\nfor i in (): i\n", []),
        ("match x:\n    case [a, *b]: a, b\n    case {'k': c, **d}: c, d\n    case A() as e: e\n", ["x", "A"]),
        ("def f(a: A, b: 'B | None') -> 'list[C]': ...\n", ["A", "B", "C"]),
        ("from typing import Literal\na: Literal['x'] = 'x'\n", []),
        ("a: A = 1\n", ["A"]),
        ("def f():\n    a: A\n", ["A"]),
        ("__all__ = ['f', 'g']\ndef f(): pass\n", ["g"]),
        ("__all__ = ['f']\ndef __getattr__(name): return name\n", []),
        ("@d\nclass A(B, metaclass=C): pass\n", ["d", "B", "C"]),
        ("__name__, __file__, __doc__, print\n", []),
        ("del x\n", []),
        ("é = '🐦'; y\n", ["y"]),
        ("async def f():\n    async with a as b: await b\n    async for c in d: yield c\n", ["a", "d"]),
        ("f'{a!r:{b}}'\n", ["a", "b"]),
        ("import os\nos.nowhere\n", []),
    ],
)  # fmt: skip
def test_names_that_nothing_binds_are_found(source: str, expected: list[str]) -> None:
    assert names(source) == expected


def test_a_place_counts_code_points() -> None:
    assert find_undefined("x = 1\né = '🐦'; y\n") == [Use(1, 9, "y")]


@pytest.mark.parametrize("source", ["from a import *\nx\n", "def f(:\n", "x = 1\0\n"])
def test_where_nothing_can_be_told_nothing_is(source: str) -> None:
    assert find_undefined(source) is None


LIBRARY = Path(sysconfig.get_path("stdlib"))
MODULES = [
    "argparse",
    "asyncio/tasks",
    "dataclasses",
    "enum",
    "typing",
    "tarfile",
    "logging/__init__",
]


@pytest.mark.parametrize("module", MODULES)
def test_in_code_that_runs_none_is_found(module: str) -> None:
    source = (LIBRARY / f"{module}.py").read_text("utf-8")
    assert names(source) == []


@pytest.mark.parametrize(
    ("language", "before", "after", "expected"),
    [
        ("python", "import a\na\n", "a\n", ["a"]),
        ("python", "x\n", "x, x\n", []),
        ("python", "x\n", "y\n", ["y"]),
        ("python", "def f(): pass\nf()\n", "def g(): pass\nf()\n", ["f"]),
        ("python", "def f():\n    global a\n    a = 1\n\n\ndef g(): return a\n", "\n\ndef g(): return a\n", ["a"]),
        ("python", "class A:\n    b = 1\n    c = 2\n\n    d = b\n", "class A:\n    c = 2\n\n    d = b\n", ["b"]),
        ("python", "class A:\n    def f(self): b\n\n    c = 1\n", "class A:\n    def f(self): b\n\n    c = d\n", ["d"]),
        ("python", "@(\n a\n)\ndef f(): ...\n", "@(\n b\n)\ndef f(): ...\n", ["b"]),
        ("javascript", "import a from 'a';\na();\n", "a();\n", ["a"]),
        ("javascript", "function f() {}\nf();\n", "function g() {}\nf();\n", ["f"]),
        ("javascript", "function f() {}\nf();\n", "function g(f) { f(); }\n", []),
        ("javascript", "function f() {}\nx.f();\n", "x.f();\n", []),
        ("typescript", "import { A } from 'a';\nlet b: A;\n", "let b: A;\n", ["A"]),
        ("typescript", "import { A } from 'a';\nlet b: A;\n", "import { A } from 'c';\nlet b: A;\n", []),
    ],
)  # fmt: skip
def test_what_a_change_leaves_undefined_is_found(
    language: str, before: str, after: str, expected: list[str]
) -> None:
    found = new_undefined_names(language, before, after)
    assert found is not None
    assert [it.name for it in found] == expected


@pytest.mark.parametrize(
    ("language", "before", "after"),
    [
        ("python", "def f(:\n", "x\n"),
        ("python", "x\n", "def f(:\n"),
        ("python", "x\n", "from a import *\ny\n"),
        ("python", "from a import *\n\n\n\nx\n", "\n\n\nx\n"),
        ("go", "package p\nfunc f() {}\n", "package p\nfunc g() { f() }\n"),
    ],
)
def test_what_cannot_be_told_is_not(language: str, before: str, after: str) -> None:
    assert new_undefined_names(language, before, after) is None


def without_a_stretch(source: str, chosen: random.Random) -> str:
    """As an edit leaves it: some lines are gone, and perhaps those that follow are there twice."""
    lines = source.splitlines(keepends=True)
    first = chosen.randrange(len(lines))
    last = min(len(lines), first + chosen.randrange(12))
    return "".join([*lines[:first], *lines[last : last + chosen.randrange(3)], *lines[last:]])


@pytest.mark.parametrize("module", ["textwrap", "contextlib"])
def test_by_what_changed_the_same_is_found_as_in_the_whole(module: str) -> None:
    source = (LIBRARY / f"{module}.py").read_text("utf-8")
    chosen = random.Random(module)  # noqa: S311 - which lines
    told = 0
    for _ in range(40):
        after = without_a_stretch(source, chosen)
        whole, by_change = find_undefined(after), find_undefined_by(source, after)
        assert by_change == whole
        told += bool(whole)
    assert told
