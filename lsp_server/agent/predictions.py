"""Fixes the instances of a file one after another, and writes SWE-bench's predictions.

A line of JSON for each: `{"instance_id", "model_name_or_path", "model_patch"}`. An instance that is there
already is not done again, so that a run which was cut off goes on. Each repository is read from a git
checkout, as it was before its fix.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lsp_server.agent.instances import (
    Instance,
    InstancesUnreadable,
    export,
    find_checkout,
    read_instances,
)

if TYPE_CHECKING:
    from rich.console import Console

NAME = "sparrow"


def write_predictions(
    instances: Path,
    checkouts: Path,
    predictions: Path,
    fix: Callable[[Path, str], str],
    console: Console,
) -> None:
    """`fix` makes a diff, or nothing, for a folder and an issue's text."""
    try:
        all_ = read_instances(instances)
    except InstancesUnreadable as error:
        raise click.ClickException(str(error)) from error
    done = _done(predictions)
    for number, it in enumerate(all_, 1):
        if it.id in done:
            continue
        checkout = find_checkout(checkouts, it.repository)
        if checkout is None:
            told = f"{it.id} is left out: {checkouts} has no {it.repository}"
            console.print(told, markup=False, soft_wrap=True)
            continue
        patch = _predict(it, checkout, fix)
        row = {"instance_id": it.id, "model_name_or_path": NAME, "model_patch": patch}
        with predictions.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        lines = patch.count("\n")
        console.print(f"{number} of {len(all_)}: {it.id}, {lines} lines", markup=False)


def _predict(instance: Instance, checkout: Path, fix: Callable[[Path, str], str]) -> str:
    with tempfile.TemporaryDirectory(prefix="sparrow-instance-") as scratch:
        root = Path(scratch, instance.repository.rpartition("/")[2])
        try:
            export(checkout, instance.base_commit, root)
        except InstancesUnreadable as error:
            raise click.ClickException(str(error)) from error
        return fix(root, instance.text)


def _done(predictions: Path) -> set[str]:
    """The instances that have a line; a last one that was cut off has none."""
    if not predictions.exists():
        return set()
    found = set()
    for line in predictions.read_text(encoding="utf-8").splitlines():
        try:
            found.add(json.loads(line)["instance_id"])
        except (ValueError, KeyError, TypeError):
            continue
    return found
