"""Sorts imports by ruff: on text alone, by rules of the workspace as far as they are plain data.

ruff runs isolated, with our own arguments: of the workspace's configuration only values are taken that
say how imports are sorted, so that nothing in it (`extend`, say) leads anywhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.workspace.disk import read_bytes

LIMIT_S = 10.0
_MAX_SETTINGS_BYTES = 1024 * 1024
_FILES = (".ruff.toml", "ruff.toml", "pyproject.toml")  # the first that is there counts


async def organize_imports(text: str, file: Path, folder: Path) -> str:
    """The text with its imports sorted. `folder` is the workspace's. Raises `RefactorRefused`."""
    arguments = ["check", "--isolated", "--select", "I001", "--fix", "--exit-zero"]
    settings = [it for pair in _settings(file, folder) for it in ("--config", pair)]
    return await run_ruff([*arguments, *settings], text, file)


async def run_ruff(arguments: Sequence[str], text: str, file: Path) -> str:
    """What our own ruff makes or says of a text, as if it were in that file.

    Raises `RefactorRefused`.
    """
    ruff = Path(sysconfig.get_path("scripts"), "ruff")
    try:
        process = await asyncio.create_subprocess_exec(
            *(str(ruff), *arguments, "--no-cache", "--quiet", "--stdin-filename", str(file), "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise RefactorRefused(f"ruff cannot be started: {error}") from error
    try:
        async with asyncio.timeout(LIMIT_S):
            out, errors = await process.communicate(text.encode("utf-8", "surrogatepass"))
    except TimeoutError:
        raise RefactorRefused(f"ruff took longer than {LIMIT_S:g} s, and was ended") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        told = " ".join(errors.decode("utf-8", "replace").split())
        raise RefactorRefused(f"ruff failed: {told}")
    return out.decode()


def _settings(file: Path, folder: Path) -> Iterator[str]:
    """What of the nearest configuration says how imports are sorted, as `key=value` in TOML."""
    sources = [folder, folder / "src"]
    for parent in file.parents:
        table = _read_table(parent)
        if table is not None:
            lint = table.get("lint", {})
            isort = lint.get("isort", {}) if isinstance(lint, Mapping) else {}
            if isinstance(isort, Mapping):
                yield from _pairs("lint.isort.", isort)
            yield from _pairs("", {"line-length": table.get("line-length")})
            named = table.get("src")
            if isinstance(named, list):
                sources = [parent / it for it in named if isinstance(it, str)]
            break
        if parent == folder:
            break
    yield f"src={json.dumps([str(it) for it in sources])}"


def _pairs(prefix: str, table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        is_list = isinstance(value, list) and all(isinstance(it, str) for it in value)
        if isinstance(value, str | bool | int) or is_list:
            yield f"{prefix}{key}={json.dumps(value)}"


def _read_table(folder: Path) -> Mapping[str, Any] | None:
    for name in _FILES:
        try:
            data = read_bytes(folder / name)
            table: Any = tomllib.loads(data[:_MAX_SETTINGS_BYTES].decode())
        except (OSError, ValueError):
            continue
        if name == "pyproject.toml":
            table = table.get("tool", {})
            table = table.get("ruff") if isinstance(table, Mapping) else None
        if isinstance(table, Mapping):
            return table
    return None
