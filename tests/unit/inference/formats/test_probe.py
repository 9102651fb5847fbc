"""Which fill-in-the-middle order is used, by what a model made of the tasks."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from inference.formats.fim import FimOrder
from inference.formats.probe import ProbeTask, judge, probe_tasks

PSM, SPM = FimOrder.PREFIX_FIRST, FimOrder.SUFFIX_FIRST


def answers(right: int, begun: int = 0) -> dict[str, str]:
    """Completions of which so many are right, so many only begin so, and the others wrong."""
    tasks = probe_tasks()
    return {
        task.path: task.expected
        + ("\nx" if n < right else "), and so on" if n < right + begun else "wrong")
        for n, task in enumerate(tasks)
    }


class TestTasks:
    @pytest.mark.parametrize("task", probe_tasks(), ids=lambda task: str(task.path))
    def test_the_answer_is_a_line_whose_name_only_the_suffix_gives_away(
        self, task: ProbeTask
    ) -> None:
        name = re.match(r"\w+", task.expected)
        assert name is not None
        assert re.search(rf"\b{name[0]}\b", task.suffix)
        assert name[0].lower() not in (task.prefix + task.path).lower()
        assert "\n" not in task.expected
        assert task.expected == task.expected.strip()

    def test_there_are_several_languages_and_no_path_twice(self) -> None:
        paths = [task.path for task in probe_tasks()]
        assert max(Counter(paths).values()) == 1
        assert len({path.rpartition(".")[2] for path in paths}) >= 8


class TestScores:
    @pytest.mark.parametrize(
        ("completion", "score"),
        [
            ("handle", 1),
            (" handle\n    pass", 1),
            ("\nhandle  ", 1),
            ("handle:", 0.5),
            ("handle, other", 0.5),
            ("handles", 0),
            ("handle_", 0),
            ("the handle", 0),
            ("", 0),
        ],
    )
    def test_a_completion(self, completion: str, score: float) -> None:
        task = ProbeTask("a.py", "as", "handle", ":\n")
        assert judge({PSM: {"a.py": completion}}, [task]).scores == {PSM: score}

    def test_a_missing_completion_is_wrong(self) -> None:
        assert judge({PSM: {}}).scores == {PSM: 0}


@pytest.mark.parametrize(
    ("psm", "spm", "order", "says"),
    [
        (answers(12), answers(12), SPM, "equal within the margin"),
        (answers(12), answers(11), SPM, "equal within the margin"),
        (answers(12), answers(10), PSM, "which is clear"),
        (answers(12), answers(0), PSM, "which is clear"),
        (answers(3), answers(12), SPM, "which is clear"),
        (
            answers(8),
            answers(7),
            PSM,
            "Prefix first is used: prefix first 67% and suffix first 58%.",
        ),
        (answers(7), answers(7), None, "does not work: prefix first 58% and suffix first 58%"),
        (answers(0, 12), answers(0, 12), None, "under 60%"),
        (answers(6, 6), answers(0), PSM, "75%"),
    ],
)
def test_the_verdict(
    psm: dict[str, str], spm: dict[str, str], order: FimOrder | None, says: str
) -> None:
    verdict = judge({PSM: psm, SPM: spm})
    assert verdict.order is order
    assert says in verdict.explanation


def test_among_equals_the_preferred_order_is_used() -> None:
    assert judge({PSM: answers(11), SPM: answers(12)}, prefer=PSM).order is PSM
    assert judge({PSM: answers(9), SPM: answers(12)}, prefer=PSM).order is SPM


def test_one_order_alone() -> None:
    verdict = judge({PSM: answers(12)})
    assert (verdict.order, verdict.explanation) == (PSM, "Prefix first is used: prefix first 100%.")
    assert judge({PSM: answers(2)}).order is None


def test_no_order_at_all() -> None:
    verdict = judge({})
    assert (verdict.order, verdict.scores) == (None, {})
    assert "no tokens" in verdict.explanation
