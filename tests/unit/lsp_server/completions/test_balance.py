"""Brackets and quotes against what stands around: a text, what is said, and what is left of it."""

from __future__ import annotations

import pytest

from lsp_server.completions.balance import balanced
from lsp_server.completions.place import Surroundings
from lsp_server.workspace.documents import split_lines

TABLE = [
    # The rest of the line goes on: the text must be in balance.
    ("python", "x = f(|)\n", "a, g(b)", "a, g(b)"),
    ("python", "x = f(|)\n", "a, g(b", ""),
    ("python", "x = f(|)\n", "a))", "a"),
    ("python", "x = [|] + y\n", "1, (2, 3)", "1, (2, 3)"),
    ("python", "x = '|'\n", "it", "it"),
    ("python", "x = f(|, b)\n", "'a", ""),
    ("python", "x = f('|')\n", "a', 'b", "a', 'b"),
    ("typescript", "const x = |;\n", "foo(a", ""),
    ("typescript", "const x = |;\n", "foo(a)", "foo(a)"),
    ("typescript", "foo(|);\n", "(x) => x", "(x) => x"),
    ("typescript", "foo(|) {\n}\n", "a: {b: c}", "a: {b: c}"),
    ("typescript", "if (a) {\n  b = async (|: C) => {\n", ")", ""),
    ("go", "x := f(|)\n", "func() {", ""),
    ("go", "x := []int{|}\n", "1, 2", "1, 2"),
    ("rust", "let x = |;\n", "Some('(')", "Some('(')"),
    ("rust", "let x = |;\n", "vec![1", ""),
    ("java", "f(|);\n", '"a" + b', '"a" + b'),
    ("java", "f(|);\n", '"a', ""),
    ("cpp", "f(|);\n", "a[0]", "a[0]"),
    ("cpp", "f(|);\n", "a[0", ""),
    # Nothing follows in the line: what is opened may stay open, what is closed must have been open.
    ("python", "x = |\n", "f(", "f("),
    ("python", "x = f(a|\n", ", b)", ", b)"),
    ("python", "x = f(a|\n", ", b))", ", b)"),
    ("python", "x = f(\n    |\n)\n", "a,\n)", "a,"),
    ("python", "x = f(\n    |\n", "a,\n)", "a,\n)"),
    ("python", "x = '''\n|\n'''\n", "a)", "a)"),
    ("typescript", "function f() {\n  |\n}\n", "a();\n}\nb();", "a();"),
    ("typescript", "function f() {\n  |\n", "a();\n}", "a();\n}"),
    ("typescript", "class A {\n  f() {\n    |\n  }\n}\n", "a();\n  }\n", "a();"),
    ("typescript", "class A {\n  f() {\n    |\n}\n", "a();\n  }", "a();\n  }"),
    ("typescript", "function f() {\n  foo(|\n}\n", "a);", "a);"),
    ("typescript", "function f() {\n  foo(|\n}\n", "a}", "a"),
    ("go", "func f() {\n\t|\n}\n", "if a {\n\t\tb()\n\t}\n}", "if a {\n\t\tb()\n\t}"),
    ("rust", "fn f() {\n    |\n}\n", "g();\n}\n\nfn h() {}", "g();"),
    ("java", "class A {\n    void f() {\n        |\n    }\n}\n", "g();\n    }\n}", "g();"),
    ("cpp", "int f() {\n  |\n}\n", "return 1;\n}", "return 1;"),
]


@pytest.mark.parametrize(("language", "marked", "said", "left"), TABLE)
def test_what_is_left(language: str, marked: str, said: str, left: str) -> None:
    before, _, behind = marked.partition("|")
    around = Surroundings(language, split_lines(before), split_lines(behind))
    found = balanced(around, said)
    assert found == left
    assert said.startswith(found)
