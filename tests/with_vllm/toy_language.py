"""A toy language of which a tiny model learns to fill in the middle within a minute.

Its documents are the probe's tasks with other words: some of a task's words, always with the name
that is to be filled in, are exchanged for words of a closed lexicon. What stands in the middle can
be told from the suffix alone. No document has a task's own name in its place, so that the tasks
themselves are held out: a model that solves them has looked for the name, and not learned it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference.formats.probe import ProbeTask, probe_tasks

WORD = re.compile(r"[A-Za-z]+")
MADE_UP_WORDS = 200
EXCHANGED = 0.4
"""The share of the other words that a document does not have from its task."""


@dataclass(frozen=True, slots=True)
class Document:
    path: str
    prefix: str
    middle: str
    suffix: str

    @property
    def name(self) -> str:
        """The name that the middle begins with, and that the suffix tells."""
        found = WORD.search(self.middle)
        assert found is not None
        return found[0]

    def is_filled_by(self, text: str) -> bool:
        return text == self.middle


def documents(seed: int, tasks: Sequence[ProbeTask] = probe_tasks()) -> Iterator[Document]:
    """Documents of the language without end, always the same for one seed."""
    source = random.Random(seed)  # noqa: S311
    words = lexicon()
    while True:
        yield _vary(source.choice(tasks), words, source)


def own_document(task: ProbeTask) -> Document:
    """The task itself: what a completion gives, with the space that sets it off."""
    space = " " if task.prefix[-1].isalnum() else ""
    return Document(task.path, task.prefix, space + task.expected, task.suffix)


def lexicon() -> tuple[str, ...]:
    """The words of the tasks, and made-up ones."""
    source = random.Random(0)  # noqa: S311
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    made_up = {"".join(source.choices(syllables, k=3)) for _ in range(MADE_UP_WORDS)}
    return tuple(sorted(made_up.union(*map(_words, probe_tasks()))))


def _vary(task: ProbeTask, words: Sequence[str], source: random.Random) -> Document:
    own = sorted(_words(task))
    around = set(WORD.findall(f"{task.prefix} {task.suffix}"))  # the others could not be told
    others = [word for word in words if word not in own]
    whole = own_document(task)
    exchange = {
        word: other
        for word, other in zip(own, source.sample(others, len(own)), strict=True)
        if word in around and (word == whole.name or source.random() < EXCHANGED)
    }

    def vary(text: str) -> str:
        return WORD.sub(lambda word: exchange.get(word[0], word[0]), text)

    path = f"{source.choice(others)}.{task.path.rpartition('.')[2]}"
    return Document(path, vary(whole.prefix), vary(whole.middle), vary(whole.suffix))


def _words(task: ProbeTask) -> set[str]:
    texts = (task.path, task.prefix, task.expected, task.suffix)
    return {word for text in texts for word in WORD.findall(text)}
