"""Builds the editor that the end-to-end tests drive, once per machine and version.

The editor is code-server, a real VS Code served to a browser, with the Node it wants; both
come from npm, pinned by `editor/package-lock.json`, and native modules are compiled here.
The finished build lies in the user's cache folder, named by the version and a hash of all that
went into it; it appears there by one rename, so a folder of that name is always whole. Builders
wait for each other at a lock file, and the one that has built removes what earlier versions left.
Nothing is installed outside that folder.

`python -m tests.e2e.editor` builds it, or says in a moment that it is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from filelock import FileLock, Timeout
from platformdirs import user_cache_path

INPUTS = Path(__file__).parent / "editor"
INPUT_FILES = (".npmrc", "package.json", "package-lock.json")
BUILD_RECIPE = 1
"""Raise when the steps below change in a way that makes older builds useless."""

STAMP = "build.json"
"""Its time of modification is when the build was last asked for."""

IN_USE_S = 24 * 3600
"""A build that was asked for so lately may still be running."""

LOG_TAIL_LINES = 40
NODE_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}

Progress = Callable[[str], None]


class EditorBuildError(Exception):
    """The editor cannot be built here; the message says what is missing or what failed."""


@dataclass(frozen=True, slots=True)
class EditorBuild:
    """A finished build: a folder that holds code-server and its Node."""

    folder: Path

    @property
    def node(self) -> Path:
        """The Node that runs code-server."""
        return _node_folder(self.folder) / "bin" / "node"

    @property
    def entry(self) -> Path:
        """The script of code-server that Node runs."""
        return self.folder / "node_modules" / "code-server" / "out" / "node" / "entry.js"

    def command(self, *arguments: str | Path) -> list[str]:
        """The command line of code-server with these arguments."""
        return [str(self.node), str(self.entry), *map(str, arguments)]


def build_editor(progress: Progress) -> EditorBuild:
    """Return the finished editor, and build it first if the cache does not hold it.

    Raises EditorBuildError, with the Debian package to install where one is missing.
    """
    cache = user_cache_path("sparrow-code") / "editor"
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / _build_name()
    if not (target / STAMP).is_file():
        with _alone(cache / "build.lock", progress):
            if not (target / STAMP).is_file():
                _build_into(target, progress)
                _remove_unused(target)
    (target / STAMP).touch()
    return EditorBuild(target)


@contextmanager
def _alone(lock_file: Path, progress: Progress) -> Iterator[None]:
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("waiting for another run, which is building the editor")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build_into(target: Path, progress: Progress) -> None:
    started = time.monotonic()
    _require_tools()
    log = target.parent / "build.log"
    progress(f"building the editor {target.name}; the output goes to {log}")
    workshop = Path(tempfile.mkdtemp(prefix=f"{target.name}.partial-", dir=target.parent))
    try:
        with log.open("wb") as output:
            _Recipe(workshop, output.fileno(), log, progress).run()
        seconds = round(time.monotonic() - started)
        (workshop / STAMP).write_text(json.dumps({"name": target.name, "seconds": seconds}) + "\n")
        shutil.rmtree(target, ignore_errors=True)
        workshop.rename(target)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    progress(f"the editor is ready after {seconds} s: {target}")


def _remove_unused(target: Path) -> None:
    """Remove the other builds and what was left of abandoned ones."""
    for folder in target.parent.iterdir():
        stamp = folder / STAMP
        in_use = stamp.is_file() and time.time() - stamp.stat().st_mtime < IN_USE_S
        if folder.is_dir() and folder != target and not in_use:
            shutil.rmtree(folder)


@dataclass(frozen=True, slots=True)
class _Recipe:
    workshop: Path
    output: int
    log: Path
    progress: Progress

    def run(self) -> None:
        """Build in the workshop, step by step."""
        code_server = self.workshop / "node_modules" / "code-server"
        vscode = code_server / "lib" / "vscode"
        for name in INPUT_FILES:
            shutil.copy(INPUTS / name, self.workshop / name)
        with self.step("1/4 fetch code-server and Node"):
            self.call(["npm", "ci", "--ignore-scripts"], self.workshop, os.environ)
        environment = self.node_environment()
        with self.step("2/4 fetch what VS Code depends on"):
            fetching = {**environment, "npm_config_ignore_scripts": "true"}
            self.call(["sh", "./postinstall.sh"], code_server, fetching)
        with self.step("3/4 compile native modules, a few minutes"):
            rebuild = ["npm", "rebuild", "--foreground-scripts", "--dangerously-allow-all-scripts"]
            self.call(rebuild, vscode, environment)
        with self.step("4/4 try it"):
            build = EditorBuild(self.workshop)
            trial = build.command("--config", self.workshop / "trial.yaml", "--version")
            self.call(trial, self.workshop, environment)
            addons = "for (const name of ['node-pty', '@vscode/spdlog']) require(name)"
            self.call([str(build.node), "-e", addons], vscode, environment)

    def node_environment(self) -> dict[str, str]:
        """Make npm run, and compile for, the Node just fetched instead of the machine's own."""
        node = _node_folder(self.workshop)
        version = json.loads((node / "package.json").read_text())["version"]
        return {
            **os.environ,
            "PATH": f"{node / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "npm_config_nodedir": str(node),
            "npm_config_python": sys.executable,
            "npm_config_user_agent": f"npm/11 node/v{version} linux {_architecture()}",
            "JOBS": "max",
        }

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self.progress(title)
        started = time.monotonic()
        yield
        self.progress(f"    {time.monotonic() - started:.0f} s")

    def call(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        result = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if result.returncode:
            tail = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            message = (
                f"{' '.join(command)} ended with {result.returncode}; the whole output: {self.log}"
            )
            raise EditorBuildError("\n".join([*tail, message]))


def _build_name() -> str:
    digest = hashlib.sha256(f"{BUILD_RECIPE} {_architecture()}".encode())
    for name in INPUT_FILES:
        digest.update((INPUTS / name).read_bytes())
    version = json.loads((INPUTS / "package.json").read_text())["dependencies"]["code-server"]
    return f"{version}-{digest.hexdigest()[:12]}"


def _architecture() -> str:
    machine = platform.machine()
    if sys.platform != "linux" or machine not in NODE_ARCHITECTURES:
        message = (
            f"the editor is built on Linux x86-64 and arm64 only, not on {sys.platform} {machine}"
        )
        raise EditorBuildError(message)
    return NODE_ARCHITECTURES[machine]


def _node_folder(build: Path) -> Path:
    return build / "node_modules" / f"node-linux-{_architecture()}"


def _require_tools() -> None:
    packages = {"npm": "npm", "make": "make", "c++": "g++"}
    missing = [package for tool, package in packages.items() if shutil.which(tool) is None]
    if "g++" in missing or not _compiles("#include <gssapi/gssapi.h>\n"):
        missing.append("libkrb5-dev")
    if missing:
        message = f"to build the editor, install: sudo apt-get install {' '.join(missing)}"
        raise EditorBuildError(message)


def _compiles(source: str) -> bool:
    command = ["c++", "-fsyntax-only", "-x", "c++", "-"]
    compiled = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    return compiled.returncode == 0


def main() -> int:
    """Build the editor, with progress on standard error, and print its folder."""
    try:
        build = build_editor(_say)
    except EditorBuildError as error:
        _say(str(error))
        return 1
    click.echo(build.folder)
    return 0


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    sys.exit(main())
