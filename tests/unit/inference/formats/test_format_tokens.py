"""Where texts may be cut to be encoded apart, against patterns like those of real tokenizers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.formats.tokens import (
    SAMPLES,
    finest_chunks,
    first_inexact_join,
    is_border,
    joins_exactly,
    leaking_names,
    without_added_tokens,
)

# Python's letters and numbers are near enough to \p{L} and \p{N}; all else is as in the original.
LETTER, NEITHER = r"[^\W\d_]", r"(?:[^\s\w]|_)"
QWEN2 = (
    rf"'(?:s|t|re|ve|m|ll|d)|(?:[^\r\n\w]|_)?{LETTER}+|\d"
    rf"| ?{NEITHER}+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
WITH_SLASH = QWEN2.replace("+[\\r\\n]*", "+[\\r\\n/]*")
GPT2 = rf"'(?:s|t|re|ve|m|ll|d)| ?{LETTER}+| ?\d+| ?{NEITHER}+|\s+(?!\S)|\s+"


def encoder(pattern: str) -> Callable[[str], list[int]]:
    """A token for each word of the pattern: two texts have the same ids if they split the same."""
    compiled, numbers = re.compile(pattern), dict[str, int]()
    return lambda text: [numbers.setdefault(w, len(numbers)) for w in compiled.findall(text)]


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        ("a\n", "b", True),
        ("a\n", "    b\n", True),
        ("a\n\n\n", "\tb\n", True),
        ("a\r\n", "b", True),
        ("a\r", "b", True),
        ("a\n", "\fb", True),
        ("a\r", "\nb", False),
        ("a\n", "\nb", False),
        ("a\n", "  \nb", False),
        ("a\n", "\f\nb", False),
        ("a\n", "\u3000\nb", False),
        ("a\n", "   ", False),
        ("a\n", "", False),
        ("a", "b", False),
        ("a ", "b", False),
        ("a\u2028", "b", False),
        ("a\f", "b", False),
        ("", "a", False),
    ],
)
def test_where_a_text_may_be_cut(before: str, after: str, *, allowed: bool) -> None:
    assert is_border(before, after) is allowed


def test_the_finest_chunks_of_a_text() -> None:
    text = "\n\na\n  b\n\n \n\tc\r\n\r\nd\re\n  "
    assert finest_chunks(text) == (
        *("\n\n", "a\n", "  b\n\n \n"),
        *("\tc\r\n\r\n", "d\r", "e\n  "),
    )


CODE = st.lists(
    st.sampled_from(
        [
            "a",
            "word",
            "é",
            "日本",
            "1",
            "_",
            "'s",
            ";",
            "{",
            ")",
            "//",
            "/",
            "#",
            '"',
            " ",
            "    ",
            "\t",
            "\n",
            "\n",
            "\r\n",
            "\r",
            "\x0c",
            "\xa0",
            "\u3000",
            "\u200b",
            "\x1c",
        ]
    ),
    max_size=24,
).map("".join)


@given(CODE)
def test_chunks_are_the_text_and_end_at_borders(text: str) -> None:
    chunks = finest_chunks(text)
    assert "".join(chunks) == text
    for number in range(1, len(chunks)):
        assert is_border("".join(chunks[:number]), "".join(chunks[number:]))


@given(CODE)
def test_borders_are_exact_for_the_pattern_of_qwen(text: str) -> None:
    assert joins_exactly(encoder(QWEN2), finest_chunks(text))


@given(st.tuples(CODE, CODE), st.text("\t ", max_size=3))
def test_so_is_the_start_of_the_last_line_while_it_is_typed(
    texts: tuple[str, str], indentation: str
) -> None:
    before = texts[0] + "x\n" + texts[1].replace("\r", "").rstrip() + "\n"
    assert joins_exactly(encoder(QWEN2), (before, indentation))


class TestCheck:
    def test_a_tokenizer_with_the_pattern_of_qwen_passes(self) -> None:
        assert first_inexact_join(encoder(QWEN2)) is None

    def test_one_with_the_pattern_of_gpt2_does_not(self) -> None:
        found = first_inexact_join(encoder(GPT2))
        assert found is not None
        assert found[0].endswith("\n")

    def test_one_whose_punctuation_reaches_over_newlines_to_a_slash_does_not(self) -> None:
        found = first_inexact_join(encoder(WITH_SLASH))
        assert found is not None
        assert found[1].startswith("/")

    def test_one_that_puts_something_before_each_text_does_not(self) -> None:
        inner = encoder(QWEN2)
        assert first_inexact_join(lambda text: [-1, *inner(text)]) is not None

    def test_the_samples_hold_what_the_rule_is_about(self) -> None:
        everything = "".join(SAMPLES)
        for kind in ("\n\n", "\r\n\r\n", "\n\t", "\n    ", "    \n", ";\n/", "本", "\n'"):
            assert kind in everything, kind
        assert sum(len(finest_chunks(sample)) for sample in SAMPLES) > 60


class TestSpecialTokens:
    def test_names_that_text_can_become_are_told(self) -> None:
        ids = {"<|a|>": 1, "<|b|>": 2}

        def leaky(text: str) -> list[int]:
            return [1 if part == "<|a|>" else 9 for part in re.findall(r"<\|a\|>|.", text)]

        assert leaking_names(leaky, ids) == ("<|a|>",)
        assert leaking_names(lambda text: [9 for _ in text], ids) == ()

    def test_a_tokenizer_is_told_to_take_all_for_text(self) -> None:
        described = {
            "version": "1.0",
            "added_tokens": [{"id": 7, "content": "<|fim_prefix|>", "special": False}],
            "normalizer": {"type": "NFC"},
            "post_processor": {"type": "TemplateProcessing"},
            "truncation": {"max_length": 5},
            "model": {"type": "BPE", "vocab": {"é": 0}},
        }
        assert json.loads(without_added_tokens(json.dumps(described))) == {
            "version": "1.0",
            "added_tokens": [],
            "normalizer": {"type": "NFC"},
            "post_processor": None,
            "truncation": None,
            "padding": None,
            "model": {"type": "BPE", "vocab": {"é": 0}},
        }

    @pytest.mark.parametrize("text", ["", "[]", "{}", "null", "\ufffd"])
    def test_another_file_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"not a tokenizer\.json"):
            without_added_tokens(text)
