"""How much is shown of what a model says: a row is a text with its cursor `|`, what streams in, and
what is passed. Six languages."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completions.extent import Surround, extent
from lsp_server.completions.place import Surroundings
from lsp_server.completions.stop import Filter, Passed, Stop
from lsp_server.workspace.documents import split_lines

LINE, STATEMENT, BLOCK, LIMIT = Stop.LINE, Stop.STATEMENT, Stop.BLOCK, Stop.LIMIT
REST, FOLLOWING, ABOVE, ITSELF = Stop.REST, Stop.FOLLOWING, Stop.ABOVE, Stop.ITSELF


def around(language: str, marked: str) -> Surroundings:
    before, _, behind = marked.partition("|")
    return Surroundings(language, split_lines(before), split_lines(behind))


def begin(language: str, marked: str, max_lines: int = 10) -> Filter:
    place = around(language, marked)
    return Filter(place, extent(place, lambda: Surround.CODE), max_lines)


def say(filter_: Filter, text: str) -> Passed:
    """Character by character, as the worst of models does."""
    for character in text:
        filter_.feed(character)
    return filter_.finish()


PYTHON = [
    # mid-statement, in a string or a comment, before other text: one line
    ("x = |\n", "a + b\ny = 2\n", "a + b\n", LINE),
    ("f(|)\n", "a, b)\nz", "a, b)", REST),
    ("f(|, key=value)\n", "a, key=value)\n", "a, key=value)", REST),
    ("x = 'it is |\n", "so'\ny\n", "so'\n", LINE),
    ("# it is |\n", "so\ny = 1\n", "so\n", LINE),
    ("# it is so|\n", "\ny = 1\n", "\n", LINE),
    ("def f():\n    '''It\n    |\n", "is so.\n\n    It is.\n", "is so.\n", LINE),
    ("f(\n    a,\n    |\n)\n", "b,\n    c,\n", "b,\n", LINE),
    ("x = {\n    |\n}\n", '"a": 1,\n    "b": 2,\n', '"a": 1,\n', LINE),
    ("x = 1|\n", "\ny = 2\nz = 3\n", "\ny = 2\n", LINE),
    ("def f(x)|\n", ":\n    return x\n\nprint()\n", ":\n    return x\n\n", BLOCK),
    ("def f|\n", "(x):\n    return x\n", "(x):\n", LINE),
    # a block behind or below what opens it
    ("def f(x):|\n", "\n    return x\n\n\ndef g():\n", "\n    return x\n\n\n", BLOCK),
    ("def f(x):\n    |\n", "a = x\n    return a\n\nprint()", "a = x\n    return a\n\n", BLOCK),
    ("def f(x):\n|\n", "    a = x\n    return a\nprint()", "    a = x\n    return a\n", BLOCK),
    ("if a:\n    |\nb()\n", "c()\nelse:\n    d()\n", "c()\n", BLOCK),
    ("def f():\n    if a:\n        |\n", "b\n    c\n", "b\n", BLOCK),
    ("def f():\n    a\n    |\n\nx\n", "b\n    c\nd\n", "b\n    c\n", BLOCK),
    ("def f():\n    |\n    return 1\n", "a = 1\n    b = 2\n", "a = 1\n", STATEMENT),
    ("def f():|\n    return 1\n", "\n    a = 1\n    b = 2\n", "\n    a = 1\n", LINE),
    # a statement, with its block
    ("|\n", "import os\nimport re\n", "import os\n", STATEMENT),
    ("|\n", "x = f(\n    1,\n)\ny = 2\n", "x = f(\n    1,\n)\n", STATEMENT),
    (
        "|\n",
        "@cached\ndef f():\n    return 1\n\nx\n",
        "@cached\ndef f():\n    return 1\n\n",
        STATEMENT,
    ),
    ("|\n", "if a:\n    b\nelse:\n    c\nd\n", "if a:\n    b\nelse:\n    c\n", STATEMENT),
    ("|\n", "# why\nx = 1\ny = 2\n", "# why\nx = 1\n", STATEMENT),
    ("|\n", "x = '''\na\n'''\ny = 2\n", "x = '''\na\n'''\n", STATEMENT),
    ("|\n", "x = 1 + \\\n    2\ny\n", "x = 1 + \\\n    2\n", STATEMENT),
    # what stands around
    ("def f():\n    |\n    return total\n", "return total\n", "", FOLLOWING),
    ("def f():\n    a = 1\n    |\n\n\nf()\nprint(f())\n", "b = 2\n\n\nf()\n", "b = 2\n\n\n", BLOCK),
    ("|\n\nimport re\n", "# what is needed\nimport re\n", "# what is needed\n", FOLLOWING),
    ("total = compute(a)\n|\n", "total = compute(a)\n", "", ABOVE),
    (
        "first(value)\nsecond(value)\n\n|\n",
        "# so\nsecond(value)\n",
        "# so\nsecond(value)\n",
        STATEMENT,
    ),
    ("def f():\n    first(v)\n    second(v)\n    |\n", "first(v)\n    second(v)\n", "", ABOVE),
    # repetition
    ("def f():\n    |\n", "print(one)\n    print(one)\n", "print(one)\n", ITSELF),
    ("def f():\n    |\n", "i += 1\n    i += 1\n", "i += 1\n    i += 1\n", None),
    (
        "def f():\n    |\n",
        "first(a)\n    second(b)\n    first(a)\n    second(b)\n    third(c)\n",
        "first(a)\n    second(b)\n",
        ITSELF,
    ),
    (
        "def f():\n    |\n",
        "if a:\n        return value\n    return value\n",
        "if a:\n        return value\n    return value\n",
        None,
    ),
    ("x = [|\n", "one, one, one, one, one, one", "one, ", ITSELF),
    ("x = [|\n", "0, 0, 0, 0, 0, 0, 0, 0, 0, 0\n", "0, 0, 0, 0, 0, 0, 0, 0, 0, 0\n", LINE),
    ("x = |\n", "a.b.c.d.e.f.g\n", "a.b.c.d.e.f.g\n", LINE),
    ("def f():\n    |\n", "\n".join("    " * (i > 0) + f"a{i}" for i in range(20)), None, LIMIT),
    # no end of its own
    ("x = |\n", "a + b", "a + b", LINE),
    ("def f():\n    |\n", "a", "a", None),
    ("x = |\r\n", "a\r\nb\r\n", "a\r\n", LINE),
]
TYPESCRIPT = [
    ("const x = |;\n", "a + b;\n", "a + b;\n", LINE),
    ("const x = |\n", "a + b;\nfoo();\n", "a + b;\n", LINE),
    ("function f() {\n  |\n}\n", "a();\n  return b;\n}\n\nfoo", "a();\n  return b;\n", FOLLOWING),
    ("function f() {\n  |\n", "a();\n  return b;\n}\n\nfoo", "a();\n  return b;\n}\n", BLOCK),
    ("function f() {|\n", "\n  return 1;\n}\nfoo", "\n  return 1;\n}\n", BLOCK),
    ("function f() {|}\n", "\n  return 1;\n}\nfoo", "\n", LINE),
    ("function f()|\n", " {\n  return 1;\n}\nfoo();\n", " {\n  return 1;\n}\n", STATEMENT),
    ("const o = {\n  |\n};\n", "a: 1,\n  b: 2,\n};\n", "a: 1,\n", LINE),
    ("xs.map((x) => {\n  |\n});\n", "return x;\n});\n", "return x;\n", FOLLOWING),
    (
        "function f() {\n  |\n  b();\n}\n",
        "a(\n    1,\n  );\n  c();\n",
        "a(\n    1,\n  );\n",
        STATEMENT,
    ),
    (
        "function f() {\n  |\n  b();\n}\n",
        "if (a) {\n    c();\n  } else {\n    d();\n  }\n  e();\n",
        "if (a) {\n    c();\n  } else {\n    d();\n  }\n",
        STATEMENT,
    ),
    ("// it |\n", "is so\nfoo();\n", "is so\n", LINE),
    ("/* it\n |\n", "is so\n */\n", "is so\n", LINE),
    ("const s = `a\n|\n", "b`;\nfoo();\n", "b`;\n", LINE),
    (
        "|\nexport default App;\n",
        "const a = 1;\nexport default App;\n",
        "const a = 1;\n",
        STATEMENT,
    ),
    ("if (a)\n  |\n", "foo();\nbar();\n", "foo();\n", BLOCK),
    ('import a from "a";\n|\n', 'import a from "a";\n', "", ABOVE),
]
GO = [
    ("x := |\n", "f(a)\ny := 1\n", "f(a)\n", LINE),
    ("func f() {\n\t|\n}\n", "a()\n\treturn b\n}\n", "a()\n\treturn b\n", FOLLOWING),
    ("func f() {\n\t|\n", "a()\n\treturn b\n}\n\nfunc g", "a()\n\treturn b\n}\n", BLOCK),
    (
        "func f() {\n\t|\n\treturn nil\n}\n",
        "if err != nil {\n\t\treturn err\n\t}\n\tx()\n",
        "if err != nil {\n\t\treturn err\n\t}\n",
        STATEMENT,
    ),
    ("p := Point{\n\t|\n}\n", "X: 1,\n\tY: 2,\n}\n", "X: 1,\n", LINE),
    ("type P struct {\n\t|\n}\n", "X int\n\tY int\n}\n", "X int\n\tY int\n", FOLLOWING),
    ("// it |\n", "is so\nx\n", "is so\n", LINE),
    ("switch x {\ncase 1:\n\t|\n}\n", "a()\ncase 2:\n\tb()\n", "a()\n", BLOCK),
    ("f(|)\n", "a, b)\n", "a, b)", REST),
]
RUST = [
    ("let x = |;\n", "a + b;\n", "a + b;\n", LINE),
    ("let s: &'a str = |\n", '"b";\nfoo();\n', '"b";\n', LINE),
    ("fn f() -> u8 {\n    |\n}\n", "let a = 1;\n    a\n}\n", "let a = 1;\n    a\n", FOLLOWING),
    ("fn f() -> u8 {\n    |\n", "let a = 1;\n    a\n}\n\nfn g", "let a = 1;\n    a\n}\n", BLOCK),
    (
        "fn f() {\n    |\n    g();\n}\n",
        "let a = b\n        .c()\n        .d();\n    e();\n",
        "let a = b\n        .c()\n        .d();\n",
        STATEMENT,
    ),
    (
        "|\n",
        "#[derive(Debug)]\nstruct P {\n    x: u8,\n}\n\nfn",
        "#[derive(Debug)]\nstruct P {\n    x: u8,\n}\n",
        STATEMENT,
    ),
    ("/// It |\n", "is so.\nfn f() {}\n", "is so.\n", LINE),
    (
        "match x {\n    |\n}\n",
        "1 => a(),\n    _ => b(),\n}\n",
        "1 => a(),\n    _ => b(),\n",
        FOLLOWING,
    ),
    ("let c = '\"'; let x = |\n", "1;\nfoo();\n", "1;\n", LINE),
]
JAVA = [
    ("int x = |;\n", "a + b;\n", "a + b;\n", LINE),
    (
        "class A {\n    int f() {\n        |\n    }\n}\n",
        "int a = 1;\n        return a;\n    }\n",
        "int a = 1;\n        return a;\n",
        FOLLOWING,
    ),
    (
        "class A {\n    |\n}\n",
        "@Override\n    int f() {\n        return 1;\n    }\n}\n",
        "@Override\n    int f() {\n        return 1;\n    }\n",
        FOLLOWING,
    ),
    (
        "class A {\n    |\n    int b;\n}\n",
        "@Override\n    int f() {\n        return 1;\n    }\n    int c;\n",
        "@Override\n    int f() {\n        return 1;\n    }\n",
        STATEMENT,
    ),
    (
        "void f() {\n    |\n    g();\n}\n",
        "list.stream()\n        .map(a)\n        .toList();\n    h();\n",
        "list.stream()\n        .map(a)\n        .toList();\n",
        STATEMENT,
    ),
    ("foo(\n    |\n);\n", "a,\n    b\n);\n", "a,\n", LINE),
    ('String s = "it |\n', 'is so";\nfoo();\n', 'is so";\n', LINE),
]
CPP = [
    ("int x = |;\n", "a + b;\n", "a + b;\n", LINE),
    ("|\n", "#include <vector>\n#include <map>\n", "#include <vector>\n", STATEMENT),
    ("int f() {\n  |\n}\n", "int a = 1;\n  return a;\n}\n", "int a = 1;\n  return a;\n", FOLLOWING),
    ("std::vector<int> v = {\n  |\n};\n", "1,\n  2,\n};\n", "1,\n", LINE),
    ("void f() {\n  |\n  g();\n}\n", "for (int i = 0; i < n; ++i) {\n    h(i);\n  }\n  k();\n",
     "for (int i = 0; i < n; ++i) {\n    h(i);\n  }\n", STATEMENT),
    ("// it |\n", "is so\nint x;\n", "is so\n", LINE),
    ("class A {\n public:\n  |\n};\n", "A();\n  int b() const;\n};\n", "A();\n  int b() const;\n", FOLLOWING),
    ("template <typename T>\n|\n", "T f(T a) {\n  return a;\n}\nint x;\n", "T f(T a) {\n  return a;\n}\n", STATEMENT),
]  # fmt: skip
TABLE = [
    (language, *row)
    for language, rows in (
        ("python", PYTHON),
        ("typescript", TYPESCRIPT),
        ("go", GO),
        ("rust", RUST),
        ("java", JAVA),
        ("cpp", CPP),
    )
    for row in rows
]


@pytest.mark.parametrize(
    ("language", "marked", "said", "passed", "stop"),
    TABLE,
    ids=[f"{language}: {marked!r}" for language, marked, *_ in TABLE],
)
def test_what_is_passed(
    language: str, marked: str, said: str, passed: str | None, stop: Stop | None
) -> None:
    found = say(begin(language, marked), said)
    expected = "".join(said.splitlines(keepends=True)[:10]) if passed is None else passed
    assert (found.text, found.stop) == (expected, stop)
    assert found.left_out == 0 or stop is not None


@pytest.mark.parametrize(
    ("marked", "said", "shown"),
    [
        # The line that streams in may be the one that follows: it is not shown before that is known.
        ("def f():\n    |\n    return total\n", "return tot", ""),
        ("def f():\n    |\n    return total\n", "return tots", "return tots"),
        ("def f():\n    a = 1\n    |\n", "b = 2\n    b =", "b = 2\n"),
        ("x = |\n", "a + ", "a + "),
    ],
)
def test_a_line_that_may_be_a_repeat_is_held_back(marked: str, said: str, shown: str) -> None:
    filter_ = begin("python", marked)
    for character in said:
        passed = filter_.feed(character)
    assert (passed.text, passed.stop) == (shown, None)


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ("def f():\n    |\n", "a\n\nd"),  # outside of the block
        ("f(|)\n", "a)"),
        ("x = |\n", "a\n"),
        ("x = [|\n", "one, one, one, one,"),
    ],
)
def test_it_ends_as_soon_as_that_is_sure(marked: str, said: str) -> None:
    filter_ = begin("python", marked)
    assert [bool(filter_.feed(it).stop) for it in said] == [False] * (len(said) - 1) + [True]
    passed = filter_.passed
    assert filter_.feed("more\n") == passed


@pytest.mark.parametrize(
    ("marked", "said", "passed"),
    [
        # With chances of a half: three of them together are below a quarter.
        ("x = |\n", ["first", "(", "second", ")"], "first("),
        ("x = |\n", ["fi", "rs", "t", "("], ""),  # a word is whole or not there
        ("x = fir|\n", ["s", "t", "("], "st"),
        ("x = |\n", ["a", " + ", "b2", "3"], "a + "),
        ("def f():\n    |\n", ["return x\n", "    y", "_z", " = 1"], "return x\n    "),
        ("def f():\n    |\n    return x\n", ["re", "turn", " y"], ""),  # it may be the next line
        ("x = |\n", ["first", "\n"], "first\n"),
        # A keyword alone is worth no look, but for one that ends a line or a word.
        ("def f():\n    |\n", ["return", " ", "x"], ""),
        ("def f():\n    re|\n", ["turn", " ", "x"], "turn "),
        ("def f():\n    return |\n", ["None", " ", "if"], "None "),
    ],
)
def test_it_ends_with_the_last_word_that_is_sure(marked: str, said: list[str], passed: str) -> None:
    check_unsure("python", marked, said, passed)


@pytest.mark.parametrize(
    ("language", "marked", "said", "passed"),
    [
        ("typescript", "const total = |\n", ["items", ".", "reduce", "("], "items."),
        ("typescript", "f(|)\n", ["a", ", ", "b"], "a, "),
        ("go", "if err := |\n", ["run", "(", "ctx"], "run("),
        ("go", "func f() {\n\t|\n}\n", ["return x\n", "\t", "y"], "return x\n\t"),
        ("rust", "let n = |\n", ["v", ".", "iter"], "v."),
        ("rust", "let s = Str|\n", ["ing", "::", "from"], "ing::"),
        ("java", "int n = |\n", ["list", ".", "size"], "list."),
        ("java", "String na|\n", ["m", "e", "s"], ""),
        ("cpp", "auto p = |\n", ["std", "::", "make"], "std::"),
        ("cpp", "foo(|);\n", ["*", "b", "a"], "*"),
    ],
)
def test_in_each_language(language: str, marked: str, said: list[str], passed: str) -> None:
    check_unsure(language, marked, said, passed)


def check_unsure(language: str, marked: str, said: list[str], passed: str) -> None:
    place = around(language, marked)
    filter_ = Filter(place, extent(place, lambda: Surround.CODE), 10, least_chance=0.2)
    for piece in said:
        filter_.feed(piece, math.log(0.5))
    stop = None if passed.endswith("first\n") else Stop.UNSURE
    assert filter_.finish().text == passed
    assert stop is None or filter_.passed.stop is stop


PIECES = st.lists(
    st.sampled_from(
        ["a", "b", " ", "    ", "\n", "\n    ", "(", ")", "{", "}", ":", "if a:", '"', "#", "one, "]
    ),
    max_size=30,
)
PLACES = st.sampled_from([(language, marked) for language, marked, *_ in TABLE])


@given(place=PLACES, pieces=PIECES, max_lines=st.integers(1, 5))
def test_what_is_passed_is_a_beginning_of_what_was_said(
    place: tuple[str, str], pieces: list[str], max_lines: int
) -> None:
    language, marked = place
    said = ""
    filter_ = begin(language, marked, max_lines)
    for piece in pieces:
        said += piece
        passed = filter_.feed(piece)
        assert said.startswith(passed.text)
        if passed.stop is not None:
            break
        assert passed.left_out + len(passed.text) == len(said)
    end = filter_.finish()
    assert said.startswith(end.text)
    assert len(end.text.splitlines()) <= max_lines + 1


@given(place=PLACES, pieces=PIECES)
def test_how_a_text_is_cut_into_pieces_does_not_matter(
    place: tuple[str, str], pieces: list[str]
) -> None:
    whole, by_piece = begin(*place), begin(*place)
    for piece in pieces:
        for character in piece:
            by_piece.feed(character)
    by_line = [whole.feed(line) for line in "".join(pieces).splitlines(keepends=True)]
    del by_line
    assert whole.finish().text.rstrip() == by_piece.finish().text.rstrip()
