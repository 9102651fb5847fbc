"""The tables of `sparrow bench typing`, the peers' published figures beside."""

from __future__ import annotations

import statistics
from typing import Any

from rich.console import Console
from rich.table import Table

from lsp_server.bench.measure import percentile
from lsp_server.bench.typing_play import Played

# Measured on two cores with a backend that answers at once, in 2026; see the decisions in
# ARCHITECTURE.md. `shown` is from the last key on.
PEERS = (
    ("Tabby's agent", "366 ms", "507 ms", "-", "-"),
    ("Continue", "537 ms", "-", "-", "-"),
    ("llama.vscode", "147 ms in the editor, constant extension 106 ms", "-", "64", "594"),
)


def row_of(name: str, engine: str, delay_ms: float | None, played: Played) -> dict[str, Any]:
    """A trace in the JSON object; None where nothing was shown or accepted."""
    shown = played.shown_ms
    return {
        "name": name,
        "engine": engine,
        "engine_delay_ms": delay_ms,
        "samples": len(shown),
        "right": played.right,
        "keys": played.keys,
        "shown_p50_ms": round(statistics.median(shown), 2) if shown else None,
        "shown_p95_ms": round(percentile(shown, 0.95), 2) if shown else None,
        "requests": played.requests,
        "cancelled": played.cancelled,
        "tokens": played.tokens,
        "tokens_20ms_after_cancel": played.tokens_20ms_after_cancel,
        "wire_bytes": played.wire_bytes,
        "accepted_characters": played.accepted_characters,
        "tokens_per_accepted_char": (
            round(played.tokens / played.accepted_characters, 3)
            if played.accepted_characters
            else None
        ),
    }


def print_tables(console: Console, result: dict[str, Any]) -> None:
    table = Table(title=f"Typing: {result['characters']} characters at {result['places']} places")
    for heading in ("trace", "engine"):
        table.add_column(heading)
    for heading in (
        *("keys", "shown", "right", "p50 ms", "p95 ms"),
        *("requests", "cancelled", "kB", "tok/char"),
    ):
        table.add_column(heading, justify="right")
    for row in result["traces"]:
        delay = row["engine_delay_ms"]
        engine = row["engine"] if delay is None else f"{row['engine']} {delay:.0f} ms"
        table.add_row(
            row["name"],
            engine,
            *map(_cell, (row["keys"], row["samples"], row["right"])),
            *map(_cell, (row["shown_p50_ms"], row["shown_p95_ms"])),
            *map(_cell, (row["requests"], row["cancelled"], row["wire_bytes"] / 1000)),
            _cell(row["tokens_per_accepted_char"]),
        )
    console.print(table)
    console.print(
        f"request to response over stdio: from memory {_cell(result['cache_hit_p50_ms'])} ms, of an"
        f" instant engine {_cell(result['uncached_p50_ms'])} ms, a server that does nothing"
        f" {_cell(result['floor_p50_ms'])} ms (p50 of {result['samples']} each);"
        f" {result['tokens_20ms_after_cancel']} tokens later than 20 ms after"
        f" {result['cancels']} cancels"
    )
    if "editor_over_constant_ms" in result:
        console.print(
            f"in the real editor ghost text comes {result['editor_over_constant_ms']:.1f} ms later than"
            " that of an extension that says one thing (p50)"
        )
    peers = Table(title="Peers, 60 characters on two cores, instant backend (published figures)")
    for heading in ("", "shown after", "a cache hit after", "requests", "kB"):
        peers.add_column(heading)
    for peer in PEERS:
        peers.add_row(*peer)
    console.print(peers)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
