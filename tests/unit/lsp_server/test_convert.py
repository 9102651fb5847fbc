"""Positions in the editor's units, against a reference that counts character by character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from lsp_server.edge.convert import PositionConverter
from lsp_server.workspace.documents import Document, Position

ENCODINGS = ["utf-8", "utf-16", "utf-32"]
LINES = st.text("a\té€🐦\ud83d\udc26\n", max_size=8)


def units(character: str, encoding: str) -> int:
    """How many units of an encoding a character takes; half of a pair counts as a character."""
    point = ord(character)
    if encoding == "utf-8":
        return 1 + (point > 0x7F) + (point > 0x7FF) + (point > 0xFFFF)
    return 1 + (encoding == "utf-16" and point > 0xFFFF)


def from_client(line: str, character: int, encoding: str) -> int:
    """The column; what is inside a character is at its start, what is beyond stays beyond."""
    for column, it in enumerate(line):
        if character < units(it, encoding):
            return column
        character -= units(it, encoding)
    return len(line) + character


def to_client(line: str, column: int, encoding: str) -> int:
    within = sum(units(it, encoding) for it in line[:column])
    return within + max(0, column - len(line))


def as_utf_16(line: str) -> str:
    """The same units: two halves that stand together are one character."""
    return line.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(line=LINES, character=st.integers(0, 40))
def test_from_the_client(encoding: str, line: str, character: int) -> None:
    line = as_utf_16(line)
    converted = PositionConverter(encoding).from_client(types.Position(1, character), ["", line])
    assert converted == Position(1, from_client(line, character, encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(line=LINES, column=st.integers(0, 20))
def test_to_the_client(encoding: str, line: str, column: int) -> None:
    line = as_utf_16(line)
    converted = PositionConverter(encoding).to_client(Position(1, column), ["", line])
    assert converted == types.Position(1, to_client(line, column, encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(line=LINES, column=st.integers(0, 20))
def test_there_and_back(encoding: str, line: str, column: int) -> None:
    line = as_utf_16(line)
    converter = PositionConverter(encoding)
    there = converter.to_client(Position(0, column), [line])
    assert converter.from_client(there, [line]) == Position(0, column)


CASES = [
    # a line, a unit, and the column: in UTF-16
    ("🐦x", 0, 0),
    ("🐦x", 1, 0),
    ("🐦x", 2, 1),
    ("🐦x", 3, 2),
    ("🐦x", 5, 4),
    ("\ud83dx", 1, 1),
    ("\ud83d\ud83dx", 2, 2),
    ("\udc26x", 1, 1),
    ("é", 9, 9),
    ("x", 9, 9),
    ("", 3, 3),
]


@pytest.mark.parametrize(("line", "character", "column"), CASES, ids=ascii)
def test_halves_of_characters(line: str, character: int, column: int) -> None:
    converter = PositionConverter("utf-16")
    assert converter.from_client(types.Position(0, character), [line]).column == column


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("line", [1, 7, 2**31 - 1])
def test_lines_that_do_not_exist_are_empty(encoding: str, line: int) -> None:
    converter = PositionConverter(encoding)
    assert converter.from_client(types.Position(line, 4), ["é"]) == Position(line, 4)
    assert converter.to_client(Position(line, 4), ["é"]) == types.Position(line, 4)


def test_an_edit_is_converted_at_both_ends() -> None:
    document = Document("file:///a.py", "python", 1, "🐦🐦\né\n")
    change = types.TextDocumentContentChangePartial(
        types.Range(types.Position(0, 2), types.Position(1, 1)), "!"
    )
    document.apply(PositionConverter("utf-16").edit(change, document.lines))
    assert document.text == "🐦!\n"


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="utf-7"):
        PositionConverter("utf-7")
