"""Traces: what is kept of a completion, and how it is told."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from lsp_server import trace
from lsp_server.trace import Trace, Traces, Verdict, explain

LOCAL_TIME = (2026, 1, 2, 3, 4, 5, 0, 2, 0)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "localtime", lambda _: LOCAL_TIME)


def made(verdict: Verdict | None = None, detail: str = "", **fields: Any) -> Trace:
    given: dict[str, Any] = {
        "path": "src/a.py",
        "line": 6,
        "column": 2,
        "trigger": "typing",
        "model": "suffix",
    }
    one = Trace(**(given | fields))
    one.verdict, one.detail = verdict, detail
    return one


SHOWN = """\
# Last completion

**A completion was shown.**

| | |
|---|---|
| When | 03:04:05 |
| Where | `src/a.py`, line 7, column 3 |
| Trigger | typing |
| Model | `suffix` |
| Text from | the model |
| Context ready | after 0.3 ms |
| First token | after 12.0 ms |
| Answered | after 20.5 ms |
| Prompt | 900 tokens, 880 of them from the cache |
| Tokens generated | 4 |
| Characters shown | 11 |
"""
NOT_READY = """\
# Last completion

**The model is not ready: the model is still loading.**

| | |
|---|---|
| When | 03:04:05 |
| Where | `src/a.py`, line 7, column 3 |
| Trigger | asked for |
| Model | `suffix` |
| Text from | the model |
| Context ready | after 0.3 ms |
| First token | - |
| Answered | after 0.0 ms |
| Prompt | - |
| Tokens generated | 0 |
| Characters shown | 0 |
"""


def test_a_completion_that_was_shown() -> None:
    shown = made(
        Verdict.SHOWN,
        context_ms=0.3,
        first_token_ms=12,
        total_ms=20.46,
        prompt_tokens=900,
        cached_tokens=880,
        generated_tokens=4,
        shown_characters=11,
    )
    assert explain(shown) == SHOWN


def test_a_completion_that_was_not() -> None:
    refused = made(
        Verdict.NOT_READY, "the model is still loading", trigger="asked for", context_ms=0.3
    )
    assert explain(refused) == NOT_READY


def test_what_was_left_out_and_warmed_up_is_told_where_it_was() -> None:
    told = explain(made(Verdict.SHOWN, left_out="b|.py, lines 1 to 9", warmed_up=True))
    assert "| Left out | b\\|.py, lines 1 to 9 |\n| Warmed up | before the request |\n" in told
    assert len(told.splitlines()) == len(SHOWN.splitlines()) + 2


def test_what_the_filters_did_is_told_where_they_did() -> None:
    told = explain(
        made(
            Verdict.SHOWN,
            extent="a block: below what opens one",
            waited_ms=104.4,
            wait="keys come every 80 ms, answers take 200 ms",
            stopped="the block ended, 12 characters left out",
            cuts=("3 characters that the rest of the line has, or over the limit of lines",),
            mean_logprob=-0.256,
        )
    )
    for row in (
        "| Wanted | a block: below what opens one |",
        "| Waited | for the next key, 104 ms: keys come every 80 ms, answers take 200 ms |",
        "| Ended when | the block ended, 12 characters left out |",
        "| Cut | 3 characters that the rest of the line has, or over the limit of lines |",
        "| Mean log-probability | -0.26 |",
    ):
        assert row in told.splitlines()
    assert len(told.splitlines()) == len(SHOWN.splitlines()) + 5


def test_before_any_request() -> None:
    assert explain(None) == "# Last completion\n\nNo completion has been asked for yet.\n"


def test_during_a_request() -> None:
    assert "**It is still under way.**" in explain(made())


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_a_sentence(verdict: Verdict) -> None:
    (said,) = re.findall(r"\*\*(.*)\*\*", explain(made(verdict)))
    assert said == verdict.value[0].upper() + verdict.value[1:] + "."


HOSTILE = [
    "[click](command:workbench.action.quit)",
    "![x](http://example.invalid/x.png)",
    "<img src=x onerror=alert(1)>",
    "**bold** `code` _it_ ~~no~~ # title",
    "a | b | c",
    "first\n\n# second\n- third\r\nfourth\u2028fifth",
    "\\[a](b)",
    "`` ` ```",
    "$(command) <https://example.invalid>",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_words_from_outside_stay_words(words: str) -> None:
    said = explain(made(Verdict.FAILED, detail=words))
    (headline,) = (line for line in said.splitlines() if line.startswith("**The model"))
    assert len(said.splitlines()) == len(NOT_READY.splitlines())
    plain = headline.removeprefix("**").removesuffix(".**")
    assert re.search(r"(?<!\\)(?:\\\\)*[\[\]<>`*_|#!]", plain) is None
    shown = re.sub(r"\\(.)", r"\1", plain)
    assert shown.endswith(" ".join(words.split()))


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("field", ["path", "model"])
def test_names_from_outside_stay_code(field: str, words: str) -> None:
    said = explain(made(Verdict.SHOWN, **{field: words}))
    row = next(
        it for it in said.splitlines() if it.startswith(("| Where", "| Model")[field == "model"])
    )
    assert len(said.splitlines()) == len(SHOWN.splitlines())
    cells = re.split(r"(?<!\\)\|", row)
    assert len(cells) == 4
    code = re.fullmatch(r" `([^`]*)`(, line 7, column 3)? ", cells[2])
    assert code is not None
    assert code[1].replace("\\|", "|") == " ".join(words.replace("`", "'").split())


def test_a_trace_ends_once_it_has_a_verdict() -> None:
    one = made()
    before = one.ended
    one.end(Verdict.STALE, "why")
    assert (before, one.ended) == (False, True)
    assert (one.verdict, one.detail) == (Verdict.STALE, "why")
    assert one.total_ms > 0


def test_the_last_is_the_newest_that_typing_did_not_overtake() -> None:
    assert Traces().last is None
    traces = Traces()
    pending = traces.add(made())
    assert traces.last is pending
    shown = traces.add(made(Verdict.SHOWN))
    for overtaken in (Verdict.CANCELLED, Verdict.SUPERSEDED, Verdict.STALE, None):
        traces.add(made(overtaken))
        assert traces.last is shown
    late = traces.add(made(Verdict.LATE))
    assert traces.last is late


def test_where_typing_overtook_all_the_newest_is_the_last() -> None:
    traces = Traces()
    traces.add(made(Verdict.CANCELLED))
    newest = traces.add(made(Verdict.SUPERSEDED))
    assert traces.last is newest


def test_only_so_many_are_kept() -> None:
    traces = Traces()
    shown = traces.add(made(Verdict.SHOWN))
    for _ in range(trace.KEPT_TRACES - 1):
        traces.add(made(Verdict.CANCELLED))
    assert traces.last is shown
    newest = traces.add(made(Verdict.CANCELLED))
    assert traces.last is newest


def test_no_field_could_hold_code() -> None:
    """Of the texts that a request goes through, none is kept: paths are, and names."""
    texts = {name for name, kind in Trace.__annotations__.items() if "str" in str(kind)}
    named = {"path", "trigger", "model", "language", "detail", "shown_files", "left_out"}
    in_our_words = {"extent", "wait", "stopped", "cuts"}
    assert texts == named | in_our_words
