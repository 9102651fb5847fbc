"""Extractions, by what the code does then: it is run before and after. Layouts are golden files."""

from __future__ import annotations

from typing import Any

import pytest

from lsp_server.refactor.extract import extract_function, extract_variable
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import Source

TRIED = """
def f(n):
    try:
        ⟦value = 1 / n⟧
    except ZeroDivisionError as error:
        value = str(error)
    return value
"""
ASYNC = """
import asyncio

async def double(n):
    return 2 * n

async def g(ns):
    ⟦total = 0
    for n in ns:
        total += await double(n)⟧
    return total

def f(n):
    return asyncio.run(g([n, 1]))
"""
METHODS = """
class Shop:
    factor = 3

    def __init__(self, n):
        self.n = n

    @classmethod
    def make(cls, n):
        ⟦return cls(n)⟧

    def total(self):
        return self.n * self.factor

def f(n):
    return Shop.make(n).total()
"""
FUNCTIONS = {
    "is assigned in a try": TRIED,
    "awaits": ASYNC,
    "of a class method": METHODS,
    "of a method": METHODS.replace("⟦", "")
    .replace("⟧", "")
    .replace("self.n * self.factor", "⟦self.n * self.factor⟧"),
    "of a method within an if": """
class Shop:
    if True:
        def double(self, n):
            return ⟦n * 2⟧

def f(n):
    return Shop().double(n)
""",
    "of a static method": """
class Shop:
    @staticmethod
    def double(n):
        ⟦m = n
        m += n⟧
        return m

def f(n):
    return Shop.double(n)
""",
    "an f-string": """
def f(n):
    name = "x"
    return ⟦f"{name!r:>{n + 4}} ${{{n}}} {n:.1f}"⟧
""",
    "a string of several lines": '''
def f(n):
    if n:
        ⟦text = f"""
    a
{n}  b
"""
        text = text.upper()⟧
        return text
    return ""
''',
    "what a loop has left from the round before": """
def f(n):
    last = 0
    found = []
    for i in range(n + 3):
        ⟦found.append(last)
        last = i⟧
    return found
""",
    "a comprehension's own name": """
def f(n):
    return [⟦i * n + len("a")⟧ for i in range(3)]
""",
    "a comprehension in another's condition": """
def f(n):
    return [i for i in range(5) if ⟦i in [k + n for k in range(2)]⟧]
""",
    "names of imports, of a handler, of a match": """
def f(n):
    import math as m
    match [n, 2]:
        case [first, *rest]:
            ⟦value = m.floor(first) + len(rest)⟧
    return value
""",
    "returns whichever way": """
def f(n):
    ⟦if n > 1:
        return n
    else:
        return -n⟧
""",
    "what a closure reads later": """
def f(n):
    ⟦total = n⟧
    def g():
        return total + 1
    return g()
""",
    "of a function within": """
def f(n):
    count = 1
    def g():
        nonlocal count
        ⟦count += n⟧
        return count
    return g() + count
""",
    "of the module": """
numbers = [1, 2]
⟦total = 0
for n in numbers:
    total += n⟧
def f(n):
    return total + n
""",
    "an expression over lines": """
def f(n):
    return sum(
        ⟦max(
            n,
            2,  # at least
        )⟧ for _ in range(2)
    )
""",
    "deep in blocks, with comments": """
def f(n):
    for i in range(2):
        if i:
            # before
            ⟦m = n  # beside
            # between

            m += i⟧
            return m
""",
    "by tabs": "def f(n):\n\tif n:\n\t\t⟦m = n\n\t\tm += 1⟧\n\t\treturn m\n\treturn 0\n",
    "a whole statement is deleted later": """
def f(n):
    ⟦m = n
    k = m + 1⟧
    del m
    return k
""",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_function_is_made_of_does_the_same(name: str) -> None:
    source, start, end = selected(FUNCTIONS[name])
    after = extract_function(source, start, end, "extracted")
    assert "extracted" in after
    for n in (0, 1, 2):
        assert result(after, n) == result(source.text, n)


VARIABLES = {
    "an f-string over lines": '''
def f(n):
    if n:
        return len(⟦f"""
 {n}
    a"""⟧)
''',
    "in brackets": "def f(n):\n    return 2 * ⟦(n + 1)⟧\n",
    "a comprehension": "def f(n):\n    return sum(⟦[i for i in range(n)]⟧)\n",
    "what a comprehension goes through": "def f(n):\n    return [i for i in ⟦range(n)⟧]\n",
    "what goes through a generator": "def f(n):\n    return sum(⟦i for i in range(n)⟧)\n",
    "a generator in brackets": "def f(n):\n    return list((⟦(i for i in range(n))⟧))\n",
    "a generator behind a word": "def g(n):\n    return ⟦(i for i in range(n))⟧\ndef f(n):\n    return list(g(n))\n",
    "a default value": "N = 2\n@str\ndef g(n=⟦N + 1⟧): pass\ndef f(n):\n    return n\n",
    "without brackets over lines": "def f(n):\n    return (⟦n\n        + 1⟧)\n",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_what_a_variable_is_made_of_does_the_same(name: str) -> None:
    source, start, end = selected(VARIABLES[name])
    after, doubt = extract_variable(source, start, end, "extracted")
    assert after.count("extracted") == 2
    assert not doubt
    for n in (0, 1, 2):
        assert result(after, n) == result(source.text, n)


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("def f(a):\n    return a and ⟦a[0]⟧\n", "also where what stands before it decides"),
        ("def f(a):\n    return ⟦a[0]⟧ if a else 1\n", "also where its condition does not hold"),
        (
            "def f(a):\n    if a:\n        pass\n    elif ⟦a.b⟧:\n        pass\n",
            "also where an earlier condition holds",
        ),
    ],
)
def test_what_may_be_computed_for_nothing_is_a_doubt(text: str, doubt: str) -> None:
    after, told = extract_variable(*selected(text), "extracted")
    assert doubt in told
    assert Source(after).tree.body


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def f(a):\n    while ⟦a.b()⟧:\n        pass\n", "in each round of it"),
        ("def f(a):\n    return lambda: ⟦a.b()⟧\n", "when it is called"),
        ("def f(a):\n    return [⟦b.c⟧ for b in a]\n", "for each of its items"),
        ("def f(a):\n    if a: return ⟦a.b⟧\n", "part them first"),
        ("def f(a):\n    return 2 * ⟦a + 1⟧\n", "neither whole statements nor a whole expression"),
        ("def f(a):\n    ⟦a.b⟧ = 1\n", "neither whole statements nor a whole expression"),
        ("def f(a):\n    return sum⟦(b for b in a)⟧\n", "select what is in them"),
    ],
)
def test_what_no_variable_is_made_of(text: str, reason: str) -> None:
    with pytest.raises(RefactorRefused, match=reason):
        extract_variable(*selected(text), "extracted")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("class A:\n    b = ⟦{}⟧\n", "runs before its functions are there"),
        ("def f(a):\n    for b in a:\n        ⟦if b:\n            break⟧\n", "leaves a loop"),
        ("def f(a):\n    ⟦if a:\n        return 1⟧\n    return 2\n", "goes on in other cases"),
        ("def f(a):\n    ⟦yield a⟧\n", "in its own function alone"),
        ("def f(a):\n    ⟦if a:\n        b = 1⟧\n    return b\n", "b has a value in some cases"),
        ("def f(a):\n    if (⟦b := a⟧):\n        return b\n", "used behind the selection"),
        (
            "def f():\n    ⟦n = 0\n    def g():\n        nonlocal n\n        n += 1⟧\n    g()\n    return n\n",
            "n is set by a function within",
        ),
        ("def f(a):\n    if a:\n        pass\n    ⟦elif not a:\n        pass⟧\n", "neither whole"),
        (
            "class A:\n    @staticmethod\n    def f():\n        return 1 * ⟦a + 1⟧\n",
            "neither whole",
        ),
        (
            "class A:\n    def f(self):\n        def g():\n            ⟦super().f()⟧\n",
            "works in a method alone",
        ),
    ],
)
def test_what_no_function_is_made_of(text: str, reason: str) -> None:
    with pytest.raises(RefactorRefused, match=reason):
        extract_function(*selected(text), "extracted")


def selected(marked: str) -> tuple[Source, int, int]:
    """The source, and the offsets of what stands between the brackets."""
    start = marked.index("⟦")
    bare = marked.replace("⟦", "")
    end = bare.index("⟧")
    return Source(bare.replace("⟧", "")), start, end


def result(text: str, n: int) -> Any:
    """What `f` of a program says of a number, or how it fails."""
    names: dict[str, Any] = {}
    exec(compile(text, "program", "exec"), names)  # noqa: S102 - the programs above
    try:
        return names["f"](n)
    except (NameError, TypeError, AttributeError):
        raise
    except Exception as error:  # noqa: BLE001 - what a program raises it is to raise then, too
        return repr(error)
