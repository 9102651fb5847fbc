"""`sparrow download`: says what a checkpoint takes, asks, and fetches it from the model hub.

The one place where Sparrow goes to the hub, and only when a user types it (or answers `sparrow
serve`). It runs in a process of its own, never in a host's.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

import click

from inference.checkpoints import MAIN, download_command, find, is_repository
from inference.errors import InferenceError

if TYPE_CHECKING:
    from inference.hub import Listing

INTERRUPTED = 130  # the exit status of what SIGINT ended, as shells count
_SHOWN_DIGITS = 12


@click.command()
@click.argument("name")
@click.option(
    "--revision", default=MAIN, show_default=True, help="A branch, a tag or a commit of it."
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def download(name: str, revision: str, yes: bool) -> None:  # noqa: FBT001 - click passes it so
    """Download a model that `sparrow models` lists, or a repository of the hub (ORG/NAME).

    Of a name without its last part (qwen3.6-35b-a3b) the variant that suits this machine is taken.
    What was interrupted goes on where it stopped; every file is checked by its hash.
    """
    from inference.hardware import model_cache

    cache = model_cache(os.environ)
    try:
        repository = _repository(name)
        if (found := find(cache, repository, revision)) is not None:
            click.echo(f"{repository} is on this machine, and complete: {found}")
            return
        if not yes and not sys.stdin.isatty():
            again = download_command(name, revision, asked=True)
            raise click.ClickException(
                f"Nobody is here to be asked, and nothing is downloaded unasked. Run: {again}"
            )
        _download(repository, revision, cache, yes=yes)
    except InferenceError as error:
        raise click.ClickException(f"{error.message}. {error.hint}".strip()) from error
    except KeyboardInterrupt:
        _interrupted()


def _repository(name: str) -> str:
    """The repository that a name stands for; where the machine has a say, that is told."""
    from inference.hardware import detect
    from inference.models import preset
    from inference.variants import EMBEDDED, WEIGHTLESS, names_family, pick

    if name == EMBEDDED:
        raise click.ClickException(f"{name} comes with Sparrow: there is nothing to download.")
    if name == WEIGHTLESS:
        raise click.ClickException(f"{name} needs no weights: there is nothing to download.")
    bare = name.removeprefix("vllm:")
    if is_repository(bare):
        return bare
    if not names_family(name):
        return preset(name).repository
    picked = pick(name, detect())
    for sentence in picked.why:
        click.echo(sentence)
    return picked.preset.repository


def _download(repository: str, revision: str, cache: Path, *, yes: bool) -> None:
    from inference import hub
    from inference.download import check_disk, fetch, only_one, present_bytes
    from inference.hardware import disk_free_bytes

    click.echo(f"Asking {hub.endpoint()} for the files of {repository} ...")
    listing = hub.list_files(repository, revision)
    present = present_bytes(listing, cache)
    free = disk_free_bytes(cache)
    _describe(listing, present, cache, free)
    check_disk(listing.total_bytes - present, free, cache)
    if not yes and not click.confirm("Download it?", default=False):
        click.echo("Nothing was downloaded.")
        sys.exit(1)
    with only_one(cache, repository), _Progress(listing.total_bytes, present) as progress:
        asyncio.run(fetch(listing, cache, progress.advance, progress.pause))
    snapshot = hub.place(listing, cache)
    click.echo(f"Complete: what was fetched has the hashes that the hub names.\n  {snapshot}")


def _describe(listing: Listing, present: int, cache: Path, free: int | None) -> None:
    from inference.download import gigabytes

    count = len(listing.files)
    size = f"{gigabytes(listing.total_bytes)} in {count} file{'s' if count != 1 else ''}"
    if present:
        size += f"; {gigabytes(present)} of it are here already, and it goes on from there"
    rows = {
        "repository": listing.repository,
        "revision": f"{listing.revision} (commit {listing.commit[:_SHOWN_DIGITS]})",
        "size": size,
        "to": str(cache),
        "free there": "not known" if free is None else gigabytes(free),
    }
    for name, value in rows.items():
        click.echo(f"  {name:<11} {value}")


def _interrupted() -> NoReturn:
    click.echo(
        "\nStopped. What has arrived is kept: run the same command again to go on.", err=True
    )
    sys.exit(INTERRUPTED)


class _Progress:
    """One bar for all files: how much, how fast, how long still. Shown on a terminal only."""

    def __init__(self, total: int, present: int) -> None:
        from rich import progress
        from rich.console import Console

        console = Console(stderr=True)
        self._bar = progress.Progress(
            progress.BarColumn(bar_width=None),
            progress.TaskProgressColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(compact=True),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total, completed=present)
        self._paused = False

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bar.stop()

    def advance(self, count: int) -> None:
        self._bar.advance(self._task, count)
        self._paused = self._paused and count <= 0

    def pause(self, reason: str, seconds: float) -> None:
        """Say it once for all files that were cut off together."""
        if not self._paused:
            self._bar.console.print(
                f"The connection was cut ({reason}); going on from there in {seconds:g} s.",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        self._paused = True
