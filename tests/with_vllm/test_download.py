"""`sparrow download` with the hub's own client, as a user runs it, against a hub on the loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.checkpoints import find, folder
from tests.fake_hub import (
    COMMIT,
    REPOSITORY,
    WEIGHTS,
    FakeHub,
    checkpoint,
    digest_of,
    random_bytes,
    serving,
)

SIZE = 8_000_000
CONTENT = random_bytes(SIZE)
TIMEOUT_S = 120.0
SECRET = "hf_not-a-token"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving(FakeHub(checkpoint(CONTENT))) as served:
        yield served


def environment(hub: FakeHub, cache: Path) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "TRANSFORMERS_")) and not name.lower().endswith("_proxy")
    }
    return inherited | {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_CACHE": str(cache),
        "HF_HOME": str(cache.parent / "home"),
        "COLUMNS": "200",
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "inference", "download", REPOSITORY, *arguments]


def run(
    hub: FakeHub, cache: Path, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        env=environment(hub, cache) | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def answered(hub: FakeHub, cache: Path, answer: bytes) -> tuple[int, str]:
    """Runs it with a terminal on its standard input, and that typed; gives status and output."""
    ours, theirs = os.openpty()
    try:
        process = subprocess.Popen(
            command(),
            env=environment(hub, cache),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        os.write(ours, answer)
        output, _ = process.communicate(timeout=TIMEOUT_S)
        return process.returncode, output
    finally:
        os.close(ours)
        os.close(theirs)


def blob(cache: Path) -> Path:
    return folder(cache, REPOSITORY) / "blobs" / digest_of(CONTENT)


def assert_complete(cache: Path) -> None:
    snapshot = find(cache, REPOSITORY)
    assert snapshot is not None
    assert snapshot.name == COMMIT
    assert (snapshot / WEIGHTS).read_bytes() == CONTENT
    assert {path.name for path in snapshot.iterdir()} == checkpoint(b"").keys()
    assert [*folder(cache, REPOSITORY).rglob("*.incomplete")] == []


def what_vllm_finds(hub: FakeHub, cache: Path) -> str:
    """The folder that the hub's client gives to a process that is offline, as vLLM's is."""
    code = (
        "from huggingface_hub import snapshot_download as s;"
        f"print(s({REPOSITORY!r}, local_files_only=True))"
    )
    offline = environment(hub, cache) | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=offline, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def test_a_whole_download(hub: FakeHub, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    done = run(hub, cache, "--yes", HF_TOKEN=SECRET)
    assert done.returncode == 0, done.stderr
    assert f"Asking {hub.url} for the files of {REPOSITORY} ..." in done.stdout
    assert "main (commit 444444444444)" in done.stdout
    assert "8.0 MB in 4 files" in done.stdout
    assert_complete(cache)
    assert what_vllm_finds(hub, cache) == str(find(cache, REPOSITORY))
    assert sum(method == "GET" and path.endswith(WEIGHTS) for method, path, _ in hub.requests) == 1

    # The user's token goes to the hub and is kept nowhere; nothing else of the user goes there.
    assert all(headers["authorization"] == f"Bearer {SECRET}" for *_, headers in hub.requests)
    assert SECRET not in done.stdout + done.stderr
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()

    hub.requests.clear()
    again = run(hub, cache)
    assert (again.returncode, hub.requests) == (0, [])
    assert again.stdout == (
        f"{REPOSITORY} is on this machine, and complete: {find(cache, REPOSITORY)}\n"
    )


def test_ctrl_c_keeps_what_has_arrived(hub: FakeHub, tmp_path: Path) -> None:
    stop = 5_000_000
    hub.stall_at = stop
    process = subprocess.Popen(
        command("--yes"),
        env=environment(hub, tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    partial = blob(tmp_path).with_name(f"{blob(tmp_path).name}.incomplete")
    try:
        assert hub.stalled.wait(TIMEOUT_S)
        deadline = time.monotonic() + TIMEOUT_S
        # What is on its way may be as much as one piece.
        while not partial.exists() or partial.stat().st_size < stop - (1 << 16):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert errors.strip() == (
        "Stopped. What has arrived is kept: run the same command again to go on."
    )
    kept = partial.stat().st_size
    assert partial.read_bytes() == CONTENT[:kept]
    assert find(tmp_path, REPOSITORY) is None
    assert what_vllm_finds(hub, tmp_path) == ""

    hub.stall_at = None
    done = run(hub, tmp_path, "--yes")
    assert done.returncode == 0, done.stderr
    assert re.search(r"5\.0 MB of it are here already, and it goes on from there", done.stdout)
    assert hub.starts == [0, kept]  # served twice: what had not arrived, less than a piece
    assert stop - kept <= 1 << 16
    assert_complete(tmp_path)


def test_a_cut_connection_is_taken_up_by_itself(hub: FakeHub, tmp_path: Path) -> None:
    hub.cuts = [3_000_000]
    done = run(hub, tmp_path, "--yes")
    assert done.returncode == 0, done.stderr
    assert hub.starts == [0, 3_000_000]
    assert done.stderr.startswith("The connection was cut (peer closed connection")
    assert done.stderr.endswith("; going on from there in 1 s.\n")
    assert_complete(tmp_path)


def test_the_question_is_answered_with_no_unless_one_says_yes(hub: FakeHub, tmp_path: Path) -> None:
    for answer in (b"n\n", b"\n"):
        status, output = answered(hub, tmp_path, answer)
        assert (status, hub.starts) == (1, [])
        assert output.endswith("Download it? [y/N]: Nothing was downloaded.\n")
        assert f"  to          {tmp_path}\n" in output
        assert re.search(r"  free there  [\d,.]+ GB\n", output)
    assert find(tmp_path, REPOSITORY) is None
    assert answered(hub, tmp_path, b"y\n")[0] == 0
    assert_complete(tmp_path)


def test_nobody_to_ask(hub: FakeHub, tmp_path: Path) -> None:
    done = run(hub, tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: Nobody is here to be asked, and nothing is downloaded unasked."
        f" Run: sparrow download {REPOSITORY} --yes\n"
    )
    assert hub.requests == []


def fails(hub: FakeHub, cache: Path, *arguments: str, **more: str) -> str:
    done = run(hub, cache, "--yes", *arguments, **more)
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert find(cache, REPOSITORY) is None
    assert what_vllm_finds(hub, cache) == ""
    return line.removeprefix("Error: ")


API = f"/api/models/{REPOSITORY}"


@pytest.mark.parametrize(
    ("statuses", "code", "sentence"),
    [
        (
            {API: 401},
            "",
            (
                f"the hub lets nobody read {REPOSITORY} without signing in: it is private, or not there."
                " Check the name; if it is right, sign in with `hf auth login`."
            ),
        ),
        (
            {API: 404},
            "RepoNotFound",
            (
                f"there is no repository {REPOSITORY} on the hub, or not with that revision or file."
                " Check the name: `sparrow models` lists the models that Sparrow knows."
            ),
        ),
        (
            {API: 404},
            "RevisionNotFound",
            f"{REPOSITORY} has no revision main. `main` is the newest.",
        ),
        (
            {f"/{REPOSITORY}/resolve": 403},
            "GatedRepo",
            (
                f"{REPOSITORY} is gated: its owner gives it to those who accept the terms on its page."
                " Accept them there, sign in with `hf auth login`, and run the same command again."
            ),
        ),
        ({API: 500}, "", f"the hub refused {REPOSITORY} with status 500. Try again later."),
    ],
)
def test_a_refusal_is_one_sentence(
    hub: FakeHub, tmp_path: Path, statuses: dict[str, int], code: str, sentence: str
) -> None:
    hub.statuses, hub.error_code = statuses, code
    assert fails(hub, tmp_path) == sentence


def test_a_file_that_is_not_what_the_hub_says(hub: FakeHub, tmp_path: Path) -> None:
    hub.changed[WEIGHTS] = random_bytes(SIZE, seed=2)
    assert fails(hub, tmp_path).startswith(
        f"{WEIGHTS} of {REPOSITORY} is not what the hub says: its hash differs."
    )
    assert [path.name for path in blob(tmp_path).parent.glob(f"{digest_of(CONTENT)}*")] == []


def test_a_hub_that_cannot_be_reached(hub: FakeHub, tmp_path: Path) -> None:
    with serving(FakeHub({})) as gone:
        pass
    assert fails(hub, tmp_path, HF_ENDPOINT=gone.url).startswith("the hub cannot be reached (")


def test_a_machine_that_is_told_to_stay_offline(hub: FakeHub, tmp_path: Path) -> None:
    assert fails(hub, tmp_path, HF_HUB_OFFLINE="1") == (
        "HF_HUB_OFFLINE is set, which forbids downloads. Unset it first: unset HF_HUB_OFFLINE"
    )
    assert hub.requests == []


@pytest.mark.parametrize("path", ["../../outside", "/etc/outside", "a/../../outside"])
def test_a_listing_cannot_name_what_lies_outside(hub: FakeHub, tmp_path: Path, path: str) -> None:
    hub.files[path] = b"x"
    assert fails(hub, tmp_path).startswith("the hub's listing names a file that cannot be")


def test_a_listing_cannot_be_of_a_commit_that_is_none(hub: FakeHub, tmp_path: Path) -> None:
    hub.commit = "elsewhere"
    assert fails(hub, tmp_path).startswith("the hub's listing names a commit that cannot be")


def test_a_cache_that_cannot_be_laid_out_is_told(hub: FakeHub, tmp_path: Path) -> None:
    home = folder(tmp_path, REPOSITORY)
    (home / "refs" / "main" / "in-the-way").mkdir(parents=True)
    done = run(hub, tmp_path, "--yes")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {home / 'refs' / 'main'}")
    assert " cannot be written: " in done.stderr
    assert blob(tmp_path).read_bytes() == CONTENT
