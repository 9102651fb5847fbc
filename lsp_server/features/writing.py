"""Has a model write at a place, until what it writes is enough; and tells a trace of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from inference.client import InferenceClient
from inference.content import Layout
from inference.errors import PromptTooLong
from inference.protocol import Delta, Priority, Tail
from inference.sampling import Sampling
from lsp_server.completions.calibration import mean_logprob
from lsp_server.completions.stop import Filter, Stop
from lsp_server.context.budget import ANSWER_TOKENS
from lsp_server.features.generation import Generated
from lsp_server.trace import Trace, Verdict
from lsp_server.workspace.documents import Edit, Position

logger = logging.getLogger(__name__)

# What a model has not said by then nobody waits for any more.
GENERATION_S = 10.0

Shown = tuple[Layout, Tail]


async def write(
    client: InferenceClient,
    shown: Shown,
    filter_: Filter,
    generated: Generated,
    *,
    show_less: Callable[[], Shown | None],
    refused: Callable[[Layout], None],
) -> None:
    """Streams into `generated` what the filter passes, and ends the request once that is all.

    `refused` is told each prompt that was too long. After the first, `show_less` says what is shown
    then, if anything. Raises what the client raises: an `InferenceError`.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GENERATION_S):
            try:
                await _stream(client, shown, filter_, generated)
            except PromptTooLong as error:
                logger.info("shown less: %s", error)
                refused(shown[0])
                if (less := show_less()) is not None:
                    await _stream_less(client, less, filter_, generated, refused)


async def _stream_less(
    client: InferenceClient,
    shown: Shown,
    filter_: Filter,
    generated: Generated,
    refused: Callable[[Layout], None],
) -> None:
    try:
        await _stream(client, shown, filter_, generated)
    except PromptTooLong:
        refused(shown[0])  # so that the next request has better luck
        raise


async def _stream(
    client: InferenceClient, shown: Shown, filter_: Filter, generated: Generated
) -> None:
    stream = client.generate(*shown, _sampling(client), Priority.COMPLETION)
    async with contextlib.aclosing(stream):
        async for message in stream:
            if isinstance(message, Delta):
                logprobs = [it.logprob for it in message.logprobs]
                passed = filter_.feed(message.text, sum(logprobs))
                if passed.stop is not Stop.UNSURE or not passed.text:
                    generated.logprobs += logprobs  # of what may be shown
                generated.add(passed, message.tokens)
                if generated.passed.stop is not None:
                    return
            else:
                generated.usage = message.usage
    generated.add(filter_.finish(), 0)


def _sampling(client: InferenceClient) -> Sampling:
    can = client.capabilities
    tells = can is not None and can.logprobs
    return Sampling(max_tokens=ANSWER_TOKENS, logprobs=0 if tells else None)


def with_selected(tail: Tail, selected: Edit, cursor: Position) -> Tail:
    """The tail as if the suggestion widget's selected entry had been taken, around the cursor."""
    if selected.start == selected.end and not selected.text:
        return tail
    before = cursor.column - selected.start.column
    after = selected.end.column - cursor.column
    return Tail(
        tail.prefix[: len(tail.prefix) - before] + selected.text,
        tail.suffix[after:],
    )


def report(generated: Generated, trace: Trace) -> None:
    """How the generation went, up to now."""
    report_filter(generated, trace)
    if generated.first_token_at is not None:
        trace.first_token_ms = trace.at_ms(generated.first_token_at)
    trace.generated_tokens = generated.tokens
    if generated.usage is not None:
        trace.prompt_tokens = generated.usage.prompt_tokens
        trace.cached_tokens = generated.usage.cached_tokens


def report_filter(generated: Generated, trace: Trace) -> None:
    """What was wanted, and what was made of what came."""
    trace.extent = generated.extent
    trace.mean_logprob = mean_logprob(generated.logprobs)
    passed = generated.passed
    if passed.stop is not None:
        left_out = f", {passed.left_out} characters left out" if passed.left_out else ""
        trace.stopped = f"{passed.stop}{left_out}"


def nothing_of(generated: Generated, *, is_late: bool) -> tuple[Verdict, str]:
    """Why nothing of what was generated is passed, and more in words."""
    stop = generated.passed.stop
    if is_late:
        return Verdict.LATE, ""
    if stop is Stop.UNSURE:
        return Verdict.UNSURE, "it would be likelier wrong than right"
    return (Verdict.REPEATS if stop is not None and stop.is_repeat else Verdict.NO_IDEA), ""
