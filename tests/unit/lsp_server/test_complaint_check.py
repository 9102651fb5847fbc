"""Whether an edit mends what ruff complained of."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.complaint_check import check_complaints
from lsp_server.edits.change import Change, FileChange
from lsp_server.edits.verification import Outcome
from lsp_server.model_edits.request import Complained
from tests.unit.lsp_server.on_loop import on_loop

BEFORE = "import os\nimport sys\n\n\ndef f(x=[]):\n    return x\n"
UNUSED = Complained("Ruff", "F401", "`os` imported but unused", 0)
MUTABLE = Complained("Ruff", "B006", "Do not use mutable data structures", 4)
OTHER = Complained("Pylance", "reportUnusedImport", "not accessed", 0)
STRANGE = Complained("Ruff", "F401,--fix", "what is this", 0)


@pytest.mark.parametrize(
    ("complaint", "after", "outcomes"),
    [
        (UNUSED, BEFORE.replace("import os\n", ""), [Outcome.PASSED]),
        (UNUSED, BEFORE + "# looked at\n", [Outcome.FAILED]),
        (UNUSED, BEFORE.replace("import os", "import re"), [Outcome.FAILED]),
        (MUTABLE, BEFORE.replace("x=[]", "x=()"), [Outcome.PASSED]),
        (MUTABLE, BEFORE.replace("x=[]", "x={}"), [Outcome.FAILED]),
        (Complained("Ruff", "F811", "redefined", 0), BEFORE + "\n", [Outcome.UNKNOWN]),
        (OTHER, BEFORE + "\n", []),
        (STRANGE, BEFORE + "\n", []),
    ],
)
@on_loop
async def test_there_are_fewer_complaints_than_before(
    tmp_path: Path, complaint: Complained, after: str, outcomes: list[Outcome]
) -> None:
    uri = (tmp_path / "a.py").as_uri()
    change = Change("Do it", (FileChange(uri, BEFORE, after, 1),))
    assert [it.outcome for it in await check_complaints(change, [complaint])] == outcomes
