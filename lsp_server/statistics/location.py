"""Where the user's own data is, which is no cache: nobody could make it again."""

from __future__ import annotations

import os
from pathlib import Path

DATA_DIR_VARIABLE = "SPARROW_DATA_DIR"


def statistics_path() -> Path:
    import platformdirs

    named = os.environ.get(DATA_DIR_VARIABLE)
    folder = Path(named).absolute() if named else platformdirs.user_data_path("sparrow-code")
    return folder / "statistics.sqlite"
