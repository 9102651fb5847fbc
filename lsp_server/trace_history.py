"""What a user can do about a verdict, and the requests before the last one, as Markdown."""

from __future__ import annotations

import time

from lsp_server.trace import Trace, Traces, Verdict, explain, inline_code

_LISTED = 12
_TO_DO = {
    Verdict.DISABLED: "Click *Sparrow* in the status bar to turn the language on.",
    Verdict.EXCLUDED: "`.gitignore` and `.sparrowignore` say what is left out, and names that look"
    " like secrets.",
    Verdict.NOT_READY: "The status bar says how the model is; *Sparrow: Run Doctor* looks deeper.",
    Verdict.NO_IDEA: "Nothing is wrong. *Trigger Inline Suggestion* asks once more, by hand.",
    Verdict.LATE: "What it says goes on being written, and is shown at the next key. *Sparrow: Let"
    " Completions Take Longer* has the editor wait; a smaller model is faster.",
    Verdict.FAILED: "*Sparrow: Show Output* has the reason in full, and *Sparrow: Run Doctor* looks"
    " for it.",
    Verdict.BREAKS_SYNTAX: "Where the line would be right after all, *Sparrow: Export Completion"
    " Trace…* holds what the model wrote.",
}


def explain_last(traces: Traces) -> str:
    """The newest request that was not merely overtaken by typing, what to do, and those before."""
    last = traces.last
    told = explain(last)
    if last is None:
        return told
    if to_do := _TO_DO.get(last.verdict or Verdict.SHOWN):
        headline, table, rest = told.partition("\n\n| | |")
        told = f"{headline}\n\n{to_do}{table}{rest}"
    rows = [_row(it) for it in reversed(list(traces)[-_LISTED:])]
    heads = ("When", "Line", "Verdict", "Answered", "Prompt", "Cached", "Written")
    table = "\n".join(
        f"| {' | '.join(row)} |" for row in (heads, ("---", "---", "---", *["---:"] * 4), *rows)
    )
    return f"{told}\n## The last requests\n\n{table}\n"


def _row(trace: Trace) -> tuple[str, ...]:
    return (
        time.strftime("%H:%M:%S", time.localtime(trace.at)),
        f"{inline_code(trace.path.rpartition('/')[2])} {trace.line + 1}",
        str(trace.verdict or "under way"),
        f"{trace.total_ms:.1f} ms" if trace.ended else "-",
        "-" if trace.prompt_tokens is None else f"{trace.prompt_tokens:,}",
        "-" if trace.cached_tokens is None else f"{trace.cached_tokens:,}",
        f"{trace.generated_tokens:,}",
    )
