"""What comes of answers to each action in several languages, compared with golden files.

Each file in `model_edits/` is an action with a path and a line, a text, a model's answer, and what
comes of it: a text or a refusal. A `~` is where a text ends without a line ending. With the
environment variable `SPARROW_WRITE_GOLDEN` set the last parts are written anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from lsp_server.model_edits.actions import ACTIONS, ActionName
from lsp_server.model_edits.request import EditRefusal
from lsp_server.workspace.languages import detect_language
from tests.unit.lsp_server.model_edits_window import Window
from tests.unit.lsp_server.on_loop import on_loop

FOLDER = Path(__file__).parent / "model_edits"
SEPARATOR = "-" * 40 + "\n"
GOLDEN = sorted(path.stem for path in FOLDER.glob("*.txt"))


@pytest.mark.parametrize("name", GOLDEN)
@on_loop
async def test_an_answer_becomes_what_is_written_down(name: str) -> None:
    file = FOLDER / f"{name}.txt"
    whole = file.read_bytes().decode()
    head, before, answer, expected = whole.split(SEPARATOR)
    action, path, line = head.split()
    text = before.replace("~\n", "")
    window = Window(*[answer] * 4, text=text, path=path, language=detect_language(path) or "")
    edit = await window.edit(cast("ActionName", action), line=int(line))
    if isinstance(edit, EditRefusal):
        reason = edit.reason.partition(" (the model's")[0]
        got = f"refused: {reason}\n"
    else:
        (changed,) = edit.change.files
        after = changed.after or ""
        got = after if after.endswith("\n") else f"{after}~\n"
    if "SPARROW_WRITE_GOLDEN" in os.environ:
        file.write_bytes((SEPARATOR.join([head, before, answer, ""]) + got).encode())
    else:
        assert got == expected


def test_every_action_has_a_sample() -> None:
    asked_in_words = {"instruction", "fix"}
    assert {name.partition("_")[0] for name in GOLDEN} == ACTIONS.keys() - asked_in_words
