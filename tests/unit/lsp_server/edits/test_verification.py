"""Which changes pass the gates of their kind, and what the others fail by."""

from __future__ import annotations

import pytest

from lsp_server.edits.change import Change, EditKind, FileChange
from lsp_server.edits.tests_of import find_test_path, is_test
from lsp_server.edits.verification import Evidence, Gate, Outcome, verify, verify_imports
from lsp_server.workspace.outline import Import

BASE = """import os


def area(width, height=1):
    # in metres
    return width * height


class Shelf:
    size = 1

    def put(self, book):
        return os.path.join(self.size, book)
"""


def replaced(old: str, new: str) -> str:
    assert old in BASE
    return BASE.replace(old, new)


class Known:
    """Modules of which some are there."""

    def offers(self, uri: str, language: str, import_: Import) -> bool | None:
        del uri, language
        return {"os": True, "nowhere": False}.get(import_.module)


def change(after: str | None, path: str = "a.py", before: str | None = BASE) -> Change:
    return Change("Do it", (FileChange(f"file:///w/{path}", before, after),))


def verified(change: Change, kind: EditKind) -> Evidence:
    return verify(change, kind).also(*verify_imports(change, Known()))


D, T, R = EditKind.DOCSTRING, EditKind.TYPES, EditKind.REWRITE


@pytest.mark.parametrize(
    ("kind", "after", "failed"),
    [
        pytest.param(D, replaced("    # in", '    """Area."""\n    # in'), "", id="docstring"),
        pytest.param(T, replaced("width, h", "width: int, h"), "", id="types"),
        pytest.param(
            R, replaced("return width * height", "return height * width"), "", id="rewrite"
        ),
        pytest.param(R, BASE, "change: nothing would be changed", id="nothing"),
        pytest.param(
            R,
            replaced("return width", "return (width"),
            "syntax: line 6 of a.py: new syntax error: '(' was never closed",
            id="bracket",
        ),
        pytest.param(
            R,
            replaced("return width", "return await width"),
            "syntax: line 6 of a.py: new syntax error: 'await' outside async function",
            id="await outside",
        ),
        pytest.param(
            R,
            replaced("import os\n", "return 1\nimport os\n"),
            "syntax: line 1 of a.py: new syntax error: 'return' outside function",
            id="return outside",
        ),
        pytest.param(
            R,
            replaced("import os\n", ""),
            "names: line 12 of a.py: os is no longer or nowhere defined",
            id="import gone",
        ),
        pytest.param(
            R,
            replaced("width * height", "product(width, height)"),
            "names: line 6 of a.py: product is no longer or nowhere defined",
            id="invented function",
        ),
        pytest.param(
            R,
            replaced("import os\n", "import os\nfrom nowhere import x\n"),
            "imports: line 2 of a.py: there is no x from nowhere to import",
            id="invented import",
        ),
        pytest.param(
            D,
            replaced("return width", '"""Area."""\n    return 2 * width'),
            "meaning: a.py: more than docstrings would change",
            id="docstring and more",
        ),
        pytest.param(
            D,
            replaced("    # in metres\n", '    """Area."""\n'),
            "comments: a.py: a comment would be lost: # in metres",
            id="docstring for a comment",
        ),
        pytest.param(
            T,
            replaced("height=1", "height: int = 2"),
            "meaning: a.py: more than annotations would change",
            id="types and more",
        ),
    ],
)
def test_python_passes_or_says_why_not(kind: EditKind, after: str, failed: str) -> None:
    evidence = verified(change(after), kind)
    assert evidence.refusal == failed
    assert evidence.passed is (failed == "")


@pytest.mark.parametrize(
    ("kind", "path", "before", "after", "failed"),
    [
        pytest.param(D, "a.ts", "f(1);\n", "/** F. */\nf(1);\n", "", id="comment"),
        pytest.param(
            D, "a.ts", "f(1);\n", "/** F. */\nf(2);\n", "meaning: a.ts: more than comments would change", id="more"
        ),
        pytest.param(T, "a.ts", "f(a => a);\n", "f((a: A) => a);\n", "", id="types"),
        pytest.param(
            R, "a.go", "package p\n", "package p\nfunc f( {}\n", "syntax", id="go"
        ),
        pytest.param(R, "a.xyz", "a\n", "b\n", "", id="no language"),
        pytest.param(EditKind.TESTS, "test_a.py", "", "def test_f(): assert 1\n", "", id="tests"),
        pytest.param(
            EditKind.TESTS, "a.py", "x = 1\n", "x = 2\n",
            "tests: a.py: it is no file of tests, and would be changed", id="no tests",
        ),
        pytest.param(
            EditKind.TESTS, "tests/a.py", "def test_a(): f()\n", "def test_b(): f()\n",
            "tests: a.py: tests that are there would change: removes test_a; adds test_b", id="test lost",
        ),
    ],
)  # fmt: skip
def test_other_files_pass_or_say_why_not(
    kind: EditKind, path: str, before: str, after: str, failed: str
) -> None:
    assert verify(change(after, path, before), kind).refusal[: len(failed) or None] == failed


def test_what_cannot_be_told_refuses_nothing_and_is_said() -> None:
    evidence = verify(change("package p\nfunc g() { h() }\n", "a.go", "package p\n"), R)
    assert evidence.passed
    assert [(it.gate, it.outcome) for it in evidence.findings] == [
        (Gate.SYNTAX, Outcome.PASSED),
        (Gate.NAMES, Outcome.UNKNOWN),
        (Gate.API, Outcome.UNKNOWN),
    ]
    unknown = verified(change(replaced("import os\n", "import os\nimport who\n")), R)
    assert [it.detail for it in unknown.findings if it.outcome is Outcome.UNKNOWN] == [
        "a.py: whether there is who to import is not known"
    ]


def test_what_becomes_of_the_public_api_is_told_and_not_refused() -> None:
    evidence = verify(change(replaced("def area", "async def area")), R)
    assert evidence.passed
    (noted,) = [it for it in evidence.findings if it.outcome is Outcome.NOTED]
    assert noted.detail == (
        "a.py: changes area: def(width, height=1) becomes async def(width, height=1)"
    )


def test_errors_that_were_there_refuse_nothing() -> None:
    broken = "def f(:\n" + BASE
    assert verify(change(broken.replace("* height", "+ height"), before=broken), R).passed


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        *((it, True) for it in ("test_a.py", "a_test.go", "src/a.test.ts", "tests/a.py", "ATests.cs")),
        *((it, True) for it in ("__tests__/a.js", "spec/a_spec.rb", "a.spec.tsx")),
        *((it, False) for it in ("a.py", "latest/a.py", "contest.py.bak/a", "inspect.py")),
    ],
)  # fmt: skip
def test_tests_are_told_by_their_paths(path: str, expected: bool) -> None:  # noqa: FBT001
    assert is_test(path) is expected


@pytest.mark.parametrize(
    ("path", "language", "expected"),
    [
        ("src/shop/books.py", "python", "tests/unit/test_books.py"),
        ("src/shop/shelf.py", "python", "tests/test_shelf.py"),
        ("web/view.ts", "typescript", "web/view.test.ts"),
        ("web/client.ts", "typescript", "web/client.spec.ts"),
        ("go/a.go", "go", "go/a_test.go"),
        ("java/A.java", "java", "java/ATest.java"),
    ],
)
def test_tests_are_where_there_are_some_or_where_they_are_looked_for(
    path: str, language: str, expected: str
) -> None:
    paths = ["other/test_books.py", "tests/unit/test_books.py", "web/client.spec.ts", path]
    if path == "src/shop/books.py":
        paths = paths[1:]
    assert find_test_path(path, language, paths) == expected
