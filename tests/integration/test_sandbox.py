"""What runs in the sandbox can do no harm: attacks on the machine it runs on, and what is said of them.

Where no sandbox can be set up, each of them tells that nothing is run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.agent.bubblewrap import MIB, Limits
from lsp_server.agent.sandbox import Finished, Sandbox, SandboxUnavailable
from lsp_server.agent.toolchain import Toolchain, find_toolchain

TIMEOUT_S = 30.0
Attack = Callable[..., Awaitable[Finished | None]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a.txt").write_text("the user's\n")
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "a.txt").write_text("the copy's\n")
    return folder


@pytest.fixture
def attack(workspace: Path, copy: Path) -> Attack:
    """Runs a script of Python; None where it was refused, with nothing started."""

    async def attacked(
        script: str, timeout_s: float = TIMEOUT_S, limits: Limits | None = None
    ) -> Finished | None:
        sandbox = Sandbox(workspace, await find_toolchain(workspace, sys.executable))
        run = sandbox.run((sys.executable, "-c", script), copy, timeout_s, limits)
        try:
            await sandbox.check()
        except SandboxUnavailable:
            with pytest.raises(SandboxUnavailable, match=r"install|needs|did not answer"):
                await run
            assert names(copy) == ["a.txt"]
            return None
        return await run

    return attacked


def names(folder: Path) -> list[str]:
    return sorted(it.name for it in folder.iterdir())


def running(argument: str) -> list[str]:
    """The processes of this machine that were given an argument."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                arguments = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if argument.encode() in arguments:
                found.append(folder.name)
    return found


async def test_the_copy_stands_where_the_workspace_does(
    attack: Attack, workspace: Path, copy: Path
) -> None:
    script = "import os; print(os.getcwd(), open('a.txt').read()); open('b.txt', 'w').write('new')"
    if finished := await attack(script):
        assert finished.output == f"{workspace} the copy's\n\n"
        assert (finished.exit_code, finished.contained) == (0, ())
        assert (copy / "b.txt").read_text() == "new"
    assert names(workspace) == ["a.txt"]


async def test_there_is_no_network(attack: Attack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        finished = await attack(f"""
import socket
for place in (("192.0.2.1", 80), ("127.0.0.1", {server.getsockname()[1]})):
    try:
        socket.create_connection(place, 5)
        print("reached", place)
    except OSError as error:
        print(error)
""")
    if finished:
        assert "reached" not in finished.output
        assert "it was kept from the network, once" in finished.contained


async def test_a_name_is_not_looked_up(attack: Attack) -> None:
    if finished := await attack("import socket; socket.getaddrinfo('example.org', 80)"):
        assert "gaierror" in finished.output
        assert any("kept from the network" in it for it in finished.contained)


async def test_there_is_no_home(
    attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/id_ed25519").write_text("the key")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SECRET_TOKEN", "the token")
    finished = await attack(f"""
import os, pathlib
print(sorted(pathlib.Path.home().iterdir()), dict(os.environ))
print(os.listdir({str(tmp_path)!r}))
print(open({str(home / ".ssh/id_ed25519")!r}).read())
""")
    if finished:
        assert "the key" not in finished.output
        assert "the token" not in finished.output
        assert finished.output.startswith("[] {")
        assert "['workspace']" in finished.output
        assert "FileNotFoundError" in finished.output
        assert "it was kept from the user's home" in finished.contained


async def test_nothing_else_is_shown(attack: Attack) -> None:
    """Of the root, of /etc and of /run what programs need; no other process; no socket of a daemon."""
    finished = await attack("""
import os
print(sorted(os.listdir("/")))
print([it for it in ("/etc/shadow", "/etc/ssh", "/etc/resolv.conf", "/var", "/sys", "/mnt", "/srv",
    "/run/dbus", "/run/docker.sock", "/var/run/docker.sock", "/dev/sda", "/dev/vda")
    if os.path.exists(it)])
print(sorted(int(it) for it in os.listdir("/proc") if it.isdecimal())[:1], os.getppid() < 10)
""")
    if finished:
        root, hidden, processes = finished.output.splitlines()
        assert not {"'home'", "'srv'", "'mnt'", "'media'", "'boot'", "'sys'"} & set(
            root.strip("[]").split(", ")
        )
        assert (hidden, processes) == ("[]", "[1] True")


async def test_nothing_is_written_outside_of_the_copy(
    attack: Attack, workspace: Path, tmp_path: Path
) -> None:
    """Each mount is tried, and so are the kernel's settings."""
    finished = await attack(f"""
import os
for line in open("/proc/self/mounts"):
    place = line.split()[1]
    if os.path.isdir(place):
        try:
            open(os.path.join(place, "sparrow-was-here"), "w").close()
            print("wrote", place)
        except OSError as error:
            pass
for place in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/swappiness", "/proc/sysrq-trigger",
              "/usr/bin/true", {str(tmp_path / "outside")!r}):
    try:
        open(place, "a").close()
        print("opened", place)
    except OSError as error:
        print(error)
os.symlink({str(tmp_path)!r}, "link")
try:
    open("link/outside", "w").close()
except OSError as error:
    print(error)
""")
    if finished:
        wrote = {it[6:] for it in finished.output.splitlines() if it.startswith("wrote ")}
        assert wrote == {"/tmp", "/dev/shm", "/run/sparrow/report", str(workspace)}  # noqa: S108
        # The place above the workspace is the sandbox's own, where the workspace lies below /tmp.
        opened = [it[7:] for it in finished.output.splitlines() if it.startswith("opened ")]
        assert set(opened) <= {str(tmp_path / "outside")}
        assert "it was kept from writing outside of its copy" in finished.contained
    assert not (tmp_path / "outside").exists()
    assert names(workspace) == ["a.txt"]


async def test_a_fork_bomb_is_ended(attack: Attack) -> None:
    finished = await attack(
        "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)",
        10.0,
        Limits(processes=64),
    )
    if finished:
        said = " ".join(finished.contained)
        assert "more than 64 processes" in said or "it was ended after 10 s" in said
        assert finished.exit_code is None


async def test_memory_of_one_process_is_bounded(attack: Attack) -> None:
    finished = await attack("bytearray(400 << 20)", limits=Limits(memory_bytes=200 * MIB))
    if finished:
        assert finished.exit_code in (1, None)
        assert finished.contained in (
            ("it was kept from using more memory",),
            ("it was ended for using more than 200 MiB of memory",),
        )


async def test_memory_of_all_processes_is_bounded(attack: Attack) -> None:
    script = "import os, time\nos.fork(), os.fork()\nkept = bytearray(100 << 20)\ntime.sleep(60)"
    finished = await attack(script, limits=Limits(memory_bytes=200 * MIB))
    if finished:
        assert finished.contained == ("it was ended for using more than 200 MiB of memory",)


async def test_the_disk_is_bounded(attack: Attack) -> None:
    script = (
        "import time\nfor n in range(9): open(str(n), 'wb').write(b'x' * (8 << 20))\ntime.sleep(60)"
    )
    if finished := await attack(script, limits=Limits(disk_bytes=32 * MIB)):
        assert finished.contained == ("it was ended for writing more than 32 MiB",)


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm", "/tmp/home"])  # noqa: S108
async def test_scratch_space_is_bounded(attack: Attack, place: str) -> None:
    script = f"for n in range(9): open(f'{place}/{{n}}', 'wb').write(b'x' * (8 << 20))"
    if finished := await attack(script, limits=Limits(scratch_bytes=32 * MIB)):
        assert finished.exit_code == 1
        assert finished.contained == ("it was kept from writing more than it may",)


async def test_one_file_is_bounded(attack: Attack) -> None:
    script = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nopen('a', 'wb').write(b'x' * (8 << 20))"
    if finished := await attack(script, limits=Limits(file_bytes=4 * MIB)):
        assert finished.contained == ("it was kept from writing more than it may",)


async def test_what_hangs_is_ended(attack: Attack) -> None:
    mark = f"hangs-{os.getpid()}"
    script = f"import subprocess\nprint('begun', flush=True)\nsubprocess.run(['sh', '-c', 'while :; do sleep 1; done', {mark!r}])"
    if finished := await attack(script, 3.0):
        assert finished.output == "begun\n"
        assert (finished.exit_code, finished.contained) == (None, ("it was ended after 3 s",))
    assert running(mark) == []


async def test_a_daemon_is_not_left_behind(attack: Attack) -> None:
    mark = f"stays-{os.getpid()}"
    script = f"import subprocess\nsubprocess.Popen(['sh', '-c', 'while :; do sleep 1; done', {mark!r}], start_new_session=True)"
    if finished := await attack(script):
        assert finished.exit_code == 0
        (said,) = finished.contained
        assert said.startswith("what it left running was ended: ")
    assert running(mark) == []


async def test_what_is_cancelled_is_gone(attack: Attack, copy: Path) -> None:
    mark = f"cancelled-{os.getpid()}"
    script = f"import subprocess\nopen('begun', 'w').close()\nsubprocess.run(['sh', '-c', 'while :; do sleep 1; done', {mark!r}])"
    run = asyncio.ensure_future(attack(script))
    while not run.done() and not (copy / "begun").exists():
        await asyncio.wait((run,), timeout=0.05)
    run.cancel()
    await asyncio.wait((run,))
    assert running(mark) == []


async def test_long_output_loses_its_middle(attack: Attack) -> None:
    if finished := await attack("print('first'); print('x' * 3_000_000); print('last')"):
        assert finished.output.startswith("first\nxxx")
        assert finished.output.endswith("xxx\nlast\n")
        assert "[... 3000012 bytes in all ...]" in finished.output
        assert len(finished.output) < 10_100


async def test_without_bubblewrap_nothing_is_run(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert await attack("open('ran', 'w')") is None


async def test_a_kernel_that_refuses_is_told_of(
    workspace: Path, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2; exit 1"
    )
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    sandbox = Sandbox(workspace, Toolchain())
    with pytest.raises(SandboxUnavailable, match=r"No permissions.*apparmor"):
        await sandbox.run(("touch", "ran"), copy, TIMEOUT_S)
    assert not (copy / "ran").exists()


async def test_who_allows_it_runs_without_and_is_told(
    workspace: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolchain = replace(Toolchain(), environment={"PATH": os.defpath})
    python = shutil.which("python3", path=os.defpath) or sys.executable
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("SECRET_TOKEN", "the token")
    sandbox = Sandbox(workspace, toolchain, is_unsandboxed_allowed=True)
    script = "import os; print(os.getcwd(), os.environ.get('SECRET_TOKEN'), os.listdir(os.environ['HOME']))"
    finished = await sandbox.run((python, "-c", script), copy, TIMEOUT_S)
    assert finished.output == f"{copy} None []\n"
    assert finished.contained == ("nothing else: this ran without the sandbox",)
    assert (await sandbox.check()).startswith("runs are not sandboxed, as the settings allow")
    finished = await sandbox.run(("/bin/sleep", "100"), copy, 0.2)
    assert finished.contained[0] == "it was ended after 0.2 s"


@pytest.mark.parametrize("has_sandbox", [True, False])
async def test_the_copys_own_packages_are_found(
    workspace: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, *, has_sandbox: bool
) -> None:
    for folder in (workspace, copy):
        (folder / "src").mkdir()
        (folder / "src" / "shop.py").write_text(f"print({folder.name!r})\n")
    toolchain = await find_toolchain(workspace, sys.executable)
    if not has_sandbox:
        monkeypatch.setenv("PATH", "/nowhere")
    sandbox = Sandbox(workspace, toolchain, is_unsandboxed_allowed=not has_sandbox)
    finished = await sandbox.run((sys.executable, "-c", "import shop"), copy, TIMEOUT_S)
    assert finished.output == "copy\n"
