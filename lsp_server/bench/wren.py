"""How good and how fast wren is, beside the engine without weights and beside itself with less.

`--data DIR` holds `held-out.jsonl`, the held-out files of a corpus, `human-eval-infilling/`, and, if
others than those that come with Sparrow are to be measured, weights in `wren/`. The engine without
weights is shown the same files whole, since its context has no bound; wren, which it proposes for, may
search them. A line is judged as the engine answers it, and as an editor is shown it: not where it
breaks the block that it would stand in.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from inference import engines as all_engines
from inference.engines.base import Engine
from inference.engines.proposing import ProposingEngine
from inference.engines.suffix import SuffixEngine
from inference.engines.wren import COPYING, WrenEngine
from inference.engines.wren_package import DESCRIPTION, GRAPH, TOKENIZER, WEIGHTS
from inference.errors import InferenceError
from inference.prompt import Prompt
from inference.protocol import Priority
from inference.sampling import Sampling
from inference.wren.corpus import HELD_OUT
from lsp_server.bench import wren_programs
from lsp_server.bench.measure import CouldNotRun
from lsp_server.bench.wren_cross_file import call_of, cross_file_tasks
from lsp_server.bench.wren_tasks import (
    FunctionTask,
    LineTask,
    bounded_prompt,
    function_prompt,
    function_tasks,
    line_tasks,
    whole_prompt,
)
from lsp_server.edits.completed_line import breaks_syntax
from lsp_server.edits.python_source import is_python
from lsp_server.workspace.documents import split_lines

__all__ = ["CouldNotRun", "run"]

LINE_TOKENS = 48
WREN, SHOWN, NO_CONTEXT = "wren", "wren, as it is shown", "wren, no other files"
NOT_PROPOSED, ALONE = "wren, nothing proposed", "wren, nothing proposed or copied"
SUFFIX = "suffix engine"
_QUICK_LINES, _LINES = 48, 480
_QUICK_FUNCTIONS = 40
_QUICK_REPETITIONS, _REPETITIONS = 2, 5


Rows = Mapping[str, tuple[Engine[Any], Callable[[LineTask], Prompt[Any]]]]
"""What is compared, by name: an engine, and the prompt that it is given for a task."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What came of the line tasks with one engine: shares of 1."""

    shown: float
    exact_match: float
    edit_similarity: float
    syntax_valid: float | None  # of those shown; None where nothing was
    can_go_on: float | None  # the same, where what it opens may be closed by going on typing


async def run(console: Console, *, quick: bool, data: Path | None) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    if data is None:
        raise CouldNotRun("it needs `--data DIR` with held-out files and HumanEval-Infilling")
    weights = data / "wren" if (data / "wren" / DESCRIPTION).is_file() else WEIGHTS
    lines = line_tasks(data / HELD_OUT, _QUICK_LINES if quick else _LINES)
    functions = function_tasks(data, _QUICK_FUNCTIONS if quick else None)
    cross_file = cross_file_tasks(data, lambda text: console.print(text, style="dim"), quick=quick)
    speed = await _speed(weights, _QUICK_REPETITIONS if quick else _REPETITIONS)
    wren = all_engines.create(f"wren:{weights}", {})
    assert isinstance(wren, ProposingEngine)
    model, alone, suffix = wren.model, WrenEngine(weights, {COPYING: False}), SuffixEngine()
    engines: tuple[Engine[Any], ...] = (wren, alone, suffix)
    for engine in engines:
        try:
            await engine.load(lambda _what, _share: None)
        except InferenceError as error:
            raise CouldNotRun(f"{error.message}. {error.hint}") from error
    rows: Rows = {
        WREN: (wren, lambda task: bounded_prompt(task, wren, with_others=True)),
        NOT_PROPOSED: (model, lambda it: bounded_prompt(it, model, with_others=True)),
        NO_CONTEXT: (wren, lambda it: bounded_prompt(it, wren, with_others=False)),
        ALONE: (alone, lambda it: bounded_prompt(it, alone, with_others=True)),
        SUFFIX: (suffix, lambda task: whole_prompt(task, suffix)),
    }
    try:
        answers = await _answers(console, "lines", rows, lines)
        asked = {name: rows[name] for name in (WREN, NOT_PROPOSED, NO_CONTEXT, SUFFIX)}
        across = {
            (name, kind): its
            for kind, tasks in cross_file.items()
            for name, its in (await _answers(console, f"{kind}s", asked, tasks)).items()
        }
        passed = await _passed(console, wren, functions)
    finally:
        for engine in engines:
            await engine.close()
    answers[SHOWN] = [
        "" if breaks(task, line) else line for task, line in zip(lines, answers[WREN], strict=True)
    ]
    figures = {name: _judged(lines, its) for name, its in answers.items()}
    matches = {key: _matched(key[1], cross_file[key[1]], its) for key, its in across.items()}
    _show(console, figures, passed, speed)
    _show_across(console, matches)
    return _as_json(weights, figures, passed, speed) | {
        "cross_file": [
            {
                "name": name,
                "exact_lines": round(matches[name, "line"], 4),
                "exact_calls": round(matches[name, "call"], 4),
            }
            for name in dict.fromkeys(name for name, _ in matches)
        ],
        "samples": {
            "lines": len(lines),
            "functions": len(functions),
            **{f"cross_file_{kind}s": len(tasks) for kind, tasks in cross_file.items()},
        },
        "isolation": wren_programs.isolation(),
    }


async def _answers(
    console: Console, what: str, rows: Rows, tasks: Sequence[LineTask]
) -> dict[str, list[str]]:
    """By name. Each task is asked of all in turn: those that share a model read its prompt once."""
    answers: dict[str, list[str]] = {name: [] for name in rows}
    for task in track(tasks, what, console=console, transient=True):
        for name, (engine, prompt) in rows.items():
            answers[name].append(await _answer(engine, prompt(task)))
    return answers


def _judged(tasks: Sequence[LineTask], answers: Sequence[str]) -> Lines:
    matched = similar = 0.0
    parsed: list[bool] = []
    unbroken: list[bool] = []
    for task, shown in zip(tasks, answers, strict=True):
        matched += shown == task.line
        similar += difflib.SequenceMatcher(None, shown, task.line, autojunk=False).ratio()
        if shown and is_python(task.file_with(task.line)):
            parsed.append(is_python(task.file_with(shown)))
            unbroken.append(not breaks(task, shown))
    count = len(tasks)
    shown_share = sum(map(bool, answers)) / count
    return Lines(
        shown_share,
        matched / count,
        similar / count,
        statistics.fmean(parsed) if parsed else None,
        statistics.fmean(unbroken) if unbroken else None,
    )


def _matched(kind: str, tasks: Sequence[LineTask], answers: Sequence[str]) -> float:
    """The share of exact matches; of a call no more counts than up to where it closes."""
    cut = call_of if kind == "call" else str
    return statistics.fmean(
        cut(answer) == cut(task.line) for task, answer in zip(tasks, answers, strict=True)
    )


def breaks(task: LineTask, line: str) -> bool:
    """As the completion feature asks before it shows a line."""
    before, behind = split_lines(task.before), split_lines(task.after)
    return breaks_syntax(before, line, behind)


async def _passed(console: Console, engine: Engine[Any], tasks: Sequence[FunctionTask]) -> float:
    """The share of HumanEval's functions that pass their tests with the engine's line in them."""
    passed = 0
    for task in track(tasks, "HumanEval-Infilling", console=console, transient=True):
        line = await _answer(engine, function_prompt(task)) + "\n"
        if line.strip():
            passed += await asyncio.to_thread(wren_programs.ends_well, task.program(line))
    return passed / len(tasks)


async def _answer(engine: Engine[Any], prompt: Prompt[Any]) -> str:
    """The first line of what the engine answers that is not blank."""
    text = ""
    pieces = engine.generate(prompt, Sampling(max_tokens=LINE_TOKENS), Priority.COMPLETION)
    async for piece in pieces:
        text += piece.text
        if "\n" in text.lstrip("\n"):
            break
    await pieces.aclose()
    return text.lstrip("\n").partition("\n")[0].rstrip()


async def _speed(weights: Path, repetitions: int) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "lsp_server.bench.wren_speed"),
        *(str(weights), str(repetitions)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    answer, errors = await process.communicate()
    if process.returncode:
        said = errors.decode("utf-8", "replace").strip().splitlines()
        raise CouldNotRun(said[-1] if said else "the process that measures the speed failed")
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return found


def _show(
    console: Console, figures: dict[str, Lines], passed: float, speed: dict[str, Any]
) -> None:
    table = Table("next line", "shown", "exact", "edit similarity", "parses", "parses, closed")
    for name, its in figures.items():
        table.add_row(
            name,
            f"{its.shown:.0%}",
            f"{its.exact_match:.1%}",
            f"{its.edit_similarity:.3f}",
            *("none" if it is None else f"{it:.1%}" for it in (its.syntax_valid, its.can_go_on)),
        )
    console.print(table)
    how = wren_programs.isolation()
    console.print(f"HumanEval-Infilling, single line: {passed:.1%} pass (isolated by {how})")
    if how != "bubblewrap":
        console.print("bubblewrap is not there: the programs ran with less between them and us.")
    for name, value in speed.items():
        console.print(f"{name} {value}")


def _show_across(console: Console, matches: Mapping[tuple[str, str], float]) -> None:
    table = Table("what needs another file, exact", "lines", "calls")
    for name in dict.fromkeys(name for name, _ in matches):
        table.add_row(name, f"{matches[name, 'line']:.1%}", f"{matches[name, 'call']:.1%}")
    console.print(table)


def _as_json(
    weights: Path, figures: dict[str, Lines], passed: float, speed: dict[str, Any]
) -> dict[str, Any]:
    described = json.loads((weights / DESCRIPTION).read_text(encoding="utf-8"))
    files = sum((weights / name).stat().st_size for name in (GRAPH, TOKENIZER, DESCRIPTION))
    wren, suffix, shown = figures[WREN], figures[SUFFIX], figures[SHOWN]
    return {
        "name": "wren",
        "parameters": described["parameters"],
        "weights_mb": round(files / 1e6, 1),
        "exact_match": round(wren.exact_match, 4),
        "exact_match_suffix_engine": round(suffix.exact_match, 4),
        "exact_match_no_context": round(figures[NO_CONTEXT].exact_match, 4),
        "exact_match_not_proposed": round(figures[NOT_PROPOSED].exact_match, 4),
        "exact_match_not_proposed_or_copied": round(figures[ALONE].exact_match, 4),
        "exact_match_as_shown": round(shown.exact_match, 4),
        "shown": round(shown.shown, 4),
        "syntax_valid_as_shown": _rounded(shown.syntax_valid),
        "syntax_can_go_on_as_shown": _rounded(shown.can_go_on),
        "edit_similarity": round(wren.edit_similarity, 4),
        "edit_similarity_suffix_engine": round(suffix.edit_similarity, 4),
        "syntax_valid": _rounded(wren.syntax_valid),
        "humaneval_single_line_pass1": round(passed, 4),
        **speed,
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
