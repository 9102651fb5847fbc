"""How two models share one machine: the GPUs and the part of their memory that each gets. Pure.

The host of the model that completes and the host of the one that chats load at different times, and
neither can give back what it has taken. So each computes the whole division, from the same facts,
and takes its own share: it depends on the hardware and on the two models alone, never on what is
free at the moment. The shares of a GPU always sum up to no more than one model alone would get.

Completion gets the least that serves it well, since it is asked for short texts, and chat the rest.
With several GPUs each model has its own where that leaves chat no shorter a context.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from inference.hardware import GIB, Gpu, Hardware
from inference.models import Architecture, Preset
from inference.planner import CPU_UTILISATION, MIN_CONTEXT, UTILISATION, WINDOW_TOKENS, Plan, plan
from inference.variants import is_comfortable

Role = Literal["completion", "chat"]

# What completion is given, the first that leaves chat a useful context: tokens, and how many
# sequences of so many at once (a completion, its warm-up, and those of other windows).
_COMFORTS = ((4 * WINDOW_TOKENS, 4), (2 * WINDOW_TOKENS, 4), (WINDOW_TOKENS, 2), (MIN_CONTEXT, 1))
USEFUL_CHAT_CONTEXT = 2 * WINDOW_TOKENS
# What the driver takes for one more process on a GPU; an estimate.
_SECOND_PROCESS_BYTES = GIB // 2


@dataclass(frozen=True, slots=True)
class Tenant:
    """One of the two models; `context` is what was asked for, in tokens."""

    name: str
    architecture: Architecture
    weights_gb: float
    extended_context: int | None = None
    context: int | None = None

    @property
    def limit(self) -> int:
        """The longest context that is wanted of it."""
        return self.context or self.architecture.native_context

    @classmethod
    def of(cls, model: Preset, context: int | None = None) -> Tenant:
        return cls(
            model.name, model.architecture, model.weights_gb, model.extended_context, context
        )


@dataclass(frozen=True, slots=True)
class Share:
    """What one model gets; `gpus` are positions among the machine's, none for the CPU."""

    tenant: Tenant
    gpus: tuple[int, ...]
    plan: Plan


@dataclass(frozen=True, slots=True)
class Division:
    """Both shares. Where they do not fit, the plan of one says what it lacks."""

    completion: Share
    chat: Share
    why: str

    @property
    def fits(self) -> bool:
        return self.completion.plan.fits and self.chat.plan.fits

    @property
    def is_comfortable(self) -> bool:
        """Whether completion has what serves it best, and chat the cache of a model alone."""
        wanted = min(_COMFORTS[0][0], self.completion.tenant.limit)
        return (
            self.fits and self.completion.plan.context >= wanted and is_comfortable(self.chat.plan)
        )

    @property
    def chat_context(self) -> int:
        return self.chat.plan.context if self.fits else 0

    def share(self, role: Role) -> Share:
        return self.completion if role == "completion" else self.chat


def divide(hardware: Hardware, completion: Tenant, chat: Tenant) -> Division:
    """Divide a machine; what fits best, or else what comes closest.

    That is what leaves chat the longest context; of equals, each model on GPUs of its own.
    """
    options = [*_apart(hardware, completion, chat), _together(hardware, completion, chat)]
    fitting = [option for option in options if option.fits]
    if fitting:
        return max(fitting, key=lambda option: option.chat_context)
    return min(options, key=_missing)


def choose(
    hardware: Hardware, completions: Sequence[Tenant], chats: Sequence[Tenant]
) -> Division | None:
    """Divide among variants of two models, each the most precise first; None where there are none.

    Of chat, the most precise variant that is comfortable beside one of completion's; where none is,
    the pair that leaves chat the longest context.
    """
    divisions = [divide(hardware, small, large) for large in chats for small in completions]
    comfortable = next((made for made in divisions if made.is_comfortable), None)
    if comfortable is not None:
        return comfortable
    fitting = [made for made in divisions if made.fits]
    if fitting:
        return max(fitting, key=lambda made: made.chat_context)
    return min(divisions, key=_missing, default=None)


def _apart(hardware: Hardware, completion: Tenant, chat: Tenant) -> Iterator[Division]:
    """Completion alone on one GPU, a small one first, and chat on the others."""
    count = len(hardware.gpus)
    if count == 1:
        return
    for own in sorted(range(count), key=lambda it: (hardware.gpus[it].memory_bytes, -it)):
        others = tuple(it for it in range(count) if it != own)
        yield Division(
            _share(hardware, completion, (own,)),
            _share(hardware, chat, others),
            "Each model has GPUs of its own: neither slows the other down.",
        )


def _together(hardware: Hardware, completion: Tenant, chat: Tenant) -> Division:
    """Both on one GPU, or both in the machine's memory; chat may be split over more GPUs."""
    by_size = sorted(range(len(hardware.gpus)), key=lambda it: -hardware.gpus[it].memory_bytes)
    made: list[Division] = []
    for context, sequences in _comforts(completion):
        small, percent = _least(hardware, completion, by_size[:1], context, sequences)
        large = _share(hardware, chat, tuple(by_size), _rest(hardware, percent))
        made.append(Division(small, large, _why_together(hardware, small, large)))
        if made[-1].chat_context >= _useful(chat):
            break
    return max(made, key=lambda it: (it.chat_context, -_missing(it)))


def _comforts(completion: Tenant) -> Iterator[tuple[int, int]]:
    limit, asked = completion.limit, completion.context is not None
    return iter(dict.fromkeys((limit if asked else min(it, limit), n) for it, n in _COMFORTS))


def _least(
    hardware: Hardware, tenant: Tenant, gpus: Sequence[int], context: int, sequences: int
) -> tuple[Share, int]:
    """The smallest share, in percent of a GPU's memory, that holds so many such sequences.

    Where none does, the whole.
    """
    whole = _whole_percent(hardware)
    share = _share(hardware, tenant, tuple(gpus), whole, context)
    for percent in range(1, whole):
        smaller = _share(hardware, tenant, tuple(gpus), percent, context)
        if smaller.plan.context >= context and smaller.plan.sequences >= sequences:
            return smaller, percent
    return share, whole


def _share(
    hardware: Hardware,
    tenant: Tenant,
    gpus: tuple[int, ...],
    percent: int | None = None,
    context: int | None = None,
) -> Share:
    """A plan on these GPUs, which takes no more of them than it needs; shared by a `percent`."""
    made = plan(
        tenant.architecture,
        [hardware.gpus[it] for it in gpus],
        weights_gb=tenant.weights_gb,
        context=context or tenant.context,
        extended_context=tenant.extended_context,
        utilisation=percent / 100 if percent is not None else None,
        shared=percent is not None,
        ram_bytes=hardware.ram_bytes,
    )
    largest = sorted(gpus, key=lambda it: -hardware.gpus[it].memory_bytes)
    return Share(tenant, tuple(largest[: made.tensor_parallel_size]), made)


def _whole_percent(hardware: Hardware) -> int:
    return round(100 * (UTILISATION if hardware.gpus else CPU_UTILISATION))


def _rest(hardware: Hardware, percent: int) -> int:
    """What is left of the memory for chat, in percent; at least 1, so that it can be planned."""
    second = 0.0
    if hardware.gpus:
        smallest = min(gpu.memory_bytes for gpu in hardware.gpus)
        second = 100 * _SECOND_PROCESS_BYTES / smallest
    return max(1, math.floor(_whole_percent(hardware) - percent - second))


def _useful(chat: Tenant) -> int:
    return min(USEFUL_CHAT_CONTEXT, chat.limit)


def _missing(division: Division) -> int:
    return division.completion.plan.memory.missing + division.chat.plan.memory.missing


def _why_together(hardware: Hardware, small: Share, large: Share) -> str:
    gpus: Sequence[Gpu] = hardware.gpus
    where = f"the {gpus[small.gpus[0]].memory_bytes / GIB:.1f} GiB of one GPU" if gpus else "memory"
    reserve = "; the rest is the driver's and what else uses it" if gpus else ""
    return (
        f"Both share {where}: completion gets {_percent(small)}%, the least that holds"
        f" {small.plan.sequences} x {small.plan.context:,} tokens, and chat"
        f" {_percent(large)}%{reserve}."
    )


def _percent(share: Share) -> int:
    memory = share.plan.memory
    return round(100 * (memory.total - memory.left_to_others) / memory.total) if memory.total else 0
