"""`sparrow plan --completion MODEL --chat MODEL`: how two models share a machine, for people.

Only looks, as all of `sparrow plan` does: what it prints is what both hosts would work out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from inference import checkpoints
from inference.client import served_by_vllm
from inference.division import Division, Role, Share
from inference.engines.vllm_sharing import division_of
from inference.errors import EngineFailed
from inference.hardware import GIB, Hardware, described

_ROLES: tuple[Role, Role] = ("completion", "chat")
_ROWS: tuple[tuple[str, Callable[[Share], str]], ...] = (
    ("model", lambda it: it.tenant.name),
    ("GPU", lambda it: ", ".join(map(str, it.gpus)) or "none"),
    ("share of its memory", lambda it: f"{_share_of(it):.0%}"),
    ("weights, GiB", lambda it: f"{it.plan.memory.weights / GIB:.1f}"),
    ("computing, GiB", lambda it: _gib(it, "activations", "runtime")),
    ("cache, GiB", lambda it: _gib(it, "recurrent_state", "kv_cache")),
    ("context, tokens", lambda it: f"{it.plan.context:,}"),
    ("such at once", lambda it: str(it.plan.sequences)),
    ("missing, GiB", lambda it: f"{it.plan.memory.missing / GIB:.1f}"),
)


def print_division(completion: str, chat: str, hardware: Hardware, *, as_json: bool) -> None:
    """Raises `click.ClickException` where there is nothing to divide."""
    names: dict[Role, str] = {"completion": _named(completion), "chat": _named(chat)}
    for role, name in names.items():
        if not served_by_vllm(name):
            other = names["chat" if role == "completion" else "completion"]
            raise click.ClickException(
                f"{name} is no model that vLLM serves here: `sparrow plan {other}` plans the other"
                " alone. `sparrow models` lists what there is."
            )
    try:
        made = division_of({role: (name, {}) for role, name in names.items()}, hardware)
    except EngineFailed as error:
        raise click.ClickException(f"{error.message}. {error.hint}") from error
    if as_json:
        click.echo(json.dumps(_object(made, hardware)))
    else:
        _print(made, hardware)


def _named(model: str) -> str:
    """The folder of a checkpoint is given as to `sparrow plan`, without `vllm:`."""
    folder = checkpoints.local_folder(model)
    return model if folder is None else f"vllm:{folder}"


def _print(made: Division, hardware: Hardware) -> None:
    console = Console(highlight=False, markup=False)
    console.print(f"On {described(hardware)}:")
    table = Table("", *_ROLES)
    for title, value in _ROWS:
        values = [value(made.share(role)) for role in _ROLES]
        if title != "missing, GiB" or not made.fits:
            table.add_row(title, *values)
    console.print(table)
    if not made.fits:
        for role in _ROLES:
            plan = made.share(role).plan
            if not plan.fits:
                console.print(f"- {role}: {plan.why[-1]}")
        console.print("- They do not fit together: choose a smaller model for one of the two.")
        return
    console.print(f"- {made.why}")
    for role in _ROLES:
        plan = made.share(role).plan
        console.print(f"vLLM, for {role}:")
        for key, value in (*plan.environment.items(), *plan.engine_args.items()):
            console.print(f"  {key} = {json.dumps(value)}")


def _object(made: Division, hardware: Hardware) -> dict[str, Any]:
    shares: dict[str, Any] = {
        role: {
            "model": made.share(role).tenant.name,
            "gpus": made.share(role).gpus,
            **asdict(made.share(role).plan),
        }
        for role in _ROLES
    }
    return {"hardware": asdict(hardware), "fits": made.fits, "why": made.why, **shares}


def _share_of(share: Share) -> float:
    memory = share.plan.memory
    if not memory.total:  # a platform that does not tell it
        return 0.0
    return (memory.total - memory.left_to_others) / memory.total


def _gib(share: Share, *parts: str) -> str:
    return f"{sum(share.plan.memory.parts[part] for part in parts) / GIB:.1f}"
