"""What of a repository is shown at a cursor."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.context.budget import FILE_FORMAT_TOKENS
from lsp_server.context.evidence import Attention
from lsp_server.context.retrieval import Assembly
from tests.unit.lsp_server.made_repository import At, count_tokens

SHELF = '''\
"""Shelves of books."""


class Furniture:
    def move_to(self, room: str) -> None: ...


class Shelf(Furniture):
    """Holds books."""

    def lend_book(self, title: str, *, to_member: int) -> "Loan": ...

    def _count_free(self) -> int: ...


class Loan:
    def give_back(self, late: bool) -> None: ...


def open_shelf(place: str, *, is_locked: bool = False) -> Shelf: ...
'''
FILES = {
    "library/shelf.py": SHELF,
    "library/desk.py": "from library.shelf import open_shelf\n\n\ndef serve(member):\n"
    '    shelf = open_shelf("hall", is_locked=True)\n    charge_fee(member, 3)\n',
    "library/weather.py": "def forecast(day): ...\n\n\nclass Cloud:\n    def rain(self): ...\n",
}


def shown(text: str, *, files: dict[str, str] = FILES, path: str = "library/new.py") -> str:
    return "".join(At.of(files, path, text).shown().values())


@pytest.mark.parametrize(
    "text",
    [
        "def f(shelf: Shelf):\n    shelf.|\n",
        "from library.shelf import Shelf\nshelf = Shelf()\nshelf.|\n",
        "from library.shelf import Shelf as S\nshelf = S()\nshelf.|\n",
        "from library.shelf import open_shelf\nshelf = open_shelf('x')\nshelf.|\n",
        "import library.shelf as s\nshelf = s.open_shelf('x')\nshelf.|\n",
        "with open_shelf('x') as old, Shelf() as shelf:\n    shelf.|\n",
        "class A:\n    def __init__(self, s: Shelf):\n        self.it = s\n    def f(self):\n        self.it.|\n",
        "class A(Shelf):\n    def f(self):\n        self.|\n",
        "def f(shelf):\n    shelf.|\n",  # it is called like the class
    ],
)
def test_members_of_the_receivers_class_and_of_its_bases(text: str) -> None:
    found = At.of(FILES, "library/new.py", text).shown(90)
    assert "lend_book(self, title: str, *, to_member: int)" in found["library/shelf.py"]
    assert "move_to(self, room: str)" in found["library/shelf.py"]


def test_the_class_that_is_imported_is_meant_and_no_other() -> None:
    files = {**FILES, "a/other.py": "class Shelf:\n    def carry(self, weight): ...\n"}
    text = "from library.shelf import Shelf\nshelf = Shelf()\nshelf.|\n"
    found = At.of(files, "a/new.py", text).shown(60)
    assert "lend_book" in found["library/shelf.py"]
    assert "a/other.py" not in found
    nearer = At.of(files, "a/new.py", "def f(shelf: Shelf):\n    shelf.|\n").shown(40)
    assert "carry" in nearer["a/other.py"]


def test_a_class_stands_above_its_members() -> None:
    text = At.of(FILES, "new.py", "def f(s: Shelf):\n    s.|\n").shown(55)["library/shelf.py"]
    assert text.endswith(
        "class Furniture:\n"
        "    def move_to(self, room: str) -> None:\n"
        "class Shelf(Furniture):\n"
        '    def lend_book(self, title: str, *, to_member: int) -> "Loan":\n'
    )


def test_a_class_of_one_line_is_shown_with_its_members() -> None:
    files = {"level.ts": "export enum Level { Low, High }\nexport enum Long {\n  One,\n}\n"}
    text = 'import { Level } from "./level";\nconst level = Level.|\n'
    assert At.of(files, "a.ts", text).shown(14) == {"level.ts": "export enum Level { Low, High }\n"}


def test_private_members_give_way() -> None:
    """A base's method is shown before them."""
    found = At.of(FILES, "new.py", "def f(s: Shelf):\n    s.|\n").shown(55)["library/shelf.py"]
    assert "lend_book" in found
    assert "_count_free" not in found


def test_a_problems_method_stands_in_its_class() -> None:
    attention = Attention(problems=("Cannot access attribute `give_back` of None",))
    found = At.of(FILES, "new.py", "x = 1\n|\n").shown(60, attention=attention)
    assert found["library/shelf.py"].startswith(
        "class Loan:\n    def give_back(self, late: bool) -> None:\n"
    )


def test_a_problem_names_what_is_needed() -> None:
    at = At.of(FILES, "new.py", "x = 1\n|\n")
    assert "library/weather.py" not in at.shown()
    found = at.assemble(attention=Attention(problems=('"Cloud" is not defined',)))
    (excerpt,) = (it for it in found.excerpts if it.path == "library/weather.py")
    assert excerpt.text == "class Cloud:\n    def rain(self):\n"
    assert excerpt.reasons == ("a problem names Cloud",)


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ('"Cloud" is not defined, nor is Shelf', "library/weather.py"),
        ("Cannot find name 'Cloud'. Shelf is there.", "library/weather.py"),
        ("no `Cloud` in the crate of Shelf", "library/weather.py"),
        ("undefined: Cloud", "library/weather.py"),
        ("it's Shelf that is unknown", "library/shelf.py"),
        ("expected ';'", ""),
        ("", ""),
    ],
)
def test_a_name_in_quotes_is_what_a_problem_is_of(message: str, path: str) -> None:
    at = At.of({it: FILES[it] for it in FILES if it != "library/desk.py"}, "new.py", "x = 1\n|\n")
    assert [*at.shown(attention=Attention(problems=(message,)))] == ([path] if path else [])


@pytest.mark.parametrize(
    "text",
    [
        "import library.shelf as shelves\nshelves.|\n",
        "from library import shelf\nshelf.|\n",
        "from library.shelf import *\n|\n",
    ],
)
def test_what_an_imported_module_has(text: str) -> None:
    assert "def open_shelf(place: str, *, is_locked: bool = False) -> Shelf:\n" in shown(text)


@pytest.mark.parametrize("name", ["open_shelf", "open_shelf as unlock"])
def test_how_an_imported_function_is_called(name: str) -> None:
    alias = name.rpartition(" ")[2]
    found = shown(f"from library.shelf import {name}\n\n\ndef f():\n    {alias}(|\n")
    assert "def open_shelf(place: str, *, is_locked: bool = False) -> Shelf:\n" in found


def test_how_the_function_is_used_that_is_being_written() -> None:
    text = "def charge_fee(|\n    pass\n"
    at = At.of(FILES, "library/fees.py", "def charge_fee(member, days):\n    |\n")
    assert "    charge_fee(member, 3)\n" in at.shown(60)["library/desk.py"]
    assert "uses charge_fee" in str(at.assemble(60))
    assert "charge_fee(member, 3)" in shown(text, path="library/fees.py")


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("library/shelf.py", "tests/test_shelf.py"),
        ("tests/test_shelf.py", "library/shelf.py"),
        ("library/shelf.ts", "library/shelf.spec.ts"),
        ("library/shelf.test.ts", "library/shelf.ts"),
        ("library/shelf.go", "library/shelf_test.go"),
        ("src/Shelf.java", "test/ShelfTest.java"),
        ("src/Shelf.cs", "test/ShelfTests.cs"),
        ("test/ShelfTests.cs", "src/Shelf.cs"),
    ],
)
def test_a_file_and_its_test_go_together(path: str, other: str) -> None:
    defined = {
        "py": "def put_away(): ...\n",
        "ts": "export function put_away() {}\n",
        "go": "package a\nfunc put_away() {}\n",
        "java": "class put_away {}\n",
        "cs": "class put_away {}\n",
    }[path.rpartition(".")[2]]
    found = At.of({other: defined}, path, "|\n").assemble()
    (excerpt,) = found.excerpts
    assert "put_away" in excerpt.text
    assert excerpt.reasons[0] in ("is tested here", "tests this file")


def test_what_was_edited_last_in_other_files() -> None:
    attention = Attention(
        edited=(("library/weather.py", 0), ("new.py", 0), ("library/desk.py", 99))
    )
    at = At.of(FILES, "new.py", "x = 1\n|\n")
    found = at.assemble(attention=attention)
    assert ("was edited just now",) in [it.reasons for it in found.excerpts]
    assert at.shown(attention=attention)["library/weather.py"] == "def forecast(day): ...\n"


def test_code_that_is_like_it_fills_what_is_left() -> None:
    at = At.of(FILES, "new.py", "def greet(member):\n    shelf = find()\n    |\n")
    few = at.shown(40)
    all_ = at.shown()
    assert "def serve(member):\n" in all_["library/desk.py"]
    assert sum(map(len, few.values())) < sum(map(len, all_.values()))
    assert all_["library/desk.py"] == FILES["library/desk.py"].replace("\n\n\n", "\n")


MANY = {**FILES, "library/new.py": SHELF, "other/new.py": "class Shelf:\n    def shut(self): ...\n"}


@pytest.mark.parametrize("without", [(), ("library/shelf.py",), tuple(FILES)])
def test_nothing_is_shown_twice(without: tuple[str, ...]) -> None:
    text = (
        "from library.shelf import *\n\n\nclass A(Shelf):\n    def serve(self):\n        self.|\n"
    )
    attention = Attention(
        edited=tuple((path, 1) for path in MANY), problems=("open_shelf", "forecast")
    )
    found = At.of(MANY, "library/new.py", text).shown(without=without, attention=attention)
    assert found
    assert not found.keys() & {"library/new.py", *without}
    assert "other/new.py" in found


def test_no_name_stands_alone() -> None:
    """Each line is one of its file, or a whole signature."""
    found = At.of(
        MANY, "a.py", "from library.shelf import *\nclass A(Shelf):\n    self.|\n"
    ).shown()
    for path, text in found.items():
        whole = re.sub(r"\s+", " ", MANY[path])
        for line in text.splitlines():
            assert line.strip().removesuffix(":") in whole
            assert not line.strip().isidentifier()


FRAGMENTS = [
    "from library.shelf import open_shelf as o, Shelf\n",
    "import library.shelf\n",
    "class A(Shelf):\n",
    "    def serve(self, loan: Loan, größe: int):\n",
    "        self.it = open_shelf('x')\n",
    "        self.\n",
    "x = Shelf()\r\n",
    "\n",
    "# Cloud\n",
    "def charge_fee(\n",
]


@settings(deadline=None, max_examples=60)
@given(
    st.integers(-1, 400),
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
    st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join),
    st.dictionaries(
        st.sampled_from(["a.py", "library/test_new.py", "b/é.py"]),
        st.lists(st.sampled_from([*FRAGMENTS, SHELF]), max_size=6).map("".join),
    ),
)
def test_the_budget_holds(budget: int, before: str, after: str, more: dict[str, str]) -> None:
    at = At.of({**FILES, **more}, "library/new.py", f"{before}|{after}")
    attention = Attention(edited=(("library/desk.py", 4),), problems=("give_back",))
    found = at.assemble(budget, attention=attention)
    assert tokens_of(found) <= max(0, budget)
    assert found == at.assemble(budget, attention=attention)
    assert [it.path for it in found.excerpts] == sorted({it.path for it in found.excerpts})
    assert all(it.text.endswith("\n") and it.reasons for it in found.excerpts)


def tokens_of(found: Assembly) -> int:
    return sum(
        count_tokens(it.path) + FILE_FORMAT_TOKENS + count_tokens(it.text) for it in found.excerpts
    )


@pytest.mark.parametrize("count", [lambda _: 0, lambda text: 2 * len(text)])
def test_any_count_will_do(count: object) -> None:
    at = At.of(FILES, "new.py", "def f(s: Shelf):\n    s.|\n")
    found = assemble_with(at, 300, count)
    assert found.excerpts
    if count("x"):  # type: ignore[operator]
        assert sum(2 * len(it.text) + 2 * len(it.path) for it in found.excerpts) <= 300


def assemble_with(at: At, budget: int, count: object) -> Assembly:
    from lsp_server.context.retrieval import assemble

    return assemble(at.snapshot, at.path, at.lines, at.cursor, budget, count)  # type: ignore[arg-type]


def test_the_hash_seed_changes_nothing() -> None:
    code = (
        "from tests.unit.lsp_server.test_retrieval import MANY\n"
        "from tests.unit.lsp_server.made_repository import At\n"
        "text = 'from library.shelf import *\\nclass A(Shelf):\\n    def serve(self):\\n        self.|'\n"
        "at = At.of(MANY, 'a.py', text)\n"
        "print([at.shown(budget) for budget in range(10, 200, 10)])\n"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-P", "-c", code],
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(answers) == 1
    assert b"lend_book" in answers.pop()


@pytest.mark.parametrize(
    "text",
    [
        "|",
        "x.|",
        "from library.shelf import Shelf\r\ns = Shelf()\r\ns.|\r\n",
        "größe: Shelf = 1\ngröße.|",
        "x = 1\n" * 5_000 + "shelf.|",
        "y" * 20_000 + ".|",
        "shelf.|" + "(" * 20_000,
    ],
)
def test_hostile_files(text: str) -> None:
    files = {**FILES, "long.py": "shelf = '" + "x" * 20_000 + "'\n", "empty.py": ""}
    started = time.process_time()
    found = At.of(files, "new.py", text).assemble()
    assert time.process_time() - started < 5
    assert tokens_of(found) <= 1_000
    assert all(len(it.text) < 4_000 for it in found.excerpts)


def test_of_two_assemblies_what_one_shows_for_the_other() -> None:
    all_, some, none = (Assembly((), it) for it in ({"a": 1.0, "b": 3.0}, {"b": 1.0}, {}))
    assert all_.share_shown_by(all_) == 1.0
    assert all_.share_shown_by(some) == 0.75
    assert all_.share_shown_by(none) == 0.0
    assert some.share_shown_by(all_) == 1.0
    assert none.share_shown_by(all_) == 0.0
