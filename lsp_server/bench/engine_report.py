"""The engine benchmark's figures: their medians, a table and a JSON object.

Pure but for the printing.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from lsp_server.bench.engine_prompts import Tokenization

SMALL_TOKENS, LARGE_TOKENS = 4_096, 12_288  # what lies beyond is small, and large
_ROUNDED_MS = 100.0


@dataclass(slots=True)
class Pair:
    """Samples of Sparrow and of its peer, taken in turn."""

    sparrow: list[float] = field(default_factory=list[float])
    peer: list[float] = field(default_factory=list[float])

    @property
    def ratio(self) -> float:
        """The median of Sparrow's share of its peer, sample by sample."""
        return statistics.median(
            ours / theirs for ours, theirs in zip(self.sparrow, self.peer, strict=True)
        )

    @property
    def difference(self) -> float:
        """The median of what Sparrow has over its peer, sample by sample."""
        return statistics.median(
            ours - theirs for ours, theirs in zip(self.sparrow, self.peer, strict=True)
        )

    @property
    def medians(self) -> tuple[float, float]:
        return statistics.median(self.sparrow), statistics.median(self.peer)


@dataclass(slots=True)
class ContextFigures:
    """Times to the first token in ms, at one size of context and in one order."""

    fim_order: str
    tokens: int = 0
    plain_tokens: int = 0  # as vLLM's server counts the same prompt
    cold: Pair = field(default_factory=Pair)
    warm: Pair = field(default_factory=Pair)
    typing: Pair = field(default_factory=Pair)
    bare_ms: list[float] = field(default_factory=list[float])  # typing, by the AsyncLLM alone
    wire_bytes_per_key: float = 0.0
    plain_bytes: list[int] = field(default_factory=list[int])


@dataclass(frozen=True, slots=True)
class ShapeFigures:
    shape: str
    contexts: Sequence[ContextFigures]
    overhead: Pair  # CPU ms per request
    throughput: Mapping[int, Pair]  # tokens per second, by clients
    tokenization: tuple[Tokenization, Tokenization]  # of a small context, and of a large one


def as_json(figures: Sequence[ShapeFigures]) -> dict[str, Any]:
    """The object of the contract: the first shape's keys at the top, and all under `shapes`."""
    shapes = [shape_as_json(each) for each in figures]
    return {"name": "engine", **shapes[0], "shapes": shapes}


def shape_as_json(figures: ShapeFigures) -> dict[str, Any]:
    small, large = figures.tokenization
    contexts = [_context_as_json(context) for context in figures.contexts]
    sparrow_ms, bare_ms = figures.overhead.medians
    return {
        "shape": figures.shape,
        "samples": sum(context["samples"] for context in contexts),
        "contexts": contexts,
        **_growth(figures.contexts),
        **_at_large(figures.contexts),
        "overhead_ms_per_request": round(figures.overhead.difference, 3),
        "host_cpu_ms_per_request": round(sparrow_ms, 3),
        "bare_cpu_ms_per_request": round(bare_ms, 3),
        "throughput_ratio": round(min(pair.ratio for pair in figures.throughput.values()), 3),
        "throughput": [
            {
                "clients": clients,
                "ratio": round(pair.ratio, 3),
                "host_tokens_per_s": round(pair.medians[0], 1),
                "bare_tokens_per_s": round(pair.medians[1], 1),
            }
            for clients, pair in figures.throughput.items()
        ],
        "tokenize_ms_2k": round(small.all_ms, 4),
        "tokenize_ms_200k": round(large.all_ms, 4),
        "tokenize_encode_ms_2k": round(small.encode_ms, 4),
        "tokenize_encode_ms_200k": round(large.encode_ms, 4),
        "tokenize_whole_text_ms_2k": round(small.whole_text_ms, 2),
        "tokenize_whole_text_ms_200k": round(large.whole_text_ms, 2),
        "tokenize_prepare_ms_200k": round(large.prepare_ms, 1),
    }


def _growth(contexts: Sequence[ContextFigures]) -> dict[str, float]:
    """How many times longer the large context takes than the small one, in each order."""
    grown: dict[str, float] = {}
    for order in dict.fromkeys(context.fim_order for context in contexts):
        ours = [context for context in contexts if context.fim_order == order]
        small = next((each for each in ours if each.tokens < SMALL_TOKENS), None)
        large = next((each for each in ours if each.tokens > LARGE_TOKENS), None)
        if small and large:
            warm = large.warm.medians[0] / small.warm.medians[0]
            bare = statistics.median(large.bare_ms) / statistics.median(small.bare_ms)
            grown |= {
                f"warm_growth_{order}": round(warm, 3),
                f"bare_growth_{order}": round(bare, 3),
            }
    return grown


def _at_large(contexts: Sequence[ContextFigures]) -> dict[str, float]:
    """Typing in the largest context, in each order, beside the peer."""
    largest = {context.fim_order: context for context in sorted(contexts, key=lambda it: it.tokens)}
    found: dict[str, float] = {}
    for order, context in largest.items():
        ours, theirs = context.typing.medians
        found |= {f"typing_large_{order}_ms": round(ours, 2)}
        found |= {f"plain_typing_large_{order}_ms": round(theirs, 2)}
    return found


def show(console: Console, figures: ShapeFigures) -> None:
    table = Table(
        title=f"{figures.shape}: ms to the first token, Sparrow | vLLM's server, and AsyncLLM alone",
        padding=(0, 0),
    )
    for heading in ("tokens", "order", "cold", "warm", "typing", "alone", "bytes/key"):
        table.add_column(heading, justify="right")
    for context in figures.contexts:
        table.add_row(
            str(context.tokens),
            context.fim_order,
            *(_side_by_side(pair) for pair in (context.cold, context.warm, context.typing)),
            _short(statistics.median(context.bare_ms)),
            f"{context.wire_bytes_per_key:.0f} | {statistics.median(context.plain_bytes):.0f}",
        )
    console.print(table)
    host_ms, bare_ms = figures.overhead.medians
    console.print(
        f"CPU per request {host_ms:.2f} ms, bare AsyncLLM {bare_ms:.2f} ms; "
        "tokens/s of bare: "
        + ", ".join(f"{pair.ratio:.2f} ({n} clients)" for n, pair in figures.throughput.items())
    )
    for each in figures.tokenization:
        console.print(
            f"tokenization at {each.tokens} tokens: {each.all_ms:.3f} ms a key, of which the "
            f"tail's text {each.encode_ms:.3f}; the whole text {each.whole_text_ms:.1f}"
        )


def _context_as_json(context: ContextFigures) -> dict[str, Any]:
    cold, warm, typing = context.cold, context.warm, context.typing
    return {
        "tokens": context.tokens,
        "plain_tokens": context.plain_tokens,
        "fim_order": context.fim_order,
        "samples": len(cold.sparrow) + len(warm.sparrow) + len(typing.sparrow),
        "ttft_cold_ms": round(cold.medians[0], 2),
        "ttft_warm_ms": round(warm.medians[0], 2),
        "ttft_typing_ms": round(typing.medians[0], 2),
        "ttft_plain_ms": round(typing.medians[1], 2),
        "ttft_bare_ms": round(statistics.median(context.bare_ms), 2),
        "ttft_plain_cold_ms": round(cold.medians[1], 2),
        "ttft_plain_warm_ms": round(warm.medians[1], 2),
        "ratio_warm": round(warm.ratio, 3),
        "ratio_typing": round(typing.ratio, 3),
        "wire_bytes_per_key": round(context.wire_bytes_per_key),
        "plain_bytes_per_key": round(statistics.median(context.plain_bytes)),
    }


def _side_by_side(pair: Pair) -> str:
    sparrow_ms, peer_ms = pair.medians
    return f"{_short(sparrow_ms)} | {_short(peer_ms)}"


def _short(value_ms: float) -> str:
    return f"{value_ms:.1f}" if value_ms < _ROUNDED_MS else f"{value_ms:.0f}"
