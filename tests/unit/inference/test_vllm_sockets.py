"""The folder of vLLM's sockets is gone with its host, however that ends; none of a living one is touched."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.engines.vllm_sockets import VARIABLE, SocketFolder
from inference.errors import EngineFailed

KILLED = """
import os, signal
from inference.engines.vllm_sockets import SocketFolder
folder = SocketFolder()
(folder.path / "a-socket").touch()
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of the test's own, whose path is short as a socket's must be."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.delenv(VARIABLE, raising=False)
        yield Path(name)


def test_vllm_is_told_of_a_folder_for_this_user_alone(temporary: Path) -> None:
    folder = SocketFolder()
    assert os.environ[VARIABLE] == str(folder.path)
    assert folder.path.parent == temporary
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.remove()
    assert not list(temporary.iterdir())


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize("before", [None, "/a/folder/of/the/user"])
def test_a_vllm_that_starts_afterwards_is_told_what_was_before(
    monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    if before is not None:
        monkeypatch.setenv(VARIABLE, before)
    SocketFolder().remove()
    assert os.environ.get(VARIABLE) == before


def test_what_a_killed_host_left_is_removed_by_the_next(temporary: Path) -> None:
    living = SocketFolder()
    said = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, check=False
    )
    left = Path(said.stdout.strip())
    assert (left / "a-socket").exists()
    elsewhere = temporary / "sparrow-vllm-linked"
    elsewhere.symlink_to(left)

    SocketFolder().remove()
    assert not left.exists()
    assert elsewhere.is_symlink()
    assert living.path.exists()
    living.remove()


def test_a_path_that_is_too_long_for_a_socket_is_not_used(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = temporary / ("d" * 60)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    folder = SocketFolder()
    assert folder.path.parent == Path("/tmp")  # noqa: S108
    folder.remove()


def test_a_folder_that_cannot_be_made_is_told(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "gone"))
    with pytest.raises(EngineFailed, match=r"no folder for vLLM.s sockets can be made in .*gone"):
        SocketFolder()
