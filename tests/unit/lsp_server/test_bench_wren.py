import gzip
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from inference.engines.suffix import SuffixEngine
from inference.protocol import Role
from inference.wren.corpus import SourceFile
from lsp_server.bench import wren, wren_cross_file, wren_programs
from lsp_server.bench.measure import CouldNotRun
from lsp_server.bench.wren_cross_file import call_of
from lsp_server.bench.wren_tasks import (
    FunctionTask,
    LineTask,
    bounded_prompt,
    function_prompt,
    function_tasks,
    line_tasks,
    whole_prompt,
)


def module(name: str, imports: str = "", lines: int = 60) -> SourceFile:
    body = "\n".join(f"def {name}_{it}(value):\n    return value + {it}\n" for it in range(lines))
    return SourceFile("held/out", f"code/{name}.py", "python", True, f"{imports}\n{body}")  # noqa: FBT003


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    files = [module("first", "from code import second"), module("second"), module("third")]
    path = tmp_path / "held-out.jsonl"
    path.write_text("".join(json.dumps(asdict(file)) + "\n" for file in files))
    return path


def test_a_line_is_taken_out_of_its_file(held_out: Path) -> None:
    files = {
        it.path: it.text
        for it in (module("first", "from code import second"), module("second"), module("third"))
    }
    tasks = line_tasks(held_out, 3)
    assert len({task.path for task in tasks}) == 3
    assert tasks == line_tasks(held_out, 3)
    for number, task in enumerate(tasks):
        whole = task.file_with(task.line)
        assert files[task.path].startswith(whole) if number % 2 == 0 else files[task.path] == whole
        assert task.line == task.line.strip()
        assert task.before.rpartition("\n")[2].strip() == ""
    (first,) = (task for task in tasks if task.path == "code/first.py")
    assert [path for path, _ in first.others][-1] == "code/second.py"


def test_prompts_end_and_begin_at_the_cursor(held_out: Path) -> None:
    engine = SuffixEngine()
    for task in line_tasks(held_out, 3):
        whole = whole_prompt(task, engine)
        bounded = bounded_prompt(task, engine, with_others=True)
        alone = bounded_prompt(task, engine, with_others=False)
        for prompt in (whole, bounded, alone):
            assert task.before.endswith(prompt.layout.text(Role.PREFIX) + prompt.tail.prefix)
            assert task.after.startswith(prompt.tail.suffix + prompt.layout.text(Role.SUFFIX))
            assert prompt.tail.prefix.endswith(task.before.rpartition("\n")[2])
        assert whole.layout.text(Role.PREFIX) + whole.tail.prefix == task.before
        assert whole.layout.text(Role.CONTEXT) == "".join(text for _, text in task.others)
        assert 500 < len(bounded.layout.text(Role.CONTEXT)) < 2_300
        assert alone.layout.text(Role.CONTEXT) == ""


def test_functions_are_put_together(tmp_path: Path) -> None:
    folder = tmp_path / "human-eval-infilling"
    folder.mkdir()
    task = {
        "task_id": "a/0",
        "entry_point": "double",
        "prompt": "def double(x):\n",
        "canonical_solution": "    y = 2 * x\n",
        "suffix": "    return y\n",
        "test": "def check(candidate):\n    assert candidate(2) == 4\n",
    }
    path = folder / "HumanEval-SingleLineInfilling.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(task).encode()))
    (found,) = function_tasks(tmp_path, None)
    assert wren_programs.ends_well(found.program(found.line))
    assert not wren_programs.ends_well(found.program("    y = x\n"))
    assert function_prompt(found).tail.suffix == "    return y\n"


def test_a_program_is_kept_from_the_network_and_from_lasting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert wren_programs.isolation() in {"bubblewrap", "namespaces", "limits"}
    assert not wren_programs.ends_well("x = bytearray(2**31)")
    with monkeypatch.context() as patched:
        patched.setattr(wren_programs, "TIME_LIMIT_S", 1)
        assert not wren_programs.ends_well("while True: pass")
    if wren_programs.isolation() != "limits":
        reaches = "import socket; socket.create_connection(('127.0.0.1', 9), 0.2)"
        assert not wren_programs.ends_well(f"try: {reaches}\nexcept ConnectionRefusedError: pass")


def test_answers_are_judged() -> None:
    tasks = [
        LineTask("r", "a.py", "x = [\n    ", "1, 2,", "\n]\n", ()),
        LineTask("r", "b.py", "y = ", "f(1)", "", ()),
        LineTask("r", "c.py", "if x:", "", "", ()),
    ]
    judged = wren._judged(tasks, ["1, 2,", "f(", "x"])
    assert judged.exact_match == pytest.approx(1 / 3)
    assert judged.shown == 1.0
    assert judged.syntax_valid == 0.5  # of the two that can be parsed at all
    assert judged.can_go_on == 1.0  # the bracket may be closed
    assert 0.5 < judged.edit_similarity < 0.7
    assert wren._judged(tasks, ["", "", ""]).syntax_valid is None


def test_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(CouldNotRun, match=r"held-out\.jsonl"):
        line_tasks(tmp_path / "held-out.jsonl", 1)
    with pytest.raises(CouldNotRun, match="HumanEval"):
        function_tasks(tmp_path, 1)


def test_a_function_task_is_whole() -> None:
    task = FunctionTask("n", "a\n", "b\n", "c\n", "f", "t")
    assert task.program("B\n") == "a\nB\nc\n\nt\ncheck(f)\n"


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("f(a, g(b)).h(c)", "f(a, g(b))"),
        ("f(a, b))", "f(a, b)"),
        ("f(a,", "f(a,"),
        ("f", "f"),
    ],
)
def test_of_a_call_no_more_counts_than_where_it_closes(text: str, call: str) -> None:
    assert call_of(text) == call


def test_what_needs_another_file_is_asked_with_what_is_found_there(tmp_path: Path) -> None:
    source = "class Till:\n    def take_money(self, coins):\n        return coins\n"
    (tmp_path / "till.py").write_text(source)
    (tmp_path / "shop.py").write_text(
        "from till import Till\n\n\ndef sell(price):\n    till = Till()\n"
        "    return till.take_money(price)\n"
    )
    tasks = dict(wren_cross_file._tasks("made", tmp_path, 4))
    task = tasks["call"]
    assert task.line == "take_money(price)"
    assert task.before.endswith("return till.")
    assert "take_money" not in task.before + task.after
    assert [path for path, text in task.others if "take_money" in text] == ["till.py"]
    assert ("till.py", source) in task.whole_files
