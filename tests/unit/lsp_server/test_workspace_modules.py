"""What may be imported in a workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.workspace.outline import Import, ImportedName
from lsp_server.workspace_modules import WorkspaceModules
from tests.unit.lsp_server.made_repository import At

FILES = {
    "shop/__init__.py": "from .books import Book\n",
    "shop/books.py": "class Book: pass\nfor late in (): pass\n",
    "shop/open.py": "from os import *\n",
    "shop/broken.py": "def (\n",
    "tools/run.py": "import requests\n",
    "web/view.ts": "export const x = 1;\n",
}


def import_of(text: str) -> Import:
    module, _, name = text.partition(":")
    return Import(module, (ImportedName(name, name or module),), 0)


@pytest.fixture
def modules(tmp_path: Path) -> WorkspaceModules:
    site = tmp_path / ".venv/lib/python3.11/site-packages"
    (site / "attr").mkdir(parents=True)
    (site / "six.py").touch()
    (site / "_cffi.cpython-311.so").touch()
    snapshot = At.of(FILES, "shop/a.py", "").snapshot
    return WorkspaceModules(tmp_path, snapshot, lambda uri: uri.removeprefix("file:///w/"))


@pytest.mark.parametrize(
    ("import_", "expected"),
    [
        ("shop.books:Book", True),
        ("shop:Book", True),
        (".books:Book", True),
        ("shop.books", True),
        ("shop.books:Shelf", False),
        ("shop.books:late", None),
        ("shop.open:anything", None),
        ("shop.broken:anything", None),
        ("shop.shelves", False),
        (".shelves:Shelf", False),
        ("os.path:join", True),
        ("requests.sessions:Session", True),
        ("attr", True),
        ("six:moves", True),
        ("_cffi", True),
        ("invented_by_a_model:x", False),
    ],
)
def test_what_python_may_import(
    modules: WorkspaceModules,
    import_: str,
    expected: bool | None,  # noqa: FBT001
) -> None:
    assert modules.offers("file:///w/shop/a.py", "python", import_of(import_)) is expected


def test_without_an_environment_what_is_installed_is_not_known(tmp_path: Path) -> None:
    snapshot = At.of(FILES, "a.py", "").snapshot
    modules = WorkspaceModules(tmp_path, snapshot, lambda uri: uri)
    assert modules.offers("a.py", "python", import_of("attr")) is None


def test_what_scripts_may_import(modules: WorkspaceModules) -> None:
    def offers(module: str) -> bool | None:
        return modules.offers("file:///w/web/a.ts", "typescript", import_of(module))

    assert [offers(it) for it in ("./view", "./nowhere", "react")] == [True, False, None]
