"""Extracted functions, by what stands around: managers of contexts, decorators, lines that are shared."""

from __future__ import annotations

import pytest

from lsp_server.refactor.extract import extract_function
from lsp_server.refactor.refusal import RefactorRefused
from tests.unit.lsp_server.refactor.programs import check_extracted_function, selected

FUNCTIONS = {
    "a manager keeps an error to itself": """
from contextlib import suppress
def f(n):
    m = 1
    ⟦with suppress(ZeroDivisionError):
        m = 1 // n⟧
    return m
""",
    "one that is not known keeps an error to itself": """
class Kept:
    def __enter__(self): pass
    def __exit__(self, *error): return True
def f(n):
    m = 1
    ⟦with Kept():
        m = 1 // n
    k = m⟧
    return k
""",
    "a manager around keeps an error to itself, and has more to say": """
from contextlib import suppress
def f(n):
    m = 1
    with suppress(ZeroDivisionError):
        ⟦m = n + 1⟧
        m = m // n
    return m
""",
    "a manager lets an error out": """
import io
def f(n):
    with io.open("/dev/null") as file:
        ⟦text = file.read()
        lines = text.split() + [n]⟧
    return text, lines
""",
    "one that is not known lets an error out": """
import contextlib
@contextlib.contextmanager
def shop():
    yield 1
def f(n):
    with shop() as one:
        ⟦two = one + n
        three = two + one⟧
    return two, three
""",
    "a manager may keep an error, and the code goes on": """
from contextlib import suppress
def f(n):
    if n < 5:
        ⟦with suppress(ZeroDivisionError):
            return 1 // n⟧
""",
    "behind another statement of its line": """
def f(n):
    m = n; ⟦k = m + 1⟧; k += 1
    return m, k
""",
    "several in one line": """
def f(n):
    ⟦m = n; k = m + 1;⟧ k += 1
    return m, k
""",
    "behind a colon of its line": """
def f(n):
    if n: ⟦return n⟧
    return 7
""",
    "of a function that is called as it is defined": """
def run_now(function):
    return function(1)
@run_now
def done(n):
    return ⟦n + 1⟧
def f(n):
    return done + n
""",
    "of one within a function that is called as it is defined": """
def run_now(function):
    return function()
def f(n):
    @run_now
    def done():
        ⟦m = n + 1⟧
        return m
    return done
""",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_function_is_made_of_does_the_same(name: str) -> None:
    check_extracted_function(FUNCTIONS[name])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "def f(a):\n    if a:\n        ⟦with suppress(E):\n            return 1⟧\n    return 2\n",
            "goes on in other cases",
        ),
        (
            "def f(a):\n    b = 0\n    with suppress(E):\n        ⟦b = 1\n        a()⟧\n    return b\n",
            "caught, by the `with` on line 3",
        ),
        (
            "def f(a):\n    b = 0\n    with a:\n        ⟦b = 1\n        a()⟧\n    return b\n",
            "caught, by the `with` on line 3",
        ),
        (
            "def f(a):\n    ⟦with suppress(E):\n        b = a()⟧\n    return b\n",
            "b has a value in some cases",
        ),
    ],
)
def test_what_no_function_is_made_of(text: str, reason: str) -> None:
    with pytest.raises(RefactorRefused, match=reason):
        extract_function(*selected(text), "extracted")
