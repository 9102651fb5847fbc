"""Inline completion: from a cursor to a text that may be inserted there, or a reason for none.

Nothing here raises for what a user, an editor or a model may do: every way out leaves a verdict in
the trace. Only cancellation passes through.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from inference.client import InferenceClient
from inference.content import Layout
from inference.errors import HostUnavailable, InferenceError, NotReady, Overloaded, PromptTooLong
from inference.protocol import Delta, Priority, Tail
from inference.sampling import Sampling
from lsp_server.config import Config
from lsp_server.context.budget import ANSWER_TOKENS
from lsp_server.context.stream import ContextStream
from lsp_server.edits.completed_line import MAX_LINES, breaks_syntax
from lsp_server.features.anchor import Anchor
from lsp_server.features.generation import Generated, Generation, Suggestions
from lsp_server.features.insertion import fit
from lsp_server.trace import Source, Trace, Traces, Verdict
from lsp_server.workspace.documents import Document, Documents, Edit, Position, line_length

logger = logging.getLogger(__name__)

# VS Code gives automatic completions 750 ms, and what it takes to show them comes on top.
DEADLINE_S = 0.6
# What a model has not said by then nobody waits for any more.
GENERATION_S = 10.0
_REFUSED: dict[type[InferenceError], Verdict] = {Overloaded: Verdict.BUSY}
TYPING, ASKED_FOR = "typing", "asked for"


@dataclass(frozen=True, slots=True)
class Request:
    uri: str
    position: Position
    trigger: str  # TYPING or ASKED_FOR
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

    @property
    def has_selected(self) -> bool:
        return self.selected != Edit(self.cursor, self.cursor, "")


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
        self._generation: Generation | None = None
        self._waiting: asyncio.Future[bool] | None = None  # of the newest request
        self._suggestions = Suggestions()

    async def complete(
        self, request: Request, on_text: Callable[[str], None] = lambda _: None
    ) -> Completion | None:
        """A completion, or None. `on_text` is called with the raw text so far as it streams in.

        A newer call is answered in place of an older one. While the user types it goes on with the
        generation of that where its text still fits, and ends it otherwise; who asks by hand is
        answered by the model anew.
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

    def stop(self) -> None:
        """Ends what is being generated."""
        self._overtake()
        self._stop(self._generation)

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
        # A selected entry is a word of its own.
        asks_itself = request.trigger == TYPING and request.selected is None
        if asks_itself and _is_within_word(document, request.position):
            return Verdict.WITHIN_WORD, ""
        return None

    async def _complete(
        self, document: Document, request: Request, trace: Trace, on_text: Callable[[str], None]
    ) -> Completion | None:
        cursor = request.position
        selected = request.selected
        if selected is None or not _is_at(cursor, selected, document):
            selected = Edit(cursor, cursor, "")
        place = _Place(document, document.version, cursor, selected)
        # Taken now: while the model works, the document moves on.
        rest_of_line = _rest_of_line(document, selected.end)
        max_lines = 1 if rest_of_line.strip() else self._config().completion_max_lines
        text = None
        if request.trigger == TYPING and not place.has_selected:
            text = self._remembered(place)
        if text is not None:
            trace.source = Source.REMEMBERED
            self._overtake()
            on_text(text)
        else:
            text = await self._generated(place, max_lines, trace, on_text)
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
            trace.end(Verdict.BREAKS_SYNTAX)
            return None
        trace.shown_characters = len(text)
        trace.end(Verdict.SHOWN)
        return Completion(selected.text + text, selected.start, selected.end)

    def _remembered(self, place: _Place) -> str | None:
        """What an earlier generation, or the one that runs, has said for this place."""
        return self._suggestions.find(place.document, place.cursor, self._client().endpoint.model)

    async def _generated(
        self, place: _Place, max_lines: int, trace: Trace, on_text: Callable[[str], None]
    ) -> str:
        """What the model says there: all of it, or what is there at the deadline."""
        model = self._client().endpoint.model
        running = self._generation
        typed = None
        if running is not None and not place.has_selected and trace.trigger == TYPING:
            typed = running.serves(place.document, place.cursor, model)
        self._overtake()
        if running is None or typed is None:
            self._stop(running)
            shown = self._show(place, trace)
            trace.context_ms = trace.elapsed_ms()
            running = self._generation = Generation(
                Anchor.at(place.document, place.cursor),
                "" if place.has_selected else model,  # nobody else is to be served by it
                lambda generated: self._generate(place, shown, max_lines, generated, trace),
            )
            running.task.add_done_callback(lambda _: self._remember(running))
            typed = ""
        else:
            trace.source = Source.UNDER_WAY
        running.generated.listen(lambda text: on_text(text[len(typed) :]))
        return await self._wait(running, typed, trace)

    async def _wait(self, generation: Generation, typed: str, trace: Trace) -> str:
        """The generation's text behind what was typed; it may end the trace."""
        waiting = self._waiting = asyncio.get_running_loop().create_future()
        generation.task.add_done_callback(lambda _: _wake(waiting))
        try:
            async with asyncio.timeout(DEADLINE_S):
                is_newest = await waiting
            if not is_newest:
                trace.end(Verdict.SUPERSEDED)
                return ""
            generation.task.result()
        except TimeoutError:
            trace.late = True  # it goes on, for the next request
        except asyncio.CancelledError:
            if not _is_being_cancelled():  # the generation is: nobody waits for what it says
                trace.end(Verdict.SUPERSEDED)
                return ""
            if self._waiting is waiting and not generation.is_typed_along(
                self._documents.get(generation.anchor.uri)
            ):
                self._stop(generation)
            raise
        except (HostUnavailable, NotReady) as error:
            trace.end(Verdict.NOT_READY, error.message)
        except InferenceError as error:
            logger.warning("a completion was refused: %s", error)
            trace.end(_REFUSED.get(type(error), Verdict.FAILED), error.message)
        finally:
            _report(generation.generated, trace)
        text = generation.generated.text
        return text[len(typed) :] if text.startswith(typed) else ""

    def _overtake(self) -> None:
        """A newer request is there: the one that waits is answered with nothing."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(False)
        self._waiting = None

    def _stop(self, generation: Generation | None) -> None:
        if generation is not None:
            generation.task.cancel()
            if self._generation is generation:
                self._generation = None

    def _remember(self, generation: Generation) -> None:
        self._suggestions.add(generation)
        if self._generation is generation:
            self._generation = None
        if not generation.task.cancelled():
            generation.task.exception()  # who waited for it has told

    async def _generate(
        self,
        place: _Place,
        shown: tuple[Layout, Tail],
        max_lines: int,
        generated: Generated,
        trace: Trace,
    ) -> None:
        """Has the model write, up to the line limit.

        Where the model finds the prompt too long, it is shown less, once.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GENERATION_S):
                try:
                    await self._stream(shown, max_lines, generated)
                except PromptTooLong as error:
                    logger.info("shown less: %s", error)
                    self._context.refused(shown[0])
                    if not self._has_moved_on(place):
                        await self._stream_less(self._show(place, trace), max_lines, generated)

    async def _stream_less(
        self, shown: tuple[Layout, Tail], max_lines: int, generated: Generated
    ) -> None:
        try:
            await self._stream(shown, max_lines, generated)
        except PromptTooLong:
            self._context.refused(shown[0])  # so that the next request has better luck
            raise

    async def _stream(
        self,
        shown: tuple[Layout, Tail],
        max_lines: int,
        generated: Generated,
    ) -> None:
        stream = self._client().generate(
            *shown, Sampling(max_tokens=ANSWER_TOKENS), Priority.COMPLETION
        )
        async with contextlib.aclosing(stream):
            async for message in stream:
                if isinstance(message, Delta):
                    generated.add(message.text, message.tokens)
                    if generated.text.count("\n") >= max_lines:
                        break
                else:
                    generated.usage = message.usage

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
    if selected.start == selected.end and not selected.text:
        return tail
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


def _is_within_word(document: Document, cursor: Position) -> bool:
    around = document.lines[cursor.line][max(0, cursor.column - 1) : cursor.column + 1]
    return cursor.column > 0 and len(around) == len("xx") and all(map(_is_of_word, around))


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _wake(waiting: asyncio.Future[bool]) -> None:
    """The generation has ended: the request that waits for it is still the newest."""
    if not waiting.done():
        waiting.set_result(True)


def _report(generated: Generated, trace: Trace) -> None:
    if generated.first_token_at is not None:
        trace.first_token_ms = trace.at_ms(generated.first_token_at)
    trace.generated_tokens = generated.tokens
    if generated.usage is not None:
        trace.prompt_tokens = generated.usage.prompt_tokens
        trace.cached_tokens = generated.usage.cached_tokens


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
