"""Where the context benchmark's repositories come from, and what an archive may not do."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from lsp_server.bench.cli import bench
from lsp_server.bench.context import TUNED_ON
from lsp_server.bench.context_packages import Release, read_releases, unpack, unpack_releases
from lsp_server.bench.measure import CouldNotRun


def archive(file: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as opened:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))
    return file


def test_the_list_that_comes_with_sparrow_is_pinned() -> None:
    releases = read_releases(None)

    assert {"rich", "httpx", "jinja2", "networkx", "sphinx"} <= {it.name for it in releases}
    assert {it.name for it in releases} > TUNED_ON
    assert all(it.sha256 for it in releases)


def test_releases_are_given_by_name_or_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "packages"
    file.write_text(f"# mine\na==1.0\nB.c==2 --hash=sha256:{'0' * 64}\n")
    given = [Release("a", "1.0"), Release("B.c", "2")]

    assert read_releases("a==1.0,B.c==2") == given
    assert read_releases(str(file)) == [given[0], Release("B.c", "2", "0" * 64)]
    assert [it.stem for it in given] == ["a-1.0", "b_c-2"]


@pytest.mark.parametrize(
    "packages", ["a==1,b>=2", "a==1,--index==x", "a==", "nowhere", "a==1 -e ."]
)
def test_what_is_no_release_is_refused(packages: str) -> None:
    with pytest.raises(CouldNotRun):
        read_releases(packages)


def test_an_archive_at_hand_is_unpacked_once(tmp_path: Path) -> None:
    file = archive(tmp_path / "a-1.0.tar.gz", ("a-1.0/a.py", b"x"), ("a-1.0/b/c.py", b"y"))
    release = Release("a", "1.0", hashlib.sha256(file.read_bytes()).hexdigest())
    cache = tmp_path / "cache"

    folder = unpack_releases([release], cache, tmp_path)[release]
    assert (folder / "b/c.py").read_bytes() == b"y"
    (folder / "mark").touch()
    assert (unpack_releases([release], cache, tmp_path)[release] / "mark").exists()


def test_an_archive_other_than_the_pinned_is_refused(tmp_path: Path) -> None:
    archive(tmp_path / "a-1.0.tar.gz", ("a-1.0/a.py", b"x"))

    with pytest.raises(CouldNotRun, match="SHA-256"):
        unpack_releases([Release("a", "1.0", "0" * 64)], tmp_path / "cache", tmp_path)


@pytest.mark.parametrize("name", ["../outside.py", "a/../../outside.py"])
def test_an_archive_cannot_write_outside(name: str, tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tar.gz", (name, b"x"))
    folder = tmp_path / "folder"
    folder.mkdir()

    with pytest.raises(CouldNotRun):
        unpack(file, folder)
    assert not (tmp_path / "outside.py").exists()


def test_an_absolute_path_stays_below_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    outside = tmp_path / "outside.py"

    unpack(archive(tmp_path / "a.tar.gz", (str(outside), b"x")), folder)
    assert not outside.exists()


def test_links_and_pipes_are_passed_over(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "a.tar.gz"
    folder.mkdir()
    with tarfile.open(file, "w:gz") as opened:
        for name, type_ in (
            ("s", tarfile.SYMTYPE),
            ("h", tarfile.LNKTYPE),
            ("p", tarfile.FIFOTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = type_, "../a.tar.gz"
            opened.addfile(member)
        through = tarfile.TarInfo("s/through.py")
        opened.addfile(through)

    unpack(file, folder)
    assert os.listdir(folder) == ["s"]  # noqa: PTH208
    assert not (folder / "s").is_symlink()


def test_what_is_no_archive_is_said(tmp_path: Path) -> None:
    (tmp_path / "a-1.0.tar.gz").write_bytes(b"<html>")

    with pytest.raises(CouldNotRun, match="cannot be unpacked"):
        unpack_releases([Release("a", "1.0")], tmp_path / "cache", tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_archives_and_index_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("SPARROW_CACHE_DIR", str(tmp_path))

    answer = CliRunner().invoke(bench, ["context", "--packages", "a==1.0"])
    assert answer.exit_code == 1
    assert "the source archives of a==1.0 are not at hand" in answer.stderr
    assert "--data" in answer.stderr


@pytest.mark.parametrize("option", [["--packages", "a==1"], ["--misses", "3"]])
def test_options_of_one_benchmark_are_refused_by_others(option: list[str]) -> None:
    answer = CliRunner().invoke(bench, ["keystroke", *option])

    assert answer.exit_code == 2
    assert f"{option[0]} is not for keystroke" in answer.stderr


def test_a_run_ends_with_the_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARROW_CACHE_DIR", str(tmp_path / "cache"))
    shelf = b"class Shelf:\n    def lend_book(self, title): ...\n"
    user = b"def use(shelf):\n    shelf.lend_book(1)\n"
    archive(tmp_path / "a-1.0.tar.gz", ("a-1.0/shelf.py", shelf), ("a-1.0/user.py", user))

    answer = CliRunner().invoke(
        bench, ["context", "--json", "--packages", "a==1.0", "--data", str(tmp_path)]
    )
    assert answer.exit_code == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert (result["tasks"], result["repositories"]) == (2, ["a==1.0"])
    assert "recall_line_2000" in result
