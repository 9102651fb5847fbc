"""The index's store: what is put is found, and what is broken is made anew."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server.workspace.read import index_text
from lsp_server.workspace.search import Search
from lsp_server.workspace.store import IndexedFile, Store
from lsp_server.workspace.store_file import StoreDamaged, store_file
from lsp_server.workspace.store_reader import FileState

STATE = FileState(changed_ns=1, size=2)
SHAPES = "class Shape:\n    def area(self) -> float: ...\n\n\ndef total_area(shapes): ...\n"
USES = "from shapes import total_area\n\nprint(total_area([]))\n"


def indexed(path: str, text: str | bytes, state: FileState = STATE) -> IndexedFile:
    return index_text(path, state, text.encode() if isinstance(text, str) else text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "store.sqlite"


def fill(file: Path) -> None:
    store = Store.open(file)
    store.put([indexed("shapes.py", SHAPES), indexed("uses.py", USES)])
    store.close()


def test_what_was_put_is_found_after_it_is_opened_again(file: Path) -> None:
    fill(file)
    store = Store.open(file)
    search = Search(store)
    assert store.files() == {"shapes.py": STATE, "uses.py": STATE}
    assert [(it.path, it.symbol.name) for it in search.symbols("total_area", 5)] == [
        ("shapes.py", "total_area")
    ]
    assert [(it.path, it.reference.line) for it in search.references("total_area", 5)] == [
        ("uses.py", 2)
    ]
    assert [it.path for it in search.text("total area", 5)] == ["shapes.py", "uses.py"]
    store.close()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Shape", ["Shape"]),
        ("shape", []),
        ("tot", []),
        ("", []),
        ('" OR defined : "', []),
    ],
)
def test_names_are_found_as_they_are_written(file: Path, name: str, found: list[str]) -> None:
    fill(file)
    store = Store.open(file)
    assert [it.symbol.name for it in Search(store).symbols(name, 5)] == found
    store.close()


def test_the_start_of_a_name_finds_the_shorter_first(file: Path) -> None:
    store = Store.open(file)
    store.put([indexed("a.py", "def area_of(): ...\ndef area(): ...\ndef other(): ...\n")])
    names = [it.symbol.name for it in Search(store).symbols("AREA", 5, prefix=True)]
    assert names == ["area", "area_of"]
    store.close()


def test_a_definition_goes_before_a_use(file: Path) -> None:
    store = Store.open(file)
    store.put(
        [indexed("a_use.py", "render()\n" * 3), indexed("b.py", "def render():\n    pass\n" * 1)]
    )
    assert [it.path for it in Search(store).text("render", 5)] == ["b.py", "a_use.py"]
    store.close()


def test_a_changed_file_takes_the_place_of_what_it_was(file: Path) -> None:
    fill(file)
    store = Store.open(file)
    search = Search(store)
    store.put([indexed("shapes.py", "class Circle: ...\n", FileState(5, 6))])
    assert store.files()["shapes.py"] == FileState(5, 6)
    assert search.symbols("Shape", 5) == []
    assert [it.path for it in search.symbols("Circle", 5)] == ["shapes.py"]
    store.put([indexed("shapes.py", SHAPES)])  # as on the branch before
    assert [it.path for it in search.symbols("Shape", 5)] == ["shapes.py"]
    store.remove(["shapes.py", "unknown.py"])
    assert search.symbols("Shape", 5) == []
    assert list(store.files()) == ["uses.py"]
    store.close()


def test_one_content_may_have_several_paths(file: Path) -> None:
    store = Store.open(file)
    store.put([indexed("a.py", SHAPES), indexed("b.py", SHAPES), indexed("c.txt", SHAPES)])
    assert [it.path for it in Search(store).symbols("Shape", 5)] == ["a.py", "b.py"]
    assert len(Search(store).text("shapes", 5)) == 3
    store.close()


@pytest.mark.parametrize(
    "content", [b"", b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4000]
)
def test_what_is_no_store_is_made_anew(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    fill(file)
    store = Store.open(file)
    assert len(store.files()) == 2
    store.close()


def test_the_store_of_another_version_is_made_anew(file: Path) -> None:
    fill(file)
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    store = Store.open(file)
    assert store.files() == {}
    store.close()


def test_an_outline_that_was_altered_is_not_trusted(file: Path) -> None:
    fill(file)
    connection = sqlite3.connect(file)
    connection.execute("UPDATE content SET refs = x'c0'")
    connection.execute("UPDATE symbol SET kind = 'x'")
    connection.commit()
    connection.close()
    store = Store.open(file)
    with pytest.raises(StoreDamaged):
        Search(store).symbols("Shape", 5)
    with pytest.raises(StoreDamaged):
        Search(store).references("total_area", 5)
    with pytest.raises(StoreDamaged):
        store.outline("shapes.py")
    store.close()


def test_a_store_whose_pages_were_altered_is_made_anew(file: Path) -> None:
    store = Store.open(file)
    store.put([indexed(f"{number}.py", f"def f{number}(): ...\n") for number in range(500)])
    store.close()
    data = bytearray(file.read_bytes())
    data[8192:] = b"\x5a" * (len(data) - 8192)
    file.write_bytes(data)
    store = Store.open(file)
    assert store.files() == {}
    store.close()


WRITER = """
import sys
from pathlib import Path
from lsp_server.workspace.read import index_text
from lsp_server.workspace.store import FileState, Store
store = Store.open(Path(sys.argv[1]))
for number in range(10_000):
    state = FileState(number, 0)
    text = f"def made_{number}(): ...\\n".encode()
    store.put([index_text(f"{half}.py", state, text) for half in ("one", "other")])
    print(number, flush=True)
"""


@pytest.mark.parametrize("batches", [1, 7, 40])
def test_a_writer_that_is_killed_loses_no_batch_and_leaves_no_half(
    file: Path, batches: int
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, file], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    for _ in range(batches):
        told = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    store = Store.open(file)
    files = store.files()
    assert files["one.py"] == files["other.py"]
    assert files["one.py"].changed_ns >= told
    name = f"made_{files['one.py'].changed_ns}"
    assert [it.path for it in Search(store).symbols(name, 5)] == ["one.py", "other.py"]
    store.close()


def test_each_folder_has_a_store_of_its_own(tmp_path: Path) -> None:
    files = {store_file(tmp_path, Path(name)) for name in ("/a", "/b", "/a/b", "/\udcff")}
    assert len(files) == 4
