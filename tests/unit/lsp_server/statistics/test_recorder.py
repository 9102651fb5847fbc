"""From what happens in a window to numbers in the file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lsp_server.completion_events import Accepted, Answered, Judged, Seen, Written
from lsp_server.completions.calibration import MIN_SHOWN
from lsp_server.statistics import recorder
from lsp_server.statistics.recorder import Statistics
from lsp_server.statistics.report import figures
from lsp_server.statistics.store import StatisticsFile
from lsp_server.statistics.tally import Tally
from lsp_server.trace import Source, Trace, Verdict
from lsp_server.workspace.documents import Documents, Edit, Position
from tests.unit.lsp_server.on_loop import on_loop

URI = "file:///secret/place.py"
ACCEPTED = Accepted(URI, Position(0, 4), "hidden(1)", True, True, "python", "vllm:/secret/m")  # noqa: FBT003


class Window:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "statistics.sqlite"
        self.now = 0.0
        self.is_enabled = True
        self.warned: list[str] = []
        self.documents = Documents()
        self.document = self.documents.open(URI, "python", 1, "x = hidden(1)\n")
        self.statistics = Statistics(
            self.documents,
            lambda: self.path,
            lambda: self.is_enabled,
            self.warned.append,
            lambda: self.now,
        )

    def answer(self, verdict: Verdict, source: Source = Source.MODEL) -> None:
        trace = Trace("place.py", 0, 0, "typing", "vllm:/secret/m", "python")
        trace.source = source
        trace.end(verdict)
        trace.total_ms = 8.0
        self.statistics.on_event(Answered(trace))

    async def total(self) -> dict[str, float | None]:
        await self.statistics.write()
        total = Tally()
        for tally in StatisticsFile(self.path).read().values():
            total.add(tally)
        return figures(total)


@pytest.fixture
def window(tmp_path: Path) -> Window:
    return Window(tmp_path)


@on_loop
async def test_what_happened_is_counted(window: Window) -> None:
    window.answer(Verdict.SHOWN)
    window.answer(Verdict.SHOWN, Source.REMEMBERED)
    window.answer(Verdict.NO_IDEA)
    window.answer(Verdict.UNKNOWN_DOCUMENT)
    for event in (
        Written("python", "vllm:/secret/m", 18),
        Seen("python", "vllm:/secret/m"),
        ACCEPTED,
    ):
        window.statistics.on_event(event)
    window.now = 31.0
    told = await window.total()
    counted = {name: told[name] for name in ("requests", "returned", "shown", "accepted", "tokens")}
    assert counted == {"requests": 3, "returned": 2, "shown": 1, "accepted": 1, "tokens": 18}
    assert (told["saved_characters"], told["tokens_per_accepted_character"]) == (8, 2)
    assert (told["kept_30_s_share"], told["kept_5_min_share"]) == (1, None)
    assert told["served_again_share"] == 0.5
    assert told["p50_ms"] == pytest.approx(8, rel=0.1)


@on_loop
async def test_the_look_is_as_the_text_was_at_its_time(window: Window) -> None:
    window.statistics.on_event(ACCEPTED)
    window.now = 31.0
    edit = Edit(Position(0, 0), Position(1, 0), "")
    window.statistics.edited(window.document, edit)
    window.document.apply(edit)
    window.now = 301.0
    told = await window.total()
    assert (told["kept_30_s_share"], told["kept_5_min_share"]) == (1, 0)


@on_loop
async def test_what_is_closed_is_not_looked_for(window: Window) -> None:
    window.statistics.on_event(ACCEPTED)
    window.statistics.edited(window.document, None)
    window.now = 301.0
    assert (await window.total())["kept_30_s_share"] is None


@on_loop
async def test_neither_code_nor_paths_are_in_the_file(window: Window) -> None:
    window.answer(Verdict.SHOWN)
    window.statistics.on_event(ACCEPTED)
    await window.statistics.write()
    written = b"".join(it.read_bytes() for it in window.path.parent.iterdir())
    assert b"vllm:m" in written
    for kept_out in (b"secret", b"hidden", b"place"):
        assert kept_out not in written


@on_loop
async def test_switched_off_nothing_is_counted(window: Window) -> None:
    window.is_enabled = False
    window.answer(Verdict.SHOWN)
    window.statistics.on_event(ACCEPTED)
    await window.statistics.write()
    assert not window.path.exists()


@on_loop
async def test_it_is_written_by_itself(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "WRITE_AFTER_S", 0.0)
    written = asyncio.Event()
    loop, add = asyncio.get_running_loop(), recorder._add

    def told(*given: Any) -> Any:
        answer = add(*given)
        loop.call_soon_threadsafe(written.set)
        return answer

    monkeypatch.setattr(recorder, "_add", told)
    window.answer(Verdict.SHOWN)
    await written.wait()
    assert next(iter(StatisticsFile(window.path).read())).model == "vllm:m"
    await window.statistics.write()


@on_loop
async def test_what_is_wrong_is_said_once_and_completions_go_on(window: Window) -> None:
    window.path = window.path.parent / "taken" / "statistics.sqlite"
    window.path.parent.touch()
    for _ in range(2):
        window.answer(Verdict.SHOWN)
        await window.statistics.write()
    (said,) = window.warned
    assert "taken" in said


@on_loop
async def test_damage_is_said(window: Window) -> None:
    window.path.write_bytes(b"garbage" * 500)
    window.answer(Verdict.SHOWN)
    await window.statistics.write()
    (said,) = window.warned
    assert "damaged" in said
    assert (await window.total())["requests"] == 1


@on_loop
async def test_what_was_never_taken_decides_what_is_shown(window: Window, tmp_path: Path) -> None:
    model = "vllm:/secret/m"
    assert not window.statistics.calibration(model).hides(-9.0)
    for number in range(2 * MIN_SHOWN):
        is_sure = number % 2 == 0
        window.statistics.on_event(Judged(model, -0.1 if is_sure else -3.0, is_sure))
    await window.statistics.write()
    assert window.statistics.calibration(model).hides(-3.0)
    assert not window.statistics.calibration(model).hides(-0.1)
    assert not window.statistics.calibration("vllm:other").hides(-3.0)
    later = Window(tmp_path)
    later.statistics.calibration(model)
    await later.statistics.write()
    assert later.statistics.calibration(model).hides(-3.0)
    later.is_enabled = False
    assert not later.statistics.calibration(model).hides(-3.0)
