"""Traces in a file, and on the command line; and the export that holds code."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from inference.content import Layout, LayoutSection, TextChunk
from inference.endpoint import RUNTIME_DIR_VARIABLE
from inference.protocol import Role, Tail
from lsp_server.completion_events import Answered, Asked
from lsp_server.trace import KEPT_TRACES, Trace, Traces, Verdict
from lsp_server.trace_cli import trace as command
from lsp_server.trace_history import explain_last
from lsp_server.trace_log import TraceLog, read_traces
from lsp_server.traced_code import TracedCode


def made(line: int = 6, verdict: Verdict = Verdict.SHOWN, path: str = "src/a.py") -> Trace:
    one = Trace(path, line, 2, "typing", "wren", "python")
    one.prompt_tokens, one.cached_tokens = 1900, 1880
    one.end(verdict)
    return one


@pytest.fixture
def log(tmp_path: Path) -> TraceLog:
    return TraceLog(lambda: tmp_path)


def test_what_is_written_is_read(log: TraceLog, tmp_path: Path) -> None:
    log.add(made())
    ((pid, read),) = read_traces(tmp_path)
    assert pid == os.getpid()
    assert (read["path"], read["line"], read["column"]) == ("src/a.py", 7, 3)
    assert read["verdict"] == Verdict.SHOWN
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    log.close()
    assert list(tmp_path.iterdir()) == []
    log.add(made())
    assert list(tmp_path.iterdir()) == []


def test_it_is_bounded(log: TraceLog, tmp_path: Path) -> None:
    for line in range(3 * KEPT_TRACES):
        log.add(made(line))
        assert sum(1 for _ in read_traces(tmp_path)) <= 2 * KEPT_TRACES
    lines = [it["line"] for _, it in read_traces(tmp_path)]
    assert lines[-1] == 3 * KEPT_TRACES
    assert lines == list(range(lines[0], lines[-1] + 1))
    assert len(lines) >= KEPT_TRACES
    log.close()


def test_what_a_killed_server_left_goes(log: TraceLog, tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True)  # fmt: skip
    left = tmp_path / f"traces-{int(ended.stdout)}.jsonl"
    left.write_text(json.dumps({"path": "old"}) + "\n")
    assert list(read_traces(tmp_path)) == []
    log.add(made())
    assert not left.exists()
    log.close()


def test_a_full_disk_ends_it_and_leaves_nothing(log: TraceLog, tmp_path: Path) -> None:
    log.add(made())
    assert log._file is not None
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._file.fileno())
    os.close(full)
    log.add(made())
    assert list(tmp_path.iterdir()) == []


def test_half_a_line_is_left_out(log: TraceLog, tmp_path: Path) -> None:
    log.add(made())
    (file,) = tmp_path.iterdir()
    with file.open("a") as more:
        more.write('{"path": "b')
    assert len(list(read_traces(tmp_path))) == 1
    log.close()


def test_where_nothing_can_be_written_completions_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> Path:
        raise OSError("it is somebody else's")

    log = TraceLog(refuse)
    log.add(made())
    log.add(made())
    assert [it.getMessage() for it in caplog.records] == [
        "traces are not written: it is somebody else's"
    ]
    assert list(tmp_path.iterdir()) == []


class TestCommand:
    @pytest.fixture
    def log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TraceLog:
        monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path))
        monkeypatch.setenv("COLUMNS", "200")
        return TraceLog(lambda: tmp_path)

    def run(self, *arguments: str) -> str:
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 0
        return result.output

    def test_without_a_window(self, log: TraceLog) -> None:
        assert "No window" in self.run()
        log.close()

    def test_a_table_for_people(self, log: TraceLog) -> None:
        log.add(made(path="[red]a\x1b[2J.py"))
        told = self.run()
        log.close()
        assert "[red]a·[2J.py:7:3" in told.replace("\n", "")
        assert str(Verdict.SHOWN) in told
        assert "1,880" in told

    def test_lines_for_programs(self, log: TraceLog) -> None:
        for line in range(5):
            log.add(made(line, Verdict.SHOWN if line % 2 else Verdict.NO_IDEA))
        told = [json.loads(line) for line in self.run("--json", "--limit", "3").splitlines()]
        shown = [json.loads(line) for line in self.run("--json", "--shown").splitlines()]
        log.close()
        assert [it["line"] for it in told] == [3, 4, 5]
        assert [it["line"] for it in shown] == [2, 4]
        assert {it["pid"] for it in told} == {os.getpid()}


def test_an_export_holds_what_the_model_was_shown_and_said() -> None:
    traces, code = Traces(), TracedCode()
    shown, other = traces.add(made()), traces.add(made(9, Verdict.DISABLED))
    layout = Layout.of([LayoutSection(Role.PREFIX, "src/a.py", (TextChunk.of("x = 1\n"),))])
    code.on_event(Asked(shown, layout, Tail("y = ", "\n"), lambda: "x + 1"))
    code.on_event(Answered(shown))
    first, second = json.loads(code.export(traces))["traces"]
    assert first["shown_to_model"] == [{"role": "prefix", "path": "src/a.py", "text": "x = 1\n"}]
    assert (first["tail"], first["generated"]) == ({"prefix": "y = ", "suffix": "\n"}, "x + 1")
    assert second["verdict"] == other.verdict
    assert "generated" not in second


def test_the_last_is_explained_with_what_to_do_and_those_before() -> None:
    traces = Traces()
    assert "No completion has been asked for yet" in explain_last(traces)
    for line in range(20):
        traces.add(made(line, path="a|`b.py"))
    traces.add(made(77, Verdict.EXCLUDED))
    told = explain_last(traces)
    assert ".sparrowignore" in told
    rows = told.partition("## The last requests")[2].strip().splitlines()
    assert len(rows) == 2 + 12
    assert "`a.py` 78" in rows[2]
    assert "`a\\|'b.py` 20" in rows[3]
