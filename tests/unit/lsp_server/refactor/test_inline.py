"""Inlined variables, by what the code does then: it is run before and after. Layouts are golden files."""

from __future__ import annotations

import pytest

from lsp_server.refactor.inline import inline_variable
from lsp_server.refactor.job import Rewritten
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import Source
from tests.unit.lsp_server.refactor.programs import result

SURE = {
    "a conditional value is called": "def f(n):\n    ⟦⟧g = abs if n else str\n    return g(n - 1)\n",
    "a choice is called": "def f(n):\n    ⟦⟧g = None or str\n    return g(n)\n",
    "a tuple in brackets": "def f(n):\n    ⟦⟧pair = (n, 1)\n    return pair\n",
    "a generator": "def f(n):\n    ⟦⟧numbers = (i for i in range(n))\n    return sum(numbers)\n",
    "a number's attribute": "def f(n):\n    ⟦⟧two = 2\n    return two.real + n\n",
    "a call right before its use": "def f(n):\n    ⟦⟧text = str(n)\n    return text.upper()\n",
    "the head of a loop": "def f(n):\n    ⟦⟧all_ = range(n)\n    for i in all_:\n        return i\n",
    "a constant in each round": """
def f(n):
    ⟦⟧two = 2
    return [two + i for i in range(n)]
""",
    "a default of its name": """
two = 5
def f(n, three=two + 1):
    ⟦⟧two = 2
    return three + two
""",
}


@pytest.mark.parametrize("name", SURE)
def test_what_is_inlined_without_a_doubt_does_the_same(name: str) -> None:
    before, rewritten = inlined(SURE[name])
    assert not rewritten.doubts
    for n in (0, 1, 2):
        assert result(rewritten.after, n) == result(before, n)


@pytest.mark.parametrize(
    "text",
    [
        "def f(a):\n    ⟦⟧b = []\n    b.append(a)\n    return b\n",
        "def f(a):\n    ⟦⟧b = [a]\n    for c in a:\n        c.add(b)\n",
        "def f(a):\n    ⟦⟧b = a.pop()\n    while b:\n        a.go()\n",
        "def f(a):\n    ⟦⟧b = a.pop()\n    return [b for c in a]\n",
        "def f(a):\n    ⟦⟧b = a.pop()\n    return lambda: b\n",
        "def f(a):\n    ⟦⟧b = a.c\n    return lambda: b\n",
        "def f(a):\n    ⟦⟧b = a.pop()\n    for c in a:\n        c.add(b)\n",
        "def f(a):\n    ⟦⟧b = a.pop()\n    return a.pop(), b\n",
        "def f(a):\n    ⟦⟧b = a.pop()\n    return a and b\n",
        "def f(a):\n    with a:\n        a.go()\n        ⟦⟧b = a.read()\n    return b\n",
        "def f(a):\n    try:\n        a.go()\n        ⟦⟧b = a[0]\n    except KeyError:\n        return 1\n    return b\n",
        "def f(a):\n    ⟦⟧b = a + a\n    b.append(1)\n    return b\n",
        "def f(a):\n    for c in a:\n        if c:\n            ⟦⟧b = c\n            a.go()\n    return b\n",
        "def f(a):\n    for c in a:\n        a.go(b)\n        ⟦⟧b = c\n",
        "def f(a):\n    ⟦⟧b = a\n    import a\n    return b\n",
        "n = 0\ndef go():\n    global n\n    n += 1\ndef f():\n    ⟦⟧b = n\n    go()\n    return b\n",
    ],
)
def test_what_may_be_another_value_is_a_doubt(text: str) -> None:
    _, rewritten = inlined(text)
    assert rewritten.doubts
    assert Source(rewritten.after).tree.body


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def f(a):\n    ⟦⟧b = a\n    import c as b\n    return b\n", "more than once"),
        (
            "def f(a):\n    ⟦⟧b = a\n    match a:\n        case [b]:\n            return b\n",
            "more than once",
        ),
        ("def f(a):\n    global b\n    ⟦⟧b = a\n    return b\n", "a variable of more than f"),
        ("def f(a):\n    ⟦⟧b = a\n    return (lambda a: b)(1)\n", "is another one on line 3"),
        ("def f(a):\n    ⟦⟧b = a\n    return [b for a in (1, 2)]\n", "is another one on line 3"),
        ("def f(a):\n    ⟦⟧b = a\n    return f'{b.c}'\n", "in an f-string"),
        ("def f(a):\n    ⟦⟧b = a\n    c = b\n    return c, locals()\n", "may read b by its name"),
        ("def f(a):\n    ⟦⟧b = a; c = 1\n    return b\n", "other code stands on the line"),
        ("def f(a):\n    ⟦⟧b = a\n    return 1\n", "is not used"),
    ],
)
def test_what_is_not_inlined(text: str, reason: str) -> None:
    with pytest.raises(RefactorRefused, match=reason):
        inlined(text)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (
            "def f(a):\n    ⟦⟧b = a + 1  # the next\n    return b\n",
            "def f(a):\n    # the next\n    return a + 1\n",
        ),
        (
            "def f(a):\n    ⟦⟧b = (  # the next\n        a + 1\n    )\n    return 2 * b\n",
            "def f(a):\n    return 2 * (  # the next\n        a + 1\n    )\n",
        ),
    ],
)
def test_comments_stay(text: str, after: str) -> None:
    assert inlined(text)[1].after == after


def inlined(marked: str) -> tuple[str, Rewritten]:
    """The text, and what becomes of it when the variable behind the cursor is inlined."""
    at = marked.index("⟦⟧")
    text = marked.replace("⟦⟧", "")
    name = text[at:].partition(" ")[0]
    return text, inline_variable(Source(text), text.count("\n", 0, at), name)
