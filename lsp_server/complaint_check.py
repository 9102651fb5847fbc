"""Whether what a tool complained of is gone from a text that is not saved: what ruff says of it.

ruff runs isolated, on the text alone, with the one rule: nothing of a workspace's configuration is
read. What mypy complained of `type_check.py` looks for. No other tool can be asked about a text that
is not on disk.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server.edits.verification import Finding, Gate, Outcome
from lsp_server.refactor.organize import run_ruff
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.workspace.folders import path_of_uri

if TYPE_CHECKING:
    from lsp_server.edits.change import Change
    from lsp_server.model_edits.request import Complained

_CODE = re.compile(r"[A-Z]{1,5}\d{2,5}")


async def check_complaints(change: Change, complaints: Sequence[Complained]) -> tuple[Finding, ...]:
    """For each complaint of ruff's about the first file of a change, whether there are fewer now."""
    edited = change.files[0]
    file = path_of_uri(edited.uri)
    codes = dict.fromkeys(
        it.code for it in complaints if it.source.casefold() == "ruff" and _CODE.fullmatch(it.code)
    )
    if file is None or edited.before is None or edited.after is None or not codes:
        return ()
    try:
        before, after = await asyncio.gather(
            _count(edited.before, file, list(codes)), _count(edited.after, file, list(codes))
        )
    except RefactorRefused as error:
        return (Finding(Gate.COMPLAINT, Outcome.UNKNOWN, edited.uri, str(error)),)
    return tuple(_judged(edited.uri, code, before[code], after[code]) for code in codes)


def _judged(uri: str, code: str, before: int, after: int) -> Finding:
    if not before:
        detail = f"ruff finds no {code} with its own defaults"
        return Finding(Gate.COMPLAINT, Outcome.UNKNOWN, uri, detail)
    if after >= before:
        return Finding(Gate.COMPLAINT, Outcome.FAILED, uri, f"ruff still complains of {code}")
    return Finding(Gate.COMPLAINT, Outcome.PASSED, uri)


async def _count(text: str, file: Path, codes: Sequence[str]) -> Counter[str]:
    """How often ruff complains of each of the codes. Raises `RefactorRefused`."""
    arguments = ["check", "--isolated", "--select", ",".join(codes), "--output-format", "json"]
    said: Any = json.loads(await run_ruff([*arguments, "--exit-zero"], text, file) or "[]")
    return Counter(str(it.get("code")) for it in said)
