"""Runs the built editor: installs an extension into it, serves a workspace, ends everything.

All that one editor writes lies in its own home folder, and every process that it or Sparrow
starts inherits an environment that names this folder. That is how the end is certain: whatever
names the folder is killed, the detached inference host too.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .editor import EditorBuild
from .waiting import wait_until

END_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM", "--")
"""Ends the editor where this process is killed and can't."""

START_TIMEOUT_S = 120
TERMINATION_GRACE_S = 5
END_TIMEOUT_S = 60
ADDRESS = re.compile(r"HTTP server listening on (http://127\.0\.0\.1:\d+)")

QUIET_SETTINGS: Mapping[str, Any] = {
    "chat.disableAIFeatures": True,
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "extensions.ignoreRecommendations": True,
    "files.autoSave": "off",
    "git.openRepositoryInParentFolders": "never",
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
}
"""A workbench without what does not concern Sparrow, and where only a save writes a file."""


class EditorError(Exception):
    """The editor did not start, or an extension could not be installed; says what it printed."""


@dataclass(frozen=True, slots=True)
class Process:
    """A running process of an editor."""

    pid: int
    command: tuple[str, ...]

    def kill(self) -> None:
        """End it at once; that it has ended already is no error."""
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


@dataclass(frozen=True, slots=True)
class EditorHome:
    """The folder of one editor; short, since sockets lie below it."""

    folder: Path

    @property
    def user_data(self) -> Path:
        """Settings, state and logs of the editor."""
        return self.folder / "user-data"

    @property
    def extensions(self) -> Path:
        """The installed extensions."""
        return self.folder / "extensions"

    @property
    def runtime(self) -> Path:
        """XDG_RUNTIME_DIR: sockets."""
        return self.folder / "run"

    @property
    def log(self) -> Path:
        """What code-server printed."""
        return self.folder / "code-server.log"

    def private_folders(self) -> dict[str, str]:
        """The environment that keeps caches, data and state of Sparrow in this folder."""
        names = ("cache", "data", "state")
        return {f"XDG_{name.upper()}_HOME": str(self.folder / name) for name in names}

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Write the user's settings: the quiet ones, and these over them.

        Sparrow's go to the settings of the remote machine. To a browser the machine that runs
        code-server is a remote one, so there alone settings of machine scope are heeded.
        """
        sparrow = {key: value for key, value in settings.items() if key.startswith("sparrow.")}
        others = {key: value for key, value in settings.items() if key not in sparrow}
        for place, content in (("User", {**QUIET_SETTINGS, **others}), ("Machine", sparrow)):
            path = self.user_data / place / "settings.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content, indent=2) + "\n")

    def processes(self) -> list[Process]:
        """Every running process that names this folder in its environment or command line."""
        return [process for process in map(self._process, Path("/proc").glob("[0-9]*")) if process]

    def _process(self, entry: Path) -> Process | None:
        name = os.fsencode(self.folder)
        try:
            command = (entry / "cmdline").read_bytes()
            if not command or name not in (entry / "environ").read_bytes() + command:
                return None
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            return None
        if int(entry.name) == os.getpid():
            return None
        words = command.rstrip(b"\0").split(b"\0")
        return Process(int(entry.name), tuple(os.fsdecode(word) for word in words))


@contextmanager
def editor_home() -> Iterator[EditorHome]:
    """A fresh home; at the end every process of it is killed and the folder removed."""
    home = EditorHome(Path(tempfile.mkdtemp(prefix="sparrow-e2e-")))
    home.runtime.mkdir(mode=0o700)
    try:
        yield home
    finally:
        wait_until(lambda: not _kill_all(home), "the end of all processes", END_TIMEOUT_S)
        shutil.rmtree(home.folder)


def install_extension(build: EditorBuild, home: EditorHome, vsix: Path) -> None:
    """Install a packed extension into the home, by the command a user would type."""
    command = _code_server(build, home, "--install-extension", vsix)
    result = subprocess.run(
        command,
        env=_environment(home, {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=START_TIMEOUT_S,
    )
    if result.returncode or "successfully installed" not in result.stdout:
        raise EditorError(f"{vsix} was not installed:\n{result.stdout}{result.stderr}")


@contextmanager
def serve(
    build: EditorBuild,
    home: EditorHome,
    *,
    environment: Mapping[str, str],
    password: str | None = None,
) -> Iterator[str]:
    """Run the editor on a free port of 127.0.0.1; yields its address, and stops it at the end.

    The environment is set over that of this process. Without a password everyone on this
    machine can use the editor while it runs.
    """
    options = ["--auth", "password" if password else "none", "--bind-addr", "127.0.0.1:0"]
    secret = {"PASSWORD": password or secrets.token_hex()}
    with home.log.open("wb") as output:
        process = subprocess.Popen(
            [*END_WITH_PARENT, *_code_server(build, home, *options)],
            env=_environment(home, {**environment, **secret}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield wait_until(
            lambda: _address(process, home.log), "the editor's address", START_TIMEOUT_S
        )
    finally:
        _end_group(process)


def workspace_address(address: str, workspace: Path) -> str:
    """The address that opens a folder in the editor."""
    return f"{address}/?folder={workspace}"


def _code_server(build: EditorBuild, home: EditorHome, *arguments: str | Path) -> list[str]:
    return build.command(
        *("--config", home.folder / "code-server.yaml"),
        *("--user-data-dir", home.user_data),
        *("--extensions-dir", home.extensions),
        "--disable-telemetry",
        "--disable-update-check",
        *arguments,
    )


def _environment(home: EditorHome, changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, less what another editor left in it."""
    foreign = ("VSCODE_", "CODE_SERVER_", "PASSWORD", "HASHED_PASSWORD")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**inherited, "XDG_RUNTIME_DIR": str(home.runtime), **changes}


def _address(process: subprocess.Popen[bytes], log: Path) -> str | None:
    text = log.read_text(errors="replace")
    if process.poll() is not None:
        raise EditorError(f"the editor ended with {process.returncode}:\n{text}")
    found = ADDRESS.search(text)
    return found[1] if found else None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signal_number)
            process.wait(TERMINATION_GRACE_S)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _kill_all(home: EditorHome) -> bool:
    """Kill every process of the home; whether there were any."""
    running = home.processes()
    for process in running:
        process.kill()
    return bool(running)
