"""What cannot stand where it would be inserted is not shown, in each language that is parsed."""

from __future__ import annotations

import time

import pytest
import tree_sitter

from lsp_server.completions.display import Displayed, Refusal
from lsp_server.completions.grammar_limits import JUDGED
from lsp_server.completions.place import Place
from lsp_server.completions.stop import Passed, Stop
from lsp_server.config import Config
from lsp_server.features.generation import Generated
from lsp_server.features.judging import judge
from lsp_server.workspace.documents import Document, Documents, Position, split_lines
from lsp_server.workspace.languages import load_grammar
from lsp_server.workspace.parse import ParsedText, parse


def judged(language: str, marked: str, text: str, stop: Stop | None = None) -> Displayed:
    before, _, behind = marked.partition("|")
    document = Documents().open("file:///a", language, 1, before + behind)
    lines = split_lines(before)
    place = Place.of(document, Position(len(lines) - 1, len(lines[-1])), None)
    generated = Generated(passed=Passed(text, stop))
    return judge(
        place, generated, text, Config(), is_importable=lambda *_: True, parsed_text=parsed
    )


def parsed(document: Document) -> ParsedText | None:
    source = document.text.encode()
    parser = tree_sitter.Parser(load_grammar(document.language).language)
    return ParsedText(source, parse(parser, source))


JS_METHOD = "class A {\n  f(x) {\n    |\n  }\n\n  g() {}\n}\n"
TSX = "export const A = ({\n  name,\n}: Props) => {\n  return (\n    <div>\n      |\n    </div>\n  );\n};\n"
GO = "package a\n\nfunc f(x int) error {\n\t|\n}\n\nfunc g() {}\n"
RUST = "impl A {\n    fn f(&self) -> u32 {\n        |\n    }\n}\n"
JAVA = "public class A\n{\n    void f(int x)\n    {\n        |\n    }\n}\n"
C = "static int\nf(int x)\n{\n\t|\n}\n"
CPP = "namespace a {\nclass A : public B {\n public:\n  |\n};\n}  // namespace a\n"
CSHARP = "namespace A\n{\n    class B\n    {\n        |\n    }\n}\n"
RUBY = "class A\n  def f(x)\n    |\n  end\nend\n"
PHP = "<?php\nclass A {\n    function f($x) {\n        |\n    }\n}\n"
BASH = "f() {\n  case $1 in\n    a)\n      |\n      ;;\n  esac\n}\n"

STANDS = [
    ("javascript", JS_METHOD, "return x;"),
    ("javascript", JS_METHOD, "const { a, b } = x ?? {}"),
    ("javascript", JS_METHOD, "if (x) {"),
    ("javascript", JS_METHOD, "return this.g(x,"),
    ("javascript", JS_METHOD, "x = `a ${"),
    ("javascript", "class A {\n  f() {}\n\n  |\n}\n", "async *g() {"),
    ("javascript", "if (a) {\n  b();\n}\n|", "else {"),
    ("javascript", "f(|);\n", "a, (b) => c"),
    ("javascriptreact", "const a = (\n  <B>\n    |\n  </B>\n);\n", "<C d={e} />"),
    ("typescript", "interface A {\n  |\n}\n", "b?: Map<string, C[]>;"),
    ("typescript", "|", 'import type { A } from "./a";'),
    ("typescriptreact", TSX, "<b>{name}</b>"),
    ("go", GO, "if err := g(); err != nil {\n\t\treturn err\n\t}"),
    ("go", GO, "for i := range x {"),
    ("go", "package a\n\nvar t = []T{\n\t{1, 2},\n\t|\n}\n", "{3, 4},"),
    ("rust", RUST, "self.a.iter().map(|it| it + 1).sum()"),
    ("rust", RUST, "let Some(a) = self.b else {"),
    ("rust", "|", "#[derive(Debug)]"),
    ("java", JAVA, "List<String> a = new ArrayList<>();"),
    ("java", "class A {\n    |\n}\n", "@Override"),
    ("java", "class A {\n    /**\n     |\n     */\n    int a;\n}\n", "* What is it, and why?"),
    ("c", C, "return x ? 1 : 2;"),
    ("c", C, "FOREACH(it, x) {"),
    ("c", "#define A(x) \\\n\t|\n", "do { (x)++; } while (0)"),
    ("cpp", CPP, "explicit A(std::vector<int> a) : a_(std::move(a)) {}"),
    ("cpp", CPP, "A(const A&) = delete;"),
    ("cpp", CPP, "Mutex mutex_ GUARDED_BY(a_);"),
    ("csharp", CSHARP, "public int C { get; set; } = 1;"),
    ("csharp", CSHARP, "#region values"),
    ("ruby", RUBY, "x.each do |it|"),
    ("ruby", RUBY, "return unless x"),
    ("ruby", "def f\n  <<~TEXT\n    |\n  TEXT\nend\n", "no code = at all do ="),
    ("php", PHP, "return $this->a[$x] ?? null;"),
    ("php", PHP, "foreach ($x as $a => $b) {"),
    ("php", "<p>\n|\n</p>\n", "no code = at; all ="),
    ("shellscript", BASH, 'if [ -z "$2" ]; then'),
    ("shellscript", BASH, "echo a | sort >b"),
    ("shellscript", "cat <<-'END'\n\t|", "no code ;; at all fi;"),
    ("shellscript", "cat <<END\n|\nEND\n", "no code ;; at all fi;"),
]


@pytest.mark.parametrize(("language", "marked", "text"), STANDS)
def test_what_can_stand_is_shown(language: str, marked: str, text: str) -> None:
    assert judged(language, marked, text) == Displayed(text)


BREAKS = [
    ("javascript", JS_METHOD, "return x y;"),
    ("javascript", JS_METHOD, "def f(self):"),
    ("javascript", JS_METHOD, "const = 1;"),
    ("javascriptreact", "const a = (\n  <B>\n    |\n  </B>\n);\n", "<C d=e />"),
    ("typescript", "interface A {\n  |\n}\n", "b? Map<string>;"),
    ("typescriptreact", TSX, "<b>{name name}</b>"),
    ("go", GO, "if (x) return nil;"),
    ("go", GO, "while x {"),
    ("rust", RUST, "let a = self b;"),
    ("rust", RUST, "for (a in self.b) {"),
    ("java", JAVA, "let a: number = x;"),
    ("java", JAVA, "if x { return; }"),
    ("c", C, "return x y;"),
    ("c", C, "if x > 1 {"),
    ("cpp", CPP, "explicit A(std::vector<int a) {}"),
    ("csharp", CSHARP, "public int C { get; set } = 1;"),
    ("ruby", RUBY, "x.each { |it it.y }"),
    ("php", PHP, "return $this->a[$x] $y;"),
    ("php", PHP, "x := 1;"),
    ("shellscript", BASH, "echo a | | sort b"),
]


@pytest.mark.parametrize(("language", "marked", "text"), BREAKS)
def test_what_cannot_stand_is_not(language: str, marked: str, text: str) -> None:
    assert judged(language, marked, text) == Displayed("", (), Refusal.BREAKS_SYNTAX)


def test_each_language_has_an_example_of_both() -> None:
    assert {it[0] for it in STANDS} == {it[0] for it in BREAKS} == JUDGED


@pytest.mark.parametrize(
    ("language", "marked", "text", "shown"),
    [
        ("python", "def f():\n    |", "a = 1\n    b = 2\n    c d", "a = 1\n    b = 2"),
        ("typescript", JS_METHOD, "const a = 1;\n    const b 2;\n    a(b);", "const a = 1;"),
        ("go", GO, "a := 1\n\tb := 2\n\tc = d e\n\tg()", "a := 1\n\tb := 2"),
        ("java", JAVA, "int a = 1;\n        a b c;", "int a = 1;"),
    ],
)
def test_a_text_ends_before_the_line_that_cannot_stand(
    language: str, marked: str, text: str, shown: str
) -> None:
    displayed = judged(language, marked, text)
    assert displayed.text == shown
    assert displayed.cuts == (
        f"{len(text) - len(shown)} characters from the line on that cannot stand here",
    )


@pytest.mark.parametrize(
    ("language", "marked"),
    [
        ("javascript", "function f(a b) {\n  |\n}\n"),
        ("go", "func f( {\n\t|\n}\n"),
        ("c", "BEGIN_DECLS int f(int x) x {\n\t|\n}\n"),
        ("java", "class A {\n    void f(int) {\n        |\n    }\n}\n"),
    ],
)
def test_behind_what_is_broken_nothing_can_be_told(language: str, marked: str) -> None:
    assert judged(language, marked, "a b c;") == Displayed("a b c;")


def test_a_last_word_that_may_go_on_is_no_error() -> None:
    assert judged("go", GO, "retur").text == "retur"
    assert judged("javascript", JS_METHOD, "return x i").text  # `in`, `instanceof`
    assert judged("javascript", JS_METHOD, "return x in").text


def test_where_the_model_became_unsure_a_line_may_go_on() -> None:
    call = "f(\n    a,\n    |\n    b=2,\n)\n"
    assert judged("python", call, "c=1").refusal is Refusal.BREAKS_SYNTAX
    assert judged("python", call, "c=1", Stop.UNSURE).text == "c=1"
    # That is not so of the lines before.
    assert judged("python", call, "c=1\n    d", Stop.UNSURE).refusal is Refusal.BREAKS_SYNTAX


def test_a_large_file_costs_what_stands_near() -> None:
    """5,000 lines in one class may take ten times as long as ten, and take three times as long."""
    method = "  f{0}(value) {{\n    if (value) {{\n      return value + {0};\n    }}\n  }}\n\n"
    took: dict[int, list[float]] = {1: [], 500: []}
    for count in [*took] * 20:
        methods = "".join(method.format(it) for it in range(count))
        marked = f"class A {{\n{methods}  g(value) {{\n    |\n  }}\n\n{methods}}}\n"
        before, _, behind = marked.partition("|")
        document = Documents().open("file:///a.ts", "typescript", 1, before + behind)
        lines = split_lines(before)
        place = Place.of(document, Position(len(lines) - 1, len(lines[-1])), None)
        generated = Generated(passed=Passed("return [value];"))
        began = time.perf_counter()
        shown = judge(
            place,
            generated,
            generated.text,
            Config(),
            is_importable=lambda *_: True,
            parsed_text=lambda _: None,
        ).text
        took[count].append(time.perf_counter() - began)
        assert shown == "return [value];"
    assert judged("typescript", marked, "return value x;").refusal is Refusal.BREAKS_SYNTAX
    assert min(took[500]) < 10 * min(took[1])
