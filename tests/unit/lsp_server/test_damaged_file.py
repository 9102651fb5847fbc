"""A damaged file goes out of the way once, with what belongs to it."""

from __future__ import annotations

from pathlib import Path

from lsp_server.damaged_file import identity, set_aside


def test_it_is_kept_under_another_name_with_its_companions(tmp_path: Path) -> None:
    file = tmp_path / "kept.sqlite"
    file.write_text("damaged")
    (tmp_path / "kept.sqlite-wal").write_text("log")
    aside = set_aside(file, identity(file))
    assert aside is not None
    assert aside.read_text() == "damaged"
    assert aside.with_name(f"{aside.name}-wal").read_text() == "log"
    assert not file.exists()


def test_what_another_window_has_begun_anew_stays(tmp_path: Path) -> None:
    file = tmp_path / "kept.sqlite"
    file.write_text("damaged")
    seen = identity(file)
    assert set_aside(file, seen) is not None
    file.write_text("anew")
    assert set_aside(file, seen) is None
    assert file.read_text() == "anew"
    assert len(list(tmp_path.glob("kept.damaged-*"))) == 1
