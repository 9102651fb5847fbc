"""Counts what happens to completions in one window, and has it written now and then.

Nothing here waits: what is counted is added up in memory, and a thread writes it. Of a document, the
text that was accepted is held for five minutes, to see what of it is kept; the file holds numbers.
What was shown and taken decides what is worth showing (`completions/calibration.py`).
A window that is killed loses what it has not written, at most `WRITE_AFTER_S`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from lsp_server.completion_events import Accepted, Answered, CompletionEvent, Judged, Seen, Written
from lsp_server.completions.calibration import Calibration
from lsp_server.statistics.days import today
from lsp_server.statistics.following import Following
from lsp_server.statistics.tally import Count, Key, Tally, bucket_of, label_of
from lsp_server.trace import Source, Trace, Verdict
from lsp_server.workspace.documents import Document, Documents, Edit, Position

logger = logging.getLogger(__name__)

WRITE_AFTER_S = 10.0


class Statistics:
    """`path` is asked where it is written to, `is_enabled` before anything is counted."""

    def __init__(
        self,
        documents: Documents,
        path: Callable[[], Path],
        is_enabled: Callable[[], bool],
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._documents = documents
        self._path = path
        self._is_enabled = is_enabled
        self._warn = warn
        self._tallies: dict[Key, Tally] = {}
        self._judged: list[tuple[str, float, bool]] = []
        self._calibrations: dict[str, Calibration] = {}
        self._following = Following(clock, self._read)
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._told = ""

    def on_event(self, event: CompletionEvent) -> None:
        if not self._is_enabled():
            return
        match event:
            case Answered(trace):
                self._answered(trace)
            case Written(language, model, tokens) if tokens:
                self._count(_key(language, model), Count.TOKENS, tokens)
            case Seen(language, model):
                self._count(_key(language, model), Count.SHOWN)
            case Accepted():
                self._accepted(event)
            case Judged(model, mean_logprob, was_taken):
                self._judged.append((label_of(model), mean_logprob, was_taken))
                self._write_soon()
            case _:
                pass  # the model was asked: what it writes is told when it has ended

    def calibration(self, model: str) -> Calibration:
        """What is not worth showing, by what was taken up to the last time that was written."""
        if not self._is_enabled():
            return Calibration()
        name = label_of(model)
        if name not in self._calibrations:
            self._calibrations[name] = Calibration()
            self._write_soon()
        return self._calibrations[name]

    def edited(self, document: Document, edit: Edit | None) -> None:
        """The document is about to be edited so; or without an edit, closed or replaced."""
        self._look()
        if edit is None:
            self._following.forget(document.uri)
        else:
            self._following.edited(document.uri, edit)

    async def write(self) -> None:
        """Has all that was counted so far in the file."""
        self._look()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await self._writing
        await self._write()

    def _answered(self, trace: Trace) -> None:
        if trace.verdict is Verdict.UNKNOWN_DOCUMENT:
            return
        key = _key(trace.language, trace.model)
        self._count(key, Count.REQUESTS)
        if trace.verdict is Verdict.SHOWN:
            self._count(key, Count.RETURNED)
            self._tallies[key].latencies[bucket_of(trace.total_ms)] += 1
            if trace.source is not Source.MODEL:
                self._count(key, Count.SERVED_AGAIN)

    def _accepted(self, event: Accepted) -> None:
        key = _key(event.language, event.model)
        self._count(key, Count.ACCEPTS)
        self._count(key, Count.ACCEPTED_CHARACTERS, len(event.text))
        if event.is_first:
            self._count(key, Count.ACCEPTED)
        if event.is_whole:
            self._count(key, Count.ACCEPTED_WHOLE)
        self._following.accepted(event.uri, event.start, event.text, key)

    def _look(self) -> None:
        for look in self._following.due():
            self._count(look.key, look.looked_for, look.characters)
            self._count(look.key, look.kept, look.kept_characters)

    def _count(self, key: Key, count: Count, amount: int = 1) -> None:
        self._tallies.setdefault(key, Tally()).counts[count] += amount
        self._write_soon()

    def _write_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_AFTER_S, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._look()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        tallies, self._tallies = self._tallies, {}
        judged, self._judged = self._judged, []
        models = list(self._calibrations)
        if not tallies and not models:
            return
        try:
            told, calibrations = await asyncio.to_thread(
                _add, self._path(), tallies, judged, models
            )
            self._calibrations.update(calibrations)
        except Exception as error:  # whatever is wrong with it, completions go on
            logger.exception("the statistics could not be written")
            told = f"Statistics of completions are not kept: {error}"
        if told and told != self._told:
            self._told = told
            self._warn(told)

    def _read(self, uri: str, start: Position, end: Position) -> str | None:
        document = self._documents.get(uri)
        if document is None or not (document.contains(start) and document.contains(end)):
            return None
        if start.line == end.line:
            return document.lines[start.line][start.column : end.column]
        first = document.lines[start.line][start.column :]
        between = document.lines[start.line + 1 : end.line]
        return "".join((first, *between, document.lines[end.line][: end.column]))


def _add(
    path: Path,
    tallies: dict[Key, Tally],
    judged: list[tuple[str, float, bool]],
    models: list[str],
) -> tuple[str, dict[str, Calibration]]:
    """In a thread. What the user should know, or nothing; and what to show of these models."""
    from lsp_server.statistics.store import StatisticsFile, StatisticsUnusable

    file = StatisticsFile(path)
    calibrations = {}
    try:
        if tallies or judged:
            file.add(tallies, judged)
        calibrations = {it: Calibration.of(file.read_judged(it)) for it in models}
    except StatisticsUnusable as error:
        return f"Statistics of completions are not kept: {error}", calibrations
    if file.set_aside is not None:
        said = (
            f"The statistics of completions were damaged. What could not be read is kept as"
            f" {file.set_aside}; counting begins anew."
        )
        return said, calibrations
    return "", calibrations


def _key(language: str, model: str) -> Key:
    return Key(today(), language, label_of(model))
