"""`sparrow models` and `sparrow plan`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from inference import models_cli
from inference.hardware import GIB, Hardware
from inference.models_cli import models, plan_command
from tests.unit.inference.models.machines import (
    SMALL_CONFIG,
    machine,
    write_checkpoint,
)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[Hardware]:
    """The machine that the commands find; a test replaces its only element."""
    found = [machine(24, 2)]
    monkeypatch.setattr(models_cli, "detect", lambda: found[0])
    monkeypatch.setenv("COLUMNS", "100")
    return found


def planned(*arguments: str) -> Result:
    return CliRunner().invoke(plan_command, arguments)


def as_object(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.usefixtures("here")
class TestModels:
    def test_the_table(self) -> None:
        result = CliRunner().invoke(models)
        assert result.exit_code == 0
        rows = [line for line in result.stdout.splitlines() if "qwen" in line]
        assert "qwen3.6-35b-a3b-fp8" in rows[1]
        assert "262,144 tokens, 2 GPU" in rows[1]
        assert "12.0 GiB short" in rows[0]
        assert "Here: 2 x test (24.0 GiB), 64 GiB of memory, 16 cores." in result.stdout
        assert "Proposed: qwen3.6-35b-a3b-fp8." in result.stdout

    def test_the_object(self) -> None:
        found = as_object(CliRunner().invoke(models, ["--json"]))
        assert found["proposed"] == "qwen3.6-35b-a3b-fp8"
        assert found["hardware"]["gpus"][0]["memory_bytes"] == 24 * GIB
        by_name = {model["name"]: model for model in found["models"]}
        assert by_name["qwen3.6-35b-a3b-bf16"]["fits"] is False
        assert by_name["qwen2.5-coder-3b"]["licence"] == "Qwen Research"
        assert by_name["qwen3-coder-30b-a3b-bf16"]["uses"] == ["completion", "chat", "tools"]
        assert by_name["qwen3-coder-30b-a3b-fp8"]["context"] == 262_144


@pytest.mark.usefixtures("here")
class TestPlan:
    def test_a_model_on_this_machine(self) -> None:
        result = planned("qwen3.6-35b-a3b-fp8")
        assert result.exit_code == 0
        assert "It fits, with a context of 262,144 tokens (native)" in result.stdout
        assert "tensor_parallel_size = 2" in result.stdout
        assert "forward pass (estimate)" in result.stdout
        assert "The weights are shared out over 2 GPUs." in result.stdout

    def test_without_a_name_the_proposed_one_is_planned(self) -> None:
        found = as_object(planned("--json"))
        assert found["model"] == "qwen3.6-35b-a3b-fp8"
        assert found["why"][0] == "qwen3.6-35b-a3b-bf16 is left out: 12.0 GiB are missing."

    def test_the_name_of_a_family_plans_the_variant_that_suits(self) -> None:
        found = as_object(planned("Qwen3.6-35B-A3B", "--json"))
        assert found["model"] == "qwen3.6-35b-a3b-fp8"
        assert found["why"][0] == "qwen3.6-35b-a3b-bf16 is left out: 12.0 GiB are missing."

    def test_other_gpus_than_those_found(self) -> None:
        found = as_object(planned("qwen3.6-35b-a3b", "--gpu-memory", "141", "--json"))
        assert (found["fits"], found["context"], found["tensor_parallel_size"]) == (
            True,
            262_144,
            1,
        )
        two = as_object(planned("qwen3.6-35b-a3b", "--gpu-memory", "48", "--gpus", "2", "--json"))
        assert two["tensor_parallel_size"] == 2

    def test_a_context(self) -> None:
        found = as_object(planned("qwen3.6-35b-a3b-gptq", "--context", "8192", "--json"))
        assert (found["context"], found["context_kind"]) == (8192, "asked")

    def test_what_does_not_fit_names_the_variant_that_would(self) -> None:
        found = as_object(planned("qwen3.6-35b-a3b-bf16", "--gpu-memory", "32", "--json"))
        assert found["fits"] is False
        assert found["why"][0] == (
            "qwen3.6-35b-a3b-gptq would fit, with a context of 262,144 tokens."
        )
        shown = planned("qwen3.6-35b-a3b-bf16", "--gpu-memory", "32").stdout
        assert "missing" in shown
        assert "vLLM:" not in shown

    def test_where_nothing_fits(self, here: list[Hardware]) -> None:
        here[0] = machine(ram=4, cores=2)
        found = as_object(planned("qwen2.5-coder-7b", "--json"))
        assert found["why"][0].startswith("Nothing that would be proposed fits either.")
        assert as_object(planned("--json"))["model"] == "wren"
        assert "wren on no GPU, 4 GiB of memory, 2 cores" in planned().stdout

    def test_no_gpu_can_be_asked_for(self) -> None:
        found = as_object(planned("qwen2.5-coder-1.5b", "--gpus", "0", "--json"))
        assert (found["device"], found["fits"]) == ("cpu", True)
        assert "VLLM_CPU_KVCACHE_SPACE" in planned("qwen2.5-coder-1.5b", "--gpus", "0").stdout

    def test_what_comes_with_sparrow_always_fits(self) -> None:
        assert "`suffix` needs no weights" in planned("suffix").stdout
        assert "`wren` comes with Sparrow" in planned("wren").stdout
        assert as_object(planned("wren", "--json"))["model"] == "wren"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (
                ("qwen2.5-coder-8b",),
                (
                    "there is no model named 'qwen2.5-coder-8b'; the nearest are qwen2.5-coder-7b,"
                    " qwen2.5-coder-3b and qwen2.5-coder-1.5b. `sparrow models` lists all of them."
                ),
            ),
            (
                ("~nobody-of-that-name/x",),
                "there is no model named '~nobody-of-that-name/x'. `sparrow models` lists all of them.",
            ),
            (
                ("x" * 300,),
                f"there is no model named '{'x' * 300}'. `sparrow models` lists all of them.",
            ),
            (("--gpu-memory", "nan"), "--gpu-memory is a number of GiB, not nan."),
            (("--gpu-memory", "1e-12"), "--gpu-memory is a number of GiB, not 1e-12."),
            (("--gpu-memory", "1e300"), "--gpu-memory is a number of GiB, not 1e+300."),
            (("--gpus", "3"), "there are 2 GPUs here: give --gpu-memory to plan for others."),
        ],
    )
    def test_a_mistake_is_one_sentence(self, arguments: tuple[str, ...], sentence: str) -> None:
        result = planned(*arguments)
        assert result.exit_code == 1
        assert result.stderr == f"Error: {sentence}\n"


@pytest.mark.usefixtures("here")
class TestDivision:
    PAIR = ("--completion", "qwen2.5-coder-1.5b", "--chat", "qwen3.6-35b-a3b")

    def test_two_models_on_one_gpu(self) -> None:
        result = planned(*self.PAIR, "--gpu-memory", "48")
        assert result.exit_code == 0
        shown = " ".join(result.stdout.split())
        assert "qwen2.5-coder-1.5b │ qwen3.6-35b-a3b-awq" in shown
        assert "share of its memory │ 17% │ 71%" in shown
        assert "the least that holds 4 x 32,768 tokens" in shown
        assert "missing" not in shown
        assert shown.index("gpu_memory_utilization = 0.17") < shown.index("vLLM, for chat:")
        assert "gpu_memory_utilization = 0.71" in shown

    def test_the_object(self) -> None:
        found = as_object(planned(*self.PAIR, "--gpu-memory", "48", "--json"))
        assert (found["fits"], found["chat"]["model"]) == (True, "qwen3.6-35b-a3b-awq")
        assert found["completion"]["gpus"] == [0]
        assert found["completion"]["engine_args"]["gpu_memory_utilization"] == 0.17

    def test_two_gpus_as_found(self) -> None:
        found = as_object(planned(*self.PAIR, "--json"))
        assert (found["completion"]["gpus"], found["chat"]["gpus"]) == ([0], [0, 1])

    def test_memory_that_the_platform_does_not_tell(self, here: list[Hardware]) -> None:
        here[0] = Hardware()
        result = planned(*self.PAIR)
        assert result.exit_code == 0, result.output
        assert "They do not fit together" in result.stdout

    def test_what_does_not_fit_is_told_with_what_is_missing(self) -> None:
        result = planned(*self.PAIR, "--gpu-memory", "24")
        assert result.exit_code == 0
        shown = " ".join(result.stdout.split())
        assert "missing, GiB │ 0.0 │ 6.5" in shown
        assert "- chat: It does not fit: with 21.0 GiB of weights" in shown
        assert "choose a smaller model for one of the two" in shown
        assert "vLLM, for" not in shown

    @pytest.mark.parametrize(
        ("arguments", "status", "sentence"),
        [
            (PAIR[:2], 2, "--completion and --chat go together"),
            (("m", *PAIR), 2, "and with no other model"),
            ((*PAIR, "--context", "4096"), 2, "and with no other model"),
            (("--completion", "suffix", *PAIR[2:]), 1, "suffix is no model that vLLM serves here"),
            ((*PAIR[:2], "--chat", "openai:http://a"), 1, "`sparrow plan qwen2.5-coder-1.5b`"),
            ((*PAIR[:2], "--chat", "qwen3.6-35b-a3b-fp9"), 1, "is no model that vLLM serves"),
        ],
    )
    def test_a_mistake_is_one_sentence(
        self, arguments: tuple[str, ...], status: int, sentence: str
    ) -> None:
        result = planned(*arguments)
        assert result.exit_code == status
        assert sentence in result.stderr


@pytest.mark.usefixtures("here")
class TestLocalCheckpoint:
    def test_it_is_planned_from_its_own_configuration(self, tmp_path: Path) -> None:
        write_checkpoint(tmp_path, 500_000_000, 500_000_000)
        found = as_object(planned(str(tmp_path), "--json"))
        assert found["memory"]["weights"] == 1_000_000_000
        assert (found["context"], found["kv_bytes_per_token"]) == (16_384, 12_288)

    @pytest.mark.parametrize(
        ("config", "problem"),
        [
            ("{", "cannot be read"),
            ("[1]", "is not a model's configuration"),
            (json.dumps(SMALL_CONFIG), "there are no weights (*.safetensors) in"),
        ],
    )
    def test_a_broken_one_is_told(self, tmp_path: Path, config: str, problem: str) -> None:
        (tmp_path / "config.json").write_text(config)
        result = planned(str(tmp_path))
        assert result.exit_code == 1
        assert problem in result.stderr

    def test_another_type_of_model(self, tmp_path: Path) -> None:
        write_checkpoint(tmp_path, 7, model_type="llama")
        result = planned(str(tmp_path))
        assert "the memory of a model of type 'llama' is not known." in result.stderr
