"""The commands of `sparrow`; each body imports what it runs."""

from __future__ import annotations

import gc
import importlib
import logging
import sys

import click

from inference import __version__

# Name, module, attribute and the line of help: a command's module is imported when it is run.
_COMMANDS = {
    "lsp": ("lsp_server.cli", "lsp", "Run the language server on standard input and output."),
    "serve": ("inference.cli", "serve", "Serve a model to this user's editor windows."),
    "download": ("inference.download_cli", "download", "Download a model from the hub."),
    "ask": ("inference.ask_cli", "ask", "Ask a model that chats, in the terminal."),
    "index": ("lsp_server.index_cli", "index", "Index a folder's code, and say what is in it."),
    "search": ("lsp_server.index_cli", "search", "Search code: words, definitions, uses."),
    "context": (
        "lsp_server.context_cli",
        "context",
        "Print what a model is shown for a cursor, and why.",
    ),
    "fix": ("lsp_server.fix_cli", "fix", "Find a change that mends an issue or a failing test."),
    "models": ("inference.models_cli", "models", "List the models that Sparrow knows."),
    "plan": ("inference.models_cli", "plan_command", "Say what of a model fits this machine."),
    "stats": (
        "lsp_server.statistics.cli",
        "stats",
        "Show how completions did on this machine.",
    ),
    "trace": ("lsp_server.trace_cli", "trace", "Show what became of the last completions."),
    "doctor": ("lsp_server.doctor", "doctor", "Check every layer with a real completion."),
    "demo": (
        "lsp_server.demo",
        "demo",
        "Watch Sparrow complete, refactor and fix real code in the terminal.",
    ),
    "bench": ("lsp_server.bench.cli", "bench", "Measure Sparrow beside its floors."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sparrow")
def main() -> None:
    """Sparrow: a private, local coding assistant."""


@click.command()
def lsp() -> None:
    """Run the language server on standard input and output; editors start it."""
    # The classes of the protocol are some 100,000 objects that stay: looking through them for
    # garbage holds up the start, and a key now and then, by tens of milliseconds.
    gc.disable()
    from lsp_server.edge.stdio import serve
    from lsp_server.garbage import spare_what_is_loaded
    from lsp_server.server import SparrowServer

    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    # Its warnings are of no use to a user: a cancelled request that was just answered, say.
    logging.getLogger("pygls").setLevel(logging.ERROR)
    server = SparrowServer()
    spare_what_is_loaded()
    serve(server)
