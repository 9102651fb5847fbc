"""Builds the corpus: one JSON object a line for each file that is kept, and a report of the rest.

Held-out repositories are read first. A file of the corpus that repeats them, a benchmark, or a file
taken before is dropped. The order is fixed, so the same clones give the same corpus.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from inference.wren import benchmark_texts
from inference.wren.checkouts import Checkout, UnusableCheckout, open_checkout
from inference.wren.file_filters import fault, language_of
from inference.wren.manifest import Repository
from inference.wren.near_duplicates import Repeats, fingerprints

HELD_OUT = "held-out.jsonl"
# A file is a copy of another one from here on; of a benchmark's text much less counts.
COPY_SHARE = 0.7
BENCHMARK_SHARE = 0.3
# So that no large project drowns the rest; its files are then drawn by the hash of their path.
MAX_REPOSITORY_CHARACTERS = 8_000_000

Progress = Callable[[str, int, int], None]
"""Called with what is read, how many repositories are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    repository: str
    path: str
    language: str
    held_out: bool
    text: str


@dataclass(slots=True)
class Report:
    kept: Counter[str] = field(default_factory=Counter)  # characters by repository
    languages: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)  # files by reason
    refused: list[str] = field(default_factory=list)  # repositories, and why

    def described(self) -> dict[str, Any]:
        return {
            "characters": sum(self.kept.values()),
            "by_language": dict(self.languages),
            "by_repository": dict(sorted(self.kept.items())),
            "files_dropped": dict(self.dropped),
            "repositories_refused": self.refused,
        }


def build(
    repositories: Sequence[Repository],
    clones: Path,
    excluded: Iterable[Path],
    target: Path,
    progress: Progress,
) -> Report:
    """Writes `target`; beside it its report, and `held-out.jsonl`, the held-out files alone."""
    benchmarks, seen = Repeats(), Repeats()
    for folder in excluded:
        for text in benchmark_texts.texts(folder):
            benchmarks.add(fingerprints(text))
    report = Report()
    ordered = sorted(repositories, key=lambda it: (not it.held_out, it.name))
    held_out, unfinished = target.with_name(HELD_OUT), target.with_suffix(".part")
    with (
        unfinished.open("w", encoding="utf-8") as out,
        held_out.open("w", encoding="utf-8") as held,
    ):
        for number, repository in enumerate(ordered):
            progress(repository.name, number, len(ordered))
            for file in _files(repository, clones, benchmarks, seen, report):
                report.kept[file.repository] += len(file.text)
                report.languages[file.language] += len(file.text)
                line = json.dumps(asdict(file), ensure_ascii=False) + "\n"
                out.write(line)
                if file.held_out:
                    held.write(line)
    unfinished.replace(target)
    described = json.dumps(report.described(), indent=1)
    target.with_suffix(".report.json").write_text(described + "\n", encoding="utf-8")
    return report


def read(corpus: Path) -> Iterator[SourceFile]:
    with corpus.open(encoding="utf-8") as lines:
        for line in lines:
            yield SourceFile(**json.loads(line))


def sample(corpus: Path, characters: int) -> Iterator[str]:
    """Files to learn a vocabulary from: every so manieth, until they come to that many characters."""
    total = sum(len(file.text) for file in read(corpus) if not file.held_out)
    step = max(1, -(-total // characters))
    for number, file in enumerate(read(corpus)):
        if not file.held_out and number % step == 0:
            yield file.text


def _files(
    repository: Repository, clones: Path, benchmarks: Repeats, seen: Repeats, report: Report
) -> Iterator[SourceFile]:
    try:
        checkout = open_checkout(clones, repository)
    except UnusableCheckout as error:
        report.refused.append(str(error))
        return
    left = MAX_REPOSITORY_CHARACTERS
    for path, content in checkout.read(_in_fixed_order(checkout)):
        if left <= 0:
            report.dropped["enough of the repository"] += 1
            continue
        try:
            text = content.decode("utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError:
            report.dropped["no text"] += 1
            continue
        reason = fault(text) or _repeats(text, benchmarks, seen)
        if reason is not None:
            report.dropped[reason] += 1
            continue
        language = language_of(path)
        assert language is not None
        left -= len(text)
        yield SourceFile(repository.name, path, language, repository.held_out, text)


def _in_fixed_order(checkout: Checkout) -> list[str]:
    chosen = [path for path in checkout.paths if language_of(path) is not None]
    return sorted(chosen, key=lambda path: hashlib.sha256(path.encode()).digest())


def _repeats(text: str, benchmarks: Repeats, seen: Repeats) -> str | None:
    prints = fingerprints(text)
    if max(benchmarks.shares(prints)) >= BENCHMARK_SHARE:
        return "benchmark"
    if seen.shares(prints)[1] >= COPY_SHARE:
        return "copy"
    seen.add(prints)
    return None
