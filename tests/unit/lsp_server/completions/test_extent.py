"""One line, a statement or a block: by the text, and by the tree of the document where it is known."""

from __future__ import annotations

import pytest
import tree_sitter

from lsp_server.completions.extent import Kind, Surround, extent, surround
from lsp_server.completions.place import Surroundings
from lsp_server.workspace.documents import Position, split_lines
from lsp_server.workspace.languages import load_grammar
from lsp_server.workspace.parse import ParsedText, parse

LINE, STATEMENT, BLOCK = Kind.LINE, Kind.STATEMENT, Kind.BLOCK

# A language, a text with its cursor, and what is wanted there by the text alone.
BY_TEXT = [
    ("python", "|", STATEMENT),
    ("python", "x = |\n", LINE),
    ("python", "x = 1|\n", LINE),
    ("python", "def f():|\n", BLOCK),
    ("python", "def f():  # so|\n", LINE),
    ("python", "async def f(a: int) -> str:|\n", BLOCK),
    ("python", "def f(a:|\n", LINE),
    ("python", "x = {1:|\n", LINE),
    ("python", "x = lambda:|\n", LINE),
    ("python", "x:|\n", LINE),
    ("python", "def f():\n    |\n", BLOCK),
    ("python", "def f():\n    |\n\nx = 1\n", BLOCK),
    ("python", "def f():\n    |\n    return 1\n", STATEMENT),
    ("python", "def f():\n    x = 1\n    |\n", BLOCK),
    ("python", "def f():\n    if a:\n        b\n    |\n    c\n", STATEMENT),
    ("python", "if a:\n    b\n    |\nelse:\n    c\n", BLOCK),
    ("python", "f(\n    |\n)\n", LINE),
    ("python", "'''\n|\n'''\n", LINE),
    ("python", "x = 'a |'\n", LINE),
    ("typescript", "if (a) {|\n", BLOCK),
    ("typescript", "if (a) {|}\n", LINE),
    ("typescript", "const f = () => {\n  |\n};\n", BLOCK),
    ("typescript", "const o = {\n  |\n};\n", LINE),
    ("typescript", "foo({\n  |\n});\n", LINE),
    ("typescript", "return {\n  |\n};\n", LINE),
    ("typescript", "a === {|\n", BLOCK),
    ("typescript", "interface A {\n  |\n}\n", BLOCK),
    ("go", "if err != nil {\n\t|\n}\n", BLOCK),
    ("go", "p := P{\n\t|\n}\n", LINE),
    ("go", "var x interface{|\n", BLOCK),
    ("rust", "impl A {\n    |\n}\n", BLOCK),
    ("rust", "let c = '{'; |\n", LINE),
    ("java", "class A {\n    |\n    int b;\n}\n", STATEMENT),
    ("java", "int[] a = {\n    |\n};\n", LINE),
    ("cpp", "switch (a) {\n  case 1:|\n}\n", BLOCK),
    ("cpp", "A a = {\n  |\n};\n", LINE),
    ("ruby", "xs.each do |x|", LINE),
    ("ruby", "def a\n  |\nend\n", BLOCK),
    ("", "x {\n  |\n}\n", BLOCK),
]


def around(language: str, marked: str) -> Surroundings:
    before, _, behind = marked.partition("|")
    return Surroundings(language, split_lines(before), split_lines(behind))


def code() -> Surround:
    return Surround.CODE


@pytest.mark.parametrize(("language", "marked", "kind"), BY_TEXT)
def test_by_the_text(language: str, marked: str, kind: Kind) -> None:
    assert extent(around(language, marked), code).kind is kind


# What only the tree knows.
BY_TREE = [
    ("python", "'''\n\nx = 1\n|\n'''\n", Surround.TEXT),
    ("python", "f'''\n\n{\n|\n}'''\n", Surround.CODE),
    ("python", "# it is|\n", Surround.TEXT),
    ("python", "x = {\n    1: 2,\n    |\n    3: 4,\n}\n", Surround.BRACKETS),
    ("python", "def f():\n    x = 1\n    |\n    return x\n", Surround.CODE),
    ("python", "x = 'é' + |1\n", Surround.CODE),
    ("python", "x = 'éé|'\n", Surround.TEXT),
    ("typescript", "const s = `\n\n|\n`;\n", Surround.TEXT),
    ("typescript", "const o = {\n  a: 1,\n  |\n  b: 2,\n};\n", Surround.BRACKETS),
    ("typescript", "function f() {\n  a();\n  |\n  b();\n}\n", Surround.CODE),
    ("typescript", "class A {\n  a = 1;\n  |\n  b = 2;\n}\n", Surround.CODE),
    ("typescript", "/*\n * it |\n */\n", Surround.TEXT),
    ("go", "p := P{\n\tX: 1,\n\t|\n\tY: 2,\n}\n", Surround.BRACKETS),
    ("go", "func f() {\n\ta()\n\t|\n\tb()\n}\n", Surround.CODE),
    ("rust", "fn f() {\n    let p = P {\n        x: 1,\n        |\n        y: 2,\n    };\n}\n", Surround.BRACKETS),
    ("rust", "fn f() {\n    a();\n    |\n    b();\n}\n", Surround.CODE),
    ("java", "class A {\n    int[] a = {\n        1,\n        |\n        2\n    };\n}\n", Surround.BRACKETS),
    ("java", "class A {\n    void f() {\n        a();\n        |\n        b();\n    }\n}\n", Surround.CODE),
    ("cpp", "int a[] = {\n  1,\n  |\n  2,\n};\n", Surround.BRACKETS),
    ("cpp", "class A {\n  int a;\n  |\n  int b;\n};\n", Surround.CODE),
    ("cpp", "void f() {\n  a();\n  |\n  b();\n}\n", Surround.CODE),
]  # fmt: skip


@pytest.mark.parametrize(("language", "marked", "expected"), BY_TREE)
def test_by_the_tree(language: str, marked: str, expected: Surround) -> None:
    place = around(language, marked)
    source = marked.replace("|", "").encode()
    tree = parse(tree_sitter.Parser(load_grammar(language).language), source)
    cursor = Position(len(place.before) - 1, len(place.own))
    found = surround(ParsedText(source, tree), cursor, place.own)
    assert found is expected
    blank = not place.own.strip() and not place.rest.strip()
    wanted = extent(place, lambda: found)
    if expected is not Surround.CODE and blank:
        assert wanted.kind is LINE


def test_without_a_tree_the_text_decides() -> None:
    assert surround(None, Position(0, 0), "") is Surround.CODE


def test_the_tree_is_asked_only_where_it_matters() -> None:
    asked = []

    def look() -> Surround:
        asked.append(1)
        return Surround.CODE

    extent(around("python", "x = |\n"), look)
    assert not asked
    extent(around("python", "def f():|\n"), look)
    assert asked
