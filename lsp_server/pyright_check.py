"""Asks pyright about texts that are not saved: whether a change brings it a new error.

It is asked where the workspace has a configuration of it, and the user's `PATH` an executable. pyright
checks files alone: so it is shown the workspace in a scratch folder, as links to what is there but for
the files that change and the folders around them. It runs nothing of a workspace; of the workspace's
configuration only what turns checks on and off, and where things are looked for, is taken.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsp_server.checker_process import Errors, Text, compare, find_executable, run_checker

CONFIGURATION = "pyrightconfig.json"
_PLAIN = re.compile(
    r"typeCheckingMode|strict\w*|report\w+|deprecateTypingAliases|analyzeUnannotatedFunctions"
    r"|enable\w+|disable\w+|pythonVersion|pythonPlatform|extraPaths|stubPath|venvPath|venv"
    r"|executionEnvironments|defineConstant|root"
)
# In JSON as people write it: a string, which stays, or a comment, or a comma before a bracket.
_LOOSE = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
# As installed from a package index it may look for another version of itself: nothing is fetched.
_OFFLINE = {
    **dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
    ),
    "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
}


@dataclass(frozen=True, slots=True)
class Pyright:
    executable: str
    settings: Mapping[str, Any]


def find_pyright(folder: Path) -> Pyright | str | None:
    """How a folder is checked; or why it is not. None where it does not use pyright."""
    try:
        settings = _read_configuration(folder)
    except (OSError, ValueError) as error:
        return f"pyright's configuration cannot be read: {error}"
    if settings is None:
        return None
    if "extends" in settings:
        return "pyright's configuration extends another one, which is not read"
    executable = find_executable("pyright")
    if executable is None:
        return "there is no pyright in the environment"
    return Pyright(executable, _plain(settings))


async def check_by_pyright(
    folder: Path, files: Sequence[Text], gone: Sequence[str], timeout_s: float
) -> list[str] | str | None:
    """The new errors of files; or why none is known. None where the folder does not use pyright."""
    pyright = await asyncio.to_thread(find_pyright, folder)
    if not isinstance(pyright, Pyright):
        return pyright
    if not all(it.path.is_relative_to(folder) for it in files):
        return "a file is not in the folder that pyright is asked about"
    with tempfile.TemporaryDirectory(prefix="sparrow-pyright-") as name:

        async def run(texts: Mapping[Path, str], number: int) -> Errors | str:
            return await _run(pyright, folder, Path(name, str(number)), texts)

        return await compare("pyright", run, files, gone, timeout_s)


async def _run(
    pyright: Pyright, folder: Path, scratch: Path, texts: Mapping[Path, str]
) -> Errors | str:
    """The errors that pyright finds in some texts, or why it found none that count."""
    paths = {path.relative_to(folder).as_posix(): text for path, text in texts.items()}
    await asyncio.to_thread(show, folder, scratch, paths)
    settings = {**pyright.settings, "include": list(paths), "exclude": []}
    file = scratch / CONFIGURATION
    file.write_text(json.dumps(settings), "utf-8")
    argv = (pyright.executable, "--outputjson", "-p", str(file))
    code, said = await run_checker(argv, scratch, {**os.environ, **_OFFLINE}, is_mixed=False)
    try:
        found = json.loads(said)["generalDiagnostics"] if code in (0, 1) else None
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, list):
        return f"pyright failed, with the exit code {code}"
    errors: Errors = {}
    for it in found:
        if it.get("severity") == "error":
            path = Path(it["file"])
            path = path.relative_to(scratch) if path.is_relative_to(scratch) else path
            line = it.get("range", {}).get("start", {}).get("line", 0) + 1
            message = " ".join(str(it["message"]).split())
            errors.setdefault((path.as_posix(), message), []).append(line)
    return errors


def show(folder: Path, scratch: Path, texts: Mapping[str, str]) -> None:
    """Makes a folder that looks as another one does, but for some texts, by path. Raises OSError."""
    scratch.mkdir()
    inner: dict[str, dict[str, str]] = {}
    for path, text in texts.items():
        first, _, rest = path.partition("/")
        if rest:
            inner.setdefault(first, {})[rest] = text
        else:
            (scratch / path).write_text(text, "utf-8", newline="")
    for name, below in inner.items():
        show(folder / name, scratch / name, below)
    for entry in folder.iterdir() if folder.is_dir() else ():
        link = scratch / entry.name
        if entry.name != CONFIGURATION and not link.exists():
            link.symlink_to(entry, target_is_directory=entry.is_dir())


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in settings.items() if _PLAIN.fullmatch(key)}
    environments = found.get("executionEnvironments")
    if isinstance(environments, list):
        found["executionEnvironments"] = [_plain(it) for it in environments if isinstance(it, dict)]
    return found


def _read_configuration(folder: Path) -> Mapping[str, Any] | None:
    """Pyright's own order of places. Raises OSError and ValueError."""
    file = folder / CONFIGURATION
    if file.is_file():
        found = json.loads(_LOOSE.sub(lambda it: it[1] or "", file.read_text("utf-8")))
    else:
        file = folder / "pyproject.toml"
        tool = tomllib.loads(file.read_text("utf-8")).get("tool", {}) if file.is_file() else {}
        found = tool.get("pyright") if isinstance(tool, dict) else None
    if found is not None and not isinstance(found, dict):
        raise ValueError("it is no table of settings")
    return found
