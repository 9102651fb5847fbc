"""Who parses at each key must not hold what was parsed before."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from lsp_server.edits.viable_prefix import is_dead_end
from lsp_server.workspace.documents import Edit, Position
from lsp_server.workspace.parse import MAX_PARSE_S, outline
from lsp_server.workspace.parsed_document import ParsedDocument

_FUNCTIONS = 400
PYTHON = "def f(x):\n    return x + 1\n" * _FUNCTIONS
JAVASCRIPT = "function f(x) {\n  return x;\n}\n" * (_FUNCTIONS // 4)
TIMES = 20
# Of a text that is read from its start to its end; each repetition leaked as much.
BOUND = len(PYTHON)


def type_and_delete() -> Callable[[], None]:
    document = ParsedDocument("python", PYTHON)
    place, behind = Position(2, 4), Position(2, 5)

    def act() -> None:
        for edit in (Edit(place, place, "q"), Edit(place, behind, "")):
            document.apply(edit)
            assert len(document.symbols) == _FUNCTIONS

    return act


def read_whole() -> None:
    assert len(outline(PYTHON.encode(), "python").symbols) == _FUNCTIONS


def give_up() -> None:
    document = ParsedDocument("python", PYTHON)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "lsp_server.workspace.parse.time.monotonic", iter(range(0, 10**9, 20)).__next__
        )
        assert document.outline.problem == f"parsing took more than {MAX_PARSE_S:g} s"


def judge() -> None:
    assert not is_dead_end("javascript", f"{JAVASCRIPT}const x = ", "f(1);\n", "")
    assert is_dead_end("javascript", f"{JAVASCRIPT}const x = ", "f(1]);\n", "")


@pytest.mark.parametrize("case", ["typing", "whole", "given up", "judged"])
def test_what_was_parsed_is_released(case: str) -> None:
    acts = {"whole": read_whole, "given up": give_up, "judged": judge}
    act = acts[case] if case in acts else type_and_delete()
    act()
    tracemalloc.start()
    try:
        act()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(TIMES):
            act()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < BOUND
