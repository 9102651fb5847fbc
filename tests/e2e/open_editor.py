"""Opens a workspace in the browser, in a VS Code with Sparrow installed, until Ctrl+C.

`python -m tests.e2e.open_editor [WORKSPACE] [--vsix dist/sparrow.vsix]`; without a workspace it opens
a temporary one with a sample to try completion on.

The editor listens on 127.0.0.1 alone and asks for a password, which is made anew and printed:
other users of the machine reach that address too. Settings and sockets lie in a temporary folder
and go with it; models that Sparrow fetched before are found.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import webbrowser
from pathlib import Path

import click

from . import scenes
from .code_server import (
    EditorError,
    editor_home,
    install_extension,
    serve,
    workspace_address,
)
from .editor import EditorBuildError, build_editor

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Serve until Ctrl+C; the exit status is 1 where that is not possible."""
    arguments = _parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        _open(arguments.workspace, arguments.vsix, arguments.model)
    except (EditorBuildError, EditorError) as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("\nthe editor has ended")
    return 0


def _open(workspace: Path | None, vsix: Path, model: str | None) -> None:
    build = build_editor(_say)
    password = secrets.token_urlsafe(9)
    with editor_home() as home:
        install_extension(build, home, vsix)
        home.write_settings(_settings(model))
        with serve(build, home, environment={}, password=password) as served:
            address = workspace_address(served, workspace or _sample_workspace(home.folder))
            _say(f"address:  {address}\npassword: {password}\nCtrl+C ends it")
            if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
                webbrowser.open(address)
            signal.pause()


def _sample_workspace(parent: Path) -> Path:
    workspace = parent / "sample"
    workspace.mkdir()
    (workspace / "temperatures.py").write_text(scenes.TEMPERATURES)
    _say(f"in temperatures.py, go on at the end of the file by typing {scenes.TYPED!r}")
    return workspace


def _settings(model: str | None) -> dict[str, str]:
    """The Sparrow of this Python, where it is installed; else the extension offers to install."""
    sparrow = Path(sys.executable).with_name("sparrow")
    server = {"sparrow.server.path": str(sparrow)} if sparrow.is_file() else {}
    return {**server, "sparrow.completion.model": model} if model else server


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Open a workspace in a VS Code with Sparrow.")
    parser.add_argument("workspace", type=_existing_folder, nargs="?")
    parser.add_argument("--vsix", type=_existing_file, default=ROOT / "dist" / "sparrow.vsix")
    parser.add_argument("--model", help="the setting sparrow.completion.model")
    return parser.parse_args()


def _existing_folder(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return path


def _existing_file(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is not a file")
    return path


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    sys.exit(main())
