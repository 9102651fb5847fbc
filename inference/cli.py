"""`sparrow serve`: runs the inference host of a model in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from inference.endpoint import Endpoint

DEFAULT_IDLE_MINUTES = 10.0
MAX_END_S = 30.0


@click.command()
@click.option("--model", default="suffix", show_default=True, help="The model to serve.")
@click.option(
    "--idle-minutes",
    type=click.FloatRange(min=0.01),
    default=DEFAULT_IDLE_MINUTES,
    show_default=True,
    help="End when no client has been connected for so long.",
)
@click.option(
    "--engine-args",
    default="{}",
    callback=lambda _context, _option, text: _json_object(text),
    help="vLLM's engine arguments as JSON: '{\"max_model_len\": 32768}'.",
)
def serve(model: str, idle_minutes: float, engine_args: dict[str, Any]) -> None:
    """Serve a model to this user's editor windows.

    The language server starts this by itself; run it by hand to watch a model load, or to keep it
    loaded.
    """
    from inference.endpoint import Endpoint
    from inference.errors import HostUnavailable

    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    endpoint = Endpoint.of(model, engine_args)
    try:
        endpoint.prepare()
    except HostUnavailable as error:
        raise click.ClickException(f"{error.message}. {error.hint}") from error
    deadline = time.monotonic() + MAX_END_S
    while (lock := endpoint.try_lock()) is None:
        if pid := asyncio.run(_running(endpoint)):
            click.echo(f"A host for {model} is running already (process {pid}).", err=True)
            return
        # One that starts will listen soon; one that ends will give its lock back.
        if time.monotonic() > deadline:
            raise click.ClickException(f"A host for {model} is running, but does not listen")
        time.sleep(0.02)
    with lock:
        sys.exit(asyncio.run(_serve(endpoint, idle_minutes)))


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"this is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.BadParameter("this is JSON, but no object")
    return value


async def _running(endpoint: Endpoint) -> int | None:
    """The process of the host that listens, or None."""
    streams = await endpoint.connect()
    if streams is None:
        return None
    _, writer, address = streams
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return address.pid


async def _serve(endpoint: Endpoint, idle_minutes: float) -> int:
    from inference.host import Host

    host = Host(endpoint, idle_s=idle_minutes * 60)
    if sys.platform != "win32":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, host.stop, "host_stopped", "the host was stopped")
    return await host.run()
