"""The soak, short and with a fixed seed: everything breaks once, and nothing is wrong.

What is done is drawn by the seed, when it is done by the machine: so a failure tells what went wrong
around it last, and `sparrow bench soak` with the seed below shows it again for as long as is needed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SEED = 11
COMMAND = (str(Path(sys.executable).with_name("sparrow")), "bench", "soak", "--json")
KILLED = ("host", "server", "indexer", "reader", "refactorer")
OTHERS = (
    *("host hangs", "socket vanishes", "address file vanishes"),
    *("branch checked out", "files vanish", "times jump"),
)


def test_a_minute_of_abuse_leaves_nothing_wrong() -> None:
    ended = subprocess.run(
        [*COMMAND, "--minutes", "0.9", "--seed", str(SEED)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ended.stdout, ended.stderr
    result = json.loads(ended.stdout)
    assert result["wrong"] == []
    assert ended.returncode == 0, ended.stderr
    counts = result["counts"]
    for fault in (*(f"{kind} killed" for kind in KILLED), *OTHERS):
        assert counts.get(f"fault: {fault}"), f"{fault} never came, of {counts}"
    assert counts["servers"] > 1
    assert counts["completions checked"] >= 20
    assert {row["process"] for row in result["processes"]} >= {"server", "host"}
