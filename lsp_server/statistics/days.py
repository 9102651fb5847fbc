"""Days by the user's own calendar, as the file names them: 2026-01-31."""

from __future__ import annotations

from datetime import date, timedelta


def today() -> str:
    return date.today().isoformat()  # noqa: DTZ011 - the user's own day is what is meant


def last_days(count: int, until: str) -> list[str]:
    """So many days up to that one, the oldest first."""
    end = date.fromisoformat(until)
    return [(end - timedelta(days=ago)).isoformat() for ago in reversed(range(count))]
