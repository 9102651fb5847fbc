"""Which variant suits a machine: what is proposed, what a name stands for, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inference.errors import EngineFailed, UnknownModel
from inference.hardware import Hardware
from inference.variants import choose_variant, holds_flagship, pick
from tests.unit.inference.models.machines import BLACKWELL, HOPPER, NO_GPU, machine


@pytest.mark.parametrize(
    ("hardware", "model"),
    [
        (machine(141, 1, HOPPER), "qwen3.6-35b-a3b-bf16"),
        (machine(80, 2, HOPPER), "qwen3.6-35b-a3b-bf16"),
        (machine(80, 1, HOPPER), "qwen3.6-35b-a3b-fp8"),
        (machine(79.65, 1, HOPPER), "qwen3.6-35b-a3b-fp8"),
        (machine(48, 2), "qwen3.6-35b-a3b-bf16"),
        (machine(48, 1), "qwen3.6-35b-a3b-fp8"),
        (machine(45, 1), "qwen3.6-35b-a3b-fp8"),
        (machine(24, 2), "qwen3.6-35b-a3b-fp8"),
        (machine(31.4, 1, BLACKWELL), "qwen3.6-35b-a3b-nvfp4"),
        (machine(32, 1), "qwen3.6-35b-a3b-gptq"),
        (machine(24, 1), "qwen3.6-35b-a3b-gptq"),
        (machine(24, 1, BLACKWELL), "qwen3.6-35b-a3b-gptq"),
        (machine(22.5, 1), "qwen2.5-coder-7b"),
        (machine(16, 1), "qwen2.5-coder-1.5b"),
        (machine(8, 1), "qwen2.5-coder-1.5b"),
        (machine(4, 1), "qwen2.5-coder-0.5b"),
        (machine(1, 1), "wren"),
        (machine(ram=32, cores=16), "qwen2.5-coder-1.5b"),
        (machine(ram=16, cores=4), "qwen2.5-coder-0.5b"),
        (machine(ram=32, cores=2), "wren"),
        (machine(ram=4, cores=16), "wren"),
    ],
)
def test_what_is_proposed(hardware: Hardware, model: str) -> None:
    choice = choose_variant(hardware)
    assert choice.model == model
    assert (choice.plan is None) is (model == "wren")
    assert choice.why


def test_each_variant_that_is_passed_over_has_its_reason() -> None:
    assert choose_variant(machine(24, 1)).notes == (
        "qwen3.6-35b-a3b-bf16 is left out: 45.7 GiB are missing.",
        "qwen3.6-35b-a3b-fp8 is left out: 13.7 GiB are missing.",
        "qwen3.6-35b-a3b-nvfp4 is left out: its format is made for newer GPUs.",
        "qwen3.6-35b-a3b-awq is left out: 2.5 GiB are missing.",
        "qwen3.6-35b-a3b-gptq would fit, but leaves little cache: room for 20,960 tokens in 8 bit.",
        "Of what fits, qwen3.6-35b-a3b-gptq holds the longest context.",
    )
    assert choose_variant(machine(16, 1)).notes[-2:] == (
        "qwen2.5-coder-7b is left out: 0.5 GiB are missing.",
        "qwen2.5-coder-3b is left out: its licence (Qwen Research) forbids commercial use.",
    )


def test_a_full_disk_is_told() -> None:
    notes = choose_variant(machine(80, 1, HOPPER, disk_gb=20)).notes
    assert notes[-1] == (
        "The download takes 37.5 GB, and only 20 GB are free where models are kept."
    )


def test_a_machine_without_gpu_says_what_it_has() -> None:
    assert choose_variant(machine(ram=8, cores=2)).notes == (
        "There is no GPU, and the machine has 8 GiB of memory and 2 cores.",
        "`wren` comes with Sparrow: it completes on the CPU, and nothing is downloaded.",
    )


@pytest.mark.parametrize(
    ("name", "hardware", "why"),
    [
        (
            "qwen3.6-35b-a3b",
            machine(24, 1),
            (
                (
                    "qwen3.6-35b-a3b-gptq (4 bit): its 21.0 GiB of weights fit the 24.0 GiB of test,"
                    " with 20,960 tokens of context."
                ),
                "qwen3.6-35b-a3b-fp8 is left out: 13.7 GiB are missing.",
            ),
        ),
        (
            "Qwen3.6-35B-A3B ",
            machine(48, 2),
            (
                (
                    "qwen3.6-35b-a3b-bf16 (16 bit): its 67.0 GiB of weights are shared out over 2 GPUs"
                    " of 48.0 GiB, with 262,144 tokens of context."
                ),
            ),
        ),
        (
            "qwen3.6-35b-a3b",
            machine(80, 1, HOPPER),
            (
                (
                    "qwen3.6-35b-a3b-fp8 (8 bit): its 34.9 GiB of weights fit the 80.0 GiB of test,"
                    " with 262,144 tokens of context."
                ),
                (
                    "qwen3.6-35b-a3b-bf16 would fit, but leaves little cache: room for 324,880 tokens"
                    " in 8 bit."
                ),
            ),
        ),
        (
            "qwen2.5-coder-0.5b",
            NO_GPU,
            (
                (
                    "qwen2.5-coder-0.5b (16 bit): its 0.9 GiB of weights fit half of the 64 GiB of"
                    " memory, with 32,768 tokens of context."
                ),
            ),
        ),
        (
            "qwen3.6-35b-a3b-nvfp4",
            machine(48, 1),
            (
                (
                    "qwen3.6-35b-a3b-nvfp4 (4 bit): its 21.9 GiB of weights fit the 48.0 GiB of test,"
                    " with 262,144 tokens of context."
                ),
                "Its format is made for newer GPUs: on this one it may be slow, or not start.",
            ),
        ),
    ],
)
def test_what_a_name_stands_for_and_why(
    name: str, hardware: Hardware, why: tuple[str, ...]
) -> None:
    picked = pick(name, hardware)
    assert picked.why == why
    assert picked.why[0].startswith(f"{picked.preset.name} ")
    assert picked.plan.fits


@pytest.mark.parametrize(
    ("name", "picked"),
    [
        ("qwen3.6-35b-a3b-fp8", "qwen3.6-35b-a3b-fp8"),
        ("qwen3.6-35b-a3b-awq", "qwen3.6-35b-a3b-awq"),
        ("Qwen/Qwen3.6-35B-A3B", "qwen3.6-35b-a3b-bf16"),
        ("qwen2.5-coder-3b", "qwen2.5-coder-3b"),
    ],
)
def test_an_explicit_variant_is_honoured(name: str, picked: str) -> None:
    """Also where another would suit better."""
    assert pick(name, machine(141, 1, HOPPER)).preset.name == picked


@pytest.mark.parametrize(
    ("name", "hardware", "sentence", "hint"),
    [
        (
            "qwen3.6-35b-a3b",
            machine(8, 1),
            (
                "qwen3.6-35b-a3b does not fit this machine (test (8.0 GiB), 64 GiB of memory, 16"
                " cores): the variant that comes closest lacks 15.0 GiB of memory"
            ),
            (
                "qwen2.5-coder-1.5b fits, with 32,768 tokens of context:"
                " sparrow serve --model qwen2.5-coder-1.5b"
            ),
        ),
        (
            "qwen3.6-35b-a3b-fp8",
            machine(24, 1),
            (
                "qwen3.6-35b-a3b-fp8 does not fit this machine (test (24.0 GiB), 64 GiB of memory, 16"
                " cores): it lacks 13.7 GiB of memory"
            ),
            (
                "qwen3.6-35b-a3b-gptq fits, with 20,960 tokens of context:"
                " sparrow serve --model qwen3.6-35b-a3b-gptq"
            ),
        ),
        (
            "qwen3.6-35b-a3b",
            machine(22.5, 1),
            (
                "qwen3.6-35b-a3b does not fit this machine (test (22.5 GiB), 64 GiB of memory, 16"
                " cores): the variant that comes closest lacks 1.2 GiB of memory"
            ),
            (
                "qwen2.5-coder-7b fits, with 32,768 tokens of context:"
                " sparrow serve --model qwen2.5-coder-7b"
            ),
        ),
        (
            "qwen3.6-35b-a3b-fp8",
            machine(ram=256),
            (
                "qwen3.6-35b-a3b-fp8 has weights in 8 bit, which Sparrow serves on GPUs only, and"
                " none was found"
            ),
            (
                "On a CPU it serves those in 16 bit. qwen2.5-coder-1.5b fits, with 32,768"
                " tokens of context: sparrow serve --model qwen2.5-coder-1.5b"
            ),
        ),
        (
            "qwen3.6-35b-a3b-awq",
            machine(ram=4, cores=2),
            (
                "qwen3.6-35b-a3b-awq has weights in 4 bit, which Sparrow serves on GPUs only, and"
                " none was found"
            ),
            (
                "On a CPU it serves those in 16 bit. None of `sparrow models` fits; what"
                " comes with Sparrow does: sparrow serve --model wren"
            ),
        ),
    ],
)
def test_what_does_not_fit_says_what_does(
    name: str, hardware: Hardware, sentence: str, hint: str
) -> None:
    with pytest.raises(EngineFailed) as caught:
        pick(name, hardware)
    assert (caught.value.message, caught.value.hint) == (sentence, hint)


@pytest.mark.parametrize(
    ("name", "sentence", "hint"),
    [
        (
            "qwen3.6-35b-a3b-int3",
            "qwen3.6-35b-a3b has no variant 'int3'",
            (
                "There are qwen3.6-35b-a3b-bf16, qwen3.6-35b-a3b-fp8, qwen3.6-35b-a3b-nvfp4,"
                " qwen3.6-35b-a3b-awq, qwen3.6-35b-a3b-gptq; `qwen3.6-35b-a3b` takes the one that suits"
                " this machine."
            ),
        ),
        (
            "qwen2.5-coder-7b-fp8",
            (
                "there is no model named 'qwen2.5-coder-7b-fp8'; the nearest are qwen2.5-coder-7b,"
                " qwen2.5-coder-3b and qwen2.5-coder-1.5b"
            ),
            "`sparrow models` lists all of them.",
        ),
    ],
)
def test_an_unknown_name_is_told(name: str, sentence: str, hint: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        pick(name, machine(24, 1))
    assert (caught.value.message, caught.value.hint) == (sentence, hint)


@pytest.mark.parametrize(
    ("hardware", "held"),
    [(machine(24, 1), True), (machine(16, 1), False), (machine(ram=512), False)],
)
def test_only_a_gpu_holds_the_flagship(hardware: Hardware, held: bool) -> None:  # noqa: FBT001
    assert holds_flagship(hardware) is held


README = Path(__file__).parents[4] / "README.md"


def test_the_readme_says_what_is_proposed() -> None:
    rows = re.findall(
        r"^\| (\d+) GB \| `([\w.-]+)` \| ([\d.]+) GB, (\d+) bit \| ([\d,]+) \|$",
        README.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert [int(row[0]) for row in rows] == [8, 12, 16, 24, 48, 80]
    for gib, *said in rows:
        choice = choose_variant(machine(float(gib), 1))
        assert choice.preset is not None
        assert choice.plan is not None
        found = [
            f"{choice.preset.weights_gb:g}",
            f"{choice.preset.bits}",
            f"{choice.plan.context:,}",
        ]
        assert said == [choice.model, *found]
