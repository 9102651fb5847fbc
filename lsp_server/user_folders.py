"""The user's own folders for Sparrow: what it keeps for them, and what they configure it with."""

from __future__ import annotations

import os
from pathlib import Path

DATA_DIR_VARIABLE = "SPARROW_DATA_DIR"
CONFIG_DIR_VARIABLE = "SPARROW_CONFIG_DIR"


def data_folder() -> Path:
    """Where conversations and statistics are kept: no cache, since nobody could make them again."""
    import platformdirs

    named = os.environ.get(DATA_DIR_VARIABLE)
    return Path(named).absolute() if named else platformdirs.user_data_path("sparrow-code")


def config_folder() -> Path:
    """Where the user's own rules for models are."""
    import platformdirs

    named = os.environ.get(CONFIG_DIR_VARIABLE)
    return Path(named).absolute() if named else platformdirs.user_config_path("sparrow-code")


def statistics_path() -> Path:
    """Where completions are counted."""
    return data_folder() / "statistics.sqlite"
