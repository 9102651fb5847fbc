"""Which syntax errors a change brings."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.edits.syntax import SyntaxProblem, new_syntax_errors
from lsp_server.workspace.documents import Edit, Position
from lsp_server.workspace.languages import LANGUAGES
from lsp_server.workspace.parse import ParseGivenUp, outline
from lsp_server.workspace.parsed_document import ParsedDocument
from tests.unit.lsp_server.outline_samples import GOLDEN, source_of

# By language: a text with a place in it, what may stand there, and what must not.
PLACES = {
    "python": ("def f(x):\n    |\n    return x\n", "x = g(x)[0]", "x = g(x]"),
    "javascript": ("function f(x) {\n  |\n  return x;\n}\n", "x = g(x);", "x = g(x;"),
    "javascriptreact": ("const a = () => {\n  |\n};\n", "return <b>{c}</b>;", "return <b>{c}</i;"),
    "typescript": ("function f(x: number) {\n  |\n}\n", "const y: A<B> = x;", "const y: = x;"),
    "typescriptreact": ("const a = () => {\n  |\n};\n", "return <B<C> d />;", "return <B d= />;"),
    "go": ("package p\n\nfunc f() {\n\t|\n}\n", "x := []int{1}", "x := []int{1"),
    "rust": ("fn f() {\n    |\n}\n", "let x = g::<u8>();", "let = g::<u8>();"),
    "java": ("class A {\n  void f() {\n    |\n  }\n}\n", "int x = g();", "int x = g(;"),
    "c": ("int f(void) {\n  |\n  return 0;\n}\n", "int x = g();", "int x = g(;"),
    "cpp": ("void f() {\n  |\n}\n", "auto x = g<int>();", "auto x = g<int>(;"),
    "csharp": ("class A {\n  void F() {\n    |\n  }\n}\n", "var x = G();", "var x = G(;"),
    "ruby": ("def f\n  |\nend\n", "x = [1, 2]", "x = [1, 2"),
    "php": ("<?php\nfunction f() {\n  |\n}\n", "$x = g();", "$x = g(;"),
    "shellscript": ("f() {\n  |\n}\n", 'if g "$x"; then h; fi', 'if g "$x"; then h; done'),
}


def test_every_language_has_a_place() -> None:
    assert PLACES.keys() == LANGUAGES


@pytest.mark.parametrize("language", sorted(PLACES))
@pytest.mark.parametrize("known", [False, True])
def test_a_line_is_told_from_a_broken_one(language: str, *, known: bool) -> None:
    text, good, bad = PLACES[language]
    before = text.replace("|", "")
    tree = ParsedDocument(language, before).parsed_text if known else None
    assert not new_syntax_errors(language, before, text.replace("|", good), tree)
    found = new_syntax_errors(language, before, text.replace("|", bad), tree)
    assert found


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("x = ]\n", "x = ]\ny = 1\n", [], id="behind an old one"),
        pytest.param("y = ]\nx = 1\n", "y = ]\nx = 2\n", [], id="beside an old one"),
        pytest.param("y = ]\nx = 1\n", "z = 1\ny = ]\nx = 1\n", [], id="an old one that moved"),
        pytest.param("y = ]\nx = 1\n", "y = ]\nx = }\n", [1], id="a second one"),
        pytest.param("y = ]\n", "y = 1\n", [], id="mended"),
        pytest.param(
            "a = 1\ny = ]\nb = 1\n", "a = 2\ny = ]\nb = 2\n", [], id="between two changes"
        ),
        pytest.param("a = 1\ny = ]\nb = 1\n", "a = )\ny = ]\nb = 2\n", [0], id="one of them new"),
        pytest.param("f(x)\n", "f(x\n", [0], id="what closes is gone"),
        pytest.param("s = 'é'; y = 1\n", "s = 'é🐦'; y = )\n", [0], id="not ascii"),
        pytest.param("x = 1\r\ny = 2\r\n", "x = 1\r\ny = ]\r\n", [1], id="crlf"),
        pytest.param("\x0cx = 1\ny = 2", "\x0cx = 1\ny = ]", [1], id="no end of the last line"),
        pytest.param("", "def f(:\n", [0], id="from nothing"),
        pytest.param("def f(:\n", "", [], id="to nothing"),
        pytest.param("x = 1\n", "x = 1\n", [], id="no change"),
    ],
)
def test_only_new_errors_are_told(before: str, after: str, expected: list[int]) -> None:
    for known in (None, ParsedDocument("python", before).parsed_text):
        assert [it.line for it in new_syntax_errors("python", before, after, known)] == expected


def test_an_error_says_where_it_is_and_what_is_wrong() -> None:
    found = new_syntax_errors("python", "é = 1\n", "é = f('🐦', 1]\n")
    assert found == (SyntaxProblem(0, 0, "\"é = f('🐦', 1]\" cannot stand here"),)


def test_a_tree_of_another_text_is_not_used() -> None:
    known = ParsedDocument("python", "x = ]\n").parsed_text
    assert new_syntax_errors("python", "x = 1\n", "x = ]\n", known)


def test_a_tree_serves_after_the_document_was_edited() -> None:
    document = ParsedDocument("python", "def f():\n    return 1\n")
    known = document.parsed_text
    document.apply(Edit(Position(0, 0), Position(0, 0), "# new\n\n\n"))
    assert document.outline == outline(b"# new\n\n\ndef f():\n    return 1\n", "python")
    before = "def f():\n    return 1\n"
    assert not new_syntax_errors("python", before, before.replace("1", "2"), known)
    assert new_syntax_errors("python", before, before.replace("1", ")"), known)


def test_what_is_not_in_its_language_is_given_up() -> None:
    with pytest.raises(ParseGivenUp):
        new_syntax_errors("c", "int x;\n", "int x;\n" + "( " * 30_000)
    with pytest.raises(KeyError):
        new_syntax_errors("klingon", "", "x")


def test_a_parse_may_be_bounded() -> None:
    with pytest.raises(ParseGivenUp):
        new_syntax_errors("python", "", "x = 1\n" * 10_000, max_parse_s=0)


@pytest.mark.parametrize("name", GOLDEN)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_with_a_tree_or_without_the_same_is_told(name: str, data: st.DataObject) -> None:
    """Of whole texts, at least: how a parser recovers depends on what it has seen before."""
    before = source_of(name)
    start = data.draw(st.integers(0, len(before)))
    end = data.draw(st.integers(start, min(start + 40, len(before))))
    new = data.draw(st.sampled_from(["", "x", "\n", " ", "y = 1\n", "# c\n", "// c\n"]))
    after = before[:start] + new + before[end:]
    known = ParsedDocument(name, before).parsed_text
    anew = new_syntax_errors(name, before, after)
    assert bool(new_syntax_errors(name, before, after, known)) == bool(anew)
