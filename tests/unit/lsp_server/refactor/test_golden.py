"""Refactors as golden files: the files before, a line of dashes, and what becomes of them.

A file begins with the task and its argument; each file of the workspace stands behind a line with `==`
and its path, the selection between ⟦ and ⟧. With the environment variable `SPARROW_WRITE_GOLDEN` set the
second parts are written anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import cast

import pytest

from lsp_server.edits.change import Change, EditKind, FileChange
from lsp_server.edits.verification import verify
from lsp_server.refactor.job import Job, Outcome, Place, Task
from lsp_server.refactor.perform import perform
from lsp_server.refactor.refusal import RefactorRefused

FOLDER = Path(__file__).parent / "golden"
SEPARATOR = "-" * 40 + "\n"
GOLDEN = sorted(path.stem for path in FOLDER.glob("*.txt"))


def place(text: str, offset: int) -> Place:
    return text.count("\n", 0, offset), offset - (text.rfind("\n", 0, offset) + 1)


def job_of(given: str) -> Job:
    head, *parts = re.split(r"^== (.*)\n", given, flags=re.MULTILINE)
    fields = dict(re.findall(r"(\w+): (.*)\n", head))
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    (path,) = (it for it, text in texts.items() if "⟦" in text)
    start = texts[path].index("⟦")
    text = texts[path].replace("⟦", "")
    end = text.index("⟧")
    texts[path] = text = text.replace("⟧", "")
    return Job(
        cast("Task", fields["task"]),
        "/nowhere",
        path,
        place(text, start),
        place(text, end),
        fields.get("argument", ""),
        tuple(texts),
        texts,
    )


def printed(outcome: Outcome) -> str:
    lines = []
    for file in outcome.files:
        moved = f" (was {file.moved_from})" if file.moved_from else ""
        lines.append(f"== {file.path}{moved}\n{file.after}")
        lines += [f"doubt on line {it.line + 1}: {it.reason}\n" for it in file.doubts]
    if outcome.name_at is not None:
        lines.append(f"name at {outcome.name_at[0] + 1}:{outcome.name_at[1] + 1}\n")
    if outcome.note:
        lines.append(f"note: {outcome.note}\n")
    return "".join(lines)


@pytest.mark.parametrize("name", GOLDEN)
def test_what_becomes_of_it_is_as_written_down(name: str, tmp_path: Path) -> None:
    path = FOLDER / f"{name}.txt"
    given, _, expected = path.read_text("utf-8").partition(SEPARATOR)
    job = job_of(given)
    try:
        outcome = perform(job, tmp_path)
    except RefactorRefused as refusal:
        got = f"refused: {refusal}\n"
    else:
        got = printed(outcome)
        files = (
            FileChange(
                f"file:///{it.path}", it.before, it.after, renamed_from=it.moved_from or None
            )
            for it in outcome.files
        )
        assert verify(Change(name, tuple(files)), EditKind.REFACTOR).passed
        before = {it.moved_from or it.path: it.before for it in outcome.files}
        assert {path: it for path, it in before.items() if it is not None}.items() <= (
            job.texts.items()
        )
    assert list(tmp_path.iterdir()) == []
    if "SPARROW_WRITE_GOLDEN" in os.environ:
        path.write_text(given + SEPARATOR + got, "utf-8")
    else:
        assert got == expected


def test_there_are_golden_files() -> None:
    assert len(GOLDEN) >= 20
