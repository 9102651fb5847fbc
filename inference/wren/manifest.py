"""The repositories that wren is trained and judged on, each with its commit and licence.

The manifest is a JSON list of `{"name", "commit", "licence", "held_out"}`. Clones lie in one folder,
each as `owner/name`: a git repository, bare or not, or the files alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PERMISSIVE = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "MIT", "MIT-0", "PSF-2.0"}
)

# What public benchmarks are made of, Sparrow's own included: no figure of these is to be learnt.
_BENCHMARK_NAMES = (
    "aider-ai/refactor-benchmark ansible asgiref astroid astropy attrs black caffe2 celery click "
    "core django exercism flask httpx human-eval human-eval-infilling humanevalpack jinja keras "
    "marshmallow matplotlib mbpp mypy networkx numpy octopack pandas pvlib-python pydicom pylint "
    "pytest pytorch pyvista qiskit quixbugs requests rich scikit-learn scrapy seaborn sphinx "
    "sqlfluff starlette sympy tensorflow tf-keras tornado werkzeug xarray"
)
BENCHMARKS = frozenset(_BENCHMARK_NAMES.split()) - {"core"} | {"home-assistant/core"}


class UnusableManifest(ValueError):
    """What is wrong with a manifest, in words."""


@dataclass(frozen=True, slots=True)
class Repository:
    name: str  # owner/name
    commit: str
    licence: str  # by its SPDX name; several are joined by " OR "
    held_out: bool = False

    @property
    def project(self) -> str:
        return self.name.rpartition("/")[2]


def read_manifest(path: Path) -> tuple[Repository, ...]:
    """The repositories listed there. Raises `UnusableManifest`, also for one that may not be used."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnusableManifest(f"{path} cannot be read: {error}") from error
    if not isinstance(listed, list):
        raise UnusableManifest(f"{path} is not a list of repositories")
    found = tuple(_repository(item) for item in listed)
    names = [repository.name.lower() for repository in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UnusableManifest(f"listed twice: {', '.join(sorted(twice))}")
    if refused := list(_refusals(found)):
        raise UnusableManifest("; ".join(refused))
    return found


def _repository(item: Any) -> Repository:
    try:
        found = Repository(**item)
    except TypeError as error:
        raise UnusableManifest(f"{item!r} is no repository: {error}") from None
    if found.name.count("/") != 1 or not found.commit:
        raise UnusableManifest(f"{item!r} needs a name as owner/name, and a commit")
    return found


def _refusals(repositories: tuple[Repository, ...]) -> Iterator[str]:
    for repository in repositories:
        if {repository.name.lower(), repository.project.lower()} & BENCHMARKS:
            yield f"{repository.name} is what benchmarks are made of"
        if not set(repository.licence.split(" OR ")) & PERMISSIVE:
            yield f"{repository.name} is under {repository.licence}, which is not permissive"
