"""Search/replace blocks: what is in a model's answer, and what it makes of files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.edits.blocks import Block, BlockFault, apply_blocks, find_closest, parse_blocks

PATHS = ("src/a.py", "b.py")


def block(search: str, replace: str, path: str = "") -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(block("x\n", "y\n"), [("b.py", ["x"], ["y"])], id="plain"),
        pytest.param(
            "Sure:\n\nsrc/a.py\n```python\n" + block("x\n", "y\n").lstrip() + "```\nDone.\n",
            [("src/a.py", ["x"], ["y"])],
            id="fenced, with a path before the fence",
        ),
        pytest.param(
            "```python\nsrc/a.py\n" + block("x\n", "") + "```",
            [("src/a.py", ["x"], [])],
            id="path inside the fence, nothing in its place",
        ),
        pytest.param(
            "**`src/a.py`**\n" + block("x\n", "y\n").lstrip(),
            [("src/a.py", ["x"], ["y"])],
            id="path in bold",
        ),
        pytest.param(
            "### File: ./src/a.py:\n" + block("x\n", "y\n").lstrip(),
            [("src/a.py", ["x"], ["y"])],
            id="path in a heading",
        ),
        pytest.param(
            "This is it.\n" + block("x\n", "y\n").lstrip(), [("b.py", ["x"], ["y"])], id="words"
        ),
        pytest.param(
            block("x\n", "y\n", "src/a.py") + block("z\n", "w\n"),
            [("src/a.py", ["x"], ["y"]), ("b.py", ["z"], ["w"])],
            id="two",
        ),
        pytest.param(
            block("x\n", "y\n", "/etc/passwd"), [("/etc/passwd", ["x"], ["y"])], id="elsewhere"
        ),
        pytest.param(
            block("a\x0cb\n\u2028\n", "\tc\n"), [("b.py", ["a\x0cb", "\u2028"], ["\tc"])], id="odd"
        ),
        pytest.param(
            block("x\n", "y\n").replace("\n", "\r\n"), [("b.py", ["x"], ["y"])], id="crlf"
        ),
        pytest.param(
            block("", "x\n", "b.py").replace("=======", "===== "), [("b.py", [], ["x"])], id="new"
        ),
    ],
)
def test_blocks_are_found(answer: str, expected: list[tuple[str, list[str], list[str]]]) -> None:
    found = parse_blocks(answer, PATHS, "b.py")
    assert not found.problems
    got = [(it.path, list(it.search), list(it.replace)) for it in found.blocks]
    assert got == expected
    assert [it.number for it in found.blocks] == list(range(1, len(expected) + 1))


@pytest.mark.parametrize(
    ("answer", "fault", "words"),
    [
        pytest.param("", BlockFault.MALFORMED, "there is no block", id="empty"),
        pytest.param("```python\nx = 1\n```\n", BlockFault.MALFORMED, "no block", id="mere code"),
        pytest.param("<<<<<<< SEARCH\nx\n", BlockFault.TRUNCATED, "no end", id="cut in search"),
        pytest.param(
            "<<<<<<< SEARCH\nx\n=======\ny\n", BlockFault.TRUNCATED, "no end", id="cut in replace"
        ),
        pytest.param(
            "<<<<<<< SEARCH\nx\n>>>>>>> REPLACE\n",
            BlockFault.MALFORMED,
            "no line of",
            id="one half",
        ),
        pytest.param(
            block("x\n=======\n", "y\n"), BlockFault.MALFORMED, "2 lines of", id="two dividers"
        ),
        pytest.param(
            "<<<<<<< SEARCH\nx\n" + block("y\n", "z\n"),
            BlockFault.MALFORMED,
            "another one begins",
            id="one in another",
        ),
        pytest.param(">>>>>>> REPLACE\n", BlockFault.MALFORMED, "without having begun", id="end"),
    ],
)
def test_what_is_no_block_says_why(answer: str, fault: BlockFault, words: str) -> None:
    (problem,) = parse_blocks(answer, PATHS, "b.py").problems
    assert problem.fault is fault
    assert words in problem.message


FILE = "def f():\n    return 1\n\n\ndef g():\n    return 1\n"


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        pytest.param("a\nb\nc\n", block("b\n", "B\n"), "a\nB\nc\n", id="a line"),
        pytest.param("a\nb\n", block("b\n", ""), "a\n", id="deleted"),
        pytest.param("a\nb", block("b\n", ""), "a\n", id="the last deleted"),
        pytest.param("a\nb", block("b\n", "b\nc\n"), "a\nb\nc", id="no final ending"),
        pytest.param("a\nb", block("a\n", "c\n"), "c\nb", id="before a last without ending"),
        pytest.param("a\r\nb\r\n", block("b\n", "c\nd\n"), "a\r\nc\r\nd\r\n", id="crlf"),
        pytest.param("a\rb\r", block("b\n", "c\nd\n"), "a\rc\rd\r", id="lone carriage returns"),
        pytest.param("a\nb\r\nc\n", block("b\nc\n", "b\nd\n"), "a\nb\r\nd\n", id="mixed endings"),
        pytest.param(
            "\ta\n\x0cb\n", block("\ta\n\x0cb\n", "\tc\n\x0cb\n"), "\tc\n\x0cb\n", id="odd"
        ),
        pytest.param("a\nb\n", block("b\n", "b2\n") + block("a\n", "a2\n"), "a2\nb2\n", id="order"),
        pytest.param("xa\na\n", block("a\n", "b\n"), "xa\nb\n", id="whole lines alone"),
        pytest.param("", block("", "a\nb\n"), "a\nb\n", id="into an empty file"),
        pytest.param(None, block("", "a\n"), "a\n", id="into a new file"),
        pytest.param("a\n", block("a\n", "a\n"), "a\n", id="no change"),
        pytest.param("x", block("x\n", "y\n"), "y", id="one line without ending"),
    ],
)
def test_blocks_are_applied(text: str | None, answer: str, expected: str) -> None:
    applied = apply_blocks(parse_blocks(answer, PATHS, "b.py").blocks, {"b.py": text})
    assert applied.problems == ()
    assert applied.texts == {"b.py": expected}


@pytest.mark.parametrize(
    ("answer", "fault", "words"),
    [
        pytest.param(block("return 1\n", ""), BlockFault.MISSING, "def f():", id="indentation"),
        pytest.param(block("    return 1\n", ""), BlockFault.AMBIGUOUS, "lines 2, 6", id="twice"),
        pytest.param(block("def h():\n", ""), BlockFault.MISSING, "def g():", id="not there"),
        pytest.param(
            block("def g():\n    return 2\n", ""), BlockFault.MISSING, "return 1", id="partly there"
        ),
        pytest.param(block("", "x\n"), BlockFault.MALFORMED, "searches nothing", id="nothing"),
        pytest.param(block("\n\n", "x\n"), BlockFault.MALFORMED, "searches nothing", id="blank"),
        pytest.param(block("x\n", "y\n", "../c.py"), BlockFault.FOREIGN, "may edit: b.py", id="up"),
        pytest.param(
            block("x\n", "y\n", "/etc/x"), BlockFault.FOREIGN, "may edit: b.py", id="root"
        ),
        pytest.param(
            block("def g():\n    return 1\n", "") + block("def g():\n", "def h():\n"),
            BlockFault.OVERLAPPING,
            "block 1 edits too",
            id="overlapping",
        ),
        pytest.param(
            block("def g():\n", "a\n") * 2, BlockFault.OVERLAPPING, "block 1 edits", id="the same"
        ),
    ],
)
def test_what_does_not_fit_says_why(answer: str, fault: BlockFault, words: str) -> None:
    applied = apply_blocks(parse_blocks(answer, PATHS, "b.py").blocks, {"b.py": FILE})
    (problem,) = applied.problems
    assert problem.fault is fault
    assert words in problem.message


def test_of_a_file_that_is_there_twice_no_second_new_one_is_made() -> None:
    answer = parse_blocks(block("", "x\n") * 2, PATHS, "b.py")
    assert [it.fault for it in apply_blocks(answer.blocks, {"b.py": None}).problems] == [
        BlockFault.OVERLAPPING
    ]


def test_the_closest_lines_are_those_with_most_in_common() -> None:
    lines = [f"x{number} = {number}" for number in range(50)]
    lines[30:33] = ["def f(a):", "    b = a", "    return b"]
    assert find_closest(["def f(a):", "    c = a", "    return b"], lines) == lines[28:35]
    assert find_closest(["def  f(a):"], lines)[2] == "def f(a):"
    assert find_closest(["???"], lines) == []


@settings(deadline=None)
@given(
    lines=st.lists(st.sampled_from(["a", "  b", "c()", "", "\x0c", "é"]), min_size=1, max_size=12),
    new=st.lists(st.sampled_from(["x", "", "\ty"]), max_size=3),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    data=st.data(),
)
def test_a_block_of_lines_that_are_there_once_is_those_lines_replaced(
    lines: list[str], new: list[str], ending: str, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(lines) - 1))
    last = data.draw(st.integers(first + 1, len(lines)))
    search = lines[first:last]
    count = sum(lines[at : at + len(search)] == search for at in range(len(lines)))
    text = "".join(f"{line}{ending}" for line in lines)
    applied = apply_blocks([Block(1, "a", tuple(search), tuple(new))], {"a": text})
    if count == 1 and any(map(str.strip, search)):
        expected = [*lines[:first], *new, *lines[last:]]
        assert applied.texts["a"] == "".join(f"{line}{ending}" for line in expected)
    else:
        assert applied.problems
        assert applied.texts["a"] == text
