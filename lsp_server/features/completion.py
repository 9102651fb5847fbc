"""Inline completion: from a cursor to a text that may be inserted there, or a reason for none.

Nothing here raises for what a user, an editor or a model may do: every way out leaves a verdict in
the trace. Only cancellation passes through.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from inference.client import InferenceClient
from inference.content import Layout
from inference.protocol import Tail
from lsp_server.completion_events import Answered, Asked, EventListener, Written
from lsp_server.completions.calibration import Calibration
from lsp_server.completions.debounce import Debounce
from lsp_server.completions.extent import extent, surround
from lsp_server.completions.place import Place
from lsp_server.completions.stop import Filter, Passed
from lsp_server.completions.undo import TextHistory, is_key
from lsp_server.config import Config
from lsp_server.context.stream import ContextStream
from lsp_server.features import alternatives
from lsp_server.features.anchor import Anchor
from lsp_server.features.generation import Generated, Generation, Suggestions
from lsp_server.features.judging import judge
from lsp_server.features.offered import Offered
from lsp_server.features.request import ACCEPTED, ASKED_FOR, TYPING, Completion, Request, refusal
from lsp_server.features.waiting import Waiter
from lsp_server.features.writing import (
    Shown,
    nothing_of,
    report_filter,
    with_selected,
    write,
)
from lsp_server.trace import Source, Trace, Traces, Verdict
from lsp_server.workspace.documents import Document, Documents, Edit, Position

if TYPE_CHECKING:
    from lsp_server.workspace.parse import ParsedText

__all__ = ["ASKED_FOR", "TYPING", "Completion", "CompletionFeature", "Request"]

logger = logging.getLogger(__name__)

# VS Code gives automatic completions 750 ms, and what it takes to show them comes on top.
DEADLINE_S = 0.6


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
        parsed_text: Callable[[Document], ParsedText | None] = lambda _: None,
        is_importable: Callable[[Document, str], bool] = lambda *_: False,
        calibration: Callable[[], Calibration] = Calibration,
        clock: Callable[[], float] = time.monotonic,
        tell: EventListener = lambda _: None,
    ) -> None:
        self._documents = documents
        self._context = context
        self._traces = traces
        self._config = config
        self._client = client
        self._exclusion = exclusion
        self._path_of = path_of
        self._is_warm = is_warm
        self._parsed_text = parsed_text
        self._is_importable = is_importable
        self._calibration = calibration
        self._clock = clock
        self._generation: Generation | None = None
        self._waiting: asyncio.Future[bool] | None = None  # of the newest request
        self._suggestions = Suggestions(clock)
        self._debounce = Debounce(clock)
        self._texts = TextHistory()
        self._tell = tell
        self._offered = Offered(tell, clock)

    def opened(self, document: Document) -> None:
        self._texts.opened(document)

    def changed(self, document: Document, edits: Sequence[Edit]) -> None:
        """The document was changed by edits that came together; by none, as a whole.

        A generation that does not say what was typed ends here, before the next request. Where all
        that was shown was accepted, one begins behind it.
        """
        self._texts.changed(document, edits)
        if edits and all(map(is_key, edits)):
            self._debounce.key()
        running = self._generation
        if (
            running is not None
            and running.anchor.uri == document.uri
            and not running.may_serve(document)
        ):
            self._stop(running)
        if self._texts.is_undone(document):
            self._offered.end()
        elif (accepted := self._offered.changed(document)) and accepted.is_whole:
            self._go_on(document, Edit(accepted.start, accepted.start, accepted.text).caret)

    def _go_on(self, document: Document, cursor: Position) -> None:
        """A generation ahead of its request, where there is none and that would need one."""
        running, model = self._generation, self._client().endpoint.model
        is_served = running is not None and running.may_serve(document)
        if is_served or self._suggestions.find(document, cursor, model) is not None:
            return
        if self._refusal(document, Request(document.uri, cursor, TYPING)) is None:
            self._stop(running)
            path, language = self._path_of(document), document.language
            trace = Trace(path, cursor.line, cursor.column, ACCEPTED, model, language)
            self._begin(Place.of(document, cursor, None), trace).is_ahead = True

    def closed(self, uri: str) -> None:
        self._texts.closed(uri)

    async def complete(
        self, request: Request, on_text: Callable[[str], None] = lambda _: None
    ) -> Completion | None:
        """A completion, or None. `on_text` is called with the text so far as it streams in.

        A newer call is answered in place of an older one. While the user types it goes on with the
        generation of that where its text still fits, and ends it otherwise; who asks by hand is
        answered by the model anew, and at once.
        """
        document = self._documents.get(request.uri)
        trace = self._traces.add(
            Trace(
                path=self._path_of(document) if document else request.uri,
                line=request.position.line,
                column=request.position.column,
                trigger=request.trigger,
                model=self._client().endpoint.model,
                language=document.language if document else "",
            )
        )
        try:
            if document is None:
                trace.end(Verdict.UNKNOWN_DOCUMENT)
                return None
            if refused := self._refusal(document, request):
                trace.end(*refused)
                return None
            return await self._complete(
                Place.of(document, request.position, request.selected), trace, on_text
            )
        except asyncio.CancelledError:
            trace.end(Verdict.CANCELLED)
            raise
        except Exception as error:
            logger.exception("a completion failed")
            trace.end(Verdict.FAILED, f"an error of Sparrow's own: {error}")
            return None
        finally:
            self._tell(Answered(trace))

    async def beside(self, request: Request, first: Completion | None) -> list[Completion]:
        """Other completions than the first, where the user asked by hand and there is one."""
        document = self._documents.get(request.uri)
        if request.trigger != ASKED_FOR or first is None or document is None:
            return []
        place = Place.of(document, request.position, request.selected)
        trace = Trace("", 0, 0, ASKED_FOR, self._client().endpoint.model, document.language)
        drawn, tokens = await alternatives.draw(
            self._client(), self._show(place, trace), lambda: self._filter(place, ASKED_FOR)[0]
        )
        self._tell(Written(trace.language, trace.model, tokens))
        if self._has_moved_on(place):
            return []
        texts = (self._displayed(place, Generated(passed=Passed(it)), it, trace) for it in drawn)
        whole = dict.fromkeys(place.selected.text + it for it in texts if it)
        return [Completion(it, first.start, first.end) for it in whole if it != first.text]

    def stop(self) -> None:
        """Ends what is being generated."""
        self._offered.end()
        self._overtake()
        self._stop(self._generation)

    def _refusal(self, document: Document, request: Request) -> tuple[Verdict, str] | None:
        return refusal(request, document, self._config(), self._exclusion, self._texts.is_undone)

    async def _complete(
        self, place: Place, trace: Trace, on_text: Callable[[str], None]
    ) -> Completion | None:
        found = None
        if trace.trigger == TYPING and not place.has_selected:
            found = self._suggestions.find(place.document, place.cursor, trace.model)
        if found is not None:
            trace.source = Source.REMEMBERED
            self._overtake()
            generated, text = found.generated, found.text
            report_filter(generated, trace)
            on_text(text)
        else:
            generated, text = await self._generated(place, trace, on_text)
        if trace.ended:
            return None
        if self._has_moved_on(place):
            trace.end(Verdict.STALE)
            return None
        if not text.strip():
            trace.end(*nothing_of(generated, is_late=trace.late))
            return None
        text = self._displayed(place, generated, text, trace)
        if not text:
            return None
        trace.shown_characters = len(text)
        trace.end(Verdict.SHOWN)
        shown = Completion(place.selected.text + text, place.selected.start, place.selected.end)
        self._offered.show(place.document, shown, trace.model, trace.mean_logprob)
        return shown

    def _displayed(self, place: Place, generated: Generated, text: str, trace: Trace) -> str:
        """What of a text, the rest of what was generated, is shown; if nothing the trace ends."""
        calibration = self._calibration()
        if trace.trigger == TYPING and calibration.hides(trace.mean_logprob):
            trace.end(Verdict.UNSURE, str(calibration))
            return ""
        displayed = judge(
            place,
            generated,
            text,
            self._config(),
            is_importable=self._is_importable,
            parsed_text=self._parsed_text,
        )
        trace.cuts = displayed.cuts
        if displayed.refusal is not None:
            trace.end(Verdict[displayed.refusal.name], displayed.detail)
        return displayed.text

    async def _generated(
        self, place: Place, trace: Trace, on_text: Callable[[str], None]
    ) -> tuple[Generated, str]:
        """What the model says there: all of it, or what is there at the deadline."""
        deadline = asyncio.get_running_loop().time() + DEADLINE_S
        running = self._generation
        typed = None
        if running is not None and not place.has_selected and trace.trigger == TYPING:
            typed = running.serves(place.document, place.cursor, trace.model)
        waiter = Waiter(trace, on_text, deadline, self._wait_as_newest())
        if running is not None and typed is not None:
            trace.source = Source.AHEAD if running.is_ahead else Source.UNDER_WAY
            running.is_ahead = False
            text = await self._text_of(running, waiter, typed)
            if text is not None:
                return running.generated, text
            trace.source = Source.MODEL
            waiter = Waiter(trace, on_text, deadline, self._wait_as_newest())
        self._stop(running)
        if trace.trigger == TYPING and not await self._debounced(waiter.is_newest, trace):
            return Generated(), ""
        if self._has_moved_on(place):
            trace.end(Verdict.STALE)
            return Generated(), ""
        running = self._begin(place, trace)
        return running.generated, await self._text_of(running, waiter) or ""

    def _wait_as_newest(self) -> asyncio.Future[bool]:
        self._overtake()
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    async def _text_of(self, running: Generation, waiter: Waiter, typed: str = "") -> str | None:
        try:
            return await waiter.text_of(running, typed)
        except asyncio.CancelledError:
            if self._waiting is waiter.is_newest and not running.is_typed_along(
                self._documents.get(running.anchor.uri)
            ):
                self._stop(running)
            raise

    async def _debounced(self, waiting: asyncio.Future[bool], trace: Trace) -> bool:
        """Waits for the next key, if that is worth it: whether none came."""
        if wait := self._debounce.wait_s(trace.model):
            trace.wait = self._debounce.hold(trace.model)
            await asyncio.wait({waiting}, timeout=wait)
            trace.waited_ms = trace.elapsed_ms()
        if waiting.done():
            trace.end(Verdict.SUPERSEDED)
            return False
        return True

    def _begin(self, place: Place, trace: Trace) -> Generation:
        shown = self._show(place, trace)
        filter_, wanted = self._filter(place, trace.trigger)
        trace.context_ms = trace.elapsed_ms()
        running = self._generation = Generation(
            Anchor.at(place.document, place.cursor),
            "" if place.has_selected else trace.model,  # nobody else is to be served by it
            wanted,
            lambda generated: write(
                self._client(),
                shown,
                filter_,
                generated,
                show_less=lambda: None if self._has_moved_on(place) else self._show(place, trace),
                refused=self._context.refused,
            ),
            self._clock,
        )
        running.task.add_done_callback(lambda _: self._remember(running, trace))
        self._tell(Asked(trace, *shown, lambda: running.generated.text))
        return running

    def _filter(self, place: Place, trigger: str) -> tuple[Filter, str]:
        """What ends a generation there, and how much is wanted, in words.

        Who asks by hand gets all of it, however unsure the model is.
        """
        wanted = extent(
            place.around,
            lambda: surround(self._parsed_text(place.document), place.cursor, place.around.own),
        )
        can = self._client().capabilities
        least = can.least_chance if can is not None and trigger != ASKED_FOR else 0.0
        return Filter(place.around, wanted, self._config().completion_max_lines, least), str(wanted)

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

    def _remember(self, generation: Generation, trace: Trace) -> None:
        self._suggestions.add(generation)
        self._tell(Written(trace.language, trace.model, generation.generated.tokens))
        if self._generation is generation:
            self._generation = None
        was_cancelled = generation.task.cancelled()
        # Who waited for it has told of an error.
        if was_cancelled or generation.task.exception() is None:
            took = self._clock() - generation.began_at
            self._debounce.answered(generation.model, took, is_whole=not was_cancelled)

    def _show(self, place: Place, trace: Trace) -> Shown:
        """What the model is shown; the document must be as it was when the place was made."""
        layout, tail = self._context.at(place.document, place.cursor)
        trace.shown_files = self._context.shown_files()
        trace.left_out = self._context.left_out()
        trace.warmed_up = self._is_warm(layout, tail)
        return layout, with_selected(tail, place.selected, place.cursor)

    def _has_moved_on(self, place: Place) -> bool:
        document = place.document
        return (
            self._documents.get(document.uri) is not document or document.version != place.version
        )
