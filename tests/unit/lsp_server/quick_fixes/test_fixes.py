"""Which fixes there are for a diagnostic, and what they make of a file.

In a file `«` and `»` are where the diagnostic starts and ends.
"""

from __future__ import annotations

import pytest

from lsp_server.edits.change import EditKind
from lsp_server.edits.verification import verify
from lsp_server.quick_fixes.diagnostics import Complaint, Diagnostic, Reading, read
from lsp_server.quick_fixes.fixes import fixes
from lsp_server.workspace.documents import Document, Position, split_lines
from tests.unit.lsp_server.made_repository import At

OTHERS = {
    "shop/__init__.py": "",
    "shop/books.py": "class Book:\n    title = ''\n    def lend(self): pass\n\n\ndef find_book(): pass\n",
    "shop/store.py": "import numpy as np\nfrom pathlib import Path\nfrom shop.books import Book as B\n",
    "tools/run.py": "from pathlib import Path\nimport json\n",
    "web/api/client.ts": "export function fetchBook() {}\nexport default class Client {}\nfunction hidden() {}\n",
    "web/view.ts": "import { useState } from 'react';\nimport axios from 'axios';\n",
}


def found(path: str, marked: str, source: str, code: str, message: str) -> list[tuple[str, str]]:
    """The titles of fixes, and the text that each makes."""
    before = marked.partition("«")[0]
    inside = marked.partition("»")[0].replace("«", "")
    text = marked.replace("«", "").replace("»", "")
    start, end = (
        Position(len(lines) - 1, len(lines[-1])) for lines in map(split_lines, (before, inside))
    )
    language = "python" if path.endswith(".py") else "typescript"
    document = Document(f"file:///w/{path}", language, 1, text)
    snapshot = At.of(OTHERS, path, text).snapshot
    diagnostic = Diagnostic(source, code, message, start, end)
    result = []
    for fix in fixes(diagnostic, document, path, snapshot):
        change = fix.change(document)
        assert verify(change, EditKind.FIX).passed
        (file,) = change.files
        assert (file.before, file.version) == (text, 1)
        result.append((fix.title, file.after or ""))
    assert document.text == text
    return result


UNDEFINED = ("Pylance", "reportUndefinedVariable")


@pytest.mark.parametrize(
    ("path", "text", "complaint", "title", "after"),
    [
        pytest.param(
            "a.py", "x = «Book»()\n", (*UNDEFINED, '"Book" is not defined'),
            "Import Book from shop.books", "from shop.books import Book\nx = Book()\n", id="class",
        ),
        pytest.param(
            "shop/a.py", "import os\n\nfrom shop.books import Book  # it\n\nx = «find_book»()\n",
            ("Ruff", "F821", "Undefined name `find_book`"), "Import find_book from shop.books",
            "import os\n\nfrom shop.books import Book, find_book  # it\n\nx = find_book()\n", id="joins",
        ),
        pytest.param(
            "a.py", '#!/usr/bin/python\n"""It.\n\nMore."""\n\nimport (\n', ("mypy", "name-defined", 'Name "x" is not defined'),
            "", "", id="nothing known",
        ),
        pytest.param(
            "a.py", '"""It.\n\nMore."""\n\np = «Path»()\n', ("mypy", "name-defined", 'Name "Path" is not defined'),
            "Import Path from pathlib", '"""It.\n\nMore."""\nfrom pathlib import Path\n\np = Path()\n', id="as others do",
        ),
        pytest.param(
            "a.py", "import os\nx = «np».ones()\n", (*UNDEFINED, '"np" is not defined'),
            "Import numpy as np", "import os\nimport numpy as np\nx = np.ones()\n", id="renamed module",
        ),
        pytest.param(
            "a.py", "x = «B»()\n", (*UNDEFINED, '"B" is not defined'),
            "Import Book as B from shop.books", "from shop.books import Book as B\nx = B()\n", id="renamed name",
        ),
        pytest.param(
            "a.py", "# licence\n# more\n\nx = «sys».path\r\n", (*UNDEFINED, '"sys" is not defined'),
            "Import sys", "# licence\n# more\nimport sys\n\nx = sys.path\r\n", id="standard library",
        ),
        pytest.param(
            "a.py", "from a import (\n    b,\n    c,\n)\nx = «books».y\n", (*UNDEFINED, '"books" is not defined'),
            "Import books from shop", "from a import (\n    b,\n    c,\n)\nfrom shop import books\nx = books.y\n", id="module",
        ),
        pytest.param(
            "a.py", "def f(length):\n    return «lenght»\n", (*UNDEFINED, '"lenght" is not defined'),
            "Change lenght to length", "def f(length):\n    return length\n", id="misspelt",
        ),
        pytest.param(
            "a.py", "x = «prnit»(1)\n", (*UNDEFINED, '"prnit" is not defined'),
            "Change prnit to print", "x = print(1)\n", id="misspelt builtin",
        ),
        pytest.param(
            "a.py", "from shop.books import Book\nBook().«lned»()\n",
            ("Pylance", "reportAttributeAccessIssue", 'Cannot access attribute "lned" for class "Book"'),
            "Change lned to lend", "from shop.books import Book\nBook().lend()\n", id="misspelt method",
        ),
        pytest.param(
            "a.py", "«Book().tilte»\n", ("mypy", "attr-defined", '"Book" has no attribute "tilte"; maybe "title"?'),
            "Change tilte to title", "Book().title\n", id="proposed by the tool",
        ),
        pytest.param(
            "a.py", "import «os», sys\nsys\n", ("Ruff", "F401", "`os` imported but unused"),
            "Remove unused import os", "import sys\nsys\n", id="first of two",
        ),
        pytest.param(
            "a.py", "from typing import Any, «List»\nAny\n", ("Ruff", "F401", "`typing.List` imported but unused"),
            "Remove unused import typing.List", "from typing import Any\nAny\n", id="last of two",
        ),
        pytest.param(
            "a.py", "from a import (\n    b,\n    «c»,\n)\nb\n", ("Ruff", "F401", "`a.c` imported but unused"),
            "Remove unused import a.c", "from a import (\n    b,\n)\nb\n", id="on a line of its own",
        ),
        pytest.param(
            "a.py", "import «os»  # for later\nx = 1\n", ("Pylance", "", 'Import "os" is not accessed'),
            "Remove unused import os", "x = 1\n", id="whole statement",
        ),
        pytest.param(
            "a.py", "def f():\n    import «os»\n", ("Pylance", "", '"os" is not accessed'),
            "Remove unused import os", "def f():\n    pass\n", id="the only one of its block",
        ),
        pytest.param(
            "a.py", "import «os»; x = 1\n", ("Ruff", "F401", "`os` imported but unused"), "", "", id="shares its line",
        ),
        pytest.param(
            "a.py", "def f():\n    «x» = 1\n    return 2\n", ("Ruff", "F841", "Local variable `x` is assigned to but never used"),
            "Remove unused variable x", "def f():\n    return 2\n", id="variable",
        ),
        pytest.param(
            "a.py", "def f():\n    «x» = g('é')\n", ("Pylance", "reportUnusedVariable", 'Variable "x" is not accessed'),
            "Remove unused variable x", "def f():\n    g('é')\n", id="what it is assigned may do something",
        ),
        pytest.param(
            "a.py", "try:\n    f()\nexcept (A, B) as «e»:\n    pass\n", ("Ruff", "F841", "Local variable `e` is assigned to but never used"),
            "Remove unused variable e", "try:\n    f()\nexcept (A, B):\n    pass\n", id="error",
        ),
        pytest.param(
            "a.py", "with f() as «x»:\n    g()\n", ("Pylance", "", '"x" is not accessed'),
            "Remove unused variable x", "with f():\n    g()\n", id="with",
        ),
        pytest.param(
            "web/a.ts", 'import { b } from "b";\n\nconst x = «fetchBook»();\n', ("ts", "2304", "Cannot find name 'fetchBook'."),
            "Import fetchBook from ./api/client",
            'import { b } from "b";\nimport { fetchBook } from "./api/client";\n\nconst x = fetchBook();\n', id="exported",
        ),
        pytest.param(
            "web/api/a.ts", "import { b } from './client';\nnew «Client»();\n", ("ts", "2304", "Cannot find name 'Client'."),
            "Import Client from ./client", "import { b } from './client';\nimport Client from './client';\nnew Client();\n", id="default",
        ),
        pytest.param(
            "a.ts", "import {\n  b,\n} from 'react';\n«useState»()\n", ("ts", "2304", "Cannot find name 'useState'."),
            "Import useState from react", "import {\n  b,\n} from 'react';\nimport { useState } from 'react';\nuseState()\n", id="package",
        ),
        pytest.param(
            "a.ts", "import { b } from 'react';\n«useState»();\n", ("ts", "2304", "Cannot find name 'useState'."),
            "Import useState from react", "import { b, useState } from 'react';\nuseState();\n", id="package that is imported from",
        ),
        pytest.param(
            "a.ts", "a.«lenght»;\n", ("ts", "2551", "Property 'lenght' does not exist on type 'A'. Did you mean 'length'?"),
            "Change lenght to length", "a.length;\n", id="proposed by tsc",
        ),
        pytest.param(
            "a.ts", "import { «a», b as c } from 'd';\nc;\n", ("ts", "6133", "'a' is declared but its value is never read."),
            "Remove unused import a", "import { b as c } from 'd';\nc;\n", id="one of two in braces",
        ),
        pytest.param(
            "a.ts", "«import a, { b } from 'd';»\nc;\n", ("ts", "6192", "All imports in import declaration are unused."),
            "Remove unused imports", "c;\n", id="all in braces",
        ),
        pytest.param(
            "a.ts", "import * as «a» from 'd';\nc;\n", ("ts", "6133", "'a' is declared but its value is never read."),
            "Remove unused import a", "c;\n", id="namespace",
        ),
        pytest.param(
            "a.ts", "const «a» = f();\n", ("ts", "6133", "'a' is declared but its value is never read."), "", "", id="variable of a script",
        ),
        pytest.param("a.py", "«x»\n", ("Ruff", "E501", "Line too long"), "", "", id="another complaint"),
    ],
)  # fmt: skip
def test_the_first_fix(
    path: str, text: str, complaint: tuple[str, str, str], title: str, after: str
) -> None:
    got = found(path, text, *complaint)
    assert got[:1] == ([(title, after)] if title else [])


def test_the_likeliest_comes_first_and_the_only_one_is_preferred() -> None:
    document = Document("file:///w/a.py", "python", 1, "Boook, Bok = Book\n")
    snapshot = At.of(OTHERS, "a.py", document.text).snapshot
    undefined = Diagnostic(*UNDEFINED, '"Book" is not defined', Position(0, 13), Position(0, 17))
    got = fixes(undefined, document, "a.py", snapshot)
    assert [it.title for it in got] == [
        "Import Book from shop.books", "Change Book to Boook", "Change Book to Bok",
    ]  # fmt: skip
    assert not any(it.is_preferred for it in got)
    unused = Diagnostic("Ruff", "F841", "Local variable `y` is", Position(0, 0), Position(0, 1))
    document = Document("file:///w/a.py", "python", 1, "y = 1\n")
    assert [it.is_preferred for it in fixes(unused, document, "a.py", None)] == [True]


def test_what_is_stale_or_unfit_has_no_fix() -> None:
    unused = Diagnostic("Ruff", "F841", "Local variable `y` is", Position(9, 0), Position(9, 1))
    assert not fixes(unused, Document("file:///a.py", "python", 1, "y = 1\n"), "a.py", None)
    long = Document("file:///a.py", "python", 1, "y" * 30_000)
    at_start = Diagnostic("Ruff", "F841", "Local variable `y` is", Position(0, 0), Position(0, 1))
    assert not fixes(at_start, long, "a.py", None)
    broken = Document("file:///a.py", "python", 1, "y = 1\n(\n")
    assert not fixes(at_start, broken, "a.py", None)


@pytest.mark.parametrize(
    ("source", "code", "message", "expected"),
    [
        ("Pyright", "reportUndefinedVariable", '"a" is not defined', (Complaint.UNDEFINED, "a", "")),
        ("Flake8", "F821", "undefined name 'a'", (Complaint.UNDEFINED, "a", "")),
        ("ts", "2552", "Cannot find name 'ab'. Did you mean 'abc'?", (Complaint.UNDEFINED, "ab", "abc")),
        ("mypy", "name-defined", 'Name "a" is not defined', (Complaint.UNDEFINED, "a", "")),
        ("ts", "2339", "Property 'a' does not exist on type 'B'.", (Complaint.NO_ATTRIBUTE, "a", "")),
        ("Pylance", "", 'Variable "a" is not accessed', (Complaint.UNUSED_VARIABLE, "a", "")),
        ("Pylance", "reportUnusedImport", 'Import "a.b" is not accessed', (Complaint.UNUSED_IMPORT, "a.b", "")),
        ("ts", "6196", "'A' is declared but never used.", (Complaint.UNUSED_IMPORT, "A", "")),
    ],
)  # fmt: skip
def test_tools_word_the_same_thing_differently(
    source: str, code: str, message: str, expected: tuple[Complaint, str, str]
) -> None:
    place = Position(0, 0)
    assert read(Diagnostic(source, code, message, place, place)) == Reading(*expected)
