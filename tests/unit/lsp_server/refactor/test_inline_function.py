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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "def price(k):\n    with k:\n        return 1\n" + CALL,
            "before its end in some cases: line 3",
        ),
        (
            "def price(k):\n    def f():\n        return k\n    return f\n" + CALL,
            "a function within",
        ),
        ("def price(k, m=[]):\n    return m\n" + CALL, "the default of a parameter once"),
        ("def price(k):\n    return [k for k in k]\n" + CALL, "another k than its parameter"),
        ("def price(k):\n    return f'{k=}'\n" + CALL, "shows the code of its value"),
        ("def price(k):\n    return k, 1\nprint(price(1))\n", "within an expression"),
        ("def price(k):\n    return k or str\nprice(0)(1)\n", "within an expression"),
        (
            "def price(k):\n    return k\nprint(price(1), price(2))\n",
            "several times in one statement",
        ),
        (
            "def price(k):\n    m = k\n    return m\nx = price(1)\ny = price(2)\n",
            "which has variables, once more",
        ),
        (
            "def price(k):\n    print(k)\n    return k\nx = [str(price(i)) for i in (1, 2)]\n",
            "its lines cannot stand before that",
        ),
        (
            (
                "def price(k):\n    print(k)\n    return k\n"
                "if not price:\n    pass\nelif str(price(1)):\n    pass\n"
            ),
            "its lines cannot stand before that",
        ),
    ],
)
def test_whose_lines_would_mean_something_else_at_a_call(text: str, reason: str) -> None:
    with pytest.raises(RefactorRefused, match=re.escape(reason)):
        check(text)
