"""What the doctor says of the machine."""

from __future__ import annotations

import asyncio
import importlib.metadata
import shutil
import sys

import pytest

from lsp_server import doctor_machine
from lsp_server.agent import sandbox


@pytest.mark.parametrize(
    ("problem", "state", "summary", "hint"),
    [
        ("", "ok", "bubblewrap 0.8.0; tests can be run in it", ""),
        (
            "there is no bwrap; install it",
            "warning",
            "none: issues cannot be fixed, and no test can be run; all else works",
            "There is no bwrap; install it.",
        ),
    ],
)
def test_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, problem: str, state: str, summary: str, hint: str
) -> None:
    async def find_problem() -> str:
        return problem

    monkeypatch.setattr(sandbox, "find_problem", find_problem)
    monkeypatch.setattr(doctor_machine, "_probe", lambda _: "bubblewrap 0.8.0")
    found = asyncio.run(doctor_machine.examine_sandbox())
    assert (found.state, found.summary, found.hint) == (state, summary, hint)


@pytest.mark.parametrize(
    ("tools", "answer", "state", "summary"),
    [
        (set(), None, "ok", "none found; Sparrow completes on the CPU"),
        ({"nvidia-smi"}, "A, 1 MiB\nB, 2 MiB", "ok", "A, 1 MiB; B, 2 MiB"),
        ({"nvidia-smi"}, None, "warning", "nvidia-smi is there and fails"),
        ({"nvidia-smi"}, "", "warning", "nvidia-smi is there and fails"),
        ({"rocm-smi"}, None, "ok", "an AMD GPU with ROCm"),
    ],
)
def test_graphics_cards(
    monkeypatch: pytest.MonkeyPatch,
    tools: set[str],
    answer: str | None,
    state: str,
    summary: str,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name in tools else None)
    monkeypatch.setattr(doctor_machine, "_probe", lambda _: answer)
    found = doctor_machine.examine_gpu()
    assert (found.state, found.summary) == (state, summary)
    assert bool(found.hint) is (state != "ok")


@pytest.mark.parametrize(
    ("unserved", "state", "said"),
    [
        ([], "ok", "only larger models need it"),
        (["suffix", "openai:http://127.0.0.1:1/v1"], "ok", "only larger models need it"),
        (["suffix", "vllm:/checkpoint"], "error", "and vllm:/checkpoint needs it"),
        (["qwen3.6-35b-a3b"], "error", "and qwen3.6-35b-a3b needs it"),
    ],
)
def test_without_vllm(
    monkeypatch: pytest.MonkeyPatch, unserved: list[str], state: str, said: str
) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    found = doctor_machine.examine_vllm(unserved)
    assert found.state == state
    assert said in found.summary
    assert bool(found.hint) is (state != "ok")


@pytest.mark.parametrize(
    ("code", "extensions", "state"),
    [
        (None, None, "ok"),
        ("code", "a.b\nsparrow-code.sparrow", "ok"),
        ("code", "a.b\nsparrow-code.sparrow-other", "warning"),
        ("code", None, "warning"),
    ],
)
def test_the_editor(
    monkeypatch: pytest.MonkeyPatch,
    code: str | None,
    extensions: str | None,
    state: str,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: code)
    monkeypatch.setattr(doctor_machine, "_probe", lambda _: extensions)
    assert doctor_machine.examine_editor().state == state


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (["print(' 7 ')"], "7"),
        (["raise SystemExit(1)"], None),
        (["import time; time.sleep(99)"], None),
    ],
)
def test_a_command_is_asked(
    monkeypatch: pytest.MonkeyPatch, command: list[str], answer: str | None
) -> None:
    if "sleep" in command[0]:
        monkeypatch.setattr(doctor_machine, "PROBE_TIMEOUT_S", 0.05)
    assert doctor_machine._probe([sys.executable, "-I", "-S", "-c", *command]) == answer


def test_a_command_that_is_not_there_has_no_answer() -> None:
    assert doctor_machine._probe(["/no/such/command"]) is None
