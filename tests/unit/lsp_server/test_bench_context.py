"""The context benchmark, on small made repositories: its tasks, its scores and its baselines."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from rich.console import Console

from lsp_server.bench.context_baselines import (
    BM25,
    Jaccard,
    Window,
    cut_windows,
    query_text,
    without_repeats,
)
from lsp_server.bench.context_code import Code, is_bare, read_code, split_lines
from lsp_server.bench.context_report import as_json, show, show_misses
from lsp_server.bench.context_run import BUDGETS, METHODS, Measured, Outcome
from lsp_server.bench.context_score import Shown, cut, found_names
from lsp_server.bench.context_snapshot import MemorySnapshot, Repository
from lsp_server.bench.context_tasks import (
    Definitions,
    Task,
    find_tasks,
    is_task_file,
    make_tasks,
    true_lines,
    visible_lines,
)
from lsp_server.bench.context_tokens import count_tokens
from lsp_server.workspace.documents import Position

SHELF = """\
class Shelf:
    def lend_book(self, title, *, to_member=None):
        return title

    def count_free(self): ...


def open_shelf(place): ...


class Loan:
    to_member: int
"""
USER = """\
from shelf import open_shelf

shelf = open_shelf("hall")
# lend_nothing
shelf.lend_book("Emma", to_member=3)
"""


@dataclass(frozen=True)
class Piece:
    path: str
    text: str


def read(files: Mapping[str, str]) -> dict[str, Code]:
    return {path: read_code(path, text.encode()) for path, text in files.items()}


def tasks_of(text: str, kind: str, other: str = SHELF) -> list[tuple[str, tuple[str, ...]]]:
    """True texts, on one line, with the needed names."""
    codes = read({"user.py": text, "shelf.py": other})
    found = []
    for task in find_tasks(codes["user.py"], kind, Definitions(codes.values())):
        span = task.span
        lines = list(codes["user.py"].lines[span.start_line : span.end_line + 1])
        lines[-1] = lines[-1][: span.end_column]
        lines[0] = lines[0][span.start_column :]
        found.append(("".join(lines), tuple(name.text for name in task.needed)))
    return found


@pytest.mark.parametrize(
    ("text", "truths"),
    [
        (USER, [('shelf.lend_book("Emma", to_member=3)', ("lend_book", "to_member"))]),
        ("import open_shelf\n", []),
        ("from a import (\n    open_shelf,\n)\n", []),
        ("# lend_book\nx = lend_book\n", []),  # the comment shows the name
        ('"""lend_book"""\n', []),
        ('x = """\nlend_book()\n"""\n', []),
        ("x = (\n    lend_book,\n)\n", []),  # names alone
        ("x.lend_books()\n", []),  # a longer name is another
        ("x.lend_book()\ny.lend_book()\n", []),  # either line shows it to the other
        ("lend_book = 1\n", []),  # its own name for it
        ("def f(lend_book): ...\n", []),
        (
            "    if x.count_free():  # all\n        y\n",
            [("if x.count_free():  # all", ("count_free",))],
        ),
        ('x = f"{y.lend_book}"\n', [('x = f"{y.lend_book}"', ("lend_book",))]),
        ("class A(B):\n    def lend_book(self):\n", [("def lend_book(self):", ("lend_book",))]),
    ],
)
def test_lines_that_are_tasks(text: str, truths: list[tuple[str, tuple[str, ...]]]) -> None:
    assert tasks_of(text, "line") == truths


@pytest.mark.parametrize(
    ("text", "truths"),
    [
        (USER, [('lend_book("Emma", to_member=3)', ("lend_book", "to_member"))]),
        ("x = y.lend_book(\n    1,\n)  # end\n", [("lend_book(\n    1,\n)", ("lend_book",))]),
        ("é = 'é', y.lend_book('é')\n", [("lend_book('é')", ("lend_book",))]),
        ("x(y.count_free)\n", [("x(y.count_free)", ("count_free",))]),
        (
            "x(y.lend_book(1))\n",
            [("x(y.lend_book(1))", ("lend_book",)), ("lend_book(1)", ("lend_book",))],
        ),
        # What is hidden behind the call on its last line does not show the name.
        ("y.lend_book(1), y.lend_book\n", [("lend_book(1)", ("lend_book",))]),
        ("y.count_free(" + "\n" * 12 + ")\n", []),  # too long
    ],
)
def test_calls_that_are_tasks(text: str, truths: list[tuple[str, tuple[str, ...]]]) -> None:
    assert tasks_of(text, "call") == truths


@pytest.mark.parametrize("name", ["get", "append", "__init__", "print", "self", "kwargs", "match"])
def test_names_that_need_no_context(name: str) -> None:
    assert tasks_of(f"x.{name}(1)\n", "line", f"def {name}(): ...\n") == []


def test_what_tests_alone_define_is_not_needed() -> None:
    codes = read({"user.py": "x.lend_book()\n", "tests/test_shelf.py": SHELF})

    assert make_tasks(codes, 5) == []


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("src/shelf/core.py", True),
        ("shelf/testing/runner.py", True),
        ("tests/core.py", False),
        ("shelf/tests/core.py", False),
        ("docs/conf.py", False),
        ("shelf/test_core.py", False),
        ("conftest.py", False),
        ("setup.py", False),
    ],
)
def test_files_that_tasks_are_made_from(path: str, *, is_one: bool) -> None:
    assert is_task_file(path) is is_one


def test_tasks_are_the_same_whatever_the_order_of_files() -> None:
    names = [f"name_{number}" for number in range(40)]
    files = {"shelf.py": "".join(f"def {name}(): ...\n" for name in names)}
    for user in range(4):
        files[f"user_{user}.py"] = "".join(f"x.{name}()\n" for name in names[user::4])
    chosen = make_tasks(read(files), 12)

    assert chosen == make_tasks(read(dict(reversed(files.items()))), 12)
    assert [task.kind for task in chosen] == ["line"] * 12 + ["call"] * 12
    assert {task.path for task in chosen} == {f"user_{user}.py" for user in range(4)}


def test_the_truth_and_what_follows_it_on_its_line_is_hidden() -> None:
    code = read_code("user.py", b"a = 1\nb = y.lend_book(\n    2)  # why\nc = 3\n")
    (span,) = code.calls

    assert visible_lines(code, span) == ["a = 1\n", "b = y.\n", "c = 3\n"]
    assert {"b = y.lend_book(", "lend_book(", "2)  # why", "2)"} == true_lines(code, span)


def call_task(codes: Mapping[str, Code], path: str = "user.py") -> Task:
    (task,) = find_tasks(codes[path], "call", Definitions(codes.values()))
    return task


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("    def lend_book(self, title, *, to_member=None):", {"lend_book", "to_member"}),
        (
            "def lend_book(self, title, *, to_member=None)",
            {"lend_book", "to_member"},
        ),  # a signature
        ("    def lend_book(self, title, *, to_member=None): ...", {"lend_book", "to_member"}),
        ("    def lend_book(self, title", set()),  # cut
        ("lend_book to_member", set()),  # stands nowhere
        ("lend_book, to_member", set()),  # stands there, but names alone
        ("shelf.lend_book(title)  # to_member", {"lend_book"}),
        ("print('lend_book', to_member)", {"to_member"}),
        ("shelf.lend_book(1, to_member=2)", set()),  # the truth itself
    ],
)
def test_what_shows_a_name(line: str, found: set[str]) -> None:
    more = (
        "def more(lend):\n    (\n        lend_book, to_member\n    )\n"
        "    shelf.lend_book(title)  # to_member\n    print('lend_book', to_member)\n"
        "    shelf.lend_book(1, to_member=2)\n"
    )
    codes = read({"user.py": "shelf.lend_book(1, to_member=2)\n", "shelf.py": SHELF + more})

    assert found_names([("shelf.py", line)], call_task(codes), codes, Shown(codes)) == found


def test_the_current_file_shows_nothing() -> None:
    codes = read({"user.py": USER, "shelf.py": SHELF})

    lines = [("user.py", line) for line in codes["user.py"].lines]
    assert found_names(lines, call_task(codes), codes, Shown(codes)) == frozenset()


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("    lend_book,", True),
        ("    (a, b), [c]", True),
        ("lend_book(title)", False),
        ("titles[0]", False),
        ("from shelf import lend_book", False),
        ("return title", False),
        ("a.b,", False),
        ("a=b,", False),
    ],
)
def test_lists_of_names(line: str, *, bare: bool) -> None:
    assert is_bare(line) is bare


def test_a_context_is_cut_at_its_budget_before_it_is_scored() -> None:
    excerpts = [
        Piece("a.py", "x = 1\ny = 2\n"),
        Piece("a.py", "z = 3\n"),
        Piece("b.py", "w = 4\n"),
    ]
    head, line = count_tokens("# a.py\n"), count_tokens("x = 1\n")
    kept = [("a.py", "x = 1\n"), ("a.py", "y = 2\n"), ("a.py", "z = 3\n"), ("b.py", "w = 4\n")]

    assert cut(excerpts, head + 3 * line, count_tokens) == kept[:3]
    assert cut(excerpts, head + 3 * line - 1, count_tokens) == kept[:2]
    assert cut(excerpts, 2 * head + 4 * line, count_tokens) == kept
    assert cut(excerpts, head, count_tokens) == []


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("x = 1\n", 5),
        ("get_name", 2),
        ("a.identification(b)", 5),
        ("    y\n\n", 4),
        ("12", 2),
    ],
)
def test_tokens(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


def test_windows_have_twenty_lines_and_overlap_by_ten() -> None:
    lines = [f"line_{number}\n" for number in range(45)]
    windows = cut_windows({"b.py": lines, "a.py": lines[:5], "empty.py": [], "blank.py": ["\n"]})

    assert [(each.path, each.start, len(each.lines)) for each in windows] == [
        ("a.py", 0, 5),
        *(("b.py", start, 20) for start in (0, 10, 20)),
        ("b.py", 30, 15),
    ]


def test_the_query_ends_at_the_cursor() -> None:
    lines = [f"line_{number}\n" for number in range(30)]

    assert query_text(lines, 2, 4, 20) == "line_0\nline_1\nline"
    assert query_text(lines, 25, 0, 3) == "line_23\nline_24\n"


WINDOWS = [
    Window("a.py", 0, ("book = shelf.lend(title)\n",)),
    Window("b.py", 0, ("book = shelf.lend(title)\n", "something = very.different(from_it)\n")),
    Window("c.py", 0, ("unrelated\n",)),
    Window("d.py", 0, ("book = shelf.lend(title)\n",)),
]


@pytest.mark.parametrize("method", [Jaccard, BM25])
def test_windows_like_the_query_come_first(method: type[Jaccard | BM25]) -> None:
    ranking = method(WINDOWS)

    ranked = ranking.rank("book = shelf.lend(", "d.py")
    assert [window.path for window in ranked[:2]] == ["a.py", "b.py"]
    assert all(window.path != "d.py" for window in ranked)


def test_bm25_finds_parts_of_names_and_jaccard_does_not() -> None:
    windows = [Window("a.py", 0, ("openShelf\n",)), Window("b.py", 0, ("closeBook\n",))]

    assert [each.path for each in BM25(windows).rank("shelf", "x")] == ["a.py"]
    assert Jaccard(windows).rank("shelf", "x") == []


def test_lines_that_windows_share_are_shown_once() -> None:
    lines = tuple(f"{number}\n" for number in range(30))
    ranked = [
        Window("a.py", 10, lines[10:20]),
        Window("a.py", 5, lines[5:25]),
        Window("a.py", 12, lines[12:15]),
    ]

    assert [(each.start, each.lines) for each in without_repeats(ranked)] == [
        (10, lines[10:20]),
        (5, lines[5:10]),
        (20, lines[20:25]),
    ]


def test_lines_end_at_line_feeds_alone() -> None:
    assert split_lines("a\x0cb\nc") == ("a\x0cb\n", "c")
    assert read_code("a.py", b"a\r\nb\rc").lines == ("a\n", "b\n", "c")


def test_a_snapshot_knows_of_the_edited_file_what_the_editor_shows() -> None:
    codes = read({"user.py": USER, "shelf.py": SHELF, "other.py": "import user\n"})
    lines = ["from shelf import open_shelf\n", "def fresh(): ...\n"]
    snapshot = MemorySnapshot(Repository(codes), "user.py", lines)

    assert snapshot.paths() == ("other.py", "shelf.py", "user.py")
    assert snapshot.named("shelf.py") == ["shelf.py"]
    assert snapshot.lines("user.py") == tuple(lines)
    assert [found.path for found in snapshot.definitions("fresh")] == ["user.py"]
    assert [found.path for found in snapshot.definitions("lend_book")] == ["shelf.py"]
    assert snapshot.references("lend_book") == []
    assert [it.target for it in snapshot.imports("user.py")] == ["shelf.py"]
    assert snapshot.importers("user.py") == ["other.py"]
    assert [it.path for it in snapshot.search_text(["shelf"], 9)] == ["shelf.py"]


def outcome(kind: str, found: Mapping[str, Sequence[str]]) -> Outcome:
    needed = ("lend_book", "to_member")
    by = {(it, budget): frozenset(found[it]) for it in METHODS for budget in BUDGETS}
    where = (("shelf.py",), tuple(f"{number}.py" for number in range(6)))
    return Outcome("user.py:5:1", kind, needed, ("member", "keyword"), where, "shelf.lend", by)


@pytest.fixture
def halves() -> dict[str, list[Measured]]:
    good = {"sparrow": ["lend_book", "to_member"], "jaccard": ["lend_book"], "bm25": []}
    poor = {"sparrow": ["to_member"], "jaccard": [], "bm25": ["lend_book"]}
    reported = (outcome("line", good), outcome("call", good), outcome("call", poor))
    return {
        "reported": [Measured("one==1", 3, 90, reported, (1.0, 2.0, 3.0))],
        "tuned on": [Measured("two==2", 3, 90, (outcome("line", poor),), (9.0,))],
    }


def test_the_object_has_the_keys_of_the_contract(halves: dict[str, list[Measured]]) -> None:
    result = as_json(halves)

    assert (result["tasks"], result["tasks_in_all"]) == (3, 4)
    assert (result["recall_line_2000"], result["recall_call_2000"]) == (1.0, 0.75)
    assert (result["baseline_jaccard_line_2000"], result["baseline_bm25_line_2000"]) == (0.5, 0.0)
    assert (result["baseline_jaccard_call_2000"], result["baseline_bm25_call_2000"]) == (0.25, 0.25)
    assert (result["ratio_to_best_line"], result["ratio_to_best_call"]) == (2.0, 3.0)
    assert result["context_p95_ms"] == 3.0


def test_tables_and_misses_are_shown(halves: dict[str, list[Measured]]) -> None:
    written = io.StringIO()
    console = Console(file=written, width=160)

    show(console, halves)
    show_misses(console, halves, 5)

    assert "reached: 1.25 times the better baseline, call, 2000 tokens: 3.00" in written.getvalue()
    assert "two==2 user.py:5:1 line\n    shelf.lend\n" in written.getvalue()
    assert "lend_book: defined in shelf.py; found by bm25" in written.getvalue()
    assert "defined in 0.py, 1.py, 2.py, 3.py and 2 more; found by sparrow" in written.getvalue()
    assert "one==1 user.py" not in written.getvalue()


def test_a_cursor_is_where_the_truth_starts() -> None:
    codes = read({"user.py": USER, "shelf.py": SHELF})

    assert call_task(codes).cursor == Position(4, 6)
