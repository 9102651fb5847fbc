"""Issues with what is known of their fixes, in the fields of SWE-bench; and their repositories' files.

Nothing of a repository is run here: files are read out of git, as they were at a commit.
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsp_server.agent.localize import is_source


class InstancesUnreadable(Exception):
    """Says which file, and why."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An issue with its fix, in the fields of SWE-bench."""

    id: str
    repository: str  # owner/name
    base_commit: str
    text: str
    failing_tests: tuple[str, ...]
    fixed_files: tuple[str, ...]  # sources alone, that were there before


def read_instances(file: Path) -> list[Instance]:
    """Instances in a JSON array or lines of JSON, compressed or not. Raises `InstancesUnreadable`."""
    try:
        data = file.read_bytes()
        text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
        rows = json.loads(text) if text.lstrip().startswith("[") else _lines(text)
        return [_instance(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InstancesUnreadable(f"{file} cannot be read as instances: {error!r}") from error


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _instance(row: dict[str, Any]) -> Instance:
    text = row.get("problem_statement")
    if text is None:
        text = f"{row['commit_message']}\n\n{row['changelog_note'] or ''}"
    files = [
        line.removeprefix("--- a/").partition("\t")[0]
        for line in row["patch"].splitlines()
        if line.startswith("--- a/")
    ]
    tests = row["FAIL_TO_PASS"]
    tests = json.loads(tests) if isinstance(tests, str) else tests
    return Instance(
        row["instance_id"],
        row["repo"],
        row["base_commit"],
        text,
        tuple(tests),
        tuple(path for path in files if is_source(path)),
    )


def find_checkout(checkouts: Path, repository: str) -> Path | None:
    """A repository's git folder: `owner/name`, `owner__name` or `name`."""
    owner, _, name = repository.partition("/")
    for folder in (checkouts / owner / name, checkouts / f"{owner}__{name}", checkouts / name):
        if (folder / ".git").exists() or (folder / "HEAD").is_file():
            return folder
    return None


def export(checkout: Path, commit: str, target: Path) -> None:
    """Writes a commit's regular files that the checkout holds: one may lack its largest ones."""
    listed = _git(checkout, ["ls-tree", "-r", "-z", commit])
    entries = [it.partition("\t") for it in listed.decode("utf-8", "replace").split("\0") if it]
    blobs = [
        (path, meta.split()[2])
        for meta, _, path in entries
        if meta.startswith(("100644", "100755"))
    ]
    names = "".join(f"{name}\n" for _, name in blobs).encode()
    answers = io.BytesIO(_git(checkout, ["cat-file", "--batch"], names))
    for path, _ in blobs:
        head = answers.readline().split()
        if head[-1] == b"missing":
            continue
        content = answers.read(int(head[2]))
        answers.readline()
        file = target / path
        if file.resolve().is_relative_to(target.resolve()):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def _git(checkout: Path, arguments: Sequence[str], given: bytes = b"") -> bytes:
    done = subprocess.run(  # noqa: S603 - git, with a commit's name
        ["git", "-C", str(checkout), *arguments],  # noqa: S607 - wherever the system keeps it
        input=given,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()
        raise InstancesUnreadable(f"git cannot read {checkout}: {told}")
    return done.stdout
