"""What is read of a workspace's files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lsp_server.workspace.disk import TextCache, read_bytes


def test_lines_are_those_that_the_file_has_now(tmp_path: Path) -> None:
    texts = TextCache()
    file = tmp_path / "a.py"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n\xff")
    assert texts.lines(file) == ("one\r\n", "two\n", "\ufffd")
    assert texts.lines(file) is texts.lines(file)
    file.write_text("other, and longer than before\n")
    assert texts.lines(file) == ("other, and longer than before\n", "")
    file.unlink()
    assert texts.lines(file) == ()


def test_what_is_held_is_bounded(tmp_path: Path) -> None:
    texts = TextCache(max_characters=100)
    files = [tmp_path / f"{number}.py" for number in range(10)]
    for file in files:
        file.write_text("x" * 40)
    held = [texts.lines(file) for file in files]
    assert texts.lines(files[-1]) is held[-1]
    assert texts.lines(files[0]) is not held[0]


def test_nothing_is_opened_but_regular_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    assert read_bytes(tmp_path / "file") == b"x"
    for name in ("pipe", "link", "nowhere"):
        with pytest.raises(OSError, match=name):
            read_bytes(tmp_path / name)
        assert TextCache().lines(tmp_path / name) == ()
