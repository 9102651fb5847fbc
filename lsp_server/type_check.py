"""The user's own type checkers on a text that is not saved: whether a change brings a new error.

Those are pyright, see `pyright_check.py`, and mypy, where the workspace has a configuration of it and
the user's `PATH` an executable. It is never installed, and of a repository it runs nothing: a
configuration of mypy's can name plugins, an interpreter, and files to write, so that of the
workspace's only what turns checks on and off is taken, into a configuration of our own; one with
plugins is not checked at all. The texts go to a scratch folder, and stand for the files by
`--shadow-file`. What takes too long is killed, and then nothing is known.
"""

from __future__ import annotations

import asyncio
import configparser
import os
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server.checker_process import Errors, Text, compare, find_executable, run_checker
from lsp_server.pyright_check import check_by_pyright
from lsp_server.workspace.folders import path_of_uri

if TYPE_CHECKING:
    from lsp_server.edits.change import Change
    from lsp_server.edits.verification import Finding

TIMEOUT_S = 30.0  # for both runs together
_NO_CONFIGURATION = "the workspace has no configuration of mypy"
_PLAIN = re.compile(
    r"strict|strict_(?:optional|equality|bytes)|disallow_\w+|warn_\w+|no_implicit_\w+|allow_\w+"
    r"|check_untyped_defs|ignore_missing_imports|ignore_errors|follow_imports|follow_untyped_imports"
    r"|implicit_(?:optional|reexport)|local_partial_types|extra_checks|python_version|platform"
    r"|(?:enable|disable)_error_code|namespace_packages|explicit_package_bases|mypy_path"
)
_LONG_AGO = 1_000_000_000  # seconds since 1970
_ERROR = re.compile(r"^(?P<path>.+?):(?P<line>\d+)(?::\d+)?: error: (?P<message>.*)$")


@dataclass(frozen=True, slots=True)
class Checker:
    """mypy's executable, and what of the workspace's configuration is used: texts by section."""

    executable: str
    sections: Mapping[str, Mapping[str, str]]


def find_checker(folder: Path) -> Checker | str:
    """How a folder is checked; or why it is not."""
    try:
        sections = _read_configuration(folder)
    except (OSError, ValueError, configparser.Error) as error:
        return f"mypy's configuration cannot be read: {error}"
    if sections is None:
        return _NO_CONFIGURATION
    if any("plugins" in section for section in sections.values()):
        return "mypy would run plugins, which is code of the workspace"
    executable = find_executable("mypy")
    if executable is None:
        return "there is no mypy in the environment"
    plain = {
        name: {key: value for key, value in section.items() if _PLAIN.fullmatch(key)}
        for name, section in sections.items()
    }
    return Checker(executable, plain)


async def check_types(
    change: Change, folder: Path, gone: Sequence[str] = (), timeout_s: float = TIMEOUT_S
) -> tuple[Finding, ...]:
    """What they say of the files of Python that a change edits, each before and after it.

    Each error whose message begins with one of `gone` is to be there less often.
    """
    from lsp_server.edits.verification import Finding, Gate, Outcome

    files = [
        Text(path, it.before, it.after)
        for it in change.files
        if (path := path_of_uri(it.uri)) is not None
        and path.suffix in (".py", ".pyi")
        and it.before is not None
        and it.after is not None
        and it.before != it.after
    ]
    if not files:
        return ()
    uri = change.files[0].uri
    by_pyright = await check_by_pyright(folder, files, gone, timeout_s)
    checker = await asyncio.to_thread(find_checker, folder)
    found = (
        checker
        if isinstance(checker, str)
        else await _compare(checker, folder, files, gone, timeout_s)
    )
    told = [found] if by_pyright is None or found != _NO_CONFIGURATION else []
    findings: list[Finding] = []
    for said in [*told, *([by_pyright] if by_pyright is not None else [])]:
        if isinstance(said, str):
            findings.append(Finding(Gate.TYPE_CHECK, Outcome.UNKNOWN, uri, said))
        elif not said:
            findings.append(Finding(Gate.TYPE_CHECK, Outcome.PASSED, uri))
        else:
            findings += (Finding(Gate.TYPE_CHECK, Outcome.FAILED, uri, it) for it in said)
    return tuple(findings)


async def _compare(
    checker: Checker,
    folder: Path,
    files: Sequence[Text],
    gone: Sequence[str],
    timeout_s: float,
) -> list[str] | str:
    """See `compare`."""
    with tempfile.TemporaryDirectory(prefix="sparrow-mypy-") as name:

        async def run(texts: Mapping[Path, str], number: int) -> Errors | str:
            return await _run(checker, folder, Path(name), texts, _LONG_AGO + number)

        return await compare("mypy", run, files, gone, timeout_s)


async def _run(
    checker: Checker, folder: Path, scratch: Path, texts: Mapping[Path, str], changed_at: int
) -> Errors | str:
    """The errors that mypy finds, or why it found none that count.

    It takes a file that changed in the same second and is as large for the one that it has in its cache:
    so no two runs have the same second.
    """
    config = scratch / "mypy.ini"
    config.write_text(_write_configuration(checker.sections), "utf-8")
    arguments = []
    for number, (path, text) in enumerate(texts.items()):
        shadow = scratch / f"{number}{path.suffix}"
        shadow.write_text(text, "utf-8", newline="")
        os.utime(shadow, (changed_at, changed_at))
        arguments += ["--shadow-file", str(path), str(shadow)]
    argv = (
        checker.executable,
        *("--config-file", str(config), "--cache-dir", str(scratch / "cache")),
        *("--no-pretty", "--no-color-output", "--no-error-summary", "--show-error-codes"),
        *arguments,
        "--",
        *map(str, texts),
    )
    code, said = await run_checker(argv, folder, {**os.environ, "PYTHONSAFEPATH": "1"})
    if code not in (0, 1):
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        return f"mypy failed: {last[0]}"
    errors: Errors = {}
    for error, line in _read_errors(said):
        errors.setdefault(error, []).append(line)
    return errors


def _read_errors(output: str) -> Iterator[tuple[tuple[str, str], int]]:
    for line in output.splitlines():
        if match := _ERROR.match(line):
            yield (match["path"], match["message"]), int(match["line"])


def _read_configuration(folder: Path) -> dict[str, dict[str, str]] | None:
    """Mypy's own order of places. Raises OSError, ValueError and configparser's errors."""
    for name in ("mypy.ini", ".mypy.ini", "setup.cfg"):
        file = folder / name
        if file.is_file():
            parser = configparser.RawConfigParser()
            parser.read_string(file.read_text("utf-8"))
            found = {it: dict(parser[it]) for it in parser.sections() if it.startswith("mypy")}
            if found or name != "setup.cfg":
                return found
    file = folder / "pyproject.toml"
    if file.is_file():
        tool = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("mypy")
        if isinstance(tool, dict):
            return _of_toml(tool)
    return None


def _of_toml(tool: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    sections = {"mypy": {key: _as_ini(it) for key, it in tool.items() if key != "overrides"}}
    overrides = tool.get("overrides", [])
    for override in overrides if isinstance(overrides, list) else []:
        modules = override.get("module", [])
        for module in [modules] if isinstance(modules, str) else modules:
            section = sections.setdefault(f"mypy-{module}", {})
            section |= {key: _as_ini(it) for key, it in override.items() if key != "module"}
    return sections


def _as_ini(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _write_configuration(sections: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["[mypy]"] if "mypy" not in sections else []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        lines += (f"{key} = {' '.join(value.split())}" for key, value in section.items())
    return "\n".join(lines) + "\n"
