"""Why a refactor is not done."""

from __future__ import annotations


class RefactorRefused(Exception):
    """The message says what stands in the way, for the user who asked; nothing was changed."""
