"""That rope makes of an excerpt what it makes of the whole module."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.refactor import perform as performing
from lsp_server.refactor.excerpt import excerpt_around
from lsp_server.refactor.job import Job, Outcome, Task
from lsp_server.refactor.perform import perform
from lsp_server.refactor.source import Source

BEFORE = "import os\n\nLIMIT = 3\n\n\ndef other(a):\n    return a\n\n\n"
BEHIND = "\n\nclass Last:\n    def method(self):\n        return LIMIT\n"
FUNCTIONS = {
    "a function": "def f(a, b):\n    c = a + b\n    ⟦d = c * LIMIT\n    e = d + a⟧\n    return e\n",
    "an expression": "def f(a, b):\n    c = ⟦(a + b)⟧ * LIMIT\n    return c\n",
    "a method": (
        "class A(dict):\n    limit = 3\n\n    def f(self, a):\n        b = a\n"
        "        ⟦c = b + self.limit\n        d = c⟧\n        return d\n\n    def g(self):\n        pass\n"
    ),
    "a static method": (
        "class A:\n    @staticmethod\n    def f(a):\n        b = a\n        ⟦c = b + 1⟧\n        return c\n"
    ),
    "a class method": (
        "class A:\n    # of old\n    @classmethod\n    def f(cls, a):\n        ⟦b = cls(a)⟧\n        return b\n"
    ),
    "a class in a class": (
        "class A:\n    '''Of\n    lines.'''\n\n    class B(\n        dict,\n    ):\n        def f(self):\n"
        "            ⟦a = 1⟧\n            return a\n"
    ),
    "a function in a function": (
        "def f(a):\n    def g(b):\n        c = a\n        ⟦d = b + c⟧\n        return d\n\n    return g\n"
    ),
    "a coroutine": "async def f(a):\n    b = a\n    ⟦c = await b⟧\n    return c\n",
    "what is global": "def f():\n    global LIMIT\n    ⟦LIMIT = 4⟧\n    return LIMIT\n",
    "no ASCII": "def f(é):\n    x = '🐦' + é\n    ⟦y = x + '🐦'⟧\n    return y\n",
}


def selected(text: str, task: Task) -> tuple[Job, int, int]:
    start = text.index("⟦")
    end = text.index("⟧") - 1
    text = text.replace("⟦", "").replace("⟧", "")

    def place(offset: int) -> tuple[int, int]:
        return text.count("\n", 0, offset), offset - (text.rfind("\n", 0, offset) + 1)

    job = Job(task, "/nowhere", "a.py", place(start), place(end), texts={"a.py": text})
    return job, start, end


def of_the_whole(job: Job, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    with monkeypatch.context() as patch:
        patch.setattr(performing, "excerpt_around", lambda *_: None)
        return perform(job, scratch)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_the_same_as_of_the_whole_module(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, start, end = selected(BEFORE + FUNCTIONS[name] + BEHIND, "extract_function")
    excerpt = excerpt_around(Source(job.texts["a.py"]), start, end)
    assert excerpt is not None
    assert "Last" not in excerpt.text
    assert "other" not in excerpt.text
    assert perform(job, tmp_path) == of_the_whole(job, tmp_path, monkeypatch)


def test_so_is_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, *_ = selected(BEFORE + FUNCTIONS["an expression"] + BEHIND, "extract_variable")
    assert perform(job, tmp_path) == of_the_whole(job, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "text",
    [
        "a = 1\n⟦b = a⟧\n",
        "def f(): ⟦return 1⟧\n",
        "def f(a=⟦1⟧):\n    return a\n",
        "class A:\n    b = ⟦1⟧\n",
        "if 1:\n    def f():\n        ⟦a = 1⟧\n        return a\n",
        "def f():\n    ⟦return 1⟧",
        "def f():\n    ⟦pass\n\n\ndef g():\n    pass⟧\n",
    ],
)
def test_there_is_none_of_what_is_not_in_the_body_of_a_function_alone(text: str) -> None:
    job, start, end = selected(text, "extract_function")
    assert excerpt_around(Source(job.texts["a.py"]), start, end) is None
