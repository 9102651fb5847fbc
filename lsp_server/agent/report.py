"""What a fix came to, as Markdown for the user. Pure.

Names of tests, reasons and output come from a model or a repository: they are shown as code, and can
neither make a link nor end the place that they stand in, or are letters alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lsp_server.agent.data import Evidence, Verdict

_MAX_NAMED = 20
_MARK = {
    Verdict.VERIFIED: "Verified",
    Verdict.PARTLY: "Partly verified",
    Verdict.UNVERIFIED: "Not verified",
    Verdict.REJECTED: "Rejected",
}


def as_markdown(
    best: Evidence | None,
    *,
    reason: str,
    tried: Sequence[Evidence],
    failing: Sequence[str],
    notes: Sequence[str],
    seconds: float,
) -> str:
    """The evidence for the change that is shown, or why there is none; and what was tried."""
    title = "No change was found" if best is None else _MARK[best.verdict]
    parts = [f"# {title}", _sentence(reason)]
    if best is not None:
        parts.append(f"Found by {_code(best.candidate.origin)}.")
        parts += _listed("Failed before, and pass now", best.passes_now)
        parts += _listed("Still fail", best.still_fails)
        parts += _listed("Passed before and now", best.also_ran)
        parts += _listed("Pass now and then, and decide nothing", best.flaky)
        parts += _listed("Checked without running anything", best.gates)
    else:
        parts += _listed("Fail", failing)
    if tried:
        counts = {it: sum(one.verdict is it for one in tried) for it in Verdict}
        told = ", ".join(f"{count} {it}" for it, count in counts.items() if count)
        what = "1 candidate was" if len(tried) == 1 else f"{len(tried)} candidates were"
        parts.append(f"{what} tried in {seconds:.0f} s: {told}.")
        parts += _listed(
            "Rejected, the last ones",
            [
                f"{it.candidate.origin}: {it.reason}"
                for it in tried
                if it.verdict is Verdict.REJECTED
            ][-_MAX_NAMED:],
        )
    parts += _listed("To know", notes)
    return "\n\n".join(parts) + "\n"


def _sentence(text: str) -> str:
    """A text of letters alone is no markup, and is read more easily as it is."""
    if re.fullmatch(r"[A-Za-z][A-Za-z ,;']*", text):
        return f"{text[0].upper()}{text[1:]}."
    return _code(text)


def _listed(title: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    shown = [f"- {_code(it)}" for it in names[:_MAX_NAMED]]
    if len(names) > _MAX_NAMED:
        shown.append(f"- and {len(names) - _MAX_NAMED} more")
    return [f"## {title}", "\n".join(shown)]


def _code(text: str) -> str:
    """A span of code that nothing in the text can end."""
    line = " ".join(text.split())
    line = "".join(it if it.isprintable() else "\N{REPLACEMENT CHARACTER}" for it in line)
    longest = max((len(it) for it in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    room = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{room}{line}{room}{fence}" if line else ""
