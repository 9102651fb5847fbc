"""`fit`: the cursor is `|`, what stands behind it is the rest of its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completions.insertion import fit, says_again, without_joined_word

# What was there, what the model said, and the line as it shall be then.
CLOSERS = [
    ("add(|)", "a, b", "add(a, b)"),
    ("add(|)", "a, b)", "add(a, b)"),
    ("add(|)", "a, b):", "add(a, b)"),
    ("add(|):", "a, b):", "add(a, b):"),
    ("xs[|]", "0]", "xs[0]"),
    ("d = {|}", '"k": 1}', 'd = {"k": 1}'),
    ("f(g(|))", "x))", "f(g(x))"),
    ("f(g(|))", "x)", "f(g(x))"),
    ('say("|")', 'hi"', 'say("hi")'),
    ('say("|")', 'hi")', 'say("hi")'),
]
# A closer that the text itself opened belongs to the text.
BALANCED = [
    ("print(|)", "len(x)", "print(len(x))"),
    ("print(|)", "f(a)(b)", "print(f(a)(b))"),
    ("xs[|]", "ys[0]", "xs[ys[0]]"),
    ("d = {|}", "**{}", "d = {**{}}"),
    ("f(g(|))", "h(x)", "f(g(h(x)))"),
    ("f(g(|))", "h(x))", "f(g(h(x)))"),
    ("print(|)", '":)"', 'print(":)")'),
    ("print(|)", "':(', x)", "print(':(', x)"),
]
OVERLAPS = [
    ("x = |  # the sum", "a + b  # the sum", "x = a + b  # the sum"),
    ("return |value + 1", "value + 1", "return value + 1"),
    ("| = compute()", "result = compute()", "result = compute()"),
    ("|abcd", "abcd xa", "abcd"),
]
# A letter or two that agree are chance.
CHANCE = [
    ("return |value", "not ", "return not value"),
    ("1 |else 0", "if true ", "1 if true else 0"),
    ("f(|arg)", "data", "f(dataarg)"),
    ("x = |y", "a + ", "x = a + y"),
    ("|return x", "bar ", "bar return x"),
]
ALL = CLOSERS + BALANCED + OVERLAPS + CHANCE


@pytest.mark.parametrize(("before", "said", "after"), ALL, ids=[f"{b}{s}" for b, s, _ in ALL])
def test_in_the_middle_of_a_line(before: str, said: str, after: str) -> None:
    head, rest = before.split("|")
    assert head + fit(said, rest, max_lines=10) + rest == after


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        ("f(|arg)", "data", "f(arg)"),
        ("f(|arg)", "data, ", "f(data, arg)"),
        ("a ?? |b.url;", "undefined", "a ?? b.url;"),
        ("f(|_x)", "list(x_1", "f(list(_x)"),
        ("f(|x)", "not naïve", "f(not x)"),
        ("f(| x)", "not", "f(not x)"),
        ("len(|cmd)", "tc.args", "len(cmd)"),
        ("f(|x)", "a + std::max", "f(a + x)"),
        ("f(|name)", "self.", "f(self.name)"),
    ],
)
def test_no_word_runs_into_the_one_behind(before: str, said: str, after: str) -> None:
    head, rest = before.split("|")
    assert head + without_joined_word(said, rest) + rest == after


@pytest.mark.parametrize(
    ("marked", "said", "is_again"),
    [
        ("https: |new Agent()", "new ", True),
        ("f(|first(2), x)", "first(2),", True),
        ("&'|a T", "a ", True),
        ("($|name)", "$", True),
        ("x = |value + 1", "value", True),
        ("return |value", "not ", False),
        ("f(|arg)", "a, ", False),
        ("f(|name)", "self.", False),
        ("x = |-y", "-", True),
        ("x = a -|y", " -", True),
        ("x = |", "x", False),
        ("x = |y", "z(", False),
    ],
)
def test_what_stands_around_is_not_said_again(marked: str, said: str, *, is_again: bool) -> None:
    own, rest = marked.split("|")
    assert says_again(said, own, rest) == is_again


@pytest.mark.parametrize(
    ("said", "max_lines", "shown"),
    [
        ("a", 10, "a"),
        ("a\nb", 10, "a\nb"),
        ("a\nb\nc", 2, "a\nb"),
        ("a\nb\nc", 1, "a"),
        ("a\n\n\n", 10, "a"),
        ("a  \n  b  ", 10, "a  \n  b"),
        ("\n    a", 10, "\n    a"),
        ("\n\n", 10, ""),
        (" \t ", 10, ""),
        ("", 10, ""),
        ("    a", 10, "    a"),
    ],
)
@pytest.mark.parametrize("rest", ["", "   ", "\t"])
def test_at_the_end_of_a_line(said: str, max_lines: int, shown: str, rest: str) -> None:
    assert fit(said, rest, max_lines=max_lines) == shown


@pytest.mark.parametrize("rest", [")", "  # note", "x"])
def test_in_the_middle_of_a_line_no_further_line_follows(rest: str) -> None:
    assert "\n" not in fit("a\nb\nc", rest, max_lines=10)


@pytest.mark.parametrize(
    ("said", "rest", "shown"),
    [
        ("a, b\r\nc", ")", "a, b"),
        ("a, b)\r\nc", ")", "a, b"),
        ("value\r\n", "!", "value"),
        ("a\r\nb\r\n", "", "a\r\nb"),
        ("a\r\n\r\n", "", "a"),
        ("\r\n", "", ""),
        ("\r\n", ")", ""),
    ],
)
def test_carriage_returns_belong_to_the_line_ends(said: str, rest: str, shown: str) -> None:
    assert fit(said, rest, max_lines=10) == shown


WORDS = st.text("ab(){}[] \n.,'\"", max_size=30)


@given(WORDS, WORDS.map(lambda text: text.replace("\n", "")), st.integers(1, 5))
def test_what_is_shown_is_a_part_of_what_was_said(text: str, rest: str, max_lines: int) -> None:
    shown = fit(text, rest, max_lines=max_lines)
    assert text.startswith(shown)
    assert shown.count("\n") < max_lines
    assert bool(shown) == bool(shown.strip())


@given(
    st.text("abcd =.", max_size=12),
    st.text("abcd =.", min_size=4, max_size=12).filter(lambda rest: len(rest.strip()) >= 4),
)
def test_what_follows_the_cursor_is_never_said_again(text: str, rest: str) -> None:
    """Of a model that goes on to the end of the line, no more is shown than it said before that."""
    assert len(fit(text + rest, rest, max_lines=1)) <= len(text)
