"""What is typed in the benchmark, and what its scripted engine knows of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lsp_server.bench import typist as bench
from lsp_server.bench.measure import CouldNotRun
from lsp_server.bench.typing_play import Played
from lsp_server.bench.typing_report import row_of
from lsp_server.bench.typing_traces import (
    ALONG,
    TYPED_CHARACTERS,
    UNFORESEEN,
    UNIFORM_MS,
    place_in,
    script,
    traces_of,
)
from lsp_server.workspace.documents import Document, Edit

TEXT = Path(os.__file__).read_text()
PLACE = place_in("os.py", TEXT, 300)


def test_a_place_is_the_file_without_what_is_typed() -> None:
    assert abs(len(PLACE.target) - TYPED_CHARACTERS) <= 4
    document = Document("", "", 0, PLACE.text)
    document.apply(Edit(PLACE.cursor, PLACE.cursor, PLACE.target))
    assert document.text == TEXT
    assert document.lines[PLACE.cursor.line][: PLACE.cursor.column].isspace()


def test_a_file_without_such_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="no such lines"):
        place_in("short.py", "x = 1\n", 0)


def test_each_trace_types_the_text() -> None:
    traces = traces_of(PLACE.target, [80.0, 500.0])
    for trace in traces:
        typed = ""
        for stroke in trace.strokes:
            typed = typed + stroke.character if stroke.character else typed[:-1]
        assert typed == PLACE.target, trace.name
    by_name = {it.name: it for it in traces}
    assert [it.after_ms for it in by_name["bursty"].strokes[:3]] == [80, 500, 80]
    assert {it.after_ms for it in by_name["uniform"].strokes} == {UNIFORM_MS}
    assert sum(not it.character for it in by_name["retyped"].strokes) >= 15


def test_what_was_measured_in_the_editor_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "ghost_text.json"
    file.write_text('{"name": "ghost_text", "samples": 40, "editor_over_constant_ms": 7.5}')
    assert bench.measured_in_editor(file) == {"editor_over_constant_ms": 7.5}
    file.write_text('{"name": "typing"}')
    with pytest.raises(CouldNotRun, match="measure_ghost_text"):
        bench.measured_in_editor(file)


def reply_of(trace: str, typed: int) -> str:
    """What the script says once so many characters are typed."""
    document = Document("", "", 0, PLACE.text)
    edit = Edit(PLACE.cursor, PLACE.cursor, PLACE.target[:typed])
    document.apply(edit)
    caret = edit.caret
    prefix = "".join(document.lines[: caret.line]) + document.lines[caret.line][: caret.column]
    for rule in script([PLACE], trace, 50.0)["rules"]:
        if prefix.endswith(rule.get("when", {}).get("prefix_ends_with", "")):
            assert rule["delay_ms"] == 50.0
            return "".join(rule["reply"])
    raise AssertionError


@pytest.mark.parametrize("typed", [0, 1, 7, 30, len(PLACE.target) - 1])
def test_the_script_knows_what_comes(typed: int) -> None:
    rest = PLACE.target[typed:]
    assert reply_of(ALONG, typed) == rest
    word = reply_of("uniform", typed)
    assert rest.startswith(word)
    assert len(word.split()) == 1
    assert not rest.startswith(reply_of(UNFORESEEN, typed))


def test_figures_where_nothing_was_shown_or_taken_are_none() -> None:
    row = row_of("uniform", "scripted", 0.0, Played(keys=60, tokens=5))
    assert (row["shown_p50_ms"], row["tokens_per_accepted_char"]) == (None, None)
    row = row_of(
        "bursty",
        "wren",
        None,
        Played(tokens=6, accepted_characters=12, shown_ms=[3, 1, 2], right=2),
    )
    assert (row["shown_p50_ms"], row["tokens_per_accepted_char"]) == (2, 0.5)
    assert (row["samples"], row["right"]) == (3, 2)


def test_gaps_are_read_from_the_data(tmp_path: Path) -> None:
    assert bench._bursty(None) == [UNIFORM_MS]
    (tmp_path / "typing_bursty_ms.json").write_text("[80, 500]")
    assert bench._bursty(tmp_path) == [80.0, 500.0]
    (tmp_path / "typing_bursty_ms.json").write_text('{"a": 1}')
    with pytest.raises(CouldNotRun, match="milliseconds"):
        bench._bursty(tmp_path)
    with pytest.raises(CouldNotRun):
        bench._bursty(tmp_path / "elsewhere")
