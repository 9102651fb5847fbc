"""`sparrow doctor`: a real completion through every layer, and what to do where one is broken.

A layer that stands on a broken one is not tried. Nothing is changed, and nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.metadata
import json
import logging
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from inference import __version__
from inference.client import InferenceClient
from inference.content import Layout, LayoutSection, Message, TextChunk
from inference.endpoint import Endpoint
from inference.errors import InferenceError
from inference.protocol import ChatRole, Delta, Priority, Role, Tail
from inference.sampling import Sampling
from lsp_server.api_keys import ApiKeys
from lsp_server.config import Config
from lsp_server.doctor_index import examine_index
from lsp_server.doctor_machine import (
    examine_editor,
    examine_gpu,
    examine_sandbox,
    examine_vllm,
)
from lsp_server.doctor_report import Finding, show
from lsp_server.models import Assignment, assign
from lsp_server.session import ServerEnded, open_session, sparrow_command
from lsp_server.workspace.documents import Position

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
_DISTRIBUTION = re.compile(r"[\w.-]+")
GRAMMARS = (
    *("bash", "c", "c_sharp", "cpp", "go", "java", "javascript"),
    *("php", "python", "ruby", "rust", "typescript"),
)
READY_TIMEOUT_S = 60.0
# As JSON: `ApiKeysParams.apiKeys` of `protocol.py`, from the editor.
API_KEYS_VARIABLE = "SPARROW_API_KEYS"

# A file whose last line can only go on in one way.
SAMPLE = """\
class Account:
    def deposit(self, amount: int) -> None:
        self.require_open()
        self.balance = self.balance + amount
        self.ledger.append(self.balance)

    def withdraw(self, amount: int) -> None:
        self.require_open()
        self.balance = self.balance - amount
        self.ledger.append(self.balance)

    def close(self, amount: int) -> None:
        self.require_open()
        self.balance = self.balance - amount
        self.led"""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is examined: the models of both roles, the keys of servers, and the folder's index."""

    config: Config
    api_keys: Sequence[Mapping[str, str]] = field(default=(), repr=False)
    folder: Path | None = None
    # Is told of each layer before it is looked at: some take minutes.
    on_layer: Callable[[str], None] = lambda _: None

    def client(self, assigned: Assignment) -> InferenceClient:
        """A client as the language server makes it, and so of the same host."""
        models = [it.model for it in assign(self.config).values()]
        return InferenceClient(
            assigned.model,
            name="doctor",
            idle_minutes=1,
            engine_args=assigned.engine_args,
            api_key=ApiKeys.parse(self.api_keys).of(assigned.model, models),
        )


@click.command()
@click.option("--model", default="wren", show_default=True, help="The model that completes.")
@click.option("--engine-args", default="{}", help="Its engine's arguments as JSON.")
@click.option("--chat-model", default="", help="The model that chats, where it is another one.")
@click.option("--chat-engine-args", default="{}", help="Its engine's arguments as JSON.")
@click.option("--folder", default=".", help="The folder whose index is looked at; '' for none.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(
    model: str,
    *,
    engine_args: str,
    chat_model: str,
    chat_engine_args: str,
    folder: str,
    as_json: bool,
) -> None:
    """Check every layer with a real completion, and say what to do."""
    logging.basicConfig(handlers=[logging.NullHandler()])  # the findings say it
    setup = Setup(
        Config(
            completion_model=model,
            completion_engine_args=_json_object("--engine-args", engine_args),
            chat_model=chat_model,
            chat_engine_args=_json_object("--chat-engine-args", chat_engine_args),
        ),
        _api_keys(os.environ.pop(API_KEYS_VARIABLE, "")),
        Path(folder).resolve() if folder else None,
        _tell_program if as_json else lambda _: None,
    )
    findings = asyncio.run(_examine(setup))
    ok = all(finding.state != "error" for finding in findings)
    if as_json:
        layers = [asdict(finding) for finding in findings]
        click.echo(json.dumps({"ok": ok, "version": __version__, "layers": layers}))
    else:
        show(findings, ok=ok)
    sys.exit(0 if ok else 1)


def _tell_program(layer: str) -> None:
    """For the one that reads the JSON and waits; the extension knows the words."""
    click.echo(f"looking at: {layer}", err=True)


async def _examine(setup: Setup) -> list[Finding]:
    setup.on_layer("Packages")
    findings = [_python(), _packages()]
    for name, layer in (
        ("Runtime folder", _runtime_folder),
        ("Inference host", _host),
        ("Language server", _server),
    ):
        setup.on_layer(name)
        findings += await layer(setup)
        if findings[-1].state == "error":
            break
    roles = assign(setup.config)
    if findings[-1].state != "error" or roles["chat"] != roles["completion"]:
        setup.on_layer("Chat model")
        findings.append(await _chat(setup))
    setup.on_layer("vLLM")
    # A host that answers may have been started from another environment.
    fails = any(finding.state == "error" for finding in findings)
    vllm = examine_vllm([it.model for it in roles.values()] if fails else [])
    setup.on_layer("Index")
    index = Finding("Index", *examine_index(setup.folder))
    setup.on_layer("Sandbox")
    sandbox = await examine_sandbox()
    setup.on_layer("GPU")
    return [*findings, index, sandbox, examine_gpu(), vllm, examine_editor()]


def _json_object(option: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"this is not JSON ({error})", param_hint=option) from error
    if not isinstance(value, dict):
        raise click.BadParameter("this is JSON, but no object", param_hint=option)
    return value


def _api_keys(text: str) -> Sequence[Mapping[str, str]]:
    """The entries in the variable; without any where it holds none."""
    try:
        entries = json.loads(text or "[]")
    except ValueError:
        return ()
    return [it for it in entries if isinstance(it, dict)] if isinstance(entries, list) else ()


def _python() -> Finding:
    version = sys.version_info[:2]
    summary = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        return Finding("Python", "ok", summary)
    return Finding("Python", "error", summary, "Install Sparrow with Python 3.11, 3.12 or 3.13.")


def _packages() -> Finding:
    missing = []
    for name in _dependencies():
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    for language in GRAMMARS:
        try:
            importlib.import_module(f"tree_sitter_{language}")
        except ImportError as error:
            missing.append(f"tree-sitter-{language.replace('_', '-')} ({error})")
    if missing:
        hint = "Install again: pip install --force-reinstall sparrow-code"
        return Finding("Packages", "error", f"missing: {', '.join(missing)}", hint)
    summary = f"sparrow-code {__version__}, {len(GRAMMARS)} grammars, all dependencies"
    return Finding("Packages", "ok", summary)


def _dependencies() -> list[str]:
    """What this installation was made to need, without what is needed for an extra alone."""
    required = importlib.metadata.requires("sparrow-code") or ()
    names = (_DISTRIBUTION.match(it) for it in required if "extra ==" not in it)
    return [name[0] for name in names if name is not None]


async def _runtime_folder(setup: Setup) -> list[Finding]:
    endpoint = Endpoint.of(setup.config.completion_model)
    try:
        endpoint.prepare()
        with tempfile.TemporaryFile(dir=endpoint.directory):
            pass
    except InferenceError as error:
        return [Finding("Runtime folder", "error", error.message, error.hint)]
    except OSError as error:
        summary = f"{endpoint.directory} cannot be written to: {error.strerror}"
        return [Finding("Runtime folder", "error", summary, "Free space, or mend its permissions.")]
    return [Finding("Runtime folder", "ok", f"{endpoint.directory}, for this user alone")]


async def _host(setup: Setup) -> list[Finding]:
    """The host, its engine, and a completion straight from it."""
    assigned = assign(setup.config)["completion"]
    client = setup.client(assigned)
    client.start()
    started = time.perf_counter()
    try:
        await client.wait_ready(READY_TIMEOUT_S)
        found = [
            Finding(
                "Inference host",
                "ok",
                f"process {client.host_pid}, ready in {_ms(started)}",
            ),
        ]
        started = time.perf_counter()
        text = await _complete_in_host(client)
    except InferenceError as error:
        return [Finding("Inference host", "error", error.message, error.hint or _log_hint(client))]
    finally:
        await client.close()
    return [*found, _judge("Completion model", assigned.model, text, started)]


async def _chat(setup: Setup) -> Finding:
    """The model that chats, and an answer of it."""
    name = "Chat model"
    roles = assign(setup.config)
    assigned = roles["chat"]
    client = setup.client(assigned)
    client.start()
    started = time.perf_counter()
    try:
        await client.wait_ready(READY_TIMEOUT_S)
        if client.capabilities is None or not client.capabilities.chat:
            return _cannot_chat(assigned, is_alone=assigned == roles["completion"])
        answer = await _chat_in_host(client)
    except InferenceError as error:
        summary = f"{assigned.model}: {error.message}"
        return Finding(name, "error", summary, error.hint or _log_hint(client))
    finally:
        await client.close()
    shown = answer.strip().splitlines()
    if not shown:
        return Finding(name, "warning", f"{assigned.model}: its answer was empty")
    return Finding(name, "ok", f"{assigned.model}: “{shown[0]}” in {_ms(started)}")


def _cannot_chat(assigned: Assignment, *, is_alone: bool) -> Finding:
    """No fault where nobody named it for that."""
    summary = f"{assigned.model} cannot chat"
    hint = "Name a model in `sparrow.chat.model` that can: `sparrow models` lists some."
    if is_alone:
        return Finding("Chat model", "ok", f"none; {summary}. {hint}")
    return Finding("Chat model", "error", summary, hint)


async def _chat_in_host(client: InferenceClient) -> str:
    question = Message.of(ChatRole.USER, "Answer with one word: are you there?")
    stream = client.chat([question], Sampling(max_tokens=16), Priority.CHAT, thinking=False)
    async with contextlib.aclosing(stream):
        return "".join([it.text async for it in stream if isinstance(it, Delta)])


async def _complete_in_host(client: InferenceClient) -> str:
    head, _, last = SAMPLE.rpartition("\n")
    section = LayoutSection(Role.PREFIX, "sample.py", (TextChunk.of(head + "\n"),))
    stream = client.generate(
        Layout.of([section]), Tail(last, ""), Sampling(max_tokens=32), Priority.COMPLETION
    )
    async with contextlib.aclosing(stream):
        return "".join([it.text async for it in stream if isinstance(it, Delta)])


async def _server(setup: Setup) -> list[Finding]:
    """The language server as an editor starts it, and a completion through the whole of it."""
    name = "Language server"
    with tempfile.TemporaryDirectory(prefix="sparrow-doctor-") as scratch:
        folder = Path(scratch)
        try:
            async with open_session(
                sparrow_command(), folder, _settings(setup.config), api_keys=setup.api_keys
            ) as session:
                await session.wait_ready(READY_TIMEOUT_S)
                summary = f"over stdio, initialized in {session.initialized_ms:.0f} ms"
                found = [Finding(name, "ok", summary)]
                document = session.open(folder / "sample.py", "python", SAMPLE)
                end = Position(len(document.lines) - 1, len(document.lines[-1]))
                started = time.perf_counter()
                suggestion = await session.complete(document, end)
        except (ServerEnded, TimeoutError) as error:
            summary = str(error) or "the model was not ready in time"
            hint = f"Run `{' '.join(sparrow_command())}` in a terminal to see why."
            return [Finding(name, "error", summary, hint)]
    text = suggestion.text if suggestion else ""
    return [*found, _judge("Completion", "the editor's way", text, started)]


def _settings(config: Config) -> dict[str, Any]:
    """The `sparrow` section that gives this configuration."""
    return {
        "completion": {
            "model": config.completion_model,
            "engineArgs": dict(config.completion_engine_args),
        },
        "chat": {"model": config.chat_model, "engineArgs": dict(config.chat_engine_args)},
        "index": {"enable": False},  # of a folder that is gone a moment later
    }


def _judge(name: str, what: str, text: str, started: float) -> Finding:
    if text.strip():
        first_line = text.strip().splitlines()[0]
        return Finding(name, "ok", f"{what}: “{first_line}” in {_ms(started)}")
    return Finding(
        name,
        "warning",
        f"{what}: nothing was suggested for a sample that has an obvious continuation",
        "Ask your editor to explain the last completion: `Sparrow: Explain Last Completion`.",
    )


def _ms(started: float) -> str:
    return f"{(time.perf_counter() - started) * 1000:.0f} ms"


def _log_hint(client: InferenceClient) -> str:
    return f"The host's log says more: {client.endpoint.log_file}"
