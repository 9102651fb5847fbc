"""Two models on one machine: who gets what of which GPU, and what holds for every division."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.division import Division, Tenant, choose, divide
from inference.hardware import GIB, Gpu, Hardware
from inference.models import PRESETS, Preset, family, preset
from inference.planner import CPU_UTILISATION, UTILISATION

FULL = 262_144
SMALL, MIDDLE = "qwen2.5-coder-1.5b", "qwen2.5-coder-7b"
TINY, LARGE, PRECISE = "qwen2.5-coder-0.5b", "qwen3.6-35b-a3b-gptq", "qwen3.6-35b-a3b-fp8"


def machine(*gib: float, ram_gib: float = 64) -> Hardware:
    gpus = tuple(Gpu("test", int(size * GIB), device=it) for it, size in enumerate(gib))
    return Hardware(gpus, int(ram_gib * GIB), 16)


def tenant(name: str, context: int | None = None) -> Tenant:
    return Tenant.of(preset(name), context)


def told(division: Division) -> list[tuple[Any, ...]]:
    """Of each: GPUs, share of their memory, context, sequences at once."""
    return [
        (it.gpus, it.plan.engine_args["gpu_memory_utilization"], it.plan.context, it.plan.sequences)
        for it in (division.completion, division.chat)
    ]


# GiB of each GPU, who completes, who chats; the shares, or the GiB that are missing.
GPUS: list[tuple[tuple[float, ...], str, str, list[tuple[Any, ...]] | float]] = [
    ((24,), TINY, MIDDLE, [((0,), 0.16, 32_768, 4), ((0,), 0.71, 32_768, 1)]),
    # Completion has the least that it can do with, so that chat fits at all.
    ((24,), SMALL, MIDDLE, [((0,), 0.18, 4096, 1), ((0,), 0.69, 21_136, 1)]),
    ((24,), SMALL, LARGE, 6.5),
    ((48,), SMALL, MIDDLE, [((0,), 0.17, 32_768, 4), ((0,), 0.71, 32_768, 10)]),
    ((48,), SMALL, LARGE, [((0,), 0.17, 32_768, 4), ((0,), 0.71, FULL, 2)]),
    ((48,), SMALL, PRECISE, [((0,), 0.10, 8192, 2), ((0,), 0.78, 60_784, 1)]),
    ((48,), MIDDLE, PRECISE, 11.0),
    ((80,), SMALL, LARGE, [((0,), 0.10, 32_768, 4), ((0,), 0.79, FULL, 7)]),
    ((80,), SMALL, PRECISE, [((0,), 0.10, 32_768, 4), ((0,), 0.79, FULL, 5)]),
    ((80,), MIDDLE, PRECISE, [((0,), 0.29, 32_768, 4), ((0,), 0.60, FULL, 2)]),
    # Two GPUs: one for each model, unless chat needs both.
    ((24, 24), SMALL, MIDDLE, [((1,), 0.9, 32_768, 19), ((0,), 0.9, 32_768, 3)]),
    ((24, 24), SMALL, LARGE, [((0,), 0.33, 32_768, 4), ((0, 1), 0.54, 188_640, 1)]),
    ((24, 24), SMALL, PRECISE, 2.5),
    ((48, 48), MIDDLE, PRECISE, [((1,), 0.9, 32_768, 15), ((0,), 0.9, FULL, 1)]),
    ((80, 80), SMALL, PRECISE, [((1,), 0.9, 32_768, 77), ((0,), 0.9, FULL, 6)]),
    # Completion takes the smaller one, wherever it is.
    ((24, 80), SMALL, PRECISE, [((0,), 0.9, 32_768, 19), ((1,), 0.9, FULL, 6)]),
    ((80, 24), SMALL, PRECISE, [((1,), 0.9, 32_768, 19), ((0,), 0.9, FULL, 6)]),
]


@pytest.mark.parametrize(("gib", "completion", "chat", "expected"), GPUS)
def test_how_gpus_are_divided(
    gib: tuple[float, ...], completion: str, chat: str, expected: list[tuple[Any, ...]] | float
) -> None:
    made = divide(machine(*gib), tenant(completion), tenant(chat))
    if isinstance(expected, list):
        assert (made.fits, told(made)) == (True, expected)
    else:
        missing = made.completion.plan.memory.missing + made.chat.plan.memory.missing
        assert (made.fits, round(missing / GIB, 1)) == (False, expected)


# GiB of memory, who completes, who chats; context and GiB of cache of each, or None.
CPUS: list[tuple[float, str, str, list[tuple[int, str]] | None]] = [
    (64, TINY, MIDDLE, [(32_768, "2"), (32_768, "8")]),
    (64, SMALL, MIDDLE, [(32_768, "4"), (32_768, "6")]),
    (24, TINY, SMALL, [(32_768, "2"), (32_768, "2")]),
    (16, SMALL, MIDDLE, None),
]


@pytest.mark.parametrize(("ram", "completion", "chat", "expected"), CPUS)
def test_how_the_memory_of_a_machine_without_gpu_is_divided(
    ram: float, completion: str, chat: str, expected: list[tuple[int, str]] | None
) -> None:
    made = divide(machine(ram_gib=ram), tenant(completion), tenant(chat))
    if expected is None:
        assert not made.fits
        return
    plans = (made.completion.plan, made.chat.plan)
    assert [(it.context, it.environment["VLLM_CPU_KVCACHE_SPACE"]) for it in plans] == expected
    assert (made.completion.gpus, made.chat.gpus) == ((), ())


@pytest.mark.parametrize(
    ("completion", "chat", "contexts"),
    [
        (None, None, (32_768, FULL)),
        (4096, None, (4096, FULL)),
        (None, 32_768, (32_768, 32_768)),
        (16_384, 65_536, (16_384, 65_536)),
    ],
)
def test_a_context_that_was_asked_for_is_kept(
    completion: int | None, chat: int | None, contexts: tuple[int, int]
) -> None:
    made = divide(machine(48), tenant(SMALL, completion), tenant(LARGE, chat))
    assert (made.completion.plan.context, made.chat.plan.context) == contexts


@pytest.mark.parametrize(
    ("gib", "variant"),
    [
        ((24,), "gptq"),  # comes closest
        ((32,), "gptq"),
        ((48,), "awq"),
        ((80,), "fp8"),
        ((80, 80), "fp8"),
        ((80, 80, 80), "bf16"),
    ],
)
def test_which_variant_chats_beside_another_model(gib: tuple[float, ...], variant: str) -> None:
    """Blackwell's format is left out by `variants.candidates`."""
    variants = [Tenant.of(it) for it in family("qwen3.6-35b-a3b") if it.made_for is None]
    made = choose(machine(*gib), [tenant(SMALL)], variants)
    assert made is not None
    assert made.chat.tenant.name == f"qwen3.6-35b-a3b-{variant}"
    assert made.fits is (gib != (24,))


def test_where_there_is_no_variant_there_is_no_division() -> None:
    assert choose(machine(80), [], [tenant(LARGE)]) is None


def test_it_is_said_why() -> None:
    assert divide(machine(48), tenant(SMALL), tenant(LARGE)).why == (
        "Both share the 48.0 GiB of one GPU: completion gets 17%, the least that holds"
        " 4 x 32,768 tokens, and chat 71%; the rest is the driver's and what else uses it."
    )
    apart = divide(machine(80, 80), tenant(SMALL), tenant(LARGE))
    assert apart.why == "Each model has GPUs of its own: neither slows the other down."
    assert divide(machine(ram_gib=64), tenant(SMALL), tenant(MIDDLE)).why.startswith(
        "Both share memory: completion gets 14%"
    )


MODELS = st.sampled_from(PRESETS)
SIZES = st.integers(min_value=2, max_value=160).map(float)


@given(
    completion=MODELS,
    chat=MODELS,
    sizes=st.lists(SIZES, max_size=3),
    context=st.none() | st.integers(256, 300_000),
)
@settings(max_examples=60, deadline=None)
def test_the_shares_fit_together(
    completion: Preset, chat: Preset, sizes: list[float], context: int | None
) -> None:
    """Also by what vLLM is told, in which each host only sees its own share."""
    hardware = machine(*sizes)
    made = divide(hardware, Tenant.of(completion), Tenant.of(chat, context))
    assert made == divide(hardware, Tenant.of(completion), Tenant.of(chat, context))
    if not made.fits:
        return
    shares = (made.completion, made.chat)
    if not sizes:
        held = [it.plan.memory.total - it.plan.memory.left_to_others for it in shares]
        assert sum(held) <= CPU_UTILISATION * hardware.ram_bytes
        return
    for gpu in range(len(sizes)):
        used = [it.plan.engine_args["gpu_memory_utilization"] for it in shares if gpu in it.gpus]
        assert len(used) < 2 or sum(used) <= UTILISATION
    for share in shares:
        assert len(share.gpus) == share.plan.tensor_parallel_size
