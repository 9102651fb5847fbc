"""What counts as a checkpoint on this machine, in the layout of the hub's cache."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.checkpoints import download_command, find, is_repository

REPOSITORY = "birds/robin"
COMMIT = "a" * 40
INDEX = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})
SMALL = {"config.json": "{}", "tokenizer.json": "{}"}


def lay_out(cache: Path, files: dict[str, str], ref: str = "main") -> Path:
    home = cache / "models--birds--robin"
    (home / "refs" / ref).parent.mkdir(parents=True)
    (home / "refs" / ref).write_text(COMMIT)
    snapshot = home / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name, content in files.items():
        (snapshot / name).write_text(content)
    return snapshot


@pytest.mark.parametrize(
    ("files", "complete"),
    [
        ({**SMALL, "model.safetensors": "w"}, True),
        ({**SMALL, "pytorch_model.bin": "w"}, True),
        (
            {
                **SMALL,
                "model.safetensors.index.json": INDEX,
                "model-1.safetensors": "w",
                "model-2.safetensors": "w",
            },
            True,
        ),
        (
            {**SMALL, "model.safetensors.index.json": INDEX, "model-1.safetensors": "w"},
            False,
        ),
        ({**SMALL, "model.safetensors.index.json": "{", "model-1.safetensors": "w"}, False),
        ({**SMALL, "model.safetensors.index.json": "[]", "model-1.safetensors": "w"}, False),
        ({**SMALL, "model.safetensors.index.json": '{"weight_map": {}}'}, False),
        (SMALL, False),
        ({"config.json": "{}", "model.safetensors": "w"}, False),
        ({"tokenizer.json": "{}", "model.safetensors": "w"}, False),
        ({}, False),
    ],
)
def test_what_is_complete(tmp_path: Path, files: dict[str, str], complete: bool) -> None:  # noqa: FBT001
    snapshot = lay_out(tmp_path, files)
    assert find(tmp_path, REPOSITORY) == (snapshot if complete else None)


def test_a_link_to_what_has_not_arrived_is_no_file(tmp_path: Path) -> None:
    snapshot = lay_out(tmp_path, SMALL)
    (snapshot / "model.safetensors").symlink_to("../../blobs/missing")
    assert find(tmp_path, REPOSITORY) is None


def test_revisions(tmp_path: Path) -> None:
    snapshot = lay_out(tmp_path, {**SMALL, "model.safetensors": "w"}, ref="refs/pr/1")
    assert find(tmp_path, REPOSITORY) is None
    assert find(tmp_path, REPOSITORY, "refs/pr/1") == snapshot
    assert find(tmp_path, REPOSITORY, COMMIT) == snapshot
    assert find(tmp_path, REPOSITORY, "b" * 40) is None
    assert find(tmp_path, "birds/wren", COMMIT) is None


def test_an_empty_revision_is_none(tmp_path: Path) -> None:
    lay_out(tmp_path, {**SMALL, "model.safetensors": "w"})
    (tmp_path / "models--birds--robin" / "refs" / "main").write_text("")
    assert find(tmp_path, REPOSITORY) is None


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("Qwen/Qwen2.5-Coder-0.5B", True),
        ("qwen2.5-coder-0.5b", False),
        ("/models/robin", False),
        ("./models/robin", False),
        ("~/robin", False),
        ("../robin", False),
        ("a/b/c", False),
        ("robin/", False),
        ("", False),
    ],
)
def test_names_of_repositories(name: str, is_one: bool) -> None:  # noqa: FBT001
    assert is_repository(name) is is_one


def test_a_folder_of_that_name_is_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_repository(REPOSITORY)
    (tmp_path / REPOSITORY).mkdir(parents=True)
    assert not is_repository(REPOSITORY)


def test_the_command_that_downloads() -> None:
    assert download_command("a/b") == "sparrow download a/b"
    assert download_command("a b", "v 1", asked=True) == (
        "sparrow download 'a b' --revision 'v 1' --yes"
    )
