"""From an answer's code blocks to changes; what would need a guess is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lsp_server.attention import UserActivity
from lsp_server.chat.applying import Applying
from lsp_server.chat.code_blocks import code_blocks
from lsp_server.chat.codebase import Codebase
from lsp_server.chat.transcript import ChatRefused
from lsp_server.edits.change import Change
from lsp_server.edits.verification import Finding
from lsp_server.workspace.documents import Documents
from lsp_server.workspace.folders import Folders
from lsp_server.workspace.live import Workspace
from tests.unit.lsp_server.on_loop import on_loop

TEXT = """\
import math


class Fees:
    def total(self, days):
        return days * 20

    def label(self, fee):
        return f"{fee}"


def area(radius):
    return math.pi * radius
"""
EDIT = (
    "<<<<<<< SEARCH\n        return days * 20\n=======\n        return days * 25\n>>>>>>> REPLACE\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "w"
    (root / "shop").mkdir(parents=True)
    (root / "shop/fees.py").write_text(TEXT)
    (root / ".env").write_text("KEY=1\n")
    return root


class Window:
    def __init__(self, root: Path) -> None:
        self.root = root
        documents = Documents()
        folders = Folders(lambda: root / "no-such-file")
        folders.set_roots([root.as_uri()])
        index = Workspace(documents, folders.exclusion, log=lambda _: None)
        activity = UserActivity(documents, folders.path_of, lambda _: False)
        self.documents = documents
        self.code = Codebase(documents, folders, index, activity)
        self.applying = Applying(self.code, modules=lambda _: None, type_check=self.check_types)

    async def check_types(self, change: Change) -> Sequence[Finding]:
        assert change.files
        return ()

    async def texts(self, answer: str, number: int = 0, active: str = "") -> dict[str, Any]:
        uri = (self.root / active).as_uri() if active else None
        applied = await self.applying.apply(answer, number, uri)
        return {
            it.uri.removeprefix(f"{self.root.as_uri()}/"): it.after for it in applied.change.files
        }


def fenced(code: str, info: str = "python") -> str:
    return f"```{info}\n{code}```\n"


@on_loop
async def test_search_and_replace_blocks(folder: Path) -> None:
    window = Window(folder)
    after = {"shop/fees.py": TEXT.replace("* 20", "* 25")}
    assert await window.texts(fenced(f"shop/fees.py\n{EDIT}")) == after
    assert await window.texts(f"**shop/fees.py**\n\n{fenced(EDIT)}") == after
    assert await window.texts(fenced(EDIT, "python shop/fees.py")) == after
    assert await window.texts(fenced(EDIT), active="shop/fees.py") == after
    document = window.documents.open((folder / "shop/fees.py").as_uri(), "python", 7, TEXT)
    applied = await window.applying.apply(fenced(EDIT), 0, document.uri)
    assert applied.change.files[0].version == 7


@on_loop
async def test_a_whole_definition_and_a_whole_file(folder: Path) -> None:
    window = Window(folder)
    method = "def total(self, days):\n    return days * 30\n"
    for answer, active in (
        (fenced(method, "python shop/fees.py"), ""),
        (fenced(method), "shop/fees.py"),
    ):
        (text,) = (await window.texts(answer, active=active)).values()
        assert text == TEXT.replace("* 20", "* 30")
    whole = TEXT.replace("* 20", "* 30")
    assert await window.texts(fenced(whole, "python:shop/fees.py")) == {"shop/fees.py": whole}
    new = "def made():\n    return 1\n"
    assert await window.texts(fenced(new, 'python title="shop/new.py"')) == {"shop/new.py": new}
    (folder / "shop/fees.py").write_bytes(TEXT.replace("\n", "\r\n").encode())
    (text,) = (await window.texts(fenced(whole, "shop/fees.py"))).values()
    assert text == whole.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("answer", "active", "reason"),
    [
        (fenced(EDIT), "", "does not say which file it is about"),
        (fenced("x = 1\n"), "", "does not say which file it is about"),
        (fenced("x = 1\n"), "shop/fees.py", "names no file, and is not one definition"),
        (fenced(f"../w2/a.py\n{EDIT}"), "", "lies outside of the workspace"),
        (fenced("x = 1\n", "python /etc/a.py"), "", "lies outside of the workspace"),
        (fenced("KEY=2\n", "sh .env"), "", ".env must not be edited: the file looks like it holds"),
        (fenced(EDIT.replace("* 20", "* 21"), "python shop/fees.py"), "", "do not stand in shop/fees"),
        (fenced("def area(radius):\n    # ... rest of the code\n", "python shop/fees.py"), "", "leaves out"),
        (fenced("def one():\n    return 1\n\n\nclass Two:\n    pass\n", "python shop/fees.py"), "", "would take 2 of 2 definitions out"),
        (fenced(EDIT.replace("days * 25", "days * rate"), "python shop/fees.py"), "", "names: .*rate"),
        (fenced(EDIT.replace("days * 25", "days *"), "python shop/fees.py"), "", "syntax: "),
        (fenced(EDIT.replace("=======\n", ""), "python shop/fees.py"), "", "no line of ======="),
        ("No code.", "", "no such code block"),
    ],
)  # fmt: skip
def test_what_is_refused(folder: Path, answer: str, active: str, reason: str) -> None:
    @on_loop
    async def run() -> None:
        window = Window(folder)
        with pytest.raises(ChatRefused, match=reason) as refused:
            await window.texts(answer, active=active)
        assert str(refused.value)[-1] in ".!"

    run()
    assert (folder / "shop/fees.py").read_text() == TEXT


def test_blocks_are_numbered_as_a_view_shows_them() -> None:
    answer = (
        "Text with ```inline``` code.\n\n```python a/b.py\nx = 1\n```\n"
        "1. In a list, `src/c.ts`:\n\n   ```ts\n   let y = 1;\n     z();\n   ```\n"
        "~~~\n```\nnot a fence of its own\n```\n~~~\n"
        "[d.py](d.py#L3)\n````\n```\n````\n"
        "Some words before.\n\n```\nno end"
    )
    found = [(it.language, it.path, it.code) for it in code_blocks(answer)]
    assert found == [
        ("python", "a/b.py", "x = 1\n"),
        ("ts", "", "let y = 1;\n  z();\n"),
        ("", "", "```\nnot a fence of its own\n```\n"),
        ("", "d.py", "```\n"),
        ("", "", "no end\n"),
    ]
