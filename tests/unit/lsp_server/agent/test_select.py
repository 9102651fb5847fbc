"""Which candidate is chosen; above all, which is not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.agent.data import Candidate, Evidence, Verdict
from lsp_server.agent.patch import find_excess, size_of_change
from lsp_server.agent.select import rank, select

BEFORE = "def f(a, b):\n    return a - b\n"


def tried(
    after: str, verdict: Verdict = Verdict.VERIFIED, score: float = 0.0, **tests: tuple[str, ...]
) -> Evidence:
    return Evidence(Candidate({"a.py": after}, f"sample {after}", score), verdict, "", **tests)


EVIDENCE = st.builds(
    tried,
    st.sampled_from([BEFORE.replace("-", it) for it in ("+", "*", "+  ", "//", "-")]),
    st.sampled_from(Verdict),
    st.sampled_from([0.0, 0.5, 1.0]),
    regressed=st.sampled_from([(), ("t",)]),
    still_fails=st.sampled_from([(), ("u",)]),
)


@given(st.lists(EVIDENCE))
def test_what_was_rejected_is_never_chosen(evidence: list[Evidence]) -> None:
    ranked = rank(evidence, lambda _: BEFORE)
    assert Verdict.REJECTED not in {it.verdict for it in ranked}
    assert len(ranked) == sum(it.verdict is not Verdict.REJECTED for it in evidence)


@given(st.lists(EVIDENCE))
def test_the_best_verdict_is_chosen(evidence: list[Evidence]) -> None:
    verdicts = {it.verdict for it in evidence} - {Verdict.REJECTED}
    chosen = select(evidence, lambda _: BEFORE)
    best = next(
        (it for it in (Verdict.VERIFIED, Verdict.PARTLY, Verdict.UNVERIFIED) if it in verdicts),
        None,
    )
    assert (chosen.verdict if chosen else None) == best


@given(st.lists(EVIDENCE), st.randoms(use_true_random=False))
def test_the_order_of_what_was_tried_does_not_matter(
    evidence: list[Evidence], random_order: random.Random
) -> None:
    shuffled = list(evidence)
    random_order.shuffle(shuffled)
    assert rank(shuffled, lambda _: BEFORE) == rank(evidence, lambda _: BEFORE)


def test_what_most_agree_on_wins_whatever_its_blanks() -> None:
    smallest = tried("def f(a, b):\n    return a*b\n", score=1.0)
    agreed = [
        tried("def f(a, b):\n    return a + b\n"),
        tried("def f(a, b):\n    # the sum\n    return (a +  b)\n"),
    ]
    assert select([smallest, *agreed], lambda _: BEFORE) is agreed[0]


def test_then_the_smallest_change() -> None:
    large = tried("def f(a, b):\n    total = a + b\n    return total\n", score=1.0)
    small = tried("def f(a, b):\n    return a + b\n")
    assert select([large, small], lambda _: BEFORE) is small


def test_nothing_is_chosen_from_nothing() -> None:
    assert select([]) is None
    assert select([tried("x", Verdict.REJECTED)]) is None


def test_the_size_of_a_change() -> None:
    assert size_of_change({"a.py": BEFORE}, lambda _: BEFORE) == (0, 0)
    assert size_of_change({"a.py": BEFORE.replace("-", "+")}, lambda _: BEFORE) == (2, 32)
    assert size_of_change({"new.py": "x = 1\n--y\n"}, lambda _: None) == (2, 8)
    assert size_of_change({"old.py": ""}, lambda _: "--y\n") == (1, 3)


@pytest.mark.parametrize(
    ("origin", "passes", "fails", "is_shown"),
    [
        ("template: off by one", ("t.py::test_f[1]",), ("t.py::test_f[2]",), False),
        ("template: off by one", ("t.py::test_f[1]", "t.py::test_f[2]"), ("t.py::test_g",), True),
        ("template: off by one", ("t.py::test_f[1]", "t.py::test_f[2]"), (), True),
        ("model sample 1", ("t.py::test_f[1]",), ("t.py::test_f[2]",), True),
    ],
)
def test_a_template_that_suits_some_parameters_of_a_test_is_chance(
    origin: str, passes: tuple[str, ...], fails: tuple[str, ...], *, is_shown: bool
) -> None:
    candidate = Candidate({"a.py": BEFORE}, origin, 1.0)
    partly = Evidence(candidate, Verdict.PARTLY, "", passes_now=passes, still_fails=fails)
    assert (select([partly]) is not None) is is_shown


def test_what_is_too_much_is_counted_in_lines_that_come_and_go() -> None:
    lines = [f"x{number} = {number}\n" for number in range(1000)]
    before = "".join(lines)
    ends = "".join(["first = 0\n", *lines[1:-1], "last = 0\n"])
    assert find_excess({"a.py": ends}, lambda _: before) == ""
    half = "".join(lines[:599])
    assert find_excess({"a.py": half}, lambda _: before) == (
        "it changes 1 files and 401 lines, and at most 8 and 400 may be"
    )
    many = {f"{number}.py": "" for number in range(9)}
    assert find_excess(many, lambda _: "").startswith("it changes 9 files and 0 lines")
