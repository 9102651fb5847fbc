"""Where to look: the files and lines of a repository that an issue is about, without a model. Pure.

Each source of evidence ranks files by itself: frames of a traceback, paths and modules that are named,
names and where they are defined, full text, names of files, the imports of failing tests, lines that
failing tests run. Reciprocal-rank fusion (Cormack, Clarke and Büttcher, 2009) makes one order of them:
a file's score is the sum of `weight / (RANK_OFFSET + rank)` over the sources that name it. The weights
were fitted on half of the real issues that `sparrow bench fix` reports. Lines count from 0.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lsp_server.agent.clues import Clues
from lsp_server.agent.data import Suspect
from lsp_server.agent.spectrum import Line, by_file
from lsp_server.edits.tests_of import is_test
from lsp_server.workspace.outline import SymbolKind
from lsp_server.workspace.snapshot import Snapshot
from lsp_server.workspace.words import words

RANK_OFFSET = 10
MAX_FILES = 50  # that a source ranks
_MAX_DEFINITIONS = 12  # of a name: one with more says nothing of where
_MAX_REFERENCES = 40
_SEARCHED_WORDS, _SEARCH_LIMIT = 32, 120
_ENDINGS = "py pyi js jsx mjs cjs ts tsx go rs java kt cs c cc cpp h hpp rb php scala swift sh"
_SOURCE_ENDINGS = frozenset(_ENDINGS.split())
_FOLDERS = "docs doc examples example benchmarks benchmark scripts tools ci"
_NOT_PRODUCT = frozenset(_FOLDERS.split())
_TELLING = 1.5  # the weight of a name that is written as code

Ranking = Sequence[str]  # paths, the best first


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each source of evidence counts."""

    frames: float = 4.0
    paths: float = 2.0
    modules: float = 2.0
    definitions: float = 1.0
    references: float = 0.5
    text: float = 4.0
    title: float = 4.0
    file_names: float = 1.0
    neighbours: float = 2.0
    importance: float = 0.1
    tests: float = 2.0
    coverage: float = 3.0


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known beside the issue: the failing tests' files and names, and lines under suspicion."""

    tests: tuple[str, ...] = ()
    lines: Mapping[Line, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SuspectFile:
    path: str
    score: float
    why: tuple[str, ...]  # the sources that name it


NOTHING_KNOWN = Findings()
USUAL_WEIGHTS = Weights()


def rank_files(
    clues: Clues,
    snapshot: Snapshot,
    known: Findings = NOTHING_KNOWN,
    weights: Weights = USUAL_WEIGHTS,
) -> list[SuspectFile]:
    """The files that may hold the cause, the likeliest first; no test, no document."""
    return fuse(rankings(clues, snapshot, known), weights)


def rankings(
    clues: Clues, snapshot: Snapshot, known: Findings = NOTHING_KNOWN
) -> dict[str, Ranking]:
    """What each source says, by its name in `Weights`."""
    files = [path for path in snapshot.paths() if is_source(path)]
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in files:
        by_name[path.rpartition("/")[2]].append(path)
    found: dict[str, Mapping[str, float]] = {
        "frames": _by_frames(clues, by_name),
        "paths": _by_paths(clues, by_name),
        "modules": _by_modules(clues, files),
        "definitions": _by_definitions(clues, snapshot),
        "references": _by_references(clues, snapshot),
        "text": _by_text(clues.words, snapshot),
        "title": _by_text(dict.fromkeys(words(clues.title), 1.0), snapshot),
        "file_names": _by_file_names(clues, files),
        "tests": _by_tests(known.tests, snapshot, files),
        "coverage": by_file(known.lines),
    }
    able = set(files)
    ranked: dict[str, Ranking] = {name: _order(scores, able) for name, scores in found.items()}
    tops = [it[:3] for name, it in ranked.items() if name in ("definitions", "text", "title")]
    ranked["neighbours"] = _order(_by_neighbours(itertools.chain(*tops), snapshot), able)
    named = set(itertools.chain(*ranked.values()))
    ranked["importance"] = [path for path in snapshot.ranked() if path in named and path in able]
    return ranked


def fuse(ranked: Mapping[str, Ranking], weights: Weights) -> list[SuspectFile]:
    scores: dict[str, float] = defaultdict(float)
    why: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for name, paths in ranked.items():
        weight = getattr(weights, name)
        for rank, path in enumerate(paths[:MAX_FILES]):
            share = weight / (RANK_OFFSET + rank)
            scores[path] += share
            why[path].append((share, name))
    ordered = sorted(scores, key=lambda it: (-scores[it], it))
    return [
        SuspectFile(path, scores[path], tuple(name for _, name in sorted(why[path], reverse=True)))
        for path in ordered
    ]


def is_source(path: str) -> bool:
    """Whether a file is code that a fix may belong in: of no test, document or example."""
    parts = path.replace(".", "/").split("/")
    return (
        path.rpartition(".")[2] in _SOURCE_ENDINGS
        and not is_test(path)
        and _NOT_PRODUCT.isdisjoint(parts[:-1])
    )


def suspects(
    files: Sequence[SuspectFile],
    clues: Clues,
    snapshot: Snapshot,
    known: Findings = NOTHING_KNOWN,
    limit: int = 12,
) -> list[Suspect]:
    """Places in the files that lead: lines that failing tests run, frames, and symbols by their names."""
    places: list[Suspect] = []
    top = max((it.score for it in files), default=0.0) or 1.0
    for file in files[:5]:
        share = file.score / top
        places += _in_file(file.path, share, clues, snapshot, known)
    places.sort(key=lambda it: (-it.score, it.path, it.line))
    return places[:limit]


def _in_file(
    path: str, share: float, clues: Clues, snapshot: Snapshot, known: Findings
) -> Iterable[Suspect]:
    for (where, line), value in known.lines.items():
        if where == path:
            yield Suspect(path, line, line, share * value, ("run by failing tests",))
    for frame in clues.frames:
        if _is_suffix(path, frame.path):
            yield Suspect(path, frame.line, frame.line, share, ("in the traceback",))
    scored = []
    wanted = set(clues.words)
    for symbol in snapshot.symbols(path):
        if symbol.kind in {SymbolKind.FIELD, SymbolKind.VARIABLE, SymbolKind.MODULE}:
            continue
        weight = clues.names.get(symbol.name, 0.0)
        weight += 0.2 * len(wanted.intersection(words(symbol.name)))
        if weight:
            scored.append((weight, symbol))
    scored.sort(key=lambda it: (-it[0], it[1].start_line))
    for weight, symbol in scored[:4]:
        value = share * min(weight / 6.0, 0.9)
        why = (f"the issue speaks of {symbol.name}",)
        yield Suspect(path, symbol.start_line, symbol.end_line - 1, value, why)


def _order(scores: Mapping[str, float], able: set[str]) -> list[str]:
    kept = [path for path in scores if path in able and scores[path] > 0]
    return sorted(kept, key=lambda it: (-scores[it], it))[:MAX_FILES]


def _is_suffix(path: str, printed: str) -> bool:
    """Whether a path of the repository is what was printed elsewhere, from another root."""
    own, other = path.split("/"), printed.split("/")
    shared = min(len(own), len(other), 2 if own[-1] != "__init__.py" else 3)
    return own[-shared:] == other[-shared:]


def _by_frames(clues: Clues, by_name: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The innermost frame of ours counts most: Python prints it last, others first."""
    scores: dict[str, float] = {}
    own = []
    for frame in clues.frames:
        candidates = by_name.get(frame.path.rpartition("/")[2], ())
        own += [path for path in candidates if _is_suffix(path, frame.path)]
    in_order = own if any(path.endswith((".py", ".pyi")) for path in own) else own[::-1]
    for number, path in enumerate(in_order):
        scores[path] = float(number + 1)
    return scores


def _by_paths(clues: Clues, by_name: Mapping[str, Sequence[str]]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for number, printed in enumerate(clues.paths):
        for path in by_name.get(printed.rpartition("/")[2], ()):
            fits = path.endswith(printed) or printed.endswith(path)
            if fits or "/" not in printed:
                scores[path] = max(scores.get(path, 0.0), 1.0 / (1 + number) + 0.5 * fits)
    return scores


def _by_modules(clues: Clues, files: Sequence[str]) -> dict[str, float]:
    """`package.module.Class` names `package/module.py`; how much of it a file's path has counts."""
    modules: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in files:
        parts = path.rpartition(".")[0].split("/")
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        for start in range(len(parts)):
            modules[tuple(parts[start:])].append(path)
    scores: dict[str, float] = defaultdict(float)
    for number, dotted in enumerate(clues.dotted):
        parts = dotted.split(".")
        for end in range(len(parts), 1, -1):
            matched = modules.get(tuple(parts[:end])) or modules.get(tuple(parts[1:end])) or []
            if matched:
                for path in matched:
                    scores[path] += end / len(matched) / (1 + 0.2 * number)
                break
    return scores


def _by_definitions(clues: Clues, snapshot: Snapshot) -> dict[str, float]:
    """Names of the issue that few places define."""
    scores: dict[str, float] = defaultdict(float)
    for name, weight in clues.names.items():
        places = {it.path for it in snapshot.definitions(name) if is_source(it.path)}
        if 0 < len(places) <= _MAX_DEFINITIONS:
            for path in places:
                scores[path] += weight / len(places)
    return scores


def _by_references(clues: Clues, snapshot: Snapshot) -> dict[str, float]:
    """Names of the issue that few files use."""
    scores: dict[str, float] = defaultdict(float)
    strong = [name for name, weight in clues.names.items() if weight >= _TELLING]
    for name in strong[:_MAX_REFERENCES]:
        files = {it.path for it in snapshot.references(name) if is_source(it.path)}
        for path in files:
            scores[path] += clues.names[name] / (len(files) + 1)
    return scores


def _by_text(weighted: Mapping[str, float], snapshot: Snapshot) -> dict[str, float]:
    """The sum of a file's best windows by BM25: one that says much of it at many places counts."""
    chosen = sorted(weighted, key=lambda it: (-weighted[it], -len(it), it))[:_SEARCHED_WORDS]
    if not chosen:
        return {}
    windows: dict[str, list[float]] = defaultdict(list)
    for match in snapshot.search_text(chosen, _SEARCH_LIMIT):
        if is_source(match.path):
            windows[match.path].append(match.score)
    return {
        path: sum(score / (at + 1) for at, score in enumerate(sorted(scores, reverse=True)))
        for path, scores in windows.items()
    }


def _by_file_names(clues: Clues, files: Sequence[str]) -> dict[str, float]:
    """Files whose names are words of the issue, the seldom ones for more."""
    having: dict[str, set[str]] = defaultdict(set)
    for path in files:
        *folders, name = path.split("/")
        stem = name.partition(".")[0]
        for word in words(stem if stem != "__init__" or not folders else folders[-1]):
            having[word.rstrip("s")].add(path)
    scores: dict[str, float] = defaultdict(float)
    for word, weight in clues.words.items():
        holders = having.get(word.rstrip("s"), ())
        for path in holders:
            scores[path] += weight * math.log(1 + len(files) / len(holders))
    return scores


def _by_tests(tests: Sequence[str], snapshot: Snapshot, files: Sequence[str]) -> dict[str, float]:
    """What the files of failing tests import, and the file that such a file is named after."""
    scores: dict[str, float] = defaultdict(float)
    stems: dict[str, list[str]] = defaultdict(list)
    for path in files:
        stems[path.rpartition("/")[2].partition(".")[0]].append(path)
    for file in dict.fromkeys(test.partition("::")[0] for test in tests):
        imported = dict.fromkeys(it.target for it in snapshot.imports(file) if is_source(it.target))
        for path in imported:
            scores[path] += 1.0 / math.sqrt(len(imported))
        stem = file.rpartition("/")[2].partition(".")[0]
        stem = stem.removeprefix("test_").removesuffix("_test").removesuffix("_tests")
        for path in stems.get(stem, ()):
            scores[path] += 2.0
    return scores


def _by_neighbours(leading: Iterable[str], snapshot: Snapshot) -> dict[str, float]:
    """Files that leading ones import or are imported by: the cause may lie a step away."""
    scores: dict[str, float] = defaultdict(float)
    for path in dict.fromkeys(leading):
        imported = {it.target for it in snapshot.imports(path)}
        for other in imported:
            scores[other] += 1.0 / math.sqrt(len(imported))
        importers = snapshot.importers(path)
        for other in importers[:30]:
            scores[other] += 0.5 / math.sqrt(len(importers))
    return scores
