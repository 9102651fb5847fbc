"""Filling in by chat: what is asked, and what is taken from an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.formats.infill_chat import infill, insertion

PREFIX = "def total(prices):\n    result = 0\n    for price in prices:\n        result "
SUFFIX = "\n    return result\n"
WANTED = "+= price"


class TestRequest:
    def test_what_is_asked(self) -> None:
        asked = infill("src/a.py", "def f():\n    ret", "\nf()\n", [("b.py", "B = 2")])
        system, user = (message["content"] for message in asked.messages)
        assert [message["role"] for message in asked.messages] == ["system", "user"]
        assert system.endswith("Other files of the same project:\n\nb.py\n```py\nB = 2\n```\n")
        assert "<CURSOR> stands for the cursor" in system
        assert user == "src/a.py\n```py\ndef f():\n    ret<CURSOR>\nf()\n```\n"
        assert asked.prefill == "```py\n    ret"
        assert asked.stop == ("\n```",)

    def test_typing_leaves_the_system_message_as_it_is(self) -> None:
        first, second = (infill("a.py", text, "", [("b.py", "B")]) for text in ("x", "xy"))
        assert first.messages[0] == second.messages[0]

    @pytest.mark.parametrize(
        ("path", "language"),
        [
            ("a.py", "py"),
            ("x/y.tsx", "tsx"),
            ("Makefile", ""),
            ("a.b/c", ""),
            ("c.C++", ""),
            ("", ""),
        ],
    )
    def test_the_fence_names_a_plain_ending(self, path: str, language: str) -> None:
        assert infill(path, "", "").prefill == f"```{language}\n"

    def test_a_fence_in_the_code_gets_a_longer_one_around_it(self) -> None:
        user = infill("a.md", "````\nx\n````\n", "").messages[1]["content"]
        assert user == "a.md\n`````md\n````\nx\n````\n<CURSOR>\n`````\n"

    @given(st.lists(st.sampled_from(["<CURSOR>", "<|CURSOR|>", "<<CURSOR>>", "<CURSOR-3>", "x"])))
    def test_the_marker_stands_at_the_cursor_and_nowhere_else(self, words: list[str]) -> None:
        code = " ".join(words)
        asked = infill("a.py", code, code, [("b.py", code)])
        assert asked.marker not in code
        assert asked.messages[1]["content"].count(asked.marker) == 1


ANSWERS = {
    "only the rest": "+= price",
    "the whole line": "        result += price",
    "the line without its indentation": "result += price",
    "fenced": "```python\n        result += price\n```",
    "fenced, the rest alone": "```\n+= price\n```\n",
    "an unclosed fence": "```python\n        result += price",
    "an unclosed fence that ends a line": "```python\n        result += price\n",
    "prose around a fence": (
        "Here you are:\n\n```python\n        result += price\n```\n\nThis adds each price.\n"
    ),
    "prose around none": "Here is the code:\n\n        result += price\n\nThis adds each price.",
    "inline code": "`+= price`",
    "the lines before as well": (
        "```python\n    result = 0\n    for price in prices:\n        result += price\n```"
    ),
    "the whole function": f"```python\n{PREFIX}+= price{SUFFIX}```",
    "the whole function, with the marker": f"```python\n{PREFIX}<CURSOR>+= price{SUFFIX}```",
    "what follows as well": "```python\n        result += price\n    return result\n```",
    "what follows, a blank line between": "        result += price\n\n    return result\n",
    "thinking": "<think>\nIt is `x`:\n```\nno\n```\n</think>\n\n```python\nresult += price\n```",
    "thinking that the template opened": "So.\n</think>\n+= price",
    "two blocks": "```sh\nls\n```\nor\n```python\n        result += price\n```",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_insertion_is_taken_out_of_an_answer(answer: str) -> None:
    assert insertion(ANSWERS[answer], PREFIX, SUFFIX, "<CURSOR>").rstrip("\n") == WANTED


@pytest.mark.parametrize(
    ("prefix", "answer", "suffix", "inserted"),
    [
        ("", "", "", ""),
        ("x = ", "```python\n```", "", ""),
        ("x = ", "  \n", "\n", ""),
        ("x = ", "```python\nx = 1", "\ny = 2\n", "1"),
        # brackets that may be the text's own are left to whoever shows it
        ("print(", "len(x)", ")\n", "len(x)"),
        ("print(", "len(x))", ")\n", "len(x))"),
        ("f(", "f(a, b)\n    g()", ")\n    g()\n", "a, b"),
        # an empty line that is indented
        ("if a:\n    ", "    return 1", "\n", "return 1"),
        ("if a:\n    ", "return 1", "\n", "return 1"),
        ("if a:\n    ", "```\n    b = 1\n    return b\n```", "\n", "b = 1\n    return b"),
        # a block whose lines were moved to the left
        ("class A:\n    ", "def f(self):\n    return 1", "\n", "def f(self):\n        return 1"),
        (
            "class A:\n    ",
            "    def f(self):\n        return 1",
            "\n",
            "def f(self):\n        return 1",
        ),
        ("  if (a) ", "if (a) {\n  b();\n}", "\n", "{\n    b();\n  }"),
        ("  if (a) ", "{\n    b();\n  }", "\n", "{\n    b();\n  }"),
        ("    x = [", "\n    ]", "\n", "\n    ]"),
        # what looks like the code before the cursor, and is not
        ("a()\n}\n", "}\nb()", "", "}\nb()"),
        ("foo(a)\n", "foo(b)\n", "", "foo(b)\n"),
        # what looks like the code behind it, and is not
        ("if a:\n    ", "x\n        return y", "\n    return y\n", "x\n        return y"),
        ("", "return x", "\nreturn x\n", "return x"),
        ("if a:\n    ", "b()", "\n\n\nc()\n", "b()"),
        ("if a:\n    ", "b()\n\n\nc()", "\n\n\nc()\n", "b()"),
        # text is no prose where it looks like code
        ("s = ", '"Here is:\\n"\n', "\n", '"Here is:\\n"\n'),
        ("", "Services:\n  web:\n", "", "Services:\n  web:\n"),
        ("a\r\nb = ", "b = 1\nc = 2\n", "\r\n", "1\r\nc = 2\r\n"),
    ],
)
def test_an_insertion(prefix: str, answer: str, suffix: str, inserted: str) -> None:
    assert insertion(answer, prefix, suffix) == inserted


@pytest.mark.parametrize(
    ("answer", "inserted"),
    [
        ("+= price", "+= price"),
        ("+= price\n```", "+= price"),
        ("+= price\n```\nThis adds.", "+= price"),
        ("+= price\n    return result\n```", "+= price"),
        ("result", "result"),
        ("```", ""),
        ("\n", ""),
    ],
)
def test_a_prefilled_answer_starts_at_the_cursor(answer: str, inserted: str) -> None:
    assert insertion(answer, PREFIX, SUFFIX, prefilled=True) == inserted


LINES = st.lists(st.sampled_from(["a()", "    b = 1", "", "}", "x", "```", "    "]), max_size=6)


@given(LINES, LINES, LINES)
def test_any_answer_gives_an_insertion(
    before: list[str], answer: list[str], behind: list[str]
) -> None:
    for prefilled in (False, True):
        result = insertion(
            "\n".join(answer), "\n".join(before), "\n".join(behind), prefilled=prefilled
        )
        assert len(result.strip()) <= len("\n".join(answer)) + 4 * len(answer)


@given(st.sampled_from(["+= price", "*= 2  # twice", "= max(result, price)"]), st.booleans())
def test_the_whole_file_as_answer_gives_what_was_inserted(middle: str, fenced: object) -> None:
    answer = f"{PREFIX}{middle}{SUFFIX}"
    assert insertion(f"```py\n{answer}```" if fenced else answer, PREFIX, SUFFIX) == middle
