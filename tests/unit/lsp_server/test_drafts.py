"""What is shown of an edit while a model still writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.model_edits.drafts import Draft, draft
from lsp_server.workspace.documents import split_lines

TEXT = "a\nb\nc\nd\n"
FIRST = "<<<<<<< SEARCH\nb\nc\n=======\nB\nC\nmore\n>>>>>>> REPLACE\n"
SECOND = "<<<<<<< SEARCH\nd\n=======\nD\n>>>>>>> REPLACE\n"
FOREIGN = "other.py\n" + SECOND


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("", None),
        ("I shall", None),
        ("<<<<<<< SEARCH\nb\n", None),
        ("<<<<<<< SEARCH\nb\nc\n=======\n", None),
        ("<<<<<<< SEARCH\nb\nc\n=======\nB", None),
        ("<<<<<<< SEARCH\nb\nc\n=======\nB\n", "a\nB\nc\nd\n"),
        ("<<<<<<< SEARCH\nb\nc\n=======\nB\nC\nmo", "a\nB\nC\nd\n"),
        ("<<<<<<< SEARCH\nb\nc\n=======\nB\nC\nmore\n", "a\nB\nC\nmore\nd\n"),
        ("<<<<<<< SEARCH\nb\nc\n=======\nB\nC\nmore\n>>>>>", "a\nB\nC\nmore\nd\n"),
        (FIRST, "a\nB\nC\nmore\nd\n"),
        (FIRST + "and\n" + SECOND, "a\nB\nC\nmore\nD\n"),
        ("<<<<<<< SEARCH\nx\n=======\ny\n", None),
        ("<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n" + SECOND, "a\nb\nc\nD\n"),
        (FOREIGN, None),
        (SECOND + SECOND, None),
        ("<<<<<<< SEARCH\nb\n=======\n=======\nB\n", None),
    ],
)
def test_what_is_written_so_far_is_shown(answer: str, shown: str | None) -> None:
    found = draft(answer, "own.py", TEXT)
    assert (None if found is None else applied(found)) == shown


@given(st.integers(0, len(FIRST + SECOND)))
def test_a_draft_is_always_of_the_files_lines(length: int) -> None:
    found = draft((FIRST + SECOND)[:length], "own.py", TEXT)
    if found is not None:
        assert 0 <= found.start_line <= found.end_line <= len(split_lines(TEXT))
        assert applied(found) != TEXT


def applied(found: Draft) -> str:
    lines = split_lines(TEXT)
    return "".join([*lines[: found.start_line], found.text, *lines[found.end_line :]])
