"""Runs a command on a copy of the workspace, where it can do no harm; or refuses to.

On Linux that is bubblewrap. Where it cannot be set up nothing is run, unless the user's own settings
allow runs without it: then there are time and sizes alone, and what ran says so. A run is ended with
all that it has started when its time is over, when it uses more than it may, when nobody waits for it
any more, and when Sparrow ends, however that comes about.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lsp_server import process_group
from lsp_server.agent.bubblewrap import HOME, INSIDE, REPORT, Layout, Limits, arguments, limited
from lsp_server.agent.containment import find_contained
from lsp_server.agent.overuse import Usage, watch
from lsp_server.agent.toolchain import Toolchain

KEPT_CHARACTERS = 5_000  # of the output, at its start and at its end
MAX_REPORT_BYTES = 64 * 1024 * 1024
_MAX_END_S = 10.0
_INSIDE = Path(__file__).parent / "inside"
_PROBE_TIMEOUT_S = 10.0
# The kernel does not limit how many processes root starts. Who counts them instead has to get a
# processor before thousands of them do.
_NICENESS_OF_ROOT = 10


class SandboxUnavailable(Exception):
    """No sandbox can be set up here; says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended: `exit_code` is None where it was killed, `report` what it wrote down.

    `output` is what it printed, without its middle where that is long.
    """

    exit_code: int | None
    output: str
    seconds: float
    contained: tuple[str, ...]
    report: str


class Sandbox:
    """For the runs on copies of one workspace. On one loop; any number of runs at once."""

    def __init__(
        self, workspace: Path, toolchain: Toolchain, *, is_unsandboxed_allowed: bool = False
    ) -> None:
        self._workspace = workspace
        self._toolchain = toolchain
        self._is_unsandboxed_allowed = is_unsandboxed_allowed
        self._refusal: str | None = None  # not known yet

    async def check(self) -> str:
        """What the user has to be told of: that runs are not shut in; or nothing.

        Raises `SandboxUnavailable`.
        """
        if self._refusal is None:
            self._refusal = await find_problem()
        if self._refusal and not self._is_unsandboxed_allowed:
            raise SandboxUnavailable(self._refusal)
        return self._refusal and f"runs are not sandboxed, as the settings allow: {self._refusal}"

    async def run(
        self,
        argv: Sequence[str],
        copy: Path,
        timeout_s: float,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Runs a command in a copy; what it writes to `$SPARROW_REPORT/report` is its report.

        Raises `SandboxUnavailable`, and OSError where the copy is no folder.
        """
        is_open = bool(await self.check())
        limits = limits or Limits()
        if _is_root():
            limits = replace(limits, niceness=_NICENESS_OF_ROOT)
        usage = await asyncio.to_thread(Usage.of, copy)
        with tempfile.TemporaryDirectory(prefix="run-", dir=copy.parent) as name:
            report = Path(tempfile.mkdtemp(dir=name))
            run = _Run(copy, report, timeout_s, limits, usage)
            place = copy if is_open else self._workspace
            variables = self._variables(environment or {}, place)
            if is_open:
                finished = await run.open(argv, Path(name), variables)
            else:
                layout = Layout(
                    copy=str(copy),
                    place=str(place),
                    report=str(report),
                    inside=str(_INSIDE),
                    read_only=[str(it) for it in self._toolchain.shown],
                    links=self._toolchain.links,
                )
                finished = await run.shut_in(argv, layout, {**variables, "HOME": HOME})
            return replace(finished, report=await asyncio.to_thread(_read, report / "report"))

    def _variables(self, environment: Mapping[str, str], place: Path) -> dict[str, str]:
        """Of a run, in which the copy stands at that place."""
        variables = {**self._toolchain.environment, **environment}
        if self._toolchain.sources:
            sources = (str(place / it) for it in self._toolchain.sources)
            told = variables.get("PYTHONPATH")
            variables["PYTHONPATH"] = os.pathsep.join((*([told] if told else []), *sources))
        return variables

    async def inside(self) -> str:
        """Where a run finds the scripts of `lsp_server/agent/inside`. Raises `SandboxUnavailable`."""
        return str(_INSIDE) if await self.check() else INSIDE


@dataclass(frozen=True, slots=True)
class _Run:
    copy: Path
    report: Path
    timeout_s: float
    limits: Limits
    usage: Usage

    async def shut_in(
        self, argv: Sequence[str], layout: Layout, environment: Mapping[str, str]
    ) -> Finished:
        told, tells = os.pipe()
        try:
            process = await _start(
                _command(arguments(layout, self.limits, argv, tells)),
                environment={**environment, "SPARROW_REPORT": REPORT, "SPARROW_INSIDE": INSIDE},
                folder=Path("/"),
                pass_fds=(tells,),
            )
            os.close(tells)
            tells = -1
            async with _ended(process):
                first = await _first_process(told)
                return await self._finish(process, first)
        finally:
            os.close(told)
            if tells >= 0:
                os.close(tells)

    async def open(
        self, argv: Sequence[str], scratch: Path, environment: Mapping[str, str]
    ) -> Finished:
        """With the kernel's limits where there is prlimit, and otherwise as any process runs."""
        home = tempfile.mkdtemp(dir=scratch)
        process = await _start(
            (*(limited(self.limits) if shutil.which("prlimit") else ()), *argv),
            environment={
                **environment,
                "HOME": home,
                "TMPDIR": home,
                "SPARROW_REPORT": str(self.report),
                "SPARROW_INSIDE": str(_INSIDE),
            },
            folder=self.copy,
        )
        async with _ended(process):
            finished = await self._finish(process, None)
        return replace(
            finished,
            contained=(*finished.contained, "nothing else: this ran without the sandbox"),
        )

    async def _finish(self, process: asyncio.subprocess.Process, first: int | None) -> Finished:
        started = time.monotonic()
        assert process.stdout is not None
        output = asyncio.create_task(_read_ends(process.stdout))
        watched = asyncio.create_task(watch(first, self.copy, self.report, self.limits, self.usage))
        stopped = ""
        try:
            done, _ = await asyncio.wait(
                (output, watched), timeout=self.timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if watched in done:
                stopped = watched.result()
            elif output not in done:
                stopped = f"it was ended after {self.timeout_s:g} s"
            seconds = time.monotonic() - started
            if stopped:
                process_group.kill(process)
            text = await output
            code = await process.wait()
        finally:
            for task in (output, watched):
                task.cancel()
            await asyncio.gather(output, watched, return_exceptions=True)
        contained = await asyncio.to_thread(find_contained, stopped, text, self.report)
        return Finished(None if stopped else code, text, seconds, contained, "")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _command(options: Sequence[str]) -> tuple[str, ...]:
    """By its whole path: the `PATH` of a run is another."""
    return (shutil.which("bwrap") or "bwrap", *options)


async def _start(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    pass_fds: tuple[int, ...] = (),
) -> asyncio.subprocess.Process:
    return await process_group.start(
        *argv,
        max_end_s=_MAX_END_S,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        pass_fds=pass_fds,
    )


@contextlib.asynccontextmanager
async def _ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """That a process and all that it started are gone when the block is left.

    The end of bubblewrap is the end of all in its sandbox.
    """
    try:
        yield
    finally:
        await process_group.end(process, _MAX_END_S)


async def _first_process(told: int) -> int | None:
    """The process that all others in the sandbox descend from; None where it was not set up."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    text = b""
    loop.add_reader(told, ready.set)
    try:
        while True:
            ready.clear()
            await ready.wait()
            read = os.read(told, 4096)
            text += read
            if not read or b"}" in read:
                break
    finally:
        loop.remove_reader(told)
    try:
        return int(json.loads(text)["child-pid"])
    except (ValueError, KeyError):
        return None


async def _read_ends(stream: asyncio.StreamReader) -> str:
    """What a stream says, up to its end, without the middle where it is long."""
    kept = 4 * KEPT_CHARACTERS  # bytes, of which a character has up to four
    start, end, count = bytearray(), bytearray(), 0
    while piece := await stream.read(64 * 1024):
        count += len(piece)
        room = kept - len(start)
        start += piece[:room]
        end += piece[room:]
        del end[:-kept]
    if count <= 2 * kept:
        text = bytes(start + end).decode("utf-8", "replace")
        if len(text) <= 2 * KEPT_CHARACTERS:
            return text
        first, last = text[:KEPT_CHARACTERS], text[-KEPT_CHARACTERS:]
    else:
        first = start.decode("utf-8", "replace")[:KEPT_CHARACTERS]
        last = end.decode("utf-8", "replace")[-KEPT_CHARACTERS:]
    return f"{first}\n[... {count} bytes in all ...]\n{last}"


def _read(file: Path) -> str:
    """A file that a run has written, and so may be anything: a link is not followed."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with open(handle, "rb") as opened:  # noqa: PTH123 - a descriptor
        try:
            return opened.read(MAX_REPORT_BYTES).decode("utf-8", "replace")
        except OSError:  # a folder, say
            return ""


async def find_problem() -> str:
    """Why bubblewrap cannot be used here, and what to do; or nothing."""
    if sys.platform != "linux":
        return "the sandbox needs Linux; run the workspace in a container, WSL or over SSH"
    if missing := [it for it in ("bwrap", "prlimit") if shutil.which(it) is None]:
        return (
            f"there is no {' and no '.join(missing)} on this machine; install bubblewrap and "
            "util-linux (Debian and Ubuntu: sudo apt install bubblewrap)"
        )
    layout = Layout("/", "/run/sparrow/probe", "/usr", str(_INSIDE), ("/usr",), _probe_links())
    with tempfile.TemporaryDirectory(prefix="sparrow-probe-") as empty:
        layout = replace(layout, copy=empty, report=empty)
        process = await _start(
            _command(arguments(layout, Limits(), ("true",))),
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            folder=Path("/"),
        )
        async with _ended(process):
            try:
                async with asyncio.timeout(_PROBE_TIMEOUT_S):
                    said, _ = await process.communicate()
            except TimeoutError:
                return f"bubblewrap did not answer within {_PROBE_TIMEOUT_S:g} s"
    if process.returncode == 0:
        return ""
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return (
        f"bubblewrap could not set a sandbox up ({lines[-1] if lines else 'it said nothing'}); "
        "it needs version 0.8, and a system that lets users make user namespaces: see "
        "kernel.apparmor_restrict_unprivileged_userns and user.max_user_namespaces, or the options "
        "of the container that this runs in"
    )


def _probe_links() -> dict[str, str]:
    from lsp_server.agent.toolchain import system

    return dict(system()[1])
