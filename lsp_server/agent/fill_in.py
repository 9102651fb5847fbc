"""Has a model that completes write suspicious lines anew, and a line that may be missing behind them.

What it writes is a repair like a template's. Its score is the line's suspicion times how sure the model
was, so that both are tried in one order.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inference.client import InferenceClient
from inference.protocol import Delta, Priority, Tail
from inference.sampling import Sampling
from lsp_server.agent.repairs.region import Edit
from lsp_server.agent.repairs.templates import Repair
from lsp_server.context.layout import lay
from lsp_server.context.window import Room
from lsp_server.workspace.documents import split_lines

MAX_LINES = 10
SAMPLES = 3
_MAX_TOKENS = 48
_TEMPERATURE = 0.6
_PRIOR = 0.5  # of what a model is quite sure of
_TOKENS_LEFT = 128
_CHARACTERS_PER_TOKEN = 2.0


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line is written: in place of one, or behind it."""

    line: int
    indentation: str
    replaces: bool
    suspicion: float


async def fill_in(
    client: InferenceClient, path: str, text: str, suspicion: Mapping[int, float]
) -> list[Repair]:
    """Repairs at the lines (from 0) under most suspicion. Raises what the client raises."""
    lines = split_lines(text)
    places = list(_places(lines, suspicion))
    written = await asyncio.gather(*(_write(client, path, lines, it) for it in places))
    found: dict[str, Repair] = {}
    for place, answers in zip(places, written, strict=True):
        for answer, certainty in answers.items():
            repair = _repair(text, lines, place, answer, certainty)
            if repair is not None and repair.text not in found:
                found[repair.text] = repair
    return sorted(found.values(), key=lambda it: (-it.score, it.line, it.text))


def _places(lines: Sequence[str], suspicion: Mapping[int, float]) -> Iterator[_Place]:
    chosen = sorted(suspicion, key=lambda it: (-suspicion[it], it))
    able = [it for it in chosen if it < len(lines) and lines[it].strip()][:MAX_LINES]
    for line in able:
        own = lines[line]
        indentation = own[: len(own) - len(own.lstrip())]
        yield _Place(line, indentation, True, suspicion[line])  # noqa: FBT003 - a field
        if not own.rstrip().endswith((":", ",", "(", "[", "{")):
            yield _Place(line, indentation, False, suspicion[line])  # noqa: FBT003


async def _write(
    client: InferenceClient, path: str, lines: Sequence[str], place: _Place
) -> dict[str, float]:
    """What the model writes there, each answer with the geometric mean of its tokens' chances."""
    end = "" if place.line + 1 == len(lines) else "\n"
    if place.replaces:
        shown = [*lines[: place.line], place.indentation + end, *lines[place.line + 1 :]]
        cursor = place.line
    else:
        shown = [*lines[: place.line + 1], place.indentation + "\n", *lines[place.line + 1 :]]
        cursor = place.line + 1
    epoch = lay(path, shown, cursor, (), room=_room(client))
    tail: Tail = epoch.tail(shown, cursor, len(place.indentation))
    sampling = Sampling(
        _MAX_TOKENS,
        _TEMPERATURE,
        stop=("\n",),
        samples=_samples(client),
        logprobs=_logprobs(client),
    )
    texts: defaultdict[int, str] = defaultdict(str)
    chances: defaultdict[int, list[float]] = defaultdict(list)
    stream = client.generate(epoch.layout, tail, sampling, Priority.AGENT)
    async with contextlib.aclosing(stream):
        async for message in stream:
            if isinstance(message, Delta):
                texts[message.sample] += message.text
                chances[message.sample] += (it.logprob for it in message.logprobs)
    return {
        answer.rstrip(): math.exp(sum(chances[sample]) / (len(chances[sample]) or 1))
        for sample, answer in texts.items()
        if answer.strip() and "\n" not in answer.strip()
    }


def _room(client: InferenceClient) -> Room | None:
    capabilities = client.capabilities
    if capabilities is None or capabilities.context_tokens is None:
        return None
    tokens = capabilities.context_tokens - _MAX_TOKENS - _TOKENS_LEFT
    return Room(int(tokens * _CHARACTERS_PER_TOKEN))


def _samples(client: InferenceClient) -> int:
    return SAMPLES if client.capabilities is not None and client.capabilities.samples else 1


def _logprobs(client: InferenceClient) -> int | None:
    return 0 if client.capabilities is not None and client.capabilities.logprobs else None


def _repair(
    text: str, lines: Sequence[str], place: _Place, answer: str, certainty: float
) -> Repair | None:
    start = sum(map(len, lines[: place.line]))
    old = lines[place.line]
    if place.replaces:
        ending = old[len(old.rstrip("\r\n")) :]
        edit = Edit(start, start + len(old), f"{place.indentation}{answer}{ending}")
        if edit.text == old:
            return None
    else:
        at = start + len(old)
        lead = "" if old.endswith("\n") else "\n"
        edit = Edit(at, at, f"{lead}{place.indentation}{answer}\n")
    changed = text[: edit.start] + edit.text + text[edit.end :]
    kind = "line written anew" if place.replaces else "line written"
    return Repair(changed, (edit,), kind, place.suspicion * _PRIOR * certainty, place.line)
