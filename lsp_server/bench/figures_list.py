"""The benchmarks of the page, in its order: one entry for each, and what peers say of the same.

A benchmark that comes is one entry more: its tables are made of its JSON. `beside` names for a figure
the one that it is compared with, the floor or the peer in the same run; `bars` are plotted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Listed:
    name: str  # as its JSON has it
    title: str
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    bars: Mapping[str, str] = field(default_factory=dict[str, str])  # label to key
    unit: str = "ms"  # of the bars, which stands below the title
    peers: tuple[str, ...] = ()  # published, or read in their sources: with where
    arguments: tuple[str, ...] = ()  # of `sparrow bench`, where the name alone does not say it

    @property
    def command(self) -> tuple[str, ...]:
        return self.arguments or (self.name,)


_CLIENTS_BESIDE = {"p50_ms": "floor_p50_ms", "with_chats_p50_ms": "p50_ms"}
_CLIENTS_BARS = {
    "one client alone": "floor_p50_ms",
    "all clients": "p50_ms",
    "all clients, with chats": "with_chats_p50_ms",
}
_CLIENTS_UNIT = "ms for a completion, median"

LISTED = (
    Listed(
        "keystroke",
        "A keystroke beside the engine",
        beside={
            "p50_ms": "floor_p50_ms",
            "p95_ms": "floor_p95_ms",
            "start_ms": "floor_start_ms",
        },
        bars={"Sparrow": "p50_ms", "a server that does nothing": "floor_p50_ms"},
        unit="ms from a key to its answer, median",
    ),
    Listed(
        "typing",
        "From the key to the ghost text",
        bars={
            "known already": "cache_hit_p50_ms",
            "asked of an engine that answers at once": "uncached_p50_ms",
            "a server that does nothing": "floor_p50_ms",
        },
        unit="ms from a key to the text, median",
        peers=(
            (
                "Delays before a request is sent: Continue 350 ms; Tabby 100 to 1,000 ms, by how fast one"
                " types; llama.vscode none. (Their sources, 2026.)"
            ),
            "Copilot shows nothing before 200 ms; Zed asks every 300 ms at most. (Their sources, 2026.)",
        ),
    ),
    Listed(
        "engine",
        "The host beside vLLM's own server",
        beside={
            "typing_large_psm_ms": "plain_typing_large_psm_ms",
            "typing_large_spm_ms": "plain_typing_large_spm_ms",
        },
        bars={
            "Sparrow": "typing_large_spm_ms",
            "vLLM's own server": "plain_typing_large_spm_ms",
            "Sparrow, prefix first": "typing_large_psm_ms",
            "vLLM's own server, prefix first": "plain_typing_large_psm_ms",
        },
        unit="ms from a key to the first token behind the largest context, suffix first, median",
        peers=(
            (
                "Sweep reports 1,500 ms in the median with vLLM's defaults, and 94 ms tuned, with n-gram "
                "speculation, on its own model and hardware. (Its blog.)"
            ),
            "No peer runs vLLM within its process; all speak HTTP to it. (Their sources, 2026.)",
        ),
    ),
    Listed(
        "context",
        "What the context shows of the names that code needs",
        bars={
            "Sparrow": "recall_line_2000",
            "Jaccard windows": "baseline_jaccard_line_2000",
            "BM25 windows": "baseline_bm25_line_2000",
        },
        unit="share of the names that the next line needs and only other files have, in 2,000 tokens",
        peers=(
            (
                "Copilot ranks 60-line windows by Jaccard similarity and takes four; llama.vscode keeps a"
                " ring of 16 chunks of 64 lines; Tabby takes 5 declarations and 3 snippets. The baselines"
                " are made after these. (Their sources, 2026.)"
            ),
        ),
    ),
    Listed("index", "The index"),
    Listed(
        "wren",
        "The embedded model",
        beside={
            "exact_match": "exact_match_suffix_engine",
        },
        bars={
            "the first token of a key": "ttft_typing_ms",
            "20 tokens": "complete20_ms",
            "a prompt of 1,500 new tokens": "cold1500_ms",
        },
        unit="ms on this machine's CPU, median",
        peers=(
            (
                "JetBrains' full-line completion has a model of 100 million parameters and takes about "
                "150 ms. (arXiv 2405.08704.)"
            ),
        ),
    ),
    Listed(
        "refactor",
        "Refactors of Python",
        beside={"extract_p50_ms": "rope_extract_p50_ms"},
        bars={"Sparrow": "extract_p50_ms", "rope alone": "rope_extract_p50_ms"},
        unit="ms to extract a function, median",
    ),
    Listed(
        "chat",
        "The chat",
        beside={
            "send_to_engine_p50_ms": "floor_p50_ms",
            "send_to_engine_p95_ms": "floor_p95_ms",
        },
        bars={
            "from the question to the first word": "send_to_engine_p95_ms",
            "a request that does nothing": "floor_p95_ms",
        },
        unit="ms with the whole repository and an engine that answers at once, 95th percentile",
    ),
    Listed(
        "fix",
        "Fixing issues",
        bars={"QuixBugs fixed": "quixbugs_fixed", "of those tried": "quixbugs_tried"},
        unit="programs of QuixBugs, with no chat model",
    ),
    Listed(
        "clients",
        "Sixty-four clients on one host",
        beside=_CLIENTS_BESIDE,
        bars=_CLIENTS_BARS,
        unit=_CLIENTS_UNIT,
    ),
    Listed(
        "clients-tiny",
        "Sixty-four clients on one vLLM, with a tiny checkpoint",
        beside=_CLIENTS_BESIDE,
        bars=_CLIENTS_BARS,
        unit=_CLIENTS_UNIT,
        arguments=("clients", "--model", "tiny"),
    ),
    Listed("soak", "An hour of abuse"),
)
