"""What of the machine a run of tests may see: the system, and the user's interpreters and packages.

Nothing of a workspace is run to find that out: an environment is read from its `pyvenv.cfg`, and what
is asked stands in the user's own `PATH`, in a place that is written out in full. Where the user has no
interpreter, Sparrow's own takes none's place.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lsp_server.agent.bubblewrap import HOME
from lsp_server.agent.sources import find_sources

_TIMEOUT_S = 10.0
_DEPTH = 2  # below which no installed packages are looked for
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store")
# Of /etc, what programs need to run; none of it is a secret, or names a place on the network.
_ETC = (
    *("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "passwd", "group"),
    *("nsswitch.conf", "hosts", "protocols", "services", "localtime", "timezone", "mime.types"),
    *("ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "ca-certificates", "fonts"),
)
_PASSED_ON = ("LANG", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH")
_ASK = (
    "import json, site, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, "
    "site.getuserbase() if site.ENABLE_USER_SITE else '']))"
)


@dataclass(frozen=True, slots=True)
class Toolchain:
    """`python` is the executable that tests in Python are run by, empty where there is none.

    `sources` are folders of the workspace that it finds modules in.
    """

    python: str = ""
    sources: tuple[str, ...] = ()
    shown: tuple[Path, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def has_module(self, name: str) -> bool:
        """Whether the interpreter's environment has a package; by its folder, which is not run."""
        if not self.python:
            return False
        prefix = Path(self.python).parent.parent
        user = self.environment.get("PYTHONUSERBASE")
        places = [prefix, *([Path(user)] if user else [])]
        return any(
            next(it.glob(f"{library}/{packages}/{name}"), None) is not None
            for it in places
            for library in ("lib/python3*", "lib/python3", "local/lib/python3*")
            for packages in ("site-packages", "dist-packages")
        )


async def find_toolchain(workspace: Path, interpreter: str = "") -> Toolchain:
    """`interpreter` is the one that the user has selected; its path, or empty."""
    shown, links = await asyncio.to_thread(system)
    python, of_python, variables = await _find_python(workspace, interpreter)
    shown += of_python
    places = [str(Path(python).parent)] if python else []
    for name in ("node", "go", "cargo"):
        executable = _which(name)
        if executable is not None:
            places.append(str(Path(executable).parent))
            shown += await _of_tool(name, Path(executable), workspace, variables)
    installed = await asyncio.to_thread(lambda: list(_installed(workspace)))
    path = [*places, "/usr/local/bin", "/usr/bin", "/bin"]
    environment = {
        "PATH": os.pathsep.join(dict.fromkeys(path)),
        "TMPDIR": "/tmp",  # noqa: S108 - in the sandbox
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",  # what hangs has said where
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        **variables,
    }
    every = (*shown, *installed)
    toolchain = Toolchain(
        python,
        shown=tuple(it for it in dict.fromkeys(every) if it.exists()),
        links=links,
        environment=environment,
    )
    sources = await asyncio.to_thread(find_sources, workspace, toolchain.has_module)
    return replace(toolchain, sources=sources)


def system() -> tuple[list[Path], dict[str, str]]:
    """The system's own places, and those of them that are links, with where these lead."""
    shown: list[Path] = []
    links: dict[str, str] = {}
    for name in _SYSTEM:
        place = Path(name)
        if place.is_symlink():
            links[name] = str(place.readlink())
        elif place.is_dir():
            shown.append(place)
    shown += (it for name in _ETC if (it := Path("/etc", name)).exists())
    return shown, links


async def _find_python(workspace: Path, interpreter: str) -> tuple[str, list[Path], dict[str, str]]:
    """An executable, what it needs to be seen, and variables for it."""
    for executable in (
        *((Path(interpreter),) if interpreter else ()),
        *(workspace / name / "bin/python" for name in (".venv", "venv", "env")),
    ):
        if executable.is_absolute() and executable.is_file():
            environment = executable.parent.parent
            if (environment / "pyvenv.cfg").is_file():
                shown = await asyncio.to_thread(_of_venv, executable)
                return str(executable), shown, {"VIRTUAL_ENV": str(environment)}
            if executable == Path(interpreter):
                own = [environment] if _is_installation(environment) else []
                return str(executable), [*own, *_real_base(executable)], {}
    for name in ("python3", "python"):
        found = _which(name)
        if found is not None and (answer := await _ask((found, "-I", "-c", _ASK), workspace)):
            executable, prefix, base, user = json.loads(answer)
            if Path(prefix) != Path(sys.prefix) or sys.prefix == sys.base_prefix:
                variables = {"PYTHONUSERBASE": user} if user else {}
                libraries = [Path(user, "lib")] if user else []
                return executable, [Path(prefix), Path(base), *libraries], variables
    return "", [], {}


def _of_venv(executable: Path) -> list[Path]:
    """An environment's own folder, and the installation that it is made from."""
    folder = executable.parent.parent
    shown = [folder]
    for line in (folder / "pyvenv.cfg").read_text("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "home" and Path(value.strip()).is_absolute():
            home = Path(value.strip())
            if home.name in ("bin", "Scripts") and _is_installation(home.parent):
                shown.append(home.parent)
    return [*shown, *_real_base(executable)]


def _real_base(executable: Path) -> Iterator[Path]:
    """The installation that an executable, through all links, belongs to."""
    real = executable.resolve()
    if real.parent.name == "bin" and _is_installation(real.parent.parent):
        yield real.parent.parent


def _is_installation(folder: Path) -> bool:
    """Whether a folder is one of Python's, so that what a `pyvenv.cfg` says shows nothing else."""
    return any(folder.glob("lib/python3*/os.py")) or any(folder.glob("lib64/python3*/os.py"))


async def _of_tool(
    name: str, executable: Path, workspace: Path, variables: dict[str, str]
) -> list[Path]:
    """What a tool needs to be seen beside the system; adds to the variables for it."""
    if name == "node":
        real = await asyncio.to_thread(executable.resolve)
        return [] if real.is_relative_to("/usr") else [real.parent.parent, executable.parent]
    if name == "go":
        asked = await _ask((str(executable), "env", "-json", "GOROOT", "GOMODCACHE"), workspace)
        told = {key: it for key, it in json.loads(asked or "{}").items() if it}
        variables |= {
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GOCACHE": f"{HOME}/go-build",
            **{key: it for key, it in told.items() if key == "GOMODCACHE"},
        }
        return [Path(it) for it in told.values()]
    cargo = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    rustup = Path(os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup")
    variables |= {"CARGO_NET_OFFLINE": "true", "CARGO_HOME": str(cargo), "RUSTUP_HOME": str(rustup)}
    # Not the folder itself, which holds the credentials of a registry.
    return [cargo / "bin", cargo / "registry", cargo / "git", rustup]


def is_installed(folder: Path) -> bool:
    """Whether a folder of a workspace holds packages: runs see the user's own, and cannot change it."""
    return folder.name == "node_modules" or (folder / "pyvenv.cfg").is_file()


def _installed(workspace: Path) -> Iterator[Path]:
    """The folders of packages in a workspace, up to the third folder down."""
    waiting = [(workspace, 0)]
    while waiting:
        folder, depth = waiting.pop()
        with contextlib.suppress(OSError):
            for place in folder.iterdir():
                if place.is_symlink() or not place.is_dir() or place.name == ".git":
                    continue
                if is_installed(place):
                    yield place
                elif depth < _DEPTH:
                    waiting.append((place, depth + 1))


def _which(name: str) -> str | None:
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    own = str(Path(sys.executable).parent) if sys.prefix != sys.base_prefix else None
    kept = (it for it in places if os.path.isabs(it) and it != own)  # noqa: PTH117
    return shutil.which(name, path=os.pathsep.join(kept))


async def _ask(argv: tuple[str, ...], folder: Path) -> str:
    """What a tool of the user's says in one line, or nothing."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            said, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode("utf-8", "replace") if process.returncode == 0 else ""
