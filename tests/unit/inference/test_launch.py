"""The host's log: kept at a bounded size, and read for its last word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inference.endpoint import API_KEY_VARIABLE, RUNTIME_DIR_VARIABLE, Endpoint
from inference.launch import MAX_LOG_BYTES, last_log_line, launch_host


@pytest.fixture
def endpoint(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path_factory.mktemp("l")))
    # What is started is the interpreter, which ends at once: the log is what is looked at.
    monkeypatch.setattr(sys, "executable", "/bin/true")
    return Endpoint.of("suffix")


def launched(endpoint: Endpoint) -> subprocess.Popen[bytes]:
    process = launch_host(endpoint, 1)
    process.wait(10)
    return process


@pytest.mark.parametrize(
    ("content", "last"),
    [
        (None, ""),
        (b"", ""),
        (b"\n\n  \n", ""),
        (b"one", "one"),
        (b"one\ntwo\n", "two"),
        (b"one\n two \n\n \n", "two"),
        (b"one\r\ntwo\r\n", "two"),
        (b"\xff\xfe\n", "\N{REPLACEMENT CHARACTER}" * 2),
        (b"x" * 500_000 + b"\nthe end\n", "the end"),
    ],
)
def test_the_last_line_of_a_log(endpoint: Endpoint, content: bytes | None, last: str) -> None:
    endpoint.prepare()
    if content is not None:
        endpoint.log_file.write_bytes(content)
    assert last_log_line(endpoint) == last


@pytest.fixture
def speaking(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Endpoint:
    """What is started logs its key and its arguments."""
    speaker = tmp_path / "speaker"
    speaker.write_text(f'#!/bin/sh\necho "key=${API_KEY_VARIABLE} arguments=$*"\n')
    speaker.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(speaker))
    return endpoint


@pytest.mark.skipif(sys.platform == "win32", reason="stands on a shell script")
@pytest.mark.parametrize(
    ("inherited", "given", "found"),
    [
        ("", None, ""),
        ("outer", None, "outer"),
        ("outer", "", ""),
        ("outer", "inner", "inner"),
        ("", "inner", "inner"),
    ],
)
def test_the_key_reaches_the_host_by_its_environment(
    speaking: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    *,
    inherited: str,
    given: str | None,
    found: str,
) -> None:
    monkeypatch.setenv(API_KEY_VARIABLE, inherited)
    launch_host(speaking, 1, given).wait(10)
    key, _, arguments = speaking.log_file.read_text().partition(" arguments=")
    assert key == f"key={found}"
    assert "--model suffix" in arguments
    assert "inner" not in arguments
    assert "outer" not in arguments


@pytest.mark.skipif(sys.platform == "win32", reason="stands on /bin/true")
class TestTrimming:
    @pytest.mark.parametrize("size", [0, 1, MAX_LOG_BYTES])
    def test_a_log_within_bounds_is_kept(self, endpoint: Endpoint, size: int) -> None:
        endpoint.prepare()
        content = (b"0123456789abcde\n" * (size // 16 + 1))[:size]
        endpoint.log_file.write_bytes(content)
        launched(endpoint)
        assert endpoint.log_file.read_bytes() == content

    @pytest.mark.parametrize("size", [MAX_LOG_BYTES + 1, 3 * MAX_LOG_BYTES])
    def test_of_a_large_log_the_end_is_kept(self, endpoint: Endpoint, size: int) -> None:
        endpoint.prepare()
        content = b"".join(b"line %09d\n" % number for number in range(size // 15 + 1))
        endpoint.log_file.write_bytes(content)
        launched(endpoint)
        kept = endpoint.log_file.read_bytes()
        assert 0 < len(kept) <= MAX_LOG_BYTES // 4
        assert content.endswith(kept)

    def test_the_first_start_makes_the_log(self, endpoint: Endpoint) -> None:
        launched(endpoint)
        assert endpoint.log_file.read_bytes() == b""

    def test_the_log_is_appended_to(
        self, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        speaker = tmp_path / "speaker"
        speaker.write_text("#!/bin/sh\necho out\necho err >&2\n")
        speaker.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(speaker))
        for _ in range(2):
            launched(endpoint)
        assert endpoint.log_file.read_text() == "out\nerr\n" * 2
