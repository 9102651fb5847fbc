"""What is not inlined, since rope would break it."""

from __future__ import annotations

import ast
import re

import pytest

from lsp_server.edits.python_scopes import FunctionNode
from lsp_server.refactor.inline_function import check_inlining, check_left
from lsp_server.refactor.refusal import RefactorRefused

CALL = "def total(n):\n    x = price(n)\n    return x\n"


def check(text: str, other: str = "") -> None:
    functions = [it for it in ast.walk(ast.parse(text)) if isinstance(it, FunctionNode)]
    function = next(it for it in functions if it.name == "price")
    check_inlining({"a.py": text, "b.py": other}, "a.py", function)


@pytest.mark.parametrize(
    "text",
    [
        "def price(k):\n    return k * 2\n",
        "def price(k):\n    m = k\n    return m\n",
        "def price(k):\n    'One.'\n    return (lambda: (yield))\n",
    ],
)
def test_what_may_be_inlined(text: str) -> None:
    check(text + CALL, "from a import price\nprice(1)\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import f\n@f.cache\ndef price(k):\n    return k\n", "is decorated"),
        ("async def price(k):\n    return k\n", "is async"),
        ("def price(k):\n    yield k\n", "yields"),
        ("def price(k):\n    global z\n    z = k\n", "sets a variable from around it"),
        ("def price(k):\n    print('''\n''')\n", "a string of several lines"),
        ("def price(k):\n    k += 1\n    return k\n", "sets its parameter k"),
        ("def price(k):\n    x = k\n    return x\n", "has a variable x where it calls price"),
        ("def price(k):\n    return k\n__all__ = ['price']\n", "line 3 has price in a string"),
        (
            "class A:\n    def price(k):\n        pass\nclass B(A):\n    def price(k): ...\n",
            "defines price on line 5, too",
        ),
        ("def price(k):\n    return k\nprint(price(1) + 1)\n", "within an expression"),
        ("def price(k):\n    return k\nx = price(1 + 1)\n", "gives price an expression"),
    ],
)
def test_what_is_not_inlined(text: str, reason: str) -> None:
    with pytest.raises(RefactorRefused, match=re.escape(reason)):
        check(text + CALL)


def test_a_method_that_something_else_may_call_stays() -> None:
    check_left({"a.py": "price = 1\nprint(price)\n"}, "price")
    with pytest.raises(RefactorRefused, match=r"b\.py has shop\.price, which may mean it, too"):
        check_left({"a.py": "", "b.py": "def f(shop):\n    return shop.price()\n"}, "price")
