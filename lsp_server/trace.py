"""What became of the last completions: when, how long each step took, and why nothing was shown.

Kept in memory for this run alone, and bounded. Code is not kept, neither the prompt nor the text: of
what the model was shown, paths are, and names that say why.
"""

from __future__ import annotations

import enum
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

KEPT_TRACES = 200


class Verdict(enum.StrEnum):
    """How a completion request ended; the value is a sentence for the user."""

    SHOWN = "a completion was shown"
    DISABLED = "completions are switched off for this language"
    UNKNOWN_DOCUMENT = "the editor asked about a document that it has not opened"
    UNFIT_DOCUMENT = "the document cannot be completed in"
    EXCLUDED = "the file is never shown to a model"
    WITHIN_WORD = "the cursor is within a word"
    UNDONE = "the last change was undone"
    OUTSIDE = "the cursor's position is outside the document"
    NOT_READY = "the model is not ready"
    NO_IDEA = "the model had nothing to add here"
    REPEATS = "the model only repeated what stands around the cursor"
    UNBALANCED = "what the model wrote leaves a bracket or a quote open before what follows"
    BREAKS_SYNTAX = "what the model wrote cannot stand here in this language"
    UNKNOWN_NAME = "the model used a name that is defined nowhere"
    UNSURE = "the model was too unsure of what it wrote"
    SUPERSEDED = "a newer request took its place"
    CANCELLED = "the editor cancelled the request, as the typing went on"
    STALE = "the document changed meanwhile"
    LATE = "the model took too long"
    BUSY = "the model is busy with other requests"
    FAILED = "the model's process refused or failed"


class Source(enum.StrEnum):
    """Where the text of a completion comes from."""

    MODEL = "the model"
    UNDER_WAY = "a generation that was under way"
    AHEAD = "a generation that was begun when the last text was accepted"
    REMEMBERED = "what the model said before"


@dataclass(slots=True)
class Trace:
    """One completion request. Times are in milliseconds since its arrival."""

    path: str
    line: int
    column: int
    trigger: str
    model: str
    language: str = ""
    verdict: Verdict | None = None
    detail: str = ""
    source: Source = Source.MODEL
    extent: str = ""  # how much was wanted, in words
    waited_ms: float | None = None  # for the next key
    wait: str = ""  # why, in words
    context_ms: float | None = None
    first_token_ms: float | None = None
    total_ms: float = 0.0
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    generated_tokens: int = 0
    mean_logprob: float | None = None  # of the generated tokens
    stopped: str = ""  # why the generation was ended, and how much it had said too much
    cuts: tuple[str, ...] = ()  # what each filter took from the end of the text, in words
    shown_characters: int = 0
    shown_files: str = ""  # what of other files the model was shown, in words
    left_out: str = ""  # of the context, in words
    warmed_up: bool = False  # the layout had been sent ahead, for the model's prefix cache
    late: bool = False  # the deadline cut the generation short
    at: float = field(default_factory=time.time)  # seconds since the epoch
    _started: float = field(default_factory=time.perf_counter, repr=False)

    @property
    def ended(self) -> bool:
        return self.verdict is not None

    def elapsed_ms(self) -> float:
        return self.at_ms(time.perf_counter())

    def at_ms(self, moment: float) -> float:
        """A moment of `time.perf_counter`; one before the request's arrival counts as that."""
        return max(0.0, moment - self._started) * 1000

    def end(self, verdict: Verdict, detail: str = "") -> None:
        self.verdict = verdict
        self.detail = detail
        self.total_ms = self.elapsed_ms()


class Traces:
    def __init__(self) -> None:
        self._traces: deque[Trace] = deque(maxlen=KEPT_TRACES)

    def __iter__(self) -> Iterator[Trace]:
        """The oldest first."""
        return iter(self._traces)

    def add(self, trace: Trace) -> Trace:
        self._traces.append(trace)
        return trace

    @property
    def last(self) -> Trace | None:
        """The newest request that was not merely overtaken by typing, else the newest."""
        overtaken = (Verdict.CANCELLED, Verdict.SUPERSEDED, Verdict.STALE, None)
        settled = (trace for trace in reversed(self._traces) if trace.verdict not in overtaken)
        return next(settled, self._traces[-1] if self._traces else None)


def explain(trace: Trace | None) -> str:
    """A trace for the user, as Markdown."""
    if trace is None:
        return "# Last completion\n\nNo completion has been asked for yet.\n"
    verdict = trace.verdict or "it is still under way"
    detail = f": {_escape(trace.detail)}" if trace.detail else ""
    rows = [
        ("When", time.strftime("%H:%M:%S", time.localtime(trace.at))),
        ("Where", f"{inline_code(trace.path)}, line {trace.line + 1}, column {trace.column + 1}"),
        ("Trigger", trace.trigger),
        ("Model", inline_code(trace.model)),
        ("Text from", trace.source),
        ("Context ready", _milliseconds(trace.context_ms)),
        ("First token", _milliseconds(trace.first_token_ms)),
        ("Answered", _milliseconds(trace.total_ms)),
        ("Prompt", _tokens(trace.prompt_tokens, trace.cached_tokens)),
        ("Tokens generated", f"{trace.generated_tokens}"),
        ("Characters shown", f"{trace.shown_characters}"),
    ]
    if trace.extent:
        rows.append(("Wanted", trace.extent))
    if trace.waited_ms is not None:
        rows.append(("Waited", f"for the next key, {trace.waited_ms:.0f} ms: {trace.wait}"))
    if trace.stopped:
        rows.append(("Ended when", trace.stopped))
    if trace.cuts:
        rows.append(("Cut", _escape("; ".join(trace.cuts))))
    if trace.mean_logprob is not None:
        rows.append(("Mean log-probability", f"{trace.mean_logprob:.2f}"))
    if trace.shown_files:
        rows.append(("Other files", _escape(trace.shown_files)))
    if trace.left_out:
        rows.append(("Left out", _escape(trace.left_out)))
    if trace.warmed_up:
        rows.append(("Warmed up", "before the request"))
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"# Last completion\n\n**{_sentence(verdict)}{detail}.**\n\n| | |\n|---|---|\n{table}\n"


def inline_code(text: str) -> str:
    """A name from outside, as code that can neither end early nor leave its cell of the table."""
    plain = " ".join(text.replace("`", "'").split())
    return f"`{plain}`".replace("|", "\\|")


def _escape(text: str) -> str:
    """Words from outside as plain Markdown text, on one line."""
    return re.sub(r"([\\`*_{}\[\]()<>#|!~])", r"\\\1", " ".join(text.split()))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"after {value:.1f} ms"


def _tokens(prompt: int | None, cached: int | None) -> str:
    if prompt is None:
        return "-"
    return f"{prompt} tokens, {cached or 0} of them from the cache"
