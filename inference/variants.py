"""Which variant of a model suits a machine, and why. Pure: the planner's arithmetic, in sentences.

`choose_variant` proposes a model where none was named; `pick` decides what a name stands for: the
name of a family (`qwen3.6-35b-a3b`) is whichever of its variants suits, and the name of a variant
(`qwen3.6-35b-a3b-fp8`) or of its repository is that one and no other.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.errors import EngineFailed, UnknownModel
from inference.hardware import GIB, Gpu, Hardware, described
from inference.models import FLAGSHIP, PRESETS, Preset, family, preset
from inference.planner import WINDOW_TOKENS, Plan, plan_preset

# A variant that leaves less than this is named only if nothing better fits: a completion needs a
# few thousand tokens, and a chat about two files more.
USEFUL_CONTEXT = 16_384
WEIGHTLESS = "suffix"
EMBEDDED = "wren"  # its weights come with Sparrow
EMBEDDED_NOTE = "`wren` comes with Sparrow: it completes on the CPU, and nothing is downloaded."
WEIGHTLESS_NOTE = "`suffix` needs no weights: it continues from what the workspace holds."
# So many windows of cache, in 16 bit, keep completions, a chat and their warm-ups cached together.
# More precise weights are not worth more than that.
_COMFORTABLE_WINDOWS = 22
# Small models on the CPU: a judgement of what answers while one types, not a measurement.
_CPU_CODERS = (("qwen2.5-coder-1.5b", 16 * GIB, 8), ("qwen2.5-coder-0.5b", 8 * GIB, 4))
_GPU_CODERS = ("qwen2.5-coder-7b", "qwen2.5-coder-3b", "qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b")
# vLLM's kernels for other formats on a CPU depend on the CPU; presets promise what runs on all.
_CPU_BITS = 16


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that suits a machine; `preset` is None where only `wren` does."""

    preset: Preset | None
    plan: Plan | None
    # What spoke against the other models, and what else to know before choosing this one.
    notes: tuple[str, ...]

    @property
    def model(self) -> str:
        return self.preset.name if self.preset else EMBEDDED

    @property
    def why(self) -> tuple[str, ...]:
        return (*self.notes, *(self.plan.why if self.plan else ()))


@dataclass(frozen=True, slots=True)
class Picked:
    """The variant that a name stands for on a machine; `why` is a sentence or two."""

    preset: Preset
    plan: Plan
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A variant on a machine. `note` is what speaks against it, or nothing."""

    preset: Preset
    plan: Plan
    note: str
    computable: bool  # the machine computes in the checkpoint's format
    usable: bool


def choose_variant(hardware: Hardware, name: str = FLAGSHIP) -> Choice:
    """Propose a model for a machine: the flagship where a GPU holds it, else a small coder.

    Of the variants of `name`, the most precise that leaves a comfortable cache; where none does,
    the one that leaves the longest context.
    """
    chosen, notes = _choose_of_family(hardware, name) if hardware.gpus else (None, [])
    if chosen is None:
        if hardware.gpus:
            notes.append(f"No variant of {name} holds {USEFUL_CONTEXT:,} tokens on these GPUs.")
        chosen, more = _choose_small(hardware)
        notes += more
    if chosen is None:
        return Choice(None, None, (*notes, EMBEDDED_NOTE))
    model, made = chosen
    return Choice(model, made, (*notes, *_disk_notes(model, hardware)))


def pick(name: str, hardware: Hardware) -> Picked:
    """The variant to serve by that name.

    Raises `UnknownModel`, and `EngineFailed` where the machine cannot serve it: with what lacks,
    and the model that could be served instead.
    """
    _refuse_unknown_variant(name)
    named = preset(name)
    if names_family(name):
        weighed = [_weigh(variant, hardware) for variant in family(named.family)]
        best = _best(weighed)
        if best is None:
            raise _misfit(named.family, _nearest(weighed), hardware)
        return Picked(best.preset, best.plan, _why_of_family(best, weighed, hardware))
    if not hardware.gpus and named.bits != _CPU_BITS:
        raise EngineFailed(
            f"{named.name} has weights in {named.bits} bit, which Sparrow serves on GPUs only, and none"
            " was found",
            hint=f"On a CPU it serves those in 16 bit. {_instead(hardware, named)}",
        )
    made = plan_preset(named, hardware)
    if not made.fits:
        raise _misfit(named.name, made, hardware, named)
    why = [_fits_sentence(named, made, hardware)]
    if not _computes_in_format(named, hardware.gpus):
        why.append("Its format is made for newer GPUs: on this one it may be slow, or not start.")
    return Picked(named, made, tuple(why))


def candidates(name: str, hardware: Hardware) -> tuple[Preset, ...]:
    """The presets that a name may stand for on this machine, the most precise first.

    Whether they fit is not asked. Raises `UnknownModel`.
    """
    _refuse_unknown_variant(name)
    named = preset(name)
    if not names_family(name):
        return (named,)
    return tuple(
        it
        for it in family(named.family)
        if (hardware.gpus or it.bits == _CPU_BITS) and _computes_in_format(it, hardware.gpus)
    )


def names_family(name: str) -> bool:
    """Whether the name leaves the variant open."""
    return len(family(name.strip().lower())) > 1


def holds_flagship(hardware: Hardware) -> bool:
    """Whether a GPU of this machine holds a variant of the flagship."""
    chosen = choose_variant(hardware).preset if hardware.gpus else None
    return chosen is not None and chosen.family == FLAGSHIP


def _refuse_unknown_variant(name: str) -> None:
    wanted = name.strip().lower()
    for known in dict.fromkeys(it.family for it in PRESETS):
        names = [it.name for it in family(known)]
        if len(names) > 1 and wanted.startswith(f"{known}-") and wanted not in names:
            raise UnknownModel(
                f"{known} has no variant {wanted.removeprefix(f'{known}-')!r}",
                hint=f"There are {', '.join(names)}; `{known}` takes the one that suits this machine.",
            )


def _choose_of_family(
    hardware: Hardware, name: str
) -> tuple[tuple[Preset, Plan] | None, list[str]]:
    weighed: list[_Weighed] = []
    for variant in family(name):
        weighed.append(_weigh(variant, hardware))
        if not weighed[-1].note:
            break
    notes = [it.note for it in weighed if it.note]
    best = _best(weighed)
    if best is None:
        return None, notes
    if best.note:
        notes.append(f"Of what fits, {best.preset.name} holds the longest context.")
    return (best.preset, best.plan), notes


def _weigh(variant: Preset, hardware: Hardware) -> _Weighed:
    made = plan_preset(variant, hardware)
    computable, usable, note = False, False, ""
    if not hardware.gpus and variant.bits != _CPU_BITS:
        note = f"{variant.name} is left out: it is served on GPUs only."
    elif not _computes_in_format(variant, hardware.gpus):
        note = f"{variant.name} is left out: its format is made for newer GPUs."
    else:
        computable = True
        usable = made.fits and made.context >= USEFUL_CONTEXT
        if not usable:
            note = f"{variant.name} is left out: {_shortfall(made)}."
        elif not is_comfortable(made):
            note = (
                f"{variant.name} would fit, but leaves little cache: room for"
                f" {made.largest_context:,} tokens in {'8' if _halved(made) else '16'} bit."
            )
    return _Weighed(variant, made, note, computable, usable)


def _best(weighed: list[_Weighed]) -> _Weighed | None:
    """The most precise against which nothing speaks, or else the one with the longest context."""
    usable = [it for it in weighed if it.usable]
    comfortable = next((it for it in usable if not it.note), None)
    return comfortable or max(usable, key=lambda it: it.plan.context, default=None)


def _nearest(weighed: list[_Weighed]) -> Plan:
    """The plan that lacks least, of the variants that the machine can compute with."""
    able = [it for it in weighed if it.computable]
    return min(able, key=lambda it: (it.plan.memory.missing, -it.plan.context)).plan


def _choose_small(hardware: Hardware) -> tuple[tuple[Preset, Plan] | None, list[str]]:
    notes: list[str] = []
    names: tuple[str, ...] = _GPU_CODERS
    if not hardware.gpus:
        names = tuple(
            name
            for name, ram, cores in _CPU_CODERS
            if hardware.ram_bytes >= ram and hardware.cores >= cores
        )
        notes.append(
            f"There is no GPU, and the machine has {hardware.ram_bytes / GIB:.0f} GiB of memory and"
            f" {hardware.cores} cores."
        )
    for name in names:
        model = preset(name)
        if not model.commercial_use:
            notes.append(
                f"{name} is left out: its licence ({model.licence}) forbids commercial use."
            )
            continue
        made = plan_preset(model, hardware)
        if made.fits and made.context >= USEFUL_CONTEXT:
            return (model, made), notes
        notes.append(f"{name} is left out: {_shortfall(made)}.")
    return None, notes


def is_comfortable(made: Plan) -> bool:
    """Whether the cache holds completions, a chat and their warm-ups side by side."""
    return _cache_windows(made) >= _COMFORTABLE_WINDOWS


def _computes_in_format(model: Preset, gpus: tuple[Gpu, ...]) -> bool:
    wanted = model.made_for
    return wanted is None or all(
        gpu.compute_capability is not None and gpu.compute_capability >= wanted for gpu in gpus
    )


def _halved(made: Plan) -> bool:
    return made.kv_cache_dtype == "fp8"


def _cache_windows(made: Plan) -> int:
    """The windows that the cache would hold in 16 bit."""
    return made.largest_context // (2 if _halved(made) else 1) // WINDOW_TOKENS


def _shortfall(made: Plan) -> str:
    if made.fits:
        return f"it would hold only {made.context:,} tokens"
    return f"{made.memory.missing / GIB:.1f} GiB are missing"


def _disk_notes(model: Preset, hardware: Hardware) -> list[str]:
    free = hardware.disk_free_bytes
    if free is None or free >= model.weights_gb * 1e9:
        return []
    size = f"The download takes {model.weights_gb:g} GB"
    return [f"{size}, and only {free / 1e9:.0f} GB are free where models are kept."]


def _fits_sentence(model: Preset, made: Plan, hardware: Hardware) -> str:
    weights = f"{model.weights_gb * 1e9 / GIB:.1f} GiB of weights"
    if made.device == "cpu":
        room = f"fit half of the {hardware.ram_bytes / GIB:.0f} GiB of memory"
    elif made.tensor_parallel_size > 1:
        count, size = made.tensor_parallel_size, made.memory.total / GIB
        room = f"are shared out over {count} GPUs of {size:.1f} GiB"
    else:
        gpu = max(hardware.gpus, key=lambda it: it.memory_bytes)
        room = f"fit the {made.memory.total / GIB:.1f} GiB of {gpu.name}"
    return (
        f"{model.name} ({model.bits} bit): its {weights} {room}, with {made.context:,} tokens of"
        " context."
    )


def _why_of_family(best: _Weighed, weighed: list[_Weighed], hardware: Hardware) -> tuple[str, ...]:
    """That it fits, and why not the next more precise variant, where there is one."""
    fits = _fits_sentence(best.preset, best.plan, hardware)
    finer = [it for it in weighed if it.preset.bits > best.preset.bits]
    return (fits, finer[-1].note) if finer else (fits,)


def _misfit(
    name: str, nearest: Plan, hardware: Hardware, named: Preset | None = None
) -> EngineFailed:
    which = "it" if named else "the variant that comes closest"
    if nearest.fits:
        problem = f"would hold only {nearest.context:,} tokens of context"
    else:
        each = " on each GPU" if nearest.tensor_parallel_size > 1 else ""
        problem = f"lacks {nearest.memory.missing / GIB:.1f} GiB of memory{each}"
    return EngineFailed(
        f"{name} does not fit this machine ({described(hardware)}): {which} {problem}",
        hint=_instead(hardware, named or preset(name)),
    )


def _instead(hardware: Hardware, instead_of: Preset) -> str:
    choice = choose_variant(hardware, instead_of.family)
    if choice.plan is None:
        return (
            f"None of `sparrow models` fits; what comes with Sparrow does: sparrow serve --model"
            f" {EMBEDDED}"
        )
    return (
        f"{choice.model} fits, with {choice.plan.context:,} tokens of context:"
        f" sparrow serve --model {choice.model}"
    )
