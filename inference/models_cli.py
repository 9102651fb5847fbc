"""`sparrow models` and `sparrow plan`: which models there are, and what fits on this machine.

Both only look: nothing is downloaded, loaded or started.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from inference import checkpoints
from inference.errors import UnknownModel
from inference.hardware import GIB, Gpu, Hardware, described, detect
from inference.models import FLAGSHIP, PRESETS, Preset, preset
from inference.planner import WINDOW_TOKENS, Plan, plan, plan_preset
from inference.variants import (
    EMBEDDED,
    EMBEDDED_NOTE,
    WEIGHTLESS,
    WEIGHTLESS_NOTE,
    Choice,
    choose_variant,
    names_family,
)

if TYPE_CHECKING:
    from rich.table import Table

_OURS = {EMBEDDED: EMBEDDED_NOTE, WEIGHTLESS: WEIGHTLESS_NOTE}
_PART_NAMES = {
    "weights": "weights",
    "activations": "forward pass (estimate)",
    "runtime": "libraries and graphs (estimate)",
    "recurrent_state": "recurrent state of running sequences",
    "kv_cache": "cache of keys and values",
    "unused": "unused",
    "left_to_others": "left to the driver and others",
}


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
    console.print(f"Here: {described(hardware)}.")
    console.print(f"Proposed: {choice.model}. `sparrow plan {choice.model}` tells why.")
    console.print(
        f"{preset(FLAGSHIP).family} leaves the variant to Sparrow. Beside these there are wren, which"
        " comes with Sparrow and needs no GPU, suffix, which needs no weights, vllm:CHECKPOINT, and"
        " openai:URL for a server of your own."
    )


@click.command("plan")
@click.argument("model", required=False)
@click.option(
    "--gpu-memory",
    type=click.FloatRange(min=0, min_open=True),
    metavar="GIB",
    help="Plan for GPUs of this size instead of those found.",
)
@click.option(
    "--gpus", type=click.IntRange(min=0, max=256), help="Plan for so many GPUs; 0: the CPU."
)
@click.option("--context", type=click.IntRange(min=256), help="The context asked for, in tokens.")
@click.option("--completion", metavar="MODEL", help="Divide the machine: the model that completes,")
@click.option("--chat", metavar="MODEL", help="and the model that chats beside it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def plan_command(
    model: str | None,
    *,
    gpu_memory: float | None,
    gpus: int | None,
    context: int | None,
    completion: str | None,
    chat: str | None,
    as_json: bool,
) -> None:
    """Tell whether MODEL fits, at which context, how the memory divides, and why.

    MODEL is a name that `sparrow models` lists, or the folder of a checkpoint. Of a name without
    its last part (qwen3.6-35b-a3b) the variant that suits the machine is planned; without a name,
    the model that does.

    With --completion and --chat, tell how two models share the machine.
    """
    hardware = _assumed(detect(), gpu_memory, gpus)
    if completion is not None or chat is not None:
        if completion is None or chat is None or model is not None or context is not None:
            raise click.UsageError("--completion and --chat go together, and with no other model")
        from inference.division_cli import print_division

        print_division(completion, chat, hardware, as_json=as_json)
        return
    choice = None
    if model is None or names_family(model):
        choice = choose_variant(hardware, model.strip().lower() if model else FLAGSHIP)
    named = choice.model if choice else str(model)
    if (note := _OURS.get(named)) is not None:
        _print_ours(named, hardware, choice.notes if choice else (note,), as_json=as_json)
        return
    try:
        made, variants = _plan_named(named, hardware, context)
    except UnknownModel as error:
        raise click.ClickException(f"{error.message}. {error.hint}".strip()) from error
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
        if not 1 <= gpu_memory * GIB < math.inf:  # bytes; what is no number is not within them
            raise click.ClickException(f"--gpu-memory is a number of GiB, not {gpu_memory}.")
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
    folder = checkpoints.local_folder(name)
    if folder is not None:
        shape, weights_gb = checkpoints.describe(folder)
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


def _alternatives(choice: Choice, named: str) -> Iterator[str]:
    if choice.plan is None:
        yield f"Nothing that would be proposed fits either. {EMBEDDED_NOTE}"
    elif choice.model != named:
        yield f"{choice.model} would fit, with a context of {choice.plan.context:,} tokens."


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
        table.add_column(
            title,
            justify="right" if number else "left",
            no_wrap=title == "name",
            overflow="fold" if title == "what for" else "ellipsis",
        )
    for model, made in plans:
        table.add_row(
            model.name,
            str(model.bits),
            f"{model.weights_gb:g}",
            f"{model.context:,}",
            _fits_here(made),
            model.uses if model.commercial_use else f"{model.uses}; no commercial use",
        )
    return table


def _print_plan(named: str, hardware: Hardware, made: Plan, notes: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    console.print(f"{named} on {described(hardware)}")
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


def _print_ours(named: str, hardware: Hardware, notes: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        found = {"model": named, "hardware": asdict(hardware), "fits": True, "why": notes}
        click.echo(json.dumps(found))
        return
    click.echo(f"{named} on {described(hardware)}")
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
