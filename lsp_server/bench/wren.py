"""How good and how fast wren is, beside the engine without weights and beside itself with less.

`--data DIR` holds `held-out.jsonl`, the held-out files of a corpus, `human-eval-infilling/`, and, if
others than those that come with Sparrow are to be measured, weights in `wren/`. The engine without
weights is shown the same files whole, since its context has no bound.
"""

from __future__ import annotations

import ast
import asyncio
import difflib
import json
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from inference.engines.base import Engine
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
from lsp_server.bench.wren_tasks import (
    FunctionTask,
    LineTask,
    bounded_prompt,
    function_prompt,
    function_tasks,
    line_tasks,
    whole_prompt,
)

__all__ = ["CouldNotRun", "run"]

LINE_TOKENS = 48
WREN, NO_CONTEXT, ALONE = "wren", "wren, no other files", "wren, model alone"
SURE = "wren, where it is sure"
SURE_FROM = 0.75
SUFFIX, COMBINED = "suffix engine", "suffix engine, else wren"
_QUICK_LINES, _LINES = 48, 240
_QUICK_FUNCTIONS = 40
_QUICK_REPETITIONS, _REPETITIONS = 2, 5


@dataclass(frozen=True, slots=True)
class Answer:
    line: str
    certainty: float  # the geometric mean of its tokens' chances; 1 where the engine tells none


@dataclass(frozen=True, slots=True)
class Lines:
    """What came of the line tasks with one engine: shares of 1."""

    shown: float
    exact_match: float
    edit_similarity: float
    syntax_valid: float | None  # of those shown; None where nothing was


async def run(console: Console, *, quick: bool, data: Path | None) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    if data is None:
        raise CouldNotRun("it needs `--data DIR` with held-out files and HumanEval-Infilling")
    weights = data / "wren" if (data / "wren" / DESCRIPTION).is_file() else WEIGHTS
    lines = line_tasks(data / HELD_OUT, _QUICK_LINES if quick else _LINES)
    functions = function_tasks(data, _QUICK_FUNCTIONS if quick else None)
    speed = await _speed(weights, _QUICK_REPETITIONS if quick else _REPETITIONS)
    wren, alone = WrenEngine(weights, {}), WrenEngine(weights, {COPYING: False})
    suffix = SuffixEngine()
    engines: tuple[Engine[Any], ...] = (wren, alone, suffix)
    for engine in engines:
        try:
            await engine.load(lambda _what, _share: None)
        except InferenceError as error:
            raise CouldNotRun(f"{error.message}. {error.hint}") from error
    rows: dict[str, tuple[Engine[Any], Callable[[LineTask], Prompt[Any]]]] = {
        WREN: (wren, lambda task: bounded_prompt(task, wren, with_others=True)),
        NO_CONTEXT: (wren, lambda it: bounded_prompt(it, wren, with_others=False)),
        ALONE: (alone, lambda it: bounded_prompt(it, alone, with_others=True)),
        SUFFIX: (suffix, lambda task: whole_prompt(task, suffix)),
    }
    try:
        answers = {
            name: await _lines(console, name, engine, lines, prompt)
            for name, (engine, prompt) in rows.items()
        }
        passed = await _passed(console, wren, functions)
    finally:
        for engine in engines:
            await engine.close()
    shown = {name: [answer.line for answer in its] for name, its in answers.items()}
    shown[SURE] = [it.line if it.certainty >= SURE_FROM else "" for it in answers[WREN]]
    # The engine without weights shows little, and is mostly right: wren may fill in for the rest.
    shown[COMBINED] = [
        first or second for first, second in zip(shown[SUFFIX], shown[WREN], strict=True)
    ]
    figures = {name: _judged(lines, answers) for name, answers in shown.items()}
    _show(console, figures, passed, speed)
    return _as_json(weights, figures, passed, speed) | {
        "samples": {"lines": len(lines), "functions": len(functions)},
        "isolation": wren_programs.isolation(),
    }


async def _lines(
    console: Console,
    name: str,
    engine: Engine[Any],
    tasks: Sequence[LineTask],
    prompt: Callable[[LineTask], Prompt[Any]],
) -> list[Answer]:
    return [
        await _answer(engine, prompt(task))
        for task in track(tasks, f"lines: {name}", console=console, transient=True)
    ]


def _judged(tasks: Sequence[LineTask], answers: Sequence[str]) -> Lines:
    matched = similar = 0.0
    parsed: list[bool] = []
    for task, shown in zip(tasks, answers, strict=True):
        matched += shown == task.line
        similar += difflib.SequenceMatcher(None, shown, task.line, autojunk=False).ratio()
        if shown and _parses(task.file_with(task.line)):
            parsed.append(_parses(task.file_with(shown)))
    count = len(tasks)
    shown_share = sum(map(bool, answers)) / count
    return Lines(
        shown_share, matched / count, similar / count, sum(parsed) / len(parsed) if parsed else None
    )


async def _passed(console: Console, engine: Engine[Any], tasks: Sequence[FunctionTask]) -> float:
    """The share of HumanEval's functions that pass their tests with the engine's line in them."""
    passed = 0
    for task in track(tasks, "HumanEval-Infilling", console=console, transient=True):
        line = (await _answer(engine, function_prompt(task))).line + "\n"
        if line.strip():
            passed += await asyncio.to_thread(wren_programs.ends_well, task.program(line))
    return passed / len(tasks)


async def _answer(engine: Engine[Any], prompt: Prompt[Any]) -> Answer:
    """The first line of what the engine answers that is not blank."""
    told = engine.capabilities.logprobs
    sampling = Sampling(max_tokens=LINE_TOKENS, logprobs=0 if told else None)
    text = ""
    logprobs: list[float] = []
    pieces = engine.generate(prompt, sampling, Priority.COMPLETION)
    async for piece in pieces:
        text += piece.text
        logprobs += [it.logprob for it in piece.logprobs]
        if "\n" in text.lstrip("\n"):
            break
    await pieces.aclose()
    line = text.lstrip("\n").partition("\n")[0].rstrip()
    return Answer(line, math.exp(statistics.fmean(logprobs)) if logprobs else 1.0)


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


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
    table = Table("next line", "shown", "exact match", "edit similarity", "syntax valid")
    for name, its in figures.items():
        valid = "none" if its.syntax_valid is None else f"{its.syntax_valid:.1%}"
        table.add_row(
            name, f"{its.shown:.0%}", f"{its.exact_match:.1%}", f"{its.edit_similarity:.3f}", valid
        )
    console.print(table)
    how = wren_programs.isolation()
    console.print(f"HumanEval-Infilling, single line: {passed:.1%} pass (isolated by {how})")
    if how != "bubblewrap":
        console.print("bubblewrap is not there: the programs ran with less between them and us.")
    for name, value in speed.items():
        console.print(f"{name} {value}")


def _as_json(
    weights: Path, figures: dict[str, Lines], passed: float, speed: dict[str, Any]
) -> dict[str, Any]:
    described = json.loads((weights / DESCRIPTION).read_text(encoding="utf-8"))
    files = sum((weights / name).stat().st_size for name in (GRAPH, TOKENIZER, DESCRIPTION))
    wren, suffix = figures[WREN], figures[SUFFIX]
    return {
        "parameters": described["parameters"],
        "weights_mb": round(files / 1e6, 1),
        "exact_match": round(wren.exact_match, 4),
        "exact_match_suffix_engine": round(suffix.exact_match, 4),
        "exact_match_no_context": round(figures[NO_CONTEXT].exact_match, 4),
        "exact_match_model_alone": round(figures[ALONE].exact_match, 4),
        "exact_match_combined": round(figures[COMBINED].exact_match, 4),
        "exact_match_where_sure": round(figures[SURE].exact_match, 4),
        "shown_where_sure": round(figures[SURE].shown, 4),
        "syntax_valid_where_sure": _rounded(figures[SURE].syntax_valid),
        "edit_similarity": round(wren.edit_similarity, 4),
        "edit_similarity_suffix_engine": round(suffix.edit_similarity, 4),
        "syntax_valid": _rounded(wren.syntax_valid),
        "humaneval_single_line_pass1": round(passed, 4),
        **speed,
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
