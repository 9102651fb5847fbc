"""How the soak and the clients' benchmark judge what they see."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from inference.engines.scripted import digest_around
from inference.protocol import Priority
from lsp_server.bench.clients_report import Phase, as_json, jain
from lsp_server.bench.measure import CouldNotRun
from lsp_server.bench.soak_editor import Editor, text_before
from lsp_server.bench.soak_findings import LOST_EDIT, WRONG_TEXT, Findings
from lsp_server.bench.soak_processes import Sample, Samples
from lsp_server.bench.soak_user import SAYS, User
from lsp_server.bench.soak_workspace import make_workspace, python_files
from lsp_server.session import Suggestion
from lsp_server.workspace.documents import Edit, Position

BEFORE, BEHIND = "def a():\n    return ", "\n\nb = 1\n"
SAID = f"{SAYS}{digest_around(BEFORE, BEHIND)}"
EARLIER = f"{SAYS}{digest_around(BEFORE[:-1], BEHIND)}"


@pytest.fixture
def user(tmp_path: Path) -> User:
    made = User(Editor(tmp_path, {}, Findings()), [tmp_path / "a.py"], seed=1)
    made._asked.append(digest_around(BEFORE[:-1], BEHIND))
    return made


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("", SAID, ""),
        (SAID[:7], SAID[7:], ""),
        ("", SAYS, ""),  # cut short at its deadline
        ("", EARLIER, WRONG_TEXT),
        ("", f"{SAYS}{'0' * 12}", LOST_EDIT),
        ("x", SAID, LOST_EDIT),
        ("", "something else", WRONG_TEXT),
        ("", f"pass\n{SAID}", WRONG_TEXT),
    ],
)
def test_a_completion_is_for_one_text(user: User, typed: str, text: str, found: str) -> None:
    place = Position(1, 11)
    before = BEFORE + typed
    user._judge("file:///a.py", Suggestion(text, place, place, None, 1.0), place, before, BEHIND)
    assert dict(user._findings.wrong) == ({found: 1} if found else {})
    assert user._findings.counts["completions checked"] == (text in {SAID, SAID[7:]} and not found)


def test_what_is_undone_is_as_it_was(tmp_path: Path) -> None:
    editor = Editor(tmp_path, {}, Findings())
    path = tmp_path / "a.py"
    text = "one\ntwo 🐦\nthree\n"
    editor.open(path, text)
    chosen = random.Random(3)  # noqa: S311 - which edits
    versions = []
    for number in range(40):
        document = editor.documents[path]
        versions.append(document.text)
        line = chosen.randrange(len(document.lines))
        start = Position(line, chosen.randint(0, len(document.lines[line].rstrip("\n"))))
        last = chosen.randrange(line, len(document.lines))
        end = max(start, Position(last, len(document.lines[last].rstrip("\n"))))
        editor.edit(path, Edit(start, end, f"new {number}\n" if number % 2 else ""))
    for before in reversed(versions):
        assert editor.undo(path)
        assert editor.documents[path].text == before
    assert not editor.undo(path)
    assert text_before(editor.documents[path], Position(1, 5)) == "one\ntwo 🐦"


def samples(pid: int, *megabytes: float, start: float = 0.0) -> list[Sample]:
    return [Sample(start + number, pid, it, 10 + number) for number, it in enumerate(megabytes)]


def test_growth_is_of_the_process_that_lived_longest_behind_its_warm_up() -> None:
    warming = [50.0, 90.0, 100.0]
    flat = [100.0, 101.0, 300.0, 100.0, 101.0, 100.0]  # with one peak
    kept = {"server": [*samples(1, *warming, *flat), *samples(2, 1.0, 500.0, start=20.0)]}
    growth = Samples(kept).growth("server", since=0.0, warm_up_s=3.0)
    assert growth is not None
    memory_mb, descriptors, before_mb = growth
    assert abs(memory_mb) < 2.0
    assert descriptors == pytest.approx(5.0)
    assert before_mb == 100.0
    assert Samples(kept).growth("server", since=7.0, warm_up_s=3.0) is None
    assert Samples(kept).growth("host", since=0.0, warm_up_s=0.0) is None


def test_the_workspace_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "other"):
        make_workspace(tmp_path / name, 5)
        files = python_files(tmp_path / name)
        assert len(files) == 120
        texts.append([file.read_text() for file in files])
    assert texts[0] == texts[1]
    assert all(text.count("\nMARK = 0\n") == 1 for text in texts[0])


@pytest.mark.parametrize(
    ("shares", "index"),
    [([5.0, 5.0, 5.0], 1.0), ([9.0, 0.0, 0.0], 1 / 3), ([0.0, 0.0], 1.0), ([3.0, 1.0], 0.8)],
)
def test_fairness_is_jains(shares: list[float], index: float) -> None:
    assert jain(shares) == pytest.approx(index)


def phase(name: str, priority: Priority, *answers: list[float], **more: Any) -> Phase:
    return Phase(name, 2.0, {priority: answers}, more.get("tokens", 0), 0, more.get("refusals", []))


def test_a_phase_without_answers_is_no_figure() -> None:
    with pytest.raises(CouldNotRun, match="no answer came in 2 s of “alone”"):
        as_json("wren", [phase("alone", Priority.COMPLETION, [])], 50.0)


def test_what_the_clients_found_is_told_by_phase() -> None:
    completion, agent = Priority.COMPLETION, Priority.AGENT
    result = as_json(
        "wren",
        [
            phase("alone", completion, [2.0]),
            phase("all complete", completion, [10.0, 10.0], [20.0, 10.0], tokens=8),
            phase("with chats", completion, [30.0], [20.0, 30.0]),
            phase("one greedy", agent, [1.0] * 6, [1.0, 1.0], [1.0, 1.0]),
            phase("past the limit", agent, [1.0], [1.0], refusals=["too many", "too many"]),
        ],
        50.0,
    )
    assert result["clients"] == 2
    assert (result["floor_p50_ms"], result["p50_ms"], result["p95_ms"]) == (2.0, 10.0, 20.0)
    assert result["with_chats_ratio_p50"] == 3.0
    assert (result["requests_per_s"], result["tokens_per_s"]) == (2.0, 4.0)
    assert (result["fairness"], result["fairness_of_the_others"]) == (1.0, 1.0)
    assert result["share_of_the_greedy"] == 3.0
    assert (result["refused"], result["served"], result["refusal"]) == (2, 2, "too many")
