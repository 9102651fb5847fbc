"""Outlines of small sources, printed in a compact form and compared with golden files.

Each file in `outlines/` is a source, a line of dashes, and what is found in it. With the environment
variable `SPARROW_WRITE_GOLDEN` set the second parts are written anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lsp_server.workspace import parse
from lsp_server.workspace.languages import LANGUAGES, detect_language, load_grammar
from lsp_server.workspace.outline import MAX_SIGNATURE_CHARACTERS, Outline, SymbolKind
from lsp_server.workspace.parse import outline
from tests.unit.lsp_server.outline_samples import FOLDER, GOLDEN, SEPARATOR


def printed(found: Outline) -> Iterator[str]:
    depths: list[int] = []
    for index, it in enumerate(found.symbols):
        depths.append(0 if it.parent is None else depths[it.parent] + 1)
        lines = f"{it.start_line}-{it.end_line}, name {it.name_line}:{it.name_column}"
        yield f"{'  ' * depths[index]}{index} {it.kind} {it.name} [{lines}] {it.signature}"
        if it.doc:
            yield f"{'  ' * depths[index]}  -- {it.doc}"
    for used in found.references:
        scope = "" if used.scope is None else f" in {used.scope}"
        yield f"{used.kind} {used.name} {used.line}:{used.column}{scope}"
    for import_ in found.imports:
        names = [f"{it.name or 'itself'} as {it.alias}" for it in import_.names]
        yield f"import {import_.module} {import_.line}: {', '.join(names) or 'nothing'}"
    yield "broken" if found.has_errors else "whole"


@pytest.mark.parametrize("name", GOLDEN)
def test_the_outline_of_a_sample_is_as_written_down(name: str) -> None:
    path = FOLDER / f"{name}.txt"
    source, _, expected = path.read_text("utf-8").partition(SEPARATOR)
    got = "".join(f"{line}\n" for line in printed(outline(source.encode(), name)))
    if "SPARROW_WRITE_GOLDEN" in os.environ:
        path.write_text(source + SEPARATOR + got, "utf-8")
    else:
        assert got == expected


def test_every_language_has_a_sample() -> None:
    assert set(GOLDEN) == LANGUAGES - {"javascriptreact"}  # which is read as javascript is


BROKEN = {
    "python": ("def whole(): pass\ndef broken(:\n  x = (\n", {"whole"}),
    "javascript": ("function whole() {}\nfunction broken( {\nclass Last {}\n", {"whole"}),
    "typescript": ("class Whole {}\ninterface { a: \ntype Last = string;\n", {"Whole"}),
    "typescriptreact": ("class Whole {}\nconst a = <div>\n", {"Whole"}),
    "go": ("package p\nfunc whole() {}\nfunc broken( {\nfunc last() {}\n", {"whole"}),
    "rust": ("fn whole() {}\nfn broken( {\nstruct Last;\n", {"whole"}),
    "java": ("class Whole { void m( { int x = ; } void last() {} }\n", {"Whole"}),
    "c": ("int whole(void) { return 0; }\nint broken( {\nint last;\n", {"whole"}),
    "cpp": ("class Whole {};\nclass Broken : { void m(;\n", {"Whole"}),
    "csharp": ("class Whole { }\nclass Broken { void M( { }\n", {"Whole"}),
    "ruby": ("def whole; end\ndef broken(\n  x = [\n", {"whole"}),
    "php": ("<?php\nfunction whole() {}\nfunction broken( {\n", {"whole"}),
    "shellscript": ("whole() { :; }\nif [ ; then\n", {"whole"}),
}


@pytest.mark.parametrize("language", sorted(BROKEN))
def test_of_broken_source_the_whole_parts_are_found(language: str) -> None:
    source, expected = BROKEN[language]
    found = outline(source.encode(), language)
    assert found.has_errors
    assert expected <= {symbol.name for symbol in found.symbols}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize(
    "source",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * 2000, id="zeros"),
        pytest.param(bytes(range(256)) * 20, id="bytes"),
        pytest.param(b"\xff\xfe" + "def f(): pass".encode("utf-16-le"), id="utf-16"),
        pytest.param(b"(" * 5_000, id="open"),
        pytest.param(b"{[(" * 2_000 + b")]}" * 2_000, id="nested"),
        pytest.param(b"\"'`/*" * 500, id="quotes"),
    ],
)
def test_anything_has_an_outline(language: str, source: bytes) -> None:
    found = outline(source, language)
    assert found.language == language
    assert not found.problem


@pytest.mark.parametrize(
    ("source", "places"),
    [
        pytest.param(b"\xef\xbb\xbfdef f(): g()\n", [(0, 4), (0, 9)], id="byte order mark"),
        pytest.param(b"x = 1\r\ndef f(): g()\r\n", [(0, 0), (1, 4), (1, 9)], id="crlf"),
        pytest.param(b"\x0cdef f(): g()\n", [(0, 5), (0, 10)], id="form feed"),
        pytest.param("é = '🐦'; a = g(é)\n".encode(), [(0, 0), (0, 9), (0, 13)], id="not ascii"),
        pytest.param(b"s = '\xe9'; a = g()\n", [(0, 0), (0, 9), (0, 13)], id="latin-1"),
        pytest.param("s = '\u2028'\ndef f(): pass\n".encode(), [(0, 0), (1, 4)], id="U+2028"),
    ],
)
def test_lines_and_columns_are_those_of_the_editor(
    source: bytes, places: list[tuple[int, int]]
) -> None:
    found = outline(source, "python")
    names = [(it.name_line, it.name_column) for it in found.symbols]
    assert sorted([*names, *((it.line, it.column) for it in found.references)]) == places


def test_a_lone_carriage_return_ends_a_line_of_the_editor() -> None:
    found = outline(b"var a = 1;\rfunction f() {}\r", "javascript")
    assert [(it.name, it.start_line, it.name_column) for it in found.symbols] == [
        ("a", 0, 4),
        ("f", 1, 9),
    ]


def test_a_long_signature_is_cut_and_says_so() -> None:
    found = outline(b"def f(%s): pass\n" % b", ".join([b"argument"] * 200), "python")
    assert len(found.symbols[0].signature) == MAX_SIGNATURE_CHARACTERS
    assert found.symbols[0].signature.endswith("…")


def test_a_minified_line_is_read_to_its_end() -> None:
    functions = b"".join(b"function f%d(a){return g%d(a)}" % (it, it) for it in range(5_000))
    found = outline(functions, "javascript")
    assert len(functions) > 150_000
    assert len(found.symbols) == len(found.references) == 5_000
    assert found.symbols[-1].name_column == functions.rindex(b"f4999(")


def test_a_minified_line_with_other_letters_is_read_to_its_end() -> None:
    functions = "".join(f"function f{it}(é){{return g(é)}}" for it in range(5_000))
    found = outline(functions.encode(), "javascript")
    assert found.symbols[-1].name_column == functions.rindex("f4999(")


def test_a_file_that_is_too_large_is_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MAX_SOURCE_BYTES", 2 * 1024 * 1024)
    found = outline(b"x = 1\n" * 400_000, "python")
    assert found == Outline(
        "python", (), (), (), has_errors=True, problem="the file is larger than 2 MiB"
    )


def test_a_parse_that_takes_too_long_is_given_up() -> None:
    found = outline(b"x = f(1)\n" * 10_000, "python", max_parse_s=0.0)
    assert found == Outline(
        "python", (), (), (), has_errors=True, problem="parsing took more than 0 s"
    )
    assert outline(b"x = 1\n", "python").symbols[0].name == "x"


@pytest.mark.parametrize("language", ["python", "cpp", "shellscript"])
def test_a_file_of_loose_tokens_is_given_up(language: str) -> None:
    found = outline(b"(" * 200_000, language)
    assert found.problem == "the file is not in its language"


def test_deep_classes_have_their_parents() -> None:
    depth = 80
    source = "".join(f"{' ' * level}class C{level}:\n" for level in range(depth))
    found = outline(f"{source}{' ' * depth}x = 1\n".encode(), "python")
    assert [it.parent for it in found.symbols] == [None, *range(depth)]
    assert found.symbols[-1].kind is SymbolKind.FIELD


@pytest.mark.parametrize(
    ("path", "head", "language"),
    [
        ("a/b.py", b"", "python"),
        ("stub.PYI", b"", "python"),
        ("a.mjs", b"", "javascript"),
        ("a.jsx", b"", "javascriptreact"),
        ("a.d.ts", b"", "typescript"),
        ("a.tsx", b"", "typescriptreact"),
        ("a.h", b"int f(void);\n", "c"),
        ("a.h", b"#pragma once\nnamespace a {\n", "cpp"),
        ("a.h", b"#include <vector>\n", "cpp"),
        ("a.h", b"#include <stdio.h>\n", "c"),
        ("a.h", b"struct S { std::string name; };\n", "cpp"),
        ("a.C", b"", "cpp"),
        ("a.c", b"", "c"),
        ("Rakefile", b"", "ruby"),
        ("a/.bashrc", b"", "shellscript"),
        ("run", b"#!/bin/sh\n", "shellscript"),
        ("run", b"#!/usr/bin/env python3.12\n", "python"),
        ("run", b"#! /usr/bin/env -S FOO=1 node --flag\n", "javascript"),
        ("run", b"#!/usr/local/bin/ruby -w\n", "ruby"),
        ("run", b"#!/usr/bin/env\n", None),
        ("run", b"no shebang", None),
        ("notes.txt", b"#!/bin/sh\n", None),
        ("Makefile", b"all:\n", None),
    ],
)
def test_a_language_is_known_by_name_or_first_line(
    path: str, head: bytes, language: str | None
) -> None:
    assert detect_language(path, head) == language


def test_an_unknown_language_has_no_grammar() -> None:
    with pytest.raises(KeyError):
        load_grammar("klingon")
