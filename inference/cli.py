"""`sparrow serve`: runs the inference host of a model in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from inference import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from filelock import FileLock

    from inference.endpoint import Endpoint

DEFAULT_MODEL = "wren"
DEFAULT_IDLE_MINUTES = 10.0
MAX_END_S = 30.0
_JSON_EXAMPLE = "Write it like this: --engine-args '{\"max_model_len\": 32768}'"


engine_args_option = click.option(
    "--engine-args",
    default="{}",
    callback=lambda _context, _option, text: _json_object(text),
    help="vLLM's engine arguments as JSON: '{\"max_model_len\": 32768}'.",
)


@click.command()
@click.option(
    "--model",
    show_default="the flagship where a GPU holds it, else wren",
    help="The model to serve: a name of `sparrow models`, `wren`, `suffix`, vllm:CHECKPOINT or openai:URL.",
)
@click.option(
    "--idle-minutes",
    type=click.FloatRange(min=0.01),
    default=DEFAULT_IDLE_MINUTES,
    show_default=True,
    help="End when no client has been connected for so long.",
)
@engine_args_option
@click.option("--yes", "-y", is_flag=True, help="Download what is missing without asking.")
@click.option(
    "--background",
    is_flag=True,
    help="Ask nothing, and tell failures to the client: how editors start a host.",
)
@click.option("--name", hidden=True, help="By which the client that starts it looks for the host.")
def serve(
    model: str | None,
    idle_minutes: float,
    engine_args: dict[str, Any],
    *,
    yes: bool,
    background: bool,
    name: str | None,
) -> None:
    """Serve a model to this user's editor windows.

    The language server starts this by itself; run it by hand to download a model and watch it load,
    or to keep it loaded.
    """
    from inference.endpoint import RUNTIME_DIR_VARIABLE, Endpoint
    from inference.errors import HostUnavailable

    named = (model or DEFAULT_MODEL) if background else _ready(model, engine_args, yes=yes)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    endpoint = Endpoint.of(named, engine_args)
    if name not in (None, endpoint.name):
        raise click.ClickException(
            f"Sparrow has been changed to version {__version__} while it ran: restart the language"
            " server"
        )
    try:
        endpoint.prepare()
    except HostUnavailable as error:
        raise click.ClickException(f"{error.message}. {error.hint}") from error
    try:
        lock = _lock(endpoint)
        if lock is None:
            return
        with lock, asyncio.Runner(loop_factory=_loop_factory(named)) as runner:
            sys.exit(runner.run(_serve(endpoint, idle_minutes)))
    except OSError as error:  # the lock or the socket; what an engine raises is the host's to tell
        raise click.ClickException(
            f"the files of a host cannot be made in {endpoint.directory}: {error}. Remove what is in"
            f" the way, or set {RUNTIME_DIR_VARIABLE} to a folder that you can write to."
        ) from error


def _ready(model: str | None, engine_args: dict[str, Any], *, yes: bool) -> str:
    """The model to serve, once it can be; says to the user which, and why."""
    from inference import readiness
    from inference.errors import EngineFailed
    from inference.hardware import detect

    hardware = functools.cache(detect)

    def say(sentence: str) -> None:
        click.echo(sentence, err=True)

    if model is None:
        model, sentence = readiness.propose(hardware(), has_vllm=readiness.has_vllm())
        if sentence:
            say(sentence)
    try:
        readiness.make_ready(model, engine_args, hardware, say, yes=yes)
    except EngineFailed as error:
        raise click.ClickException(f"{error.message}. {error.hint}") from error
    settings: dict[str, Any] = {"sparrow.completion.model": model}
    if engine_args:  # a host of other arguments is another host
        settings["sparrow.completion.engineArgs"] = engine_args
    say(f"Starting {model}. The settings of an editor that uses it: {json.dumps(settings)[1:-1]}")
    return model


def _lock(endpoint: Endpoint) -> FileLock | None:
    """The lock of the model's only host, or None where one is running; it is told which."""
    deadline = time.monotonic() + MAX_END_S
    while (lock := endpoint.try_lock()) is None:
        if pid := asyncio.run(_running(endpoint)):
            click.echo(f"A host for {endpoint.model} is running already (process {pid}).", err=True)
            return None
        # One that starts will listen soon; one that ends will give its lock back.
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"A host for {endpoint.model} is running, but does not listen"
            )
        time.sleep(0.02)
    return lock


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"this is not JSON ({error}). {_JSON_EXAMPLE}") from error
    if not isinstance(value, dict):
        raise click.BadParameter(f"this is JSON, but no object. {_JSON_EXAMPLE}")
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


def _loop_factory(model: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop that vLLM brings along, where the model is served by it; None for the usual one.

    It halves the host's CPU time for a request.
    """
    from inference.engines import is_vllm

    if not is_vllm(model):
        return None
    try:
        import uvloop
    except ImportError:  # on Windows, or without vLLM, which the engine will say
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(endpoint: Endpoint, idle_minutes: float) -> int:
    from inference.host import Host

    host = Host(endpoint, idle_s=idle_minutes * 60)
    if sys.platform != "win32":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, host.stop, "host_stopped", "the host was stopped")
    return await host.run()
