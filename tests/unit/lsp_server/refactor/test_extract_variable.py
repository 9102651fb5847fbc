"""Extracted variables, by what the code does then: it is run before and after. Layouts are golden files."""

from __future__ import annotations

import pytest

from lsp_server.refactor.extract_variable import extract_variable
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import Source
from tests.unit.lsp_server.refactor.programs import result, selected

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
    "behind another statement of its line": "def f(n):\n    m = n; return ⟦m + 1⟧\n",
    "behind a colon of its line": "def f(n):\n    if n: return (⟦n\n    + 1⟧)\n",
    "before a call in its statement": """
found = []
def note(n):
    found.append(n)
    return len(found)
def f(n):
    return [⟦n + 1⟧, note(n), found]
""",
    "behind what is computed alone": """
def double(n):
    return 2 * n
def f(n):
    return [double(n), str(n).upper(), ⟦[n].pop()⟧]
""",
    "the value of an item that is named by a call": """
found = []
def note(n):
    found.append(n)
    return len(found)
def f(n):
    places = {}
    places[note(n)] = ⟦note(n + 1)⟧
    return places, found
""",
    "of an enumeration": """
import enum
class Colour(enum.Enum):
    RED = 1
    BLUE = ⟦1 + 1⟧
def f(n):
    return [it.name for it in Colour]
""",
    "of the fields of a class": """
from dataclasses import dataclass, fields
@dataclass
class Shop:
    name: str = ⟦"a" + "b"⟧
def f(n):
    return [it.name for it in fields(Shop)], vars(Shop).keys()
""",
    "of a class within a class": """
import enum
class Shop:
    class Colour(enum.Enum):
        RED = ⟦len("ab")⟧
def f(n):
    return [it.name for it in Shop.Colour]
""",
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
        ("def f(a):\n    assert a, ⟦a.b⟧\n", "also where the assertion holds"),
        (
            "def f(a):\n    try:\n        pass\n    except ⟦a.b⟧:\n        pass\n",
            "also where there is no error",
        ),
        ("def f(a):\n    return (yield a), ⟦a.b⟧\n", "before what is awaited or yielded"),
        ("def f(a):\n    return a.b(), ⟦a.c()⟧\n", "computed before a.b()"),
        ("def f(a):\n    return a.b() + ⟦a.c⟧\n", "computed before a.b()"),
        ("def f(a):\n    return a.b().c(⟦g()⟧)\n", "computed before a.b()"),
        ("def f(a):\n    return len(a), ⟦a.pop()⟧\n", "computed before a"),
        ("def f(a):\n    return {a(): 1, 2: ⟦g()⟧}\n", "computed before a()"),
        ("def f(a):\n    return f'{a()}{⟦g()⟧}'\n", "computed before a()"),
        ("def f(a):\n    return next(a), ⟦list(a)⟧\n", "computed before next(a)"),
        (
            "n = 0\ndef go():\n    global n\n    n += 1\ndef f():\n    return go(), ⟦n + 1⟧\n",
            "computed before go()",
        ),
        (
            (
                "class A:\n    def go(self):\n        self.n += 1\n        return 1\n"
                "    def f(self):\n        self.n += ⟦self.go()⟧\n"
            ),
            "computed before self.n",
        ),
        ("@g()\ndef f(a=⟦h()⟧):\n    pass\n", "computed before g()"),
        (
            (
                "class A:\n    def go(self):\n        self.n += 1\n        return 1\n"
                "    def f(self):\n        return self.n + ⟦self.go()⟧\n"
            ),
            "computed before self.n",
        ),
        (
            "from enum import Enum, auto\nclass A(Enum):\n    B = auto()\n    C = ⟦g()⟧\n",
            "computed before auto()",
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
        ("def f(a):\n    if (b := a()) and ⟦b.c⟧:\n        pass\n", "from the same statement"),
        ("def f(a):\n    with a as b, ⟦b.c⟧ as d:\n        pass\n", "from the same statement"),
        ("def f(a):\n    b = a[⟦b + 1⟧] = 2\n", "from the same statement"),
        ("def f(a):\n    for a[⟦b + 1⟧] in a:\n        pass\n", "in each round of it"),
        ("class A(E):\n    B = 1\n    C = ⟦B + 1⟧\n", "may become a member or a field"),
        ("def f(a):\n    ⟦'Say a.'⟧\n    return a\n", "a docstring"),
        ("def f(a):\n    while ⟦a.b()⟧:\n        pass\n", "in each round of it"),
        ("def f(a):\n    return lambda: ⟦a.b()⟧\n", "when it is called"),
        ("def f(a):\n    return [⟦b.c⟧ for b in a]\n", "for each of its items"),
        ("def f(a):\n    return 2 * ⟦a + 1⟧\n", "neither whole statements nor a whole expression"),
        ("def f(a):\n    ⟦a.b⟧ = 1\n", "neither whole statements nor a whole expression"),
        ("def f(a):\n    return sum⟦(b for b in a)⟧\n", "select what is in them"),
    ],
)
def test_what_no_variable_is_made_of(text: str, reason: str) -> None:
    with pytest.raises(RefactorRefused, match=reason):
        extract_variable(*selected(text), "extracted")
