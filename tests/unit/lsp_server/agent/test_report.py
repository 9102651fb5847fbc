from __future__ import annotations

from lsp_server.agent.data import Candidate, Evidence, Verdict
from lsp_server.agent.report import as_markdown

CANDIDATE = Candidate({"a.py": ""}, "template: boundary", 1.0)
BEST = Evidence(
    CANDIDATE,
    Verdict.VERIFIED,
    "what failed passes",
    failed_before=("t.py::test_a",),
    passes_now=("t.py::test_a",),
    also_ran=("t.py::test_b",),
    gates=("syntax",),
)
REJECTED = Evidence(CANDIDATE, Verdict.REJECTED, "t.py::test_a still fails")


def test_a_change_with_its_evidence() -> None:
    told = as_markdown(
        BEST,
        reason=BEST.reason,
        tried=[REJECTED, BEST],
        failing=["t.py::test_a"],
        notes=["the repository's history"],
        seconds=12.4,
    )
    assert told == (
        "# Verified\n\nWhat failed passes.\n\nFound by `template: boundary`.\n\n"
        "## Failed before, and pass now\n\n- `t.py::test_a`\n\n"
        "## Passed before and now\n\n- `t.py::test_b`\n\n"
        "## Checked without running anything\n\n- `syntax`\n\n"
        "2 candidates were tried in 12 s: 1 verified, 1 rejected.\n\n"
        "## Rejected, the last ones\n\n- `template: boundary: t.py::test_a still fails`\n\n"
        "## To know\n\n- `the repository's history`\n"
    )


def test_what_comes_from_elsewhere_stays_code() -> None:
    hostile = "x` [click](command:evil) ``<img src=x>\n# Verified\x1b[2J"
    told = as_markdown(None, reason=hostile, tried=(), failing=[hostile], notes=(), seconds=0)
    assert (
        told.count(
            "```x` [click](command:evil) ``<img src=x> # Verified\N{REPLACEMENT CHARACTER}[2J```"
        )
        == 2
    )
    assert told.startswith("# No change was found\n\n```")


def test_long_lists_are_cut() -> None:
    failing = [f"test_{number}" for number in range(50)]
    told = as_markdown(None, reason="no", tried=(), failing=failing, notes=(), seconds=0)
    assert "- and 30 more" in told
