"""Waiting for what comes in its own time: a deadline, and a message that says what did not come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

POLL_INTERVAL_S = 0.05

T = TypeVar("T")


def wait_until(
    check: Callable[[], T | None],
    what: str,
    timeout_s: float,
    *,
    instead: Callable[[], object] | None = None,
) -> T:
    """Ask until the answer is true, and return it.

    TimeoutError names what did not come, and what there is instead.
    """
    deadline = time.monotonic() + timeout_s
    while not (answer := check()):
        if time.monotonic() > deadline:
            found = f"; there is {instead()!r}" if instead else ""
            raise TimeoutError(f"waited {timeout_s:g} s for {what}{found}")
        time.sleep(POLL_INTERVAL_S)
    return answer
