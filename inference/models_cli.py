"""`sparrow models` and `sparrow plan`: which models there are, and what fits on this machine.

Both only look: nothing is downloaded, loaded or started. `choose_variant` is the proposal that
they print, for whoever sets up an engine.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from inference.errors import UnknownModel
from inference.hardware import GIB, Gpu, Hardware, detect
from inference.models import (
    FLAGSHIP,
    PRESETS,
    Architecture,
    Preset,
    architecture_of,
    family,
    preset,
)
from inference.planner import WINDOW_TOKENS, Plan, plan, plan_preset

if TYPE_CHECKING:
    from rich.table import Table

# A variant that leaves less than this is named only if nothing better fits: a completion needs a
# few thousand tokens, and a chat about two files more.
USEFUL_CONTEXT = 16_384
WEIGHTLESS = "suffix"
_WEIGHTLESS_NOTE = "`suffix` needs no weights: it continues from what the workspace holds."
# So many windows of cache, in 16 bit, keep completions, a chat and their warm-ups cached together.
# More precise weights are not worth more than that.
_COMFORTABLE_WINDOWS = 22
# Small models on the CPU: a judgement of what answers while one types, not a measurement.
_CPU_CODERS = (("qwen2.5-coder-1.5b", 16 * GIB, 8), ("qwen2.5-coder-0.5b", 8 * GIB, 4))
_GPU_CODERS = ("qwen2.5-coder-7b", "qwen2.5-coder-3b", "qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b")
_PART_NAMES = {
    "weights": "weights",
    "activations": "forward pass (estimate)",
    "runtime": "libraries and graphs (estimate)",
    "recurrent_state": "recurrent state of running sequences",
    "kv_cache": "cache of keys and values",
    "unused": "unused",
    "left_to_others": "left to the driver and others",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that suits a machine; `preset` is None where only `suffix` does."""

    preset: Preset | None
    plan: Plan | None
    # What spoke against the other models, and what else to know before choosing this one.
    notes: tuple[str, ...]

    @property
    def model(self) -> str:
        return self.preset.name if self.preset else WEIGHTLESS

    @property
    def why(self) -> tuple[str, ...]:
        return (*self.notes, *(self.plan.why if self.plan else ()))


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
        return Choice(None, None, (*notes, _WEIGHTLESS_NOTE))
    model, made = chosen
    return Choice(model, made, (*notes, *_disk_notes(model, hardware)))


def _choose_of_family(
    hardware: Hardware, name: str
) -> tuple[tuple[Preset, Plan] | None, list[str]]:
    notes: list[str] = []
    fitting: list[tuple[Preset, Plan]] = []
    for variant in family(name):
        if not _computes_in_format(variant, hardware.gpus):
            notes.append(f"{variant.name} is left out: its format is made for newer GPUs.")
            continue
        made = plan_preset(variant, hardware)
        if not made.fits or made.context < USEFUL_CONTEXT:
            notes.append(f"{variant.name} is left out: {_shortfall(made)}.")
            continue
        if _cache_windows(made) >= _COMFORTABLE_WINDOWS:
            return (variant, made), notes
        fitting.append((variant, made))
        notes.append(
            f"{variant.name} would fit, but leaves little cache: room for"
            f" {made.largest_context:,} tokens in {'8' if _halved(made) else '16'} bit."
        )
    if not fitting:
        return None, notes
    longest = max(fitting, key=lambda pair: pair[1].context)
    return longest, [*notes, f"Of what fits, {longest[0].name} holds the longest context."]


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


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def models(as_json: bool) -> None:  # noqa: FBT001 - click passes a flag so
    """List the models Sparrow knows, and which of them fit here."""
    hardware = detect()
    plans = [(model, plan_preset(model, hardware)) for model in PRESETS]
    choice = choose_variant(hardware)
    if as_json:
        click.echo(json.dumps(_models_object(hardware, plans, choice)))
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_models_table(plans))
    console.print(f"Here: {_described(hardware)}.")
    console.print(f"Proposed: {choice.model}. `sparrow plan {choice.model}` tells why.")


@click.command("plan")
@click.argument("model", required=False)
@click.option(
    "--gpu-memory",
    type=click.FloatRange(min=0, min_open=True),
    metavar="GIB",
    help="Plan for GPUs of this size instead of those found.",
)
@click.option("--gpus", type=click.IntRange(min=0), help="Plan for so many GPUs; 0: the CPU.")
@click.option("--context", type=click.IntRange(min=256), help="The context asked for, in tokens.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def plan_command(
    model: str | None,
    gpu_memory: float | None,
    gpus: int | None,
    context: int | None,
    as_json: bool,  # noqa: FBT001 - click passes a flag so
) -> None:
    """Tell whether MODEL fits, at which context, how the memory divides, and why.

    MODEL is a name that `sparrow models` lists, or the folder of a checkpoint; without it, the
    model that suits the machine is proposed and planned.
    """
    hardware = _assumed(detect(), gpu_memory, gpus)
    choice = None if model else choose_variant(hardware)
    named = model or (choice.model if choice else WEIGHTLESS)
    if named == WEIGHTLESS:
        notes = choice.notes if choice else (_WEIGHTLESS_NOTE,)
        _print_weightless(hardware, notes, as_json=as_json)
        return
    try:
        made, variants = _plan_named(named, hardware, context)
    except UnknownModel as error:
        raise click.ClickException(f"{error.message}.") from error
    notes = choice.notes if choice else ()
    if not made.fits:
        notes = tuple(_alternatives(choose_variant(hardware, variants or FLAGSHIP), named))
    if as_json:
        click.echo(json.dumps(_plan_object(named, hardware, made, notes)))
        return
    _print_plan(named, hardware, made, notes)


def _assumed(found: Hardware, gpu_memory: float | None, gpus: int | None) -> Hardware:
    """The machine to plan for: what was found, unless options say otherwise."""
    if gpu_memory is not None:
        size = Gpu("GPU", int(gpu_memory * GIB))
        return replace(found, gpus=(size,) * (1 if gpus is None else gpus))
    if gpus is None:
        return found
    if gpus > len(found.gpus):
        raise click.ClickException(
            f"there are {len(found.gpus)} GPUs here: give --gpu-memory to plan for others."
        )
    return replace(found, gpus=found.gpus[:gpus])


def _plan_named(name: str, hardware: Hardware, context: int | None) -> tuple[Plan, str | None]:
    """The plan of a preset or of a local checkpoint, and the preset's family."""
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        shape, weights_gb = _local_checkpoint(folder)
        made = plan(
            shape,
            hardware.gpus,
            weights_gb=weights_gb,
            context=context,
            ram_bytes=hardware.ram_bytes,
        )
        return made, None
    model = preset(name)
    return plan_preset(model, hardware, context=context), model.family


def _local_checkpoint(folder: Path) -> tuple[Architecture, float]:
    """What a checkpoint's folder says of itself: its shape, and its weights in GB."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    except (OSError, ValueError) as error:
        raise UnknownModel(f"{folder / 'config.json'} cannot be read") from error
    if not isinstance(config, dict):
        raise UnknownModel(f"{folder / 'config.json'} is not a model's configuration")
    if not weights:
        raise UnknownModel(f"there are no weights (*.safetensors) in {folder}")
    return architecture_of(cast("dict[str, Any]", config)), weights / 1e9


def _alternatives(choice: Choice, named: str) -> Iterator[str]:
    if choice.plan is None:
        yield f"Nothing that would be proposed fits either. {_WEIGHTLESS_NOTE}"
    elif choice.model != named:
        yield f"{choice.model} would fit, with a context of {choice.plan.context:,} tokens."


def _described(hardware: Hardware) -> str:
    memory = f"{hardware.ram_bytes / GIB:.0f} GiB of memory" if hardware.ram_bytes else ""
    cores = f"{hardware.cores} cores"
    counted = Counter(f"{gpu.name} ({gpu.memory_bytes / GIB:.1f} GiB)" for gpu in hardware.gpus)
    parts = [f"{count} x {gpu}" if count > 1 else gpu for gpu, count in counted.items()]
    return ", ".join([*(parts or ["no GPU"]), *([memory] if memory else []), cores])


def _fits_here(made: Plan) -> str:
    if not made.fits:
        return f"no, {made.memory.missing / GIB:.1f} GiB short"
    where = "CPU" if made.device == "cpu" else f"{made.tensor_parallel_size} GPU"
    return f"{made.context:,} tokens, {where}"


def _models_table(plans: list[tuple[Preset, Plan]]) -> Table:
    from rich.table import Table

    table = Table(title="Models")
    for title in ("name", "bits", "GB", "context", "fits here?", "what for"):
        number = title in {"bits", "GB", "context"}
        table.add_column(title, justify="right" if number else "left", no_wrap=title == "name")
    for model, made in plans:
        table.add_row(
            model.name,
            str(model.bits),
            f"{model.weights_gb:g}",
            f"{model.context:,}",
            _fits_here(made),
            model.uses if model.commercial_use else f"{model.uses} (not commercially)",
        )
    return table


def _print_plan(named: str, hardware: Hardware, made: Plan, notes: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    console.print(f"{named} on {_described(hardware)}")
    if made.fits:
        console.print(
            f"It fits, with a context of {made.context:,} tokens ({made.context_kind}):"
            f" {made.sequences} such at once, or {made.windows} of {WINDOW_TOKENS:,}."
        )
    each = ", of each GPU" if made.tensor_parallel_size > 1 else ""
    table = Table("part", "GiB", "%", title=f"How the memory divides{each}")
    for part, count in made.memory.parts.items():
        if not count:
            continue
        share = f"{100 * count / made.memory.total:.0f}" if made.memory.total else "-"
        table.add_row(_PART_NAMES[part], f"{count / GIB:.2f}", share)
    table.add_section()
    if made.memory.missing:
        table.add_row("missing", f"{-made.memory.missing / GIB:.2f}", "")
    table.add_row("memory", f"{made.memory.total / GIB:.2f}", "")
    console.print(table)
    for sentence in (*notes, *made.why):
        console.print(f"- {sentence}")
    if made.engine_args:
        console.print("vLLM:")
        for key, value in (*made.environment.items(), *made.engine_args.items()):
            console.print(f"  {key} = {json.dumps(value)}")


def _print_weightless(hardware: Hardware, notes: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        found = {"model": WEIGHTLESS, "hardware": asdict(hardware), "fits": True, "why": notes}
        click.echo(json.dumps(found))
        return
    click.echo(f"{WEIGHTLESS} on {_described(hardware)}")
    for sentence in notes:
        click.echo(f"- {sentence}")


def _plan_object(
    named: str, hardware: Hardware, made: Plan, notes: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "model": named,
        "hardware": asdict(hardware),
        **asdict(made),
        "why": [*notes, *made.why],
    }


def _models_object(
    hardware: Hardware, plans: list[tuple[Preset, Plan]], choice: Choice
) -> dict[str, Any]:
    return {
        "hardware": asdict(hardware),
        "proposed": choice.model,
        "why": choice.why,
        "models": [
            {
                "name": model.name,
                "repository": model.repository,
                "bits": model.bits,
                "weights_gb": model.weights_gb,
                "native_context": model.context,
                "extended_context": model.extended_context,
                "fim": model.fim,
                "uses": model.uses.split(", "),
                "licence": model.licence,
                "fits": made.fits,
                "context": made.context,
                "device": made.device,
                "missing_bytes": made.memory.missing,
            }
            for model, made in plans
        ],
    }
