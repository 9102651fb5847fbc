"""What the benchmarks aim for, and whether their figures reach it. Pure.

An aim is one entry of `AIMS`. It stands on the page of figures and under the tables of the terminal
whether it is reached or not; `why` is what was found out about one that is missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Aim:
    """A bound for a figure of a benchmark's JSON: for the worst one, where a table has several."""

    says: str
    figure: str  # a key of the object, or of the rows of `table`
    most: float = float("inf")
    least: float = float("-inf")
    times: str = ""  # the figure in whose multiples the bound is given
    table: str = ""
    row: str = ""  # the `name` of the one row that is meant
    why: str = ""

    def value(self, result: Mapping[str, Any]) -> float | None:
        """The figure that counts, or None where it was not measured."""
        rows = [result]
        if self.table:
            rows = [it for it in result.get(self.table, ()) if self.row in {"", it.get("name")}]
        found = [value for row in rows if (value := self._of(row)) is not None]
        if not found:
            return None
        return max(found) if self.least == float("-inf") else min(found)

    def _of(self, row: Mapping[str, Any]) -> float | None:
        value, unit = row.get(self.figure), row.get(self.times) if self.times else 1
        return value / unit if value is not None and unit else None

    def is_reached_by(self, value: float) -> bool:
        return self.least <= value <= self.most


@dataclass(frozen=True, slots=True)
class Judgement:
    says: str
    value: float
    is_reached: bool
    why: str


def judge(name: str, result: Mapping[str, Any]) -> list[Judgement]:
    """The aims of a benchmark, in their order, as far as `result` has their figures."""
    return [
        Judgement(aim.says + of_shape, value, aim.is_reached_by(value), aim.why)
        for of_shape, figures in _shapes(result)
        for aim in AIMS.get(name, ())
        if (value := aim.value(figures)) is not None
    ]


def _shapes(result: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The engine's benchmark measures the same of several shapes of model."""
    shapes = result.get("shapes")
    if not shapes:
        yield "", result
    for shape in shapes or ():
        yield f" ({shape['shape']})", shape


_LIB, _MADE = "CPython's Lib", "20,000 made files"
_GROWTH_WHY = (
    "what vLLM's engine alone takes on a CPU grows by itself, as `bare growth` says: it attends to all"
    " that is cached"
)
_THROUGHPUT_WHY = "on two cores the host's own process takes its time from the engine's"
_COLD_WHY = (
    "of 8 s of CPU 3.7 are the parse and the query of the floor; 3.5 go to symbols, references and words,"
    " which are read in Python and written down, 0.7 to the start of processes. It would need an index"
    " without references or without full text"
)
_CONTEXT_WHY = (
    "that is the first one in a file that was not read before; ten lines on it takes what `context next`"
    " says. The slowest are files of thousands of lines that import dozens: a third is full text, and the"
    " rest names, symbols and the choice among a thousand lines"
)
_CLIENTS = (
    Aim("no completion given up", "given_up_share", 0),
    Aim("fair to each client: 0.95 of Jain's index", "fairness", least=0.95),
)

AIMS: Mapping[str, tuple[Aim, ...]] = {
    "keystroke": (
        Aim("a key within 3 times a server that does nothing", "p50_ms", 3, times="floor_p50_ms"),
        Aim("its start within 1.3 times that one's", "start_ms", 1.3, times="floor_start_ms"),
        Aim("under 1,000 bytes a key between server and host", "wire_bytes_per_key", 1000),
    ),
    "typing": (
        Aim("shown within 4 ms from the cache", "cache_hit_p50_ms", 4),
        Aim("shown within 10 ms of an engine that answers at once", "uncached_p50_ms", 10),
        Aim(
            "in the editor within 10 ms of an extension that says a constant",
            "editor_over_constant_ms",
            10,
        ),
        Aim("no token 20 ms after it is cancelled", "tokens_20ms_after_cancel", 0),
    ),
    "engine": (
        Aim(
            "warmed, 16k within 1.5 times 2k, prefix first", "warm_growth_psm", 1.5, why=_GROWTH_WHY
        ),
        Aim(
            "warmed, 16k within 1.5 times 2k, suffix first", "warm_growth_spm", 1.5, why=_GROWTH_WHY
        ),
        Aim("ahead of vLLM's own server, warmed, at every size", "ratio_warm", 1, table="contexts"),
        Aim(
            "ahead of vLLM's own server, typing, at every size", "ratio_typing", 1, table="contexts"
        ),
        Aim("the host adds under 3 ms of CPU to a request", "overhead_ms_per_request", 3),
        Aim("at least 0.9 of bare throughput", "throughput_ratio", least=0.9, why=_THROUGHPUT_WHY),
        Aim("a key under 500 bytes at every size", "wire_bytes_per_key", 500, table="contexts"),
        Aim(
            "a key's tokenization at 200k within 1.5 times 2k",
            "tokenize_encode_ms_200k",
            1.5,
            times="tokenize_encode_ms_2k",
        ),
    ),
    "context": (
        Aim("1.25 times the better baseline, lines", "ratio_to_best_line", least=1.25),
        Aim("1.25 times the better baseline, calls", "ratio_to_best_call", least=1.25),
    ),
    "index": (
        Aim(
            "a cold index at 0.75 of bare parse and query",
            "cold_ratio",
            least=0.75,
            table="repos",
            why=_COLD_WHY,
        ),
        Aim("usable within 0.5 s when warm", "warm_start_s", 0.5, table="repos"),
        Aim("an edit found within 10 ms, p95", "edit_visible_p95_ms", 10, table="repos"),
        Aim(
            f"a context within 10 ms in {_LIB}, p95",
            "context_p95_ms",
            10,
            table="repos",
            row=_LIB,
            why=_CONTEXT_WHY,
        ),
        Aim(
            f"a context within 15 ms in {_MADE}, p95",
            "context_p95_ms",
            15,
            table="repos",
            row=_MADE,
        ),
        Aim("the loop held for 10 ms at most, p99", "loop_lag_p99_ms", 10, table="repos"),
    ),
    "wren": (
        Aim(
            "1.5 times the lines of the suffix engine",
            "exact_match",
            least=1.5,
            times="exact_match_suffix_engine",
        ),
        Aim("95% of what is shown can stand there", "syntax_can_go_on_as_shown", least=0.95),
        Aim("the first token of a key within 40 ms", "ttft_typing_ms", 40),
        Aim("20 tokens within 150 ms", "complete20_ms", 150),
        Aim("1,500 new tokens within 1 s", "cold1500_ms", 1000),
        Aim("loaded within 1 s", "load_s", 1),
        Aim("under 400 MB of memory", "rss_mb", 400),
        Aim("at most 48 MB of weights", "weights_mb", 48),
        Aim("the engine adds at most 15% to the runtime's calls", "overhead_share", 0.15),
    ),
    "refactor": (
        Aim("listed within 50 ms in a file of 5,000 lines, p95", "listing_p95_ms", 50),
        Aim("a function extracted within 300 ms", "extract_p50_ms", 300),
        Aim(f"a rename across {_LIB} within 2 s", "rename_s", 2),
        Aim("an edit of 200 lines verified within 200 ms, p95", "verify_p95_ms", 200),
        Aim("at least 43 of 46 methods moved", "moved_methods_passed", least=43),
    ),
    "chat": (
        Aim("at the engine within 50 ms with the repository, p95", "send_to_engine_p95_ms", 50),
        Aim("the second turn under 2,000 bytes", "second_turn_wire_bytes", 2000),
    ),
    "fix": (
        Aim("at least 15 of QuixBugs' 40 with no chat model", "quixbugs_fixed", least=15),
        Aim("each within 2 minutes", "quixbugs_seconds_max", 120),
        Aim("the file among the first five for 80% of real issues", "localize_at_5", least=0.8),
        Aim("under 2 s beside models and tests, at 500 files", "overhead_s", 2),
        Aim("10,000 files taken and copied within 1 s", "snapshot_10k_s", 1),
    ),
    "clients": _CLIENTS,
    "clients-tiny": _CLIENTS,
    "soak": (
        Aim("no wrong text shown", "wrong_texts", 0),
        Aim("no edit lost", "lost_edits", 0),
        Aim("nothing edited wrongly", "wrong_edits", 0),
        Aim("nothing left unanswered", "unanswered", 0),
        Aim("never unreachable", "unreachable", 0),
        Aim("no process left behind", "leaked_processes", 0),
        Aim("no file or socket left behind", "leaked_files", 0),
        Aim("file descriptors flat", "fd_growth", 0),
    ),
}
