"""The page of figures: what is measured stands there, and what is not, with the reason."""

from __future__ import annotations

import asyncio
import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from inference.protocol import Priority
from lsp_server.bench import figures
from lsp_server.bench.aims import AIMS
from lsp_server.bench.cli import BENCHMARKS
from lsp_server.bench.clients_report import Phase, as_json
from lsp_server.bench.figures_list import LISTED
from lsp_server.bench.figures_page import page
from lsp_server.bench.measure import CouldNotRun
from lsp_server.bench.plots import bars

KEYSTROKE = {
    "name": "keystroke",
    "samples": 600,
    "p50_ms": 3.0,
    "floor_p50_ms": 1.5,
    "rss_mb": 61.25,
    "files": [{"name": "a|b", "kb": 229, "p50_ms": 3.25, "nested": [1]}],
}
MACHINE = {"hardware": "no GPU, 2 cores", "load before": "0.3"}


def entry(result: dict[str, Any] | None, reason: str = "", **machine: str) -> dict[str, Any]:
    return {
        "at": "2026-11-26 12:00 UTC",
        "quick": False,
        "seconds": 60,
        "machine": {**MACHINE, **machine},
        "result": result,
        "reason": reason,
    }


def saying(*words: str) -> list[str]:
    """A benchmark that ends with what it is given: on standard output, then on standard error."""
    said, complained = words
    return [
        *(sys.executable, "-c"),
        "import sys; print(sys.argv[1]); sys.exit(sys.argv[2] or None)",
        *(said, complained),
    ]


def test_a_figure_stands_beside_its_floor() -> None:
    text = page({"keystroke": entry(KEYSTROKE)}, ["keystroke"], "benchmarks/")
    assert "| p50 ms | 3 | 1.5 (floor p50 ms) | 2.00 |" in text
    assert "| rss mb | 61.25 |  |  |" in text
    assert "| floor p50 ms |" not in text
    assert "| name | kb | p50 ms |\n| --- | ---: | ---: |\n| a\\|b | 229 | 3.25 |" in text
    assert "![A keystroke beside the engine](benchmarks/keystroke.svg)" in text
    assert "2026-11-26 12:00 UTC, in 60 s; 600 samples; load of the machine before 0.3." in text


def test_each_machine_is_told_once_with_what_ran_on_it() -> None:
    text = page(
        {
            "keystroke": entry(KEYSTROKE),
            "refactor": entry({"name": "refactor", "samples": 1}, **{"load before": "9.0"}),
            "wren": entry({"name": "wren", "samples": 1}, hardware="another"),
        },
        [],
        "",
    )
    assert text.count("On this machine") == 2
    assert "On this machine: keystroke, refactor.\n" in text
    assert "On this machine: wren.\n" in text


def test_what_was_not_reached_is_told_with_its_reason() -> None:
    repos = [
        {"name": "CPython's Lib", "cold_ratio": 0.5, "context_p95_ms": 9.0},
        {"name": "20,000 made files", "cold_ratio": 0.8, "context_p95_ms": 15.0},
    ]
    text = page(
        {
            "index": entry({"name": "index", "samples": 1, "repos": repos}),
            "chat": entry(None, "chat could not run: no model chats"),
        },
        [],
        "",
    )
    _, _, missing = text.partition("## Not reached\n")
    assert "- `index`: a cold index at 0.75 of bare parse and query: 0.5. Why: " in missing
    assert "a context within" not in missing
    assert "| a cold index at 0.75 of bare parse and query | 0.5 | **missed** |" in text
    assert "| a context within 15 ms in 20,000 made files, p95 | 15 | reached |" in text
    assert "2 of 3 aims are reached; [the others](#not-reached)" in text
    assert "- `chat`: chat could not run: no model chats" in missing
    assert "- `keystroke`: not run." in missing
    assert "## The chat" not in text


def test_every_benchmark_is_on_the_page_with_its_aims() -> None:
    names = [listed.name for listed in LISTED]
    assert len(set(names)) == len(names)
    assert AIMS.keys() == set(names)
    assert BENCHMARKS.keys() - {"all"} == {listed.command[0] for listed in LISTED}


def test_the_same_benchmark_of_another_model_has_a_section_of_its_own(tmp_path: Path) -> None:
    asked = {
        **dict.fromkeys(("alone", "all complete", "with chats"), Priority.COMPLETION),
        **dict.fromkeys(("one greedy", "past the limit"), Priority.AGENT),
    }
    phases = [
        Phase(name, 1.0, {each: [[3.0], [3.0]]}, 1, 0, ["too many"]) for name, each in asked.items()
    ]
    for model in ("wren", "tiny"):
        printed = tmp_path / "printed.json"
        printed.write_text(json.dumps(as_json(model, phases, 50.0)))
        asyncio.run(
            figures.run(Console(quiet=True), quick=False, data=None, out=tmp_path, measured=printed)
        )
    text = (tmp_path / "BENCHMARKS.md").read_text()
    assert "`sparrow bench clients`, " in text
    assert "`sparrow bench clients --model tiny`, " in text
    assert figures._command("clients-tiny", quick=False, data=None)[4:-1] == [
        *("bench", "clients", "--model", "tiny")
    ]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (saying(f"a table\n{json.dumps(KEYSTROKE)}", ""), (KEYSTROKE, "")),
        (saying("", "Error: chat could not run: why"), (None, "chat could not run: why")),
        (
            saying('{"wrong": ["a text", "an edit"]}', "x"),
            ({"wrong": ["a text", "an edit"]}, "2 things are wrong, the first: a text"),
        ),
    ],
    ids=["figures", "none", "wrong"],
)
def test_a_benchmark_is_read_as_it_ends(
    command: list[str], expected: tuple[dict[str, Any] | None, str]
) -> None:
    assert asyncio.run(figures._measure(command)) == expected


def run(place: Path, only: str) -> dict[str, Any]:
    console = Console(quiet=True)
    return asyncio.run(figures.run(console, quick=True, data=None, only=only, out=place))


def test_samples_of_several_kinds_are_told_each() -> None:
    result = {"name": "wren", "samples": {"lines": 480, "cross_file_calls": 1227}}
    assert "; 480 lines, 1,227 cross file calls; load" in page({"wren": entry(result)}, [], "")


def test_what_was_measured_before_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"keystroke": saying(json.dumps(KEYSTROKE), ""), "engine": saying("", "Error: no vLLM")}
    monkeypatch.setattr(figures, "_command", lambda name, **_: said[name])
    assert run(tmp_path, "keystroke")["wrong"] == []
    result = run(tmp_path, "engine")
    assert result["wrong"] == ["engine: no vLLM"]
    text = (tmp_path / "BENCHMARKS.md").read_text()
    assert "## A keystroke beside the engine" in text
    assert "- `engine`: no vLLM" in text
    assert ET.parse(tmp_path / "benchmarks/keystroke.svg").getroot().tag.endswith("svg")  # noqa: S314


def test_what_was_printed_elsewhere_is_entered(tmp_path: Path) -> None:
    printed = tmp_path / "printed.json"
    printed.write_text(f"some table\n{json.dumps(KEYSTROKE)}\n")
    result = asyncio.run(
        figures.run(Console(quiet=True), quick=False, data=None, out=tmp_path, measured=printed)
    )
    assert result["wrong"] == []
    text = (tmp_path / "BENCHMARKS.md").read_text()
    assert "| p50 ms | 3 | 1.5 (floor p50 ms) | 2.00 |" in text
    assert "load of the machine before not known." in text


@pytest.mark.parametrize("text", ["", "no figures", "[1]", '{"samples": 1}', '{"name": "nothing"}'])
def test_what_holds_no_figures_is_refused(text: str, tmp_path: Path) -> None:
    printed = tmp_path / "printed.json"
    printed.write_text(text)
    with pytest.raises(CouldNotRun, match=r"printed\.json .*hold"):
        asyncio.run(
            figures.run(Console(quiet=True), quick=False, data=None, out=tmp_path, measured=printed)
        )


def test_a_name_that_is_none_and_figures_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(CouldNotRun, match="there is no keystrokes among keystroke, "):
        run(tmp_path, "keystrokes")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/figures.json").write_text("{")
    with pytest.raises(CouldNotRun, match="remove it to begin anew"):
        run(tmp_path, "keystroke")


def test_bars_are_as_long_as_their_values_say() -> None:
    root = ET.fromstring(bars("A <title>", {"one & only": 50.0, "half": 25.0}, "ms"))  # noqa: S314
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(it.attrib["width"]) for it in root.iter(f"{space}rect")]
    assert widths == [531.0, 265.5]
    texts = [it.text for it in root.iter(f"{space}text")]
    assert texts == ["A <title>", "ms", "one & only", "50", "half", "25"]
