"""How the language server's process starts, beside what `test_server.py` asks of it."""

from __future__ import annotations

import json
import subprocess
import sys

SPY = """
import gc, json, sys
import lsp_server.edge.stdio

def serve(server):
    print(json.dumps([type(server).__name__, gc.isenabled(), gc.get_freeze_count()]))

lsp_server.edge.stdio.serve = serve
from lsp_server.cli import main
main(["lsp"], standalone_mode=False)
"""
PROTOCOL_OBJECTS = 30_000  # of the classes and hooks that lsprotocol makes; there are some 100,000


def test_what_the_server_is_made_of_is_never_looked_through_for_garbage() -> None:
    """It is frozen, and garbage is collected from then on."""
    started = subprocess.run(
        [sys.executable, "-P", "-c", SPY], capture_output=True, text=True, check=True, timeout=60
    )
    name, collects, frozen = json.loads(started.stdout)
    assert (name, collects) == ("SparrowServer", True)
    assert frozen > PROTOCOL_OBJECTS
