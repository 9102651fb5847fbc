"""The live index follows the disk and the editor, whatever happens to them."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsp_server.workspace.documents import Document, Edit, Position
from lsp_server.workspace.open_document import OpenDocument
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE, store_file

from .live_index import Live, facts, live_index, rebuilt, wait_for_no_processes

MODULES = ["a.py", "b.py", "pkg/__init__.py", "pkg/c.py", "pkg/deep/d.py"]
NAMES = ["alpha", "beta", "gamma", "pkg", "late"]
LINES = [
    "def alpha(): ...\n",
    "class Beta: beta = 1\n",
    "from a import alpha\n",
    "import pkg.c as gamma\n",
    "from pkg import alpha as late\n",
    "from pkg.deep.d import beta\n",
    "beta = alpha(gamma)\n",
    "# alpha and beta\n",
    "\n",
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    yield tmp_path / "cache"
    wait_for_no_processes(tmp_path / "cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.py").write_text("def alpha(): ...\n")
    (folder / "b.py").write_text("from a import alpha\n\nalpha()\n")
    return folder


module = st.sampled_from(MODULES)
text = st.lists(st.sampled_from(LINES), max_size=6).map("".join)
step = st.one_of(
    st.tuples(st.just("write"), module, text),
    st.tuples(st.just("delete"), module),
    st.tuples(st.just("rename"), module, module),
    st.tuples(st.just("rename folder"), st.just("pkg"), st.just("b")),
    st.tuples(st.just("open"), module, text),
    st.tuples(st.just("edit"), module, st.integers(0, 6), st.integers(0, 2), text),
    st.tuples(st.just("close"), module),
    st.tuples(st.just("save"), module),
    st.tuples(st.just("wait"), st.just("")),
)


async def take(live: Live, step: tuple[object, ...], opened: dict[str, Document]) -> None:
    what, name, *more = step
    assert isinstance(name, str)
    path = live.folder / name
    if what == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(more[0]))
    elif what == "delete" and name not in opened:
        path.unlink(missing_ok=True)
    elif what in ("rename", "rename folder"):
        to = live.folder / str(more[0])
        to.parent.mkdir(parents=True, exist_ok=True)
        # An import means a file on disk: one that is open stays there.
        if path.exists() and not to.exists() and not any(it.startswith(name) for it in opened):
            path.rename(to)
    elif what == "open" and name not in opened and path.exists():
        opened[name] = live.open(name, str(more[0]))
    elif what == "edit" and name in opened:
        start, count, new = more
        assert isinstance(start, int)
        assert isinstance(count, int)
        last = len(opened[name].lines) - 1
        first, end = min(start, last), min(start + count, last)
        live.edit(opened[name], Edit(Position(first, 0), Position(end, 0), str(new)))
    elif what == "close" and name in opened:
        live.close(opened.pop(name))
    elif what == "save" and name in opened:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(opened[name].text)
        live.index.saved(opened[name].uri)
    elif what == "wait":
        await live.index.until_parsed()


def test_an_index_that_follows_is_one_that_is_made_anew(tmp_path: Path) -> None:
    """Random edits, renames and deletions, on disk and in open documents, with a real watcher."""
    folder = tmp_path / "folder"
    folder.mkdir()

    async def follow(live: Live, steps: list[tuple[object, ...]]) -> None:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        opened: dict[str, Document] = {}
        for step in steps:
            await take(live, step, opened)
        expected = rebuilt(live, tmp_path / "scratch", NAMES)
        try:
            await live.until(lambda: facts(live.snapshot, NAMES) == expected)
        except AssertionError:
            assert facts(live.snapshot, NAMES) == expected
            raise
        for document in opened.values():
            live.close(document)

    with asyncio.Runner() as runner:
        context = live_index(folder)
        live = runner.run(context.__aenter__())

        @settings(
            max_examples=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(st.lists(step, max_size=12))
        def check(steps: list[tuple[object, ...]]) -> None:
            runner.run(follow(live, steps))

        try:
            check()
        finally:
            runner.run(context.__aexit__(None, None, None))


def not_utf8(folder: Path, name: bytes) -> Path:
    return Path(os.fsdecode(os.fsencode(folder) + b"/" + name))


async def test_what_is_left_out_never_enters(folder: Path) -> None:
    (folder / ".gitignore").write_text("made.py\nbuild/\n")
    (folder / "made.py").write_text("def made(): ...\n")
    (folder / ".env").write_text("secret = 1\n")
    os.mkfifo(folder / "pipe.py")
    (folder / "loop").symlink_to(folder)
    (folder / "link.py").symlink_to("a.py")
    not_utf8(folder, b"\xff.py").write_text("def lost(): ...\n")
    async with live_index(folder) as live:
        await live.until_current()
        assert list(live.snapshot.paths()) == [".gitignore", "a.py", "b.py"]
        live.open("made.py", "def made(): ...\n")
        live.open(".env", "secret = 1\n")
        (folder / "build").mkdir()
        (folder / "build" / "out.py").write_text("def out(): ...\n")
        not_utf8(folder, b"\xfe.py").write_text("def lost(): ...\n")
        (folder / "a.py").rename(folder / "c.py")
        await live.until(lambda: list(live.snapshot.paths()) == [".gitignore", "b.py", "c.py"])
        assert live.defined("alpha") == ["c.py"]
        assert [live.defined(it) for it in ("made", "out", "lost", "secret")] == [[], [], [], []]
        assert live.snapshot.lines("made.py") == live.snapshot.lines("../cache") == ()
        # An ignore file that changes is heard of as well.
        (folder / ".gitignore").write_text("b.py\n")
        known = [".gitignore", "build/out.py", "c.py", "made.py"]
        await live.until(lambda: list(live.snapshot.paths()) == known)
        assert live.snapshot.lines("pipe.py") == ()


async def test_a_file_that_becomes_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("def outside(): ...\n")
    async with live_index(folder) as live:
        await live.until_current()
        (folder / "a.py").unlink()
        (folder / "a.py").symlink_to(tmp_path / "outside.txt")
        assert live.snapshot.lines("a.py") == ()
        await live.until(lambda: list(live.snapshot.paths()) == ["b.py"])


async def test_a_branch_is_switched_and_comes_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that it is one change, however slowly the files come.
    code = "from lsp_server.workspace import indexer; indexer.QUIET_S = 0.5; indexer.main()"
    monkeypatch.setattr(
        "lsp_server.workspace.indexer_client.COMMAND", (sys.executable, "-P", "-c", code)
    )

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)

    many = 300
    git("init", "-q", "-b", "main")
    (folder / "pkg").mkdir()
    for number in range(many):
        (folder / "pkg" / f"m{number}.py").write_text(f"def on_main_{number}(): ...\n")
    git("add", ".")
    git("commit", "-qm", "Many modules")
    git("checkout", "-qb", "other")
    git("rm", "-rq", "pkg")
    (folder / "c.py").write_text("def on_other(): ...\n")
    git("add", ".")
    git("commit", "-qm", "None of them")
    async with live_index(folder) as live:
        await live.until_current()
        rounds = list[Path]()
        live.index.on_change(rounds.append)
        assert live.defined("on_other") == ["c.py"]
        git("checkout", "-q", "main")
        await live.until(lambda: len(live.snapshot.paths()) == many + 2)
        await live.until(lambda: live.defined(f"on_main_{many - 1}") != [])
        assert live.defined("on_other") == []
        git("checkout", "-q", "other")
        await live.until(lambda: list(live.snapshot.paths()) == ["a.py", "b.py", "c.py"])
        assert rounds
        assert len(rounds) < many / 10  # so many changes are few rounds


async def test_a_folder_is_removed_while_it_is_indexed(folder: Path, tmp_path: Path) -> None:
    for number in range(200):
        (folder / f"m{number}.py").write_text(f"def m_{number}(): ...\n" * 50)
    other = tmp_path / "other"
    other.mkdir()
    (other / "o.py").write_text("def other_one(): ...\n")
    async with live_index(folder, other) as live:
        shutil.rmtree(folder)
        live.folder = other
        await live.until(lambda: live.defined("other_one") == ["o.py"])
        live.index.set_roots([other.as_uri()])
        assert live.index.snapshot((folder / "a.py").as_uri()) is None
        (other / "p.py").write_text("def one_more(): ...\n")
        await live.until(lambda: live.defined("one_more") == ["p.py"])


async def test_folders_come_and_go(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "o.py").write_text("def other_one(): ...\n")
    async with live_index(folder) as live:
        await live.until_current()
        document = live.documents.open((other / "n.py").as_uri(), "python", 1, "def new(): ...\n")
        live.index.opened(document)
        live.index.set_roots([folder.as_uri(), other.as_uri()])
        live.folder = other
        await live.until(lambda: live.defined("other_one") == ["o.py"])
        await live.until(lambda: live.defined("new") == ["n.py"])
        await live.until(lambda: list(live.snapshot.paths()) == ["n.py", "o.py"])
        live.index.set_roots([other.as_uri()])
        assert live.index.snapshot((folder / "a.py").as_uri()) is None
        live.index.enable(is_enabled=False)
        assert live.index.snapshot((other / "o.py").as_uri()) is None


async def test_a_damaged_store_is_made_anew(folder: Path, cache: Path) -> None:
    file = store_file(cache, folder)
    async with live_index(folder) as live:
        await live.until_current()
    data = bytearray(file.read_bytes())
    data[8192:] = b"\x5a" * (len(data) - 8192)
    file.write_bytes(data)
    async with live_index(folder) as live:
        await live.until(lambda: live.defined("alpha") == ["a.py"])
    file.write_bytes(b"no database at all" * 100)
    async with live_index(folder) as live:
        await live.until(lambda: live.defined("alpha") == ["a.py"])


async def test_an_indexer_that_is_killed_is_started_again(folder: Path) -> None:
    async with live_index(folder) as live:
        await live.until_current()
        pid = live.index.indexer_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        (folder / "c.py").write_text("def after(): ...\n")
        assert live.defined("alpha") == ["a.py"]  # what is known stays known
        await live.until(lambda: live.defined("after") == ["c.py"])
        assert live.index.indexer_pid != pid


def targets(live: Live, name: str) -> list[str]:
    return [it.target for it in live.snapshot.imports(name)]


async def opened_and_asked_of_nobody(live: Live) -> Document:
    """A document, when what its imports bind was asked of a process that is killed."""
    await live.until_current()
    document = live.open("new.py", "from a import alpha\n")
    await live.index.until_parsed()
    pid = live.index.indexer_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert targets(live, "new.py") == []
    return document


async def test_what_imports_bind_is_asked_again_where_nobody_answered(folder: Path) -> None:
    async with live_index(folder) as live:
        await opened_and_asked_of_nobody(live)
        await live.until(lambda: targets(live, "new.py") == ["a.py"])
    async with live_index(folder) as live:  # whose index is there before who answers
        live.open("new.py", "from a import alpha\n")
        await live.index.until_parsed()
        await live.until(lambda: targets(live, "new.py") == ["a.py"])


async def test_a_document_that_nobody_answered_about_is_let_go(folder: Path) -> None:
    async with live_index(folder) as live:
        live.close(await opened_and_asked_of_nobody(live))
        gc.collect()
        assert not [it for it in gc.get_objects() if isinstance(it, OpenDocument)]


async def test_what_cannot_be_watched_is_told_once_and_seen_when_saved(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "unwatchable.py").write_text(
        "from watchdog.observers.inotify import InotifyObserver\n"
        "def schedule(*_, **__): raise OSError(28, 'No space left on device')\n"
        "InotifyObserver.schedule = schedule\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(broken)!r}); import unwatchable;"
        " from lsp_server.workspace.indexer import main; main()"
    )
    monkeypatch.setattr(
        "lsp_server.workspace.indexer_client.COMMAND", (sys.executable, "-P", "-c", code)
    )
    async with live_index(folder) as live:
        await live.until_current()
        (folder / "c.py").write_text("def after(): ...\n")
        live.index.saved((folder / "a.py").as_uri())
        await live.until(lambda: live.defined("after") == ["c.py"])
        assert len(live.logged) == 1
        assert "cannot be watched (No space left on device)" in live.logged[0]


async def test_a_document_lies_over_the_disk_until_it_is_closed(folder: Path) -> None:
    async with live_index(folder) as live:
        await live.until_current()
        document = live.open("a.py", (folder / "a.py").read_text())
        await live.index.until_parsed()
        live.edit(document, Edit(Position(0, 4), Position(0, 9), "omega"))
        assert (live.defined("omega"), live.defined("alpha")) == (["a.py"], [])
        assert live.snapshot.lines("a.py") == ("def omega(): ...\n", "")
        assert live.snapshot.outline("a.py") is not None
        for _ in range(300):  # more than are kept
            live.edit(document, Edit(Position(0, 0), Position(0, 0), "def many(): ...\n"))
        await live.index.until_parsed()
        assert len(live.snapshot.definitions("many")) == 300
        live.close(document)
        assert (live.defined("omega"), live.defined("alpha")) == ([], ["a.py"])
