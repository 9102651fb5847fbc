"""When a text is hidden: only where as unsure ones were shown often, and hardly ever taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completions.calibration import MIN_SHOWN, Calibration, mean_logprob


def pairs(shown: int, taken: int, mean: float) -> list[tuple[float, bool]]:
    return [(mean, number < taken) for number in range(shown)]


@pytest.mark.parametrize(
    ("history", "hidden", "shown"),
    [
        ([], [], [-50.0, -1.0]),
        (pairs(MIN_SHOWN - 1, 0, -3.0), [], [-3.0]),  # too few to say
        (pairs(MIN_SHOWN, 0, -3.0), [-3.0, -5.0], [-2.9]),
        (pairs(MIN_SHOWN, 4, -3.0), [], [-3.0]),  # one in fifty is too many
        (pairs(1000, 4, -3.0) + pairs(1000, 400, -1.0), [-3.0], [-2.0, -1.0]),
        (pairs(1000, 300, -3.0) + pairs(1000, 400, -1.0), [], [-3.0, -1.0]),
        # What is taken down there is taken whatever is refused above.
        (pairs(100, 90, -4.0) + pairs(300, 0, -2.0), [], [-4.0, -2.0]),
    ],
)
def test_what_is_hidden(
    history: list[tuple[float, bool]], hidden: list[float], shown: list[float]
) -> None:
    calibration = Calibration.of(reversed(history))
    assert [it for it in (*hidden, *shown) if calibration.hides(it)] == hidden


def test_what_an_engine_does_not_tell_is_shown() -> None:
    assert not Calibration.of(pairs(1000, 0, -1.0)).hides(None)


def test_it_says_what_it_rests_on() -> None:
    calibration = Calibration.of(pairs(1000, 4, -3.0))
    assert str(calibration) == "of 1000 that it was as unsure of, 4 were taken"


@given(
    st.lists(st.tuples(st.sampled_from([-4.0, -3.0, -2.0, -1.0]), st.booleans()), max_size=600),
)
def test_of_what_would_have_been_hidden_hardly_any_was_taken(
    history: list[tuple[float, bool]],
) -> None:
    calibration = Calibration.of(history)
    hidden = [taken for mean, taken in history if calibration.hides(mean)]
    assert (len(hidden), sum(hidden)) == (calibration.shown, calibration.taken)
    assert not hidden or (len(hidden) >= MIN_SHOWN and sum(hidden) <= 0.02 * len(hidden))


def test_the_mean_of_logprobs() -> None:
    assert mean_logprob([]) is None
    assert mean_logprob([-1.0, -3.0]) == -2.0
    assert mean_logprob([0.0, float("-inf")]) == -50.0
