"""That the list of licences names what is installed with Sparrow, each under the licence it tells.

What is installed says so itself: Python packages in their metadata, npm packages in the lock file.
"""

from __future__ import annotations

import collections
import json
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# What packages write that do not write an SPDX expression.
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
}
# Licences that Sparrow may be given away with as a whole; each other one needs a word in the list.
PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "CC0-1.0", "ISC"),
    *("MIT", "PSF-2.0", "Zlib"),
}


def listed(heading: str) -> dict[str, str]:
    """The first two columns of the table below a heading."""
    text = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\S+) \| (.+?) \| .+ \|$", section, flags=re.MULTILINE)
    return {name: licence for name, licence in rows if name not in {"package", "---"}}


def told_by(name: str) -> str:
    """The licence of an installed package, as an SPDX expression."""
    told = metadata.metadata(name)
    for field in ("License-Expression", "License"):
        if field in told and (licence := str(told[field])):
            return SPDX.get(licence, licence)
    classified = [it for it in told.get_all("Classifier") or () if it.startswith("License :: ")]
    licence = str(classified[0]).rpartition(" :: ")[2]
    return SPDX.get(licence, licence)


def required_by(name: str) -> list[str]:
    """The packages that one needs here; what it needs for an extra alone is left out."""
    required = map(Requirement, metadata.requires(name) or ())
    return [
        canonicalize_name(it.name)
        for it in required
        if it.marker is None or it.marker.evaluate({"extra": ""})
    ]


def python_licences() -> dict[str, str]:
    """Of all that `pip install` brings here."""
    waiting = collections.deque(required_by("sparrow-code"))
    found: dict[str, str] = {}
    while waiting:
        name = waiting.popleft()
        if name not in found:
            found[name] = told_by(name)
            waiting.extend(required_by(name))
    return found


def bundled_licences() -> dict[str, str]:
    """Of all npm packages that may be part of the extension."""
    lock = (ROOT / "extension/package-lock.json").read_text(encoding="utf-8")
    packages: dict[str, Any] = json.loads(lock)["packages"]
    waiting = collections.deque(("", it) for it in packages[""]["dependencies"])
    found: dict[str, str] = {}
    while waiting:
        at, name = waiting.popleft()
        place = f"{at}/node_modules/{name}" if at else f"node_modules/{name}"
        if place not in packages:  # it lies further out
            waiting.append((at.rpartition("/node_modules/")[0], name))
        elif name not in found:
            found[name] = packages[place]["license"]
            waiting.extend((place, it) for it in packages[place].get("dependencies", ()))
    return found


def test_the_licences_of_python_packages_are_listed() -> None:
    assert listed("With the server") == python_licences()


def test_the_licences_of_what_the_extension_bundles_are_listed() -> None:
    assert listed("In the extension") == bundled_licences()


def test_the_tools_of_development_and_their_licences_are_listed() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["project"]["optional-dependencies"]["dev"]
    packages = json.loads((ROOT / "extension/package.json").read_text(encoding="utf-8"))
    lock = json.loads((ROOT / "extension/package-lock.json").read_text(encoding="utf-8"))
    ours = {canonicalize_name(Requirement(it).name) for it in wanted}
    theirs = {
        it: lock["packages"][f"node_modules/{it}"]["license"] for it in packages["devDependencies"]
    }
    assert listed("For development alone") == {it: told_by(it) for it in ours} | theirs


def test_what_is_not_permissive_is_told() -> None:
    text = " ".join((ROOT / "docs/licences.md").read_text(encoding="utf-8").split())
    for name, licence in (python_licences() | bundled_licences()).items():
        if not set(re.split(r" (?:AND|OR) ", licence)) <= PERMISSIVE:
            assert f"`{name}` is under {licence}" in text


def test_the_licences_of_the_corpus_are_counted() -> None:
    manifest = (ROOT / "inference/wren/repositories.json").read_text(encoding="utf-8")
    counts = collections.Counter(it["licence"] for it in json.loads(manifest))
    text = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    section = text.partition("\n## Learned from\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (\d+) \|$", section, flags=re.MULTILINE)
    assert {licence: int(count) for licence, count in rows} == counts
