"""Which repairs the search tries, which it joins, and what stays of these; the tests run right here."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import pytest

from lsp_server.agent.python_runs import Tried, Variant
from lsp_server.agent.repairs.region import Edit
from lsp_server.agent.repairs.templates import Repair
from lsp_server.agent.search import Suspected, search
from tests.unit.lsp_server.on_loop import on_loop

TWO_FAULTS = """\
def total(a, b):
    return a - b


def scaled(a, b):
    return a / b
"""


def judge(text: str) -> tuple[int, int]:
    """How many of two tests pass and fail, right here: the programs have no loops."""
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102
    passed = 0
    for name, expected in (("total", 7), ("scaled", 12)):
        with contextlib.suppress(Exception):
            passed += names[name](3, 4) == expected
    return passed, 2 - passed


@on_loop
async def test_two_faults_are_mended_together() -> None:
    async def attempt(variants: Sequence[Variant], budget_s: float, enough: int) -> Sequence[Tried]:
        assert budget_s > 0
        assert enough > 0
        return [Tried(it.id, *judge(it.files["program.py"]), done=True) for it in variants]

    suspected = [Suspected("program.py", TWO_FAULTS, {1: 1.0, 5: 1.0})]
    found = await search(suspected, attempt, 60.0)
    right = TWO_FAULTS.replace("a - b", "a + b").replace("a / b", "a * b")
    assert right in {it.files["program.py"] for it in found.candidates}
    assert {judge(it.files["program.py"]) for it in found.candidates} == {(2, 0)}


@on_loop
async def test_a_models_line_is_tried_in_the_order_of_its_score() -> None:
    tried: list[str] = []

    async def attempt(variants: Sequence[Variant], budget_s: float, enough: int) -> Sequence[Tried]:
        del budget_s, enough
        tried.extend(it.files["program.py"] for it in variants)
        return [Tried(it.id, *judge(it.files["program.py"]), done=True) for it in variants]

    text = TWO_FAULTS.replace("a - b", "sum((a, b))").replace("a / b", "a * b")
    line = Repair(text, (), "line written anew", 0.95, 1)
    suspected = [Suspected("program.py", TWO_FAULTS, {1: 1.0}, (line,))]
    found = await search(suspected, attempt, 60.0)
    assert tried[:2] == [TWO_FAULTS, text]
    assert found.candidates[0].origin == "model: line written anew"


@on_loop
async def test_nothing_is_looked_for_where_all_tests_pass() -> None:
    async def attempt(variants: Sequence[Variant], budget_s: float, enough: int) -> Sequence[Tried]:
        del budget_s, enough
        return [Tried(it.id, 2, 0, done=True) for it in variants]

    found = await search([Suspected("program.py", TWO_FAULTS, {1: 1.0})], attempt, 60.0)
    assert (found.candidates, found.tried) == ((), 1)


EXPECTED = {"total": 7, "scaled": 12, "less": -1}
THIRD_FAULT = "\n\ndef less(a, b):\n    return a + b\n"


def judging(programs: dict[str, str]) -> Any:
    """Tries variants of some files right here: a test for each function of `EXPECTED` in them."""

    async def attempt(variants: Sequence[Variant], budget_s: float, enough: int) -> Sequence[Tried]:
        del budget_s, enough
        return [told(it.id, {**programs, **it.files}) for it in variants]

    def told(number: int, files: dict[str, str]) -> Tried:
        passed = failed = 0
        for text in files.values():
            names: dict[str, Any] = {}
            exec(text, names)  # noqa: S102
            for name in EXPECTED.keys() & names.keys():
                right = False
                with contextlib.suppress(Exception):
                    right = names[name](3, 4) == EXPECTED[name]
                passed += right
                failed += not right
        return Tried(number, passed, failed, done=True)

    return attempt


@on_loop
async def test_faults_of_several_files_are_mended_together() -> None:
    programs = {"one.py": TWO_FAULTS, "two.py": THIRD_FAULT.lstrip()}
    lines: dict[str, dict[int, float]] = {"one.py": {1: 1.0, 5: 1.0}, "two.py": {1: 1.0}}
    suspected = [Suspected(path, programs[path], lines[path]) for path in programs]
    found = await search(suspected, judging(programs), 60.0)
    assert {
        "one.py": TWO_FAULTS.replace("a - b", "a + b").replace("a / b", "a * b"),
        "two.py": programs["two.py"].replace("a + b", "a - b"),
    } in [it.files for it in found.candidates]
    assert all(set(it.files) == set(programs) for it in found.candidates)


@on_loop
async def test_what_mends_most_is_proposed_where_nothing_mends_all() -> None:
    # No template knows what `less` should do.
    programs = {"one.py": TWO_FAULTS, "two.py": "def less(a, b):\n    return None\n"}
    suspected = [
        Suspected("one.py", TWO_FAULTS, {1: 1.0, 5: 1.0}),
        Suspected("two.py", programs["two.py"], {1: 0.5}),
    ]
    found = await search(suspected, judging(programs), 60.0)
    right = TWO_FAULTS.replace("a - b", "a + b").replace("a / b", "a * b")
    assert {"one.py": right} in [it.files for it in found.candidates]


@on_loop
async def test_what_only_turns_one_failure_into_another_is_not_proposed() -> None:
    async def attempt(variants: Sequence[Variant], budget_s: float, enough: int) -> Sequence[Tried]:
        del budget_s, enough
        # A test more passes, since a test more ran: one fails as before.
        return [Tried(it.id, 1 + (it.id > 0), 1, done=True) for it in variants]

    found = await search([Suspected("program.py", TWO_FAULTS, {1: 1.0})], attempt, 60.0)
    assert found.candidates == ()
    assert found.tried > 1


UNTESTED = "\n\ndef less(a):\n    return a - 1\n"
ONE_FAULT = TWO_FAULTS.replace("a / b", "a * b") + UNTESTED


@pytest.mark.parametrize("passed_in_time", [1, 2])
@on_loop
async def test_a_right_repair_that_ran_out_of_time_is_offered_alone(passed_in_time: int) -> None:
    right = ONE_FAULT.replace("a - b", "a + b")
    runs: list[str] = []

    async def attempt(variants: Sequence[Variant], budget_s: float, enough: int) -> Sequence[Tried]:
        del budget_s
        results: list[Tried] = []
        for it in variants:
            results.append(tried(it.id, it.files["program.py"]))
            if sum(one.is_good for one in results) == enough:
                break
        return results

    def tried(number: int, text: str) -> Tried:
        runs.append(text)
        passed, failed = judge(text)
        if failed == 0 and UNTESTED in text and runs.count(text) == 1:
            return Tried(number, passed_in_time, 0, done=False)
        return Tried(number, passed, failed, done=True)

    suspected = [Suspected("program.py", ONE_FAULT, {1: 1.0, 9: 0.9})]
    found = await search(suspected, attempt, 60.0)
    (only,) = found.candidates
    assert only.files == {"program.py": right}
    assert only.origin == "template: other operator"
    joined = [it for it in runs if judge(it) == (2, 0) and UNTESTED not in it]
    assert joined  # and told of its time at once, so that it was found first


@on_loop
async def test_what_is_joined_of_a_template_and_a_model_says_so() -> None:
    old = "a / b"
    start = TWO_FAULTS.index(old)
    edits = (Edit(start, start + len(old), "sum([a] * b)"),)
    written = TWO_FAULTS.replace(old, edits[0].text)
    line = Repair(written, edits, "line written anew", 0.99, 5)
    suspected = [Suspected("program.py", TWO_FAULTS, {1: 1.0}, (line,))]
    found = await search(suspected, judging({}), 60.0)
    origins = {it.origin.partition(":")[0] for it in found.candidates}
    assert origins <= {"template and model", "model and template"}
    assert written.replace("a - b", "a + b") in {it.files["program.py"] for it in found.candidates}
