"""How the language server's process starts, beside what `test_server.py` asks of it."""

from __future__ import annotations

import json
import subprocess
import sys

SPY = """
import gc, json, sys
import lsp_server.edge.stdio

def serve(server):
    loaded = [name for name in sys.modules if name.startswith("lsp_server.")]
    print(json.dumps([type(server).__name__, gc.isenabled(), gc.get_freeze_count(), loaded]))

lsp_server.edge.stdio.serve = serve
from lsp_server.cli import main
main(["lsp"], standalone_mode=False)
"""
PROTOCOL_OBJECTS = 30_000  # of the classes and hooks that lsprotocol makes; there are some 100,000


# What no answer to `initialize` needs, and takes long to load.
LATE = ("agent", "chat", "completions", "context", "edits", "model_edits", "refactor", "statistics")


def test_a_start_loads_little_and_never_looks_through_it_for_garbage() -> None:
    """It is frozen, and garbage is collected from then on."""
    started = subprocess.run(
        [sys.executable, "-P", "-c", SPY], capture_output=True, text=True, check=True, timeout=60
    )
    name, collects, frozen, loaded = json.loads(started.stdout)
    assert (name, collects) == ("SparrowServer", True)
    assert frozen > PROTOCOL_OBJECTS
    assert not [it for it in loaded if it.split(".")[1] in LATE]
