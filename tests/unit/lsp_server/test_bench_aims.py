"""An aim judges the figure that counts: the worst of a table, a multiple of a floor, none if not measured."""

from __future__ import annotations

from typing import Any

import pytest

from lsp_server.bench.aims import Aim

ROWS = {"repos": [{"name": "a", "s": 4.0, "floor_s": 2.0}, {"name": "b", "s": 9.0, "floor_s": 3.0}]}


@pytest.mark.parametrize(
    ("aim", "result", "value", "is_reached"),
    [
        (Aim("", "s", 4), {"s": 4.0}, 4.0, True),
        (Aim("", "s", 4), {"s": 4.01}, 4.01, False),
        (Aim("", "s", least=4), {"s": 4}, 4, True),
        (Aim("", "s", least=4), {"s": 3.9}, 3.9, False),
        (Aim("", "s", 2, times="floor_s"), {"s": 3.0, "floor_s": 2.0}, 1.5, True),
        (Aim("", "s", 5, table="repos"), ROWS, 9.0, False),
        (Aim("", "s", least=5, table="repos"), ROWS, 4.0, False),
        (Aim("", "s", 5, table="repos", row="a"), ROWS, 4.0, True),
        (Aim("", "s", 2.5, times="floor_s", table="repos"), ROWS, 3.0, False),
    ],
)
def test_the_figure_that_counts_is_judged(
    aim: Aim, result: dict[str, Any], value: float, *, is_reached: bool
) -> None:
    assert aim.value(result) == value
    assert aim.is_reached_by(value) is is_reached


@pytest.mark.parametrize(
    ("aim", "result"),
    [
        (Aim("", "s", 4), {}),
        (Aim("", "s", 4), {"s": None}),
        (Aim("", "s", 4, times="floor_s"), {"s": 1.0, "floor_s": 0.0}),
        (Aim("", "s", 4, table="repos"), {}),
        (Aim("", "s", 4, table="repos", row="c"), ROWS),
    ],
)
def test_what_was_not_measured_is_not_judged(aim: Aim, result: dict[str, Any]) -> None:
    assert aim.value(result) is None
