"""What the benchmarks make of their samples."""

from __future__ import annotations

import pytest

from lsp_server.bench.measure import percentile


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [
        ([5], 0.95, 5),
        ([3, 1, 2], 0.5, 2),
        (range(101), 0.95, 95),
        ([1, 2], 0, 1),
        ([1, 2], 1, 2),
    ],
)
def test_percentiles_are_samples(samples: list[float], share: float, expected: float) -> None:
    assert percentile(samples, share) == expected
