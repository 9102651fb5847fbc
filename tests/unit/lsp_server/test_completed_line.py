import time

import pytest

from lsp_server.edits.completed_line import breaks_syntax
from lsp_server.workspace.documents import split_lines


def refused(marked: str, text: str, *, is_whole: bool = True) -> bool:
    before, _, behind = marked.partition("|")
    return breaks_syntax(split_lines(before), text, split_lines(behind), is_whole=is_whole)


METHOD = "class A:\n    def f(self, x):\n        |\n\n    def g(self):\n        pass\n"


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ("|", "import os"),
        ("x = |", "f(1)"),
        ("x = |", "f("),
        ("x = |\ny = 1\n", "f("),
        ("def f():\n    |", "return 1"),
        ("def f():\n    |", "if x:"),
        ("def f():\n    |", "if x:\n        return 1"),
        (METHOD, "return x"),
        (METHOD, "for it in x:"),
        (METHOD, "x = [it for it in (1, 2)"),
        (METHOD, "with a as b, c("),
        ("try:\n    |", "x = 1"),
        ("try:\n    |\nexcept E:\n    pass\n", "x = 1"),
        ("if x:\n    pass\n|", "elif y:"),
        ("f(\n    a,\n    |\n)\n", "b,"),
        ("f(\n    a,\n    |", "b,"),
        ("x = f(|)\n", "1, 2"),
        ("match x:\n    |\n        pass\n", "case 1:"),
        ("    |", "x = 1"),
        ("x = '''\n|\n'''\n", "no code ( at all:"),
    ],
)
def test_what_can_stand_passes(marked: str, text: str) -> None:
    assert not refused(marked, text)


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ("|", "import"),
        ("|", "x = )"),
        ("x = |", "f(]"),
        ("def f():\n    |", "x y z"),
        ("def f():\n    x = 1\n    |", "        return 1"),
        ("def f():\n    |", "x = 1\n  y = 2"),
        (METHOD, "return (x))"),
        (METHOD, "else:"),
        (METHOD, "def (self):"),
        ("if x:\n    |\nelse:\n    pass\n", "elif = 1"),
        ("x = f(|)\n", "1, 2))"),
        ("async def f():\n    x = 'a|\n", '"'),
    ],
)
def test_what_nothing_can_mend_is_refused(marked: str, text: str) -> None:
    assert refused(marked, text)


CALL = "f(\n    a,\n    |\n    b=2,\n)\n"


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        (CALL, "c=1"),
        (CALL, 'c="x"'),
        (METHOD, "if x"),
        (METHOD, 'return "a'),
        (METHOD, 'return f"a {x'),
        (METHOD, 'return f"a'),
        (METHOD, "x ="),
        ("x = 'it|\ny = 1\n", " goes on"),
        ("if x:\n    pass\n|\n    y = 1\n", "elif y"),
        ("|\n", "from a import"),
    ],
)
def test_of_a_text_that_is_cut_off_the_rest_may_mend_it(marked: str, text: str) -> None:
    assert refused(marked, text)
    assert not refused(marked, text, is_whole=False)


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        (METHOD, "x y"),
        (METHOD, "return (x))"),
        (METHOD, "elif x"),
        (CALL, "c d"),
        ("x = f(|)\n", "1, 2))"),
    ],
)
def test_what_no_rest_can_mend_is_refused(marked: str, text: str) -> None:
    assert refused(marked, text, is_whole=False)


def test_only_the_function_around_the_cursor_is_looked_at() -> None:
    broken = "class A\n    x = (\n\n    def f(self):\n        |\n\n    def g(self)\n"
    assert refused(broken, "return (1))")
    assert not refused(broken, "return (1)")
    nested = "def f():\n    def g():\n        return 1\n    x = [\n        |\n    ]\n"
    assert not refused(nested, "g(),")
    assert refused(nested, "g()),")


@pytest.mark.parametrize(
    "marked",
    [
        "def f(:\n    |",
        "class A:\n    def f(:\n        |\n",
    ],
)
def test_what_is_broken_already_is_laid_to_nobodys_charge(marked: str) -> None:
    assert not refused(marked, "return (1))")


def test_only_the_block_is_read() -> None:
    broken = "def broken(:\n    pass\n\n"
    assert refused(f"{broken}def f():\n    |\n\n{broken}", "x y z")


def test_a_large_file_costs_a_block() -> None:
    """5,000 lines may take five times as long as ten, and take hardly longer."""
    function = "def f_{0}(value):\n    if value:\n        return value + {0}\n    return None\n\n"
    took: dict[int, list[float]] = {1: [], 500: []}
    for count in [*took] * 20:
        lines = "".join(function.format(it) for it in range(count))
        before, _, behind = f"{lines}def g(value):\n    |\n\n{lines}".partition("|")
        first, last = split_lines(before), split_lines(behind)
        began = time.perf_counter()
        assert not breaks_syntax(first, "return [value", last)
        took[count].append(time.perf_counter() - began)
    assert min(took[500]) < 5 * min(took[1])
