"""Which of the candidates that were tried is shown. Pure.

What was rejected is never chosen, nor a template that suits some parameters of a test and not the
others: of thousands that were tried one does so by chance. Of the others the better verdict comes
first, then what breaks least, what most candidates agree on, what changes fewer lines, what was thought
likelier, and what changes fewer characters.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from lsp_server.agent.data import Evidence, Verdict
from lsp_server.agent.patch import size_of_change
from lsp_server.edits.python_source import parse_python

_RANK = {Verdict.VERIFIED: 0, Verdict.PARTLY: 1, Verdict.UNVERIFIED: 2}


def select(
    evidence: Iterable[Evidence], before: Callable[[str], str | None] = lambda _: None
) -> Evidence | None:
    """The best of what may be shown, or None; `before` gives the text that a file had."""
    ranked = rank(evidence, before)
    return ranked[0] if ranked else None


def rank(
    evidence: Iterable[Evidence], before: Callable[[str], str | None] = lambda _: None
) -> list[Evidence]:
    """What may be shown, the best first. In whichever order the same comes, the same comes out."""
    shown = [it for it in evidence if it.verdict in _RANK and not _suits_some_parameters_alone(it)]
    forms = [_normal_form(it.candidate.files) for it in shown]
    votes = Counter(zip((it.verdict for it in shown), forms, strict=True))

    def key(at: int) -> tuple[object, ...]:
        it = shown[at]
        lines, characters = size_of_change(it.candidate.files, before)
        return (
            _RANK[it.verdict],
            len(it.regressed),
            len(it.still_fails),
            -votes[it.verdict, forms[at]],
            lines,
            -it.candidate.score,
            characters,
            it.candidate.origin,
            sorted(it.candidate.files.items()),
        )

    return [shown[at] for at in sorted(range(len(shown)), key=key)]


def _suits_some_parameters_alone(it: Evidence) -> bool:
    by = it.candidate.origin.partition(":")[0]
    if it.verdict is not Verdict.PARTLY or "template" not in by:
        return False
    mended, others = (
        {test.partition("[")[0] for test in ids} for ids in (it.passes_now, it.still_fails)
    )
    return not mended.isdisjoint(others)


def _normal_form(files: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The same for what differs in comments, blanks and line breaks alone."""
    return tuple((path, _normal_text(path, text)) for path, text in sorted(files.items()))


def _normal_text(path: str, text: str) -> str:
    if path.endswith(".py"):
        tree = parse_python(text)
        if not isinstance(tree, SyntaxError):
            return ast.dump(tree)
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
