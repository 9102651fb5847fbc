"""Finds out which fill-in-the-middle order a model can be asked in, if any.

A vocabulary may hold the tokens for fill-in-the-middle of a model that was never trained on it, and
no model says which orders it was trained on. So each order is tried on small tasks when a model is
loaded.

What counts is the first line of a greedy completion: it is the expected one, or it begins with it.
That is the thing itself that users will be shown. The other candidate, to compare the likelihood of
the expected middle with that of a wrong one, was passed over: it needs logits of the prompt, which
many servers do not give and which keep an engine from using its prefix cache; it depends on lengths
and on how common the words are; and a model that ignores the order still finds the right middle
likelier, since any text around it speaks for it.

A task's answer hangs on a name that stands behind the cursor and nowhere before it, and is not the
one to guess. So a model that only goes on from the prefix does not find it, and one that takes the
parts for each other does not either. An answer that begins with the expected line but goes on
counts half: the model has seen the suffix, and does not know where to end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference.formats.fim import FimOrder

MAX_TOKENS = 16
"""Enough for each expected line. Ask greedily, with the family's stop tokens."""

ACCEPTED = 0.6
"""The least score with which an order is used."""

MARGIN = 0.15
"""Scores that are no further apart count as equal: one task of twelve says nothing."""


@dataclass(frozen=True, slots=True)
class ProbeTask:
    path: str  # names the task
    prefix: str
    expected: str  # one line
    suffix: str


@dataclass(frozen=True, slots=True)
class ProbeVerdict:
    order: FimOrder | None  # None: fill in by chat, or from the prefix alone
    scores: Mapping[FimOrder, float]  # of the tasks, 0 to 1
    explanation: str


def probe_tasks() -> tuple[ProbeTask, ...]:
    """The tasks; complete each in each order that the model's tokens can spell."""
    return _TASKS


def judge(
    completions: Mapping[FimOrder, Mapping[str, str]],
    tasks: Sequence[ProbeTask] = (),
    prefer: FimOrder = FimOrder.SUFFIX_FIRST,
) -> ProbeVerdict:
    """The order to use, by the completions of each tried order, named by their task's path.

    A completion that is missing counts as wrong. Of two orders that are equally good `prefer` is
    used: with the suffix first what is typed only appends to the prompt, and its cache holds.
    """
    chosen = tuple(tasks) or _TASKS
    scores = {
        order: sum(_score(task, answers.get(task.path, "")) for task in chosen) / len(chosen)
        for order, answers in completions.items()
    }
    if not scores:
        return ProbeVerdict(None, scores, "No order was tried: the model has no tokens for one.")
    said = " and ".join(f"{_NAMES[order]} {score:.0%}" for order, score in scores.items())
    best = max(scores, key=lambda order: (scores[order], order is prefer))
    if scores[best] < ACCEPTED:
        explanation = (
            f"Filling in the middle does not work: {said} of the tasks, under {ACCEPTED:.0%}."
        )
        return ProbeVerdict(None, scores, explanation)
    preferred = scores.get(prefer, 0.0)
    if best is not prefer and preferred >= max(ACCEPTED, scores[best] - MARGIN):
        best = prefer
    lead = "" if len(scores) == 1 else _lead(scores, best)
    return ProbeVerdict(best, scores, f"{_NAMES[best].capitalize()} is used: {said}{lead}.")


def _lead(scores: Mapping[FimOrder, float], best: FimOrder) -> str:
    other = max(score for order, score in scores.items() if order is not best)
    if scores[best] - other > MARGIN:
        return ", which is clear"
    return ", which are equal within the margin" if other >= ACCEPTED else ""


def _score(task: ProbeTask, completion: str) -> float:
    """1 for the expected first line, 0.5 for one that only begins with it, else 0."""
    first = completion.strip().partition("\n")[0].rstrip()
    if first == task.expected:
        return 1.0
    goes_on = first.removeprefix(task.expected)
    begins = goes_on != first and not (goes_on[0].isalnum() or goes_on[0] == "_")
    return 0.5 if begins else 0.0


_NAMES = {FimOrder.PREFIX_FIRST: "prefix first", FimOrder.SUFFIX_FIRST: "suffix first"}

_TASKS = (
    ProbeTask(
        "read_names.py",
        "def read_names(path):\n    with open(path) as",
        "handle",
        ":\n        return handle.read().splitlines()\n",
    ),
    ProbeTask(
        "note.py",
        '"""Prints a note."""\n\nimport ',
        "textwrap",
        '\n\nprint(textwrap.dedent("    mind the gap"))\n',
    ),
    ProbeTask(
        "mean.py",
        'def mean(values):\n    """The arithmetic mean."""\n    ',
        "subtotal = sum(values)",
        "\n    return subtotal / len(values)\n",
    ),
    ProbeTask(
        "cost.js",
        "function cost(",
        "receipts",
        ") {\n  return receipts.reduce((sum, price) => sum + price, 0);\n}\n",
    ),
    ProbeTask(
        "wait.ts",
        "export function wait(settings: Settings): number {\n  const { ",
        "patience",
        " } = settings;\n  return patience * 1000;\n}\n",
    ),
    ProbeTask(
        "words.go",
        "func show(words []string) {\n\tfor ",
        "position",
        ", word := range words {\n\t\tfmt.Println(position, word)\n\t}\n}\n",
    ),
    ProbeTask(
        "volume.rs",
        "fn volume(width: u32, height: u32, depth: u32) -> u32 {\n    let",
        "base",
        " = width * height;\n    base * depth\n}\n",
    ),
    ProbeTask(
        "Greeting.java",
        "class Greeting {\n    private final String ",
        "salutation",
        ";\n\n    Greeting(String salutation) {\n        this.salutation = salutation;\n    }\n}\n",
    ),
    ProbeTask(
        "half.c",
        "#include <stdio.h>\n\ndouble half(double ",
        "amount",
        ") {\n    return amount / 2.0;\n}\n",
    ),
    ProbeTask(
        "largest.rb",
        "def largest(numbers)\n  numbers.max_by { |",
        "candidate",
        "| candidate.abs }\nend\n",
    ),
    ProbeTask(
        "backup.sh",
        "#!/bin/sh\n",
        "target=/var/backups",
        '\nmkdir -p "$target"  # which is /var/backups\ncp notes.txt "$target"\n',
    ),
    ProbeTask(
        "area.cpp",
        "double area(const Circle& ",
        "disk",
        ") {\n    return 3.14159 * disk.radius * disk.radius;\n}\n",
    ),
)
