"""Extracted functions, by what the code does then: it is run before and after. Layouts are golden files."""

from __future__ import annotations

import pytest

from lsp_server.refactor.extract import extract_function
from lsp_server.refactor.refusal import RefactorRefused
from tests.unit.lsp_server.refactor.programs import check_extracted_function, selected

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
    "a name that a later loop has, too": """
def f(n):
    ⟦total = 0
    for i in range(n):
        total += i⟧
    for i in range(n):
        total += 2 * i
    return total
""",
    "a name that an earlier loop may not have set": """
def f(n):
    total = 0
    for i in range(n):
        total += i
    ⟦for i in range(3):
        total += 2 * i⟧
    return total
""",
    "a name that a later handler has, too": """
def f(n):
    ⟦try:
        text = str(1 / n)
    except ZeroDivisionError as error:
        text = str(error)⟧
    try:
        text += "ab"[n]
    except IndexError as error:
        text += str(error)
    return text
""",
    "returns, or comes to the function's end": """
found = []
def g(n):
    ⟦if n:
        return n
    found.append(n)⟧
def f(n):
    return g(n), found
""",
    "returns from a loop without end": """
def f(n):
    ⟦while True:
        n -= 1
        if n < 0:
            return n⟧
""",
    "returns behind a loop": """
def f(n):
    ⟦for i in range(n):
        if i == 1:
            return "one"
    else:
        return "none"⟧
""",
    "returns from each case": """
def f(n):
    ⟦match n:
        case 0:
            return "none"
        case _:
            return "some"⟧
""",
    "begins with a comment": """
def f(n):
    ⟦# first
    m = n + 1⟧
    return m
""",
    "makes an instance": """
class Shop:
    def __new__(cls, n):
        ⟦self = object.__new__(cls)
        self.n = n⟧
        return self
def f(n):
    return Shop(n).n
""",
    "of a static method of a class within": """
class Shop:
    class Shelf:
        @staticmethod
        def double(n):
            return ⟦2 * n⟧
def f(n):
    return Shop.Shelf.double(n)
""",
    "of a comprehension of the module": """
doubled = [⟦2 * i⟧ for i in range(3)]
def f(n):
    return doubled[n]
""",
    "of a lambda of the module": "f = lambda n: ⟦2 * n⟧\n",
    "binds what others may import": """
⟦first = 1
second = first + 1⟧
def f(n):
    return globals()["first"] + second
""",
    "in a try that has no more to say of it": """
def f(n):
    text = ""
    try:
        text = "tried"
        ⟦number = 1 / n⟧
    except ZeroDivisionError:
        return text
    return number
""",
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
    check_extracted_function(FUNCTIONS[name])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('def f(a):\n    ⟦"""Say a."""\n    b = a⟧\n', "a docstring"),
        ("⟦from os import *⟧\n", "works in a module alone"),
        ("def f(a):\n    ⟦b = locals()⟧\n    return b\n", "means the variables of the function"),
        ("def f(a):\n    b = a\n    ⟦del b⟧\n", "deletes b"),
        ("async def f(a):\n    yield a\n    ⟦return⟧\n", "an asynchronous generator"),
        (
            (
                "def f(a):\n    for b in a:\n        ⟦for c in b:\n            pass\n"
                "        else:\n            break⟧\n"
            ),
            "leaves a loop",
        ),
        (
            "def f(a):\n    ⟦def g():\n        return h()⟧\n    def h():\n        return a\n    return g()\n",
            "reads h, which gets its value behind the selection",
        ),
        (
            (
                "def f(a):\n    b = 0\n    try:\n        ⟦b = 1\n        c = 1 / a⟧\n"
                "    except ZeroDivisionError:\n        return b\n    return c\n"
            ),
            "b is read where an error in the selection is caught",
        ),
        (
            (
                "def f(a):\n    b = 0\n    try:\n        ⟦b = 1\n        print(1 / a)⟧\n"
                "    except ZeroDivisionError:\n        pass\n    return b\n"
            ),
            "b is read where an error in the selection is caught",
        ),
        (
            "def f(a):\n    if a:\n        b = 1\n    ⟦c = 2\n    if a:\n        c += b⟧\n    return c\n",
            "b may have no value",
        ),
        (
            "def f(a):\n    def g():\n        return a\n    ⟦a = 1\n    return g()⟧\n",
            "a is read by a function, on line 3",
        ),
        (
            "def f(a):\n    ⟦with a:\n        return 1⟧\n    return 2\n",
            "goes on in other cases",
        ),
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


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (
            "def f():\n    ⟦return 1⟧\nf()\n",
            "def f():\n    return extracted()\n\n\ndef extracted():\n    return 1\n\n\nf()\n",
        ),
        (
            "import a\nb = ⟦a.c⟧\n",
            "import a\n\n\ndef extracted():\n    return a.c\n\n\nb = extracted()\n",
        ),
        (
            "def f():\n    ⟦return '''a\nb\n'''⟧\n",
            "def f():\n    return extracted()\n\n\ndef extracted():\n    return '''a\nb\n'''\n",
        ),
    ],
)
def test_a_function_of_the_module_has_two_blank_lines_around_it(text: str, after: str) -> None:
    assert extract_function(*selected(text), "extracted") == after
