"""Of a long file a parser is shown the heads of the blocks, and what stands near."""

from __future__ import annotations

import pytest

from lsp_server.completions.enclosing import Enclosing, enclosing_code
from lsp_server.workspace.documents import split_lines

STATEMENTS = "".join(f"    call(number_{it});\n" for it in range(100))
NEAR = "".join(f"    call(number_{it});\n" for it in range(75, 100))


@pytest.mark.parametrize(
    ("language", "before", "text", "code"),
    [
        ("java", f"class A {{\n  void f() {{\n{STATEMENTS}    ", "g();", NEAR + "    "),
        (
            "java",
            f"class A\n    extends B {{\n  @C\n  void f(\n      int a,\n      int b) {{\n{STATEMENTS}    ",
            "g();",
            "class A\n    extends B {\n  void f(\n      int a,\n      int b) {\n",
        ),
        (
            "typescript",
            f"const f = ({{\n  a,\n}}: B) => {{\n{STATEMENTS}    ",
            "g();",
            "const f = ({\n  a,\n}: B) => {\n",
        ),
        ("c", f"static int\nf(void)\n{{\n{STATEMENTS}", "}", "f(void)\n{\n"),
        ("php", f"<?php\nclass A {{\n{STATEMENTS}    ", "g();", "<?php\nclass A {\n"),
        ("ruby", f"class A\n  def f\n{STATEMENTS}  ", "end", "class A\n  def f\n  "),
    ],
)
def test_heads_and_what_is_near(language: str, before: str, text: str, code: str) -> None:
    enclosing = enclosing_code(language, split_lines(before), text)
    assert enclosing is not None
    assert code in enclosing.code
    assert len(enclosing.code) < 1000


def test_all_of_what_is_short() -> None:
    before = "int\nf(int a)\n{\n\treturn "
    assert enclosing_code("c", split_lines(before), "a;") == Enclosing(before, 0)


def test_the_end_of_what_begins_far_above_is_not_judged() -> None:
    before = f"f(\n{STATEMENTS}"
    assert enclosing_code("typescript", split_lines(before), ");") is None


def test_a_page_around_php_is_none() -> None:
    page = ["<?php f(); ?>\n", *["<p>text</p>\n"] * 100, ""]
    assert enclosing_code("php", page, "text") is None
    assert enclosing_code("php", ["<p>\n", ""], "text") is None
