"""Inline completion: from a cursor to a text that may be inserted there, or a reason for none.

Nothing here raises for what a user, an editor or a model may do: every way out leaves a verdict in
the trace. Only cancellation passes through.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from inference.client import InferenceClient
from inference.content import Layout
from inference.errors import HostUnavailable, InferenceError, NotReady, PromptTooLong
from inference.protocol import Delta, Priority, Tail
from inference.sampling import Sampling
from lsp_server.config import Config
from lsp_server.context.budget import ANSWER_TOKENS
from lsp_server.context.stream import ContextStream
from lsp_server.edits.completed_line import MAX_LINES, breaks_syntax
from lsp_server.features.insertion import fit
from lsp_server.trace import Trace, Traces, Verdict
from lsp_server.workspace.documents import Document, Documents, Edit, Position, line_length

logger = logging.getLogger(__name__)

# VS Code gives automatic completions 750 ms, and what it takes to show them comes on top.
DEADLINE_S = 0.6


@dataclass(frozen=True, slots=True)
class Request:
    uri: str
    position: Position
    trigger: str
    # With the suggestion widget open: what its selected entry would do.
    selected: Edit | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A text to insert in place of what stands between the two positions."""

    text: str
    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a completion was asked for, in the document as it was then."""

    document: Document
    version: int
    cursor: Position
    selected: Edit


class CompletionFeature:
    def __init__(
        self,
        *,
        documents: Documents,
        context: ContextStream,
        traces: Traces,
        config: Callable[[], Config],
        client: Callable[[], InferenceClient],
        exclusion: Callable[[Document], str],
        path_of: Callable[[Document], str],
        is_warm: Callable[[Layout, Tail], bool],
    ) -> None:
        self._documents = documents
        self._context = context
        self._traces = traces
        self._config = config
        self._client = client
        self._exclusion = exclusion
        self._path_of = path_of
        self._is_warm = is_warm
        self._generation: asyncio.Task[str] | None = None

    async def complete(
        self, request: Request, on_text: Callable[[str], None] = lambda _: None
    ) -> Completion | None:
        """A completion, or None. `on_text` is called with the raw text so far as it streams in.

        A newer call ends the generation of an older one.
        """
        document = self._documents.get(request.uri)
        trace = self._traces.add(
            Trace(
                path=self._path_of(document) if document else request.uri,
                line=request.position.line,
                column=request.position.column,
                trigger=request.trigger,
                model=self._client().endpoint.model,
            )
        )
        try:
            if document is None:
                trace.end(Verdict.UNKNOWN_DOCUMENT)
                return None
            if refusal := self._refusal(document, request):
                trace.end(*refusal)
                return None
            return await self._complete(document, request, trace, on_text)
        except asyncio.CancelledError:
            trace.end(Verdict.CANCELLED)
            raise
        except Exception as error:
            logger.exception("a completion failed")
            trace.end(Verdict.FAILED, f"an error of Sparrow's own: {error}")
            return None

    def _refusal(self, document: Document, request: Request) -> tuple[Verdict, str] | None:
        """Why the model is not even asked."""
        if not self._config().completes(document.language):
            return Verdict.DISABLED, document.language
        if document.problem:
            return Verdict.UNFIT_DOCUMENT, document.problem
        if not document.contains(request.position):
            return Verdict.OUTSIDE, f"it has {len(document.lines)} lines"
        if reason := self._exclusion(document):
            return Verdict.EXCLUDED, reason
        return None

    async def _complete(
        self, document: Document, request: Request, trace: Trace, on_text: Callable[[str], None]
    ) -> Completion | None:
        cursor = request.position
        selected = request.selected
        if selected is None or not _is_at(cursor, selected, document):
            selected = Edit(cursor, cursor, "")
        place = _Place(document, document.version, cursor, selected)
        shown = self._show(place, trace)
        trace.context_ms = trace.elapsed_ms()
        # Taken now: while the model works, the document moves on.
        rest_of_line = _rest_of_line(document, selected.end)
        max_lines = 1 if rest_of_line.strip() else self._config().completion_max_lines
        generating = self._generate(place, shown, max_lines, trace, on_text)
        text = await self._newest(generating, trace)
        if trace.ended:
            return None
        if self._has_moved_on(place):
            trace.end(Verdict.STALE)
            return None
        if not text.strip():
            trace.end(Verdict.LATE if trace.late else Verdict.NO_IDEA)
            return None
        text = fit(text, rest_of_line, max_lines=max_lines)
        if not text:
            trace.end(Verdict.REPEATS)
            return None
        if _breaks_syntax(place, text):
            trace.end(Verdict.BREAKS_SYNTAX, text.strip().partition("\n")[0])
            return None
        trace.shown_characters = len(text)
        trace.end(Verdict.SHOWN)
        return Completion(selected.text + text, selected.start, selected.end)

    async def _newest(self, generating: Coroutine[None, None, str], trace: Trace) -> str:
        """The text of a generation that takes the place of the one before; it may end the trace."""
        if self._generation is not None:
            self._generation.cancel()
        generation = self._generation = asyncio.create_task(generating)
        try:
            return await generation
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            trace.end(Verdict.SUPERSEDED)
        except (HostUnavailable, NotReady) as error:
            trace.end(Verdict.NOT_READY, error.message)
        except InferenceError as error:
            logger.warning("a completion was refused: %s", error)
            trace.end(Verdict.FAILED, error.message)
        finally:
            if self._generation is generation:
                self._generation = None
        return ""

    async def _generate(
        self,
        place: _Place,
        shown: tuple[Layout, Tail],
        max_lines: int,
        trace: Trace,
        on_text: Callable[[str], None],
    ) -> str:
        """The generated text: all of it, or what is there at the deadline or the line limit.

        Where the model finds the prompt too long, it is shown less, once.
        """
        deadline = asyncio.get_running_loop().time() + DEADLINE_S
        try:
            return await self._stream(shown, deadline, max_lines, trace, on_text)
        except PromptTooLong as error:
            logger.info("shown less: %s", error)
            self._context.refused(shown[0])
        if self._has_moved_on(place):
            return ""
        shown = self._show(place, trace)
        try:
            return await self._stream(shown, deadline, max_lines, trace, on_text)
        except PromptTooLong:
            self._context.refused(shown[0])  # so that the next request has better luck
            raise

    async def _stream(
        self,
        shown: tuple[Layout, Tail],
        deadline: float,
        max_lines: int,
        trace: Trace,
        on_text: Callable[[str], None],
    ) -> str:
        text = ""
        stream = self._client().generate(
            *shown, Sampling(max_tokens=ANSWER_TOKENS), Priority.COMPLETION
        )
        try:
            async with asyncio.timeout_at(deadline), contextlib.aclosing(stream):
                async for message in stream:
                    if isinstance(message, Delta):
                        if trace.first_token_ms is None:
                            trace.first_token_ms = trace.elapsed_ms()
                        trace.generated_tokens += message.tokens
                        text += message.text
                        on_text(text)
                        if text.count("\n") >= max_lines:
                            break
                    else:
                        trace.prompt_tokens = message.usage.prompt_tokens
                        trace.cached_tokens = message.usage.cached_tokens
        except TimeoutError:
            trace.late = True
        return text

    def _show(self, place: _Place, trace: Trace) -> tuple[Layout, Tail]:
        """What the model is shown; the document must be as it was when the place was made."""
        layout, tail = self._context.at(place.document, place.cursor)
        trace.shown_files = self._context.shown_files()
        trace.left_out = self._context.left_out()
        trace.warmed_up = self._is_warm(layout, tail)
        return layout, _with_selected(tail, place.selected, place.cursor)

    def _has_moved_on(self, place: _Place) -> bool:
        document = place.document
        return (
            self._documents.get(document.uri) is not document or document.version != place.version
        )


def _is_at(cursor: Position, selected: Edit, document: Document) -> bool:
    """Whether a selected entry replaces text around the cursor, in its line; another is no use."""
    return (
        selected.start.line == cursor.line == selected.end.line
        and selected.start <= cursor <= selected.end
        and document.contains(selected.end)
    )


def _with_selected(tail: Tail, selected: Edit, cursor: Position) -> Tail:
    """The tail as if the suggestion widget's selected entry had been taken, around the cursor."""
    before = cursor.column - selected.start.column
    after = selected.end.column - cursor.column
    return Tail(
        tail.prefix[: len(tail.prefix) - before] + selected.text,
        tail.suffix[after:],
    )


def _breaks_syntax(place: _Place, text: str) -> bool:
    """Whether a text is an error in the block that it would stand in."""
    lines, (start, end) = place.document.lines, (place.selected.start, place.selected.end)
    own = lines[start.line][: start.column] + place.selected.text
    before = [*lines[max(0, start.line - MAX_LINES) : start.line], own]
    behind = [lines[end.line][end.column :], *lines[end.line + 1 : end.line + 1 + MAX_LINES]]
    return breaks_syntax(place.document.language, before, text, behind)


def _rest_of_line(document: Document, cursor: Position) -> str:
    line = document.lines[cursor.line]
    return line[cursor.column : line_length(line)]


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
