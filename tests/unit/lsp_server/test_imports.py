"""Imports resolved among a few paths: written as source, read by the parser, compared as tables."""

from __future__ import annotations

import pytest

from lsp_server.workspace.file_tree import FileTree, join
from lsp_server.workspace.imports import ImportResolver
from lsp_server.workspace.languages import detect_language
from lsp_server.workspace.outline import Import
from lsp_server.workspace.parse import outline
from lsp_server.workspace.script_modules import read_json_with_comments

Files = dict[str, str]


def imports_of(path: str, source: str) -> tuple[Import, ...]:
    language = detect_language(path)
    assert language is not None
    return outline(source.encode(), language).imports


def resolved(files: Files, path: str, source: str) -> list[str]:
    """Each binding as `alias = target:name`; files are paths with their texts."""
    read = {name: imports_of(name, text) for name, text in files.items() if name.endswith(".py")}
    settings = {
        name: text for name, text in files.items() if name.endswith((".json", ".mod", ".toml"))
    }
    resolver = ImportResolver({*files, path}, settings, lambda name: read.get(name, ()))
    language = detect_language(path)
    assert language is not None
    return [
        f"{it.alias} = {it.target}:{it.name}"
        for import_ in imports_of(path, source)
        for it in resolver.resolve(path, language, import_)
    ]


def paths(names: str) -> Files:
    return dict.fromkeys(names.split(), "")


PACKAGE = paths(
    "app/__init__.py app/shapes.py app/shapes_test.py app/io/__init__.py app/io/files.py "
    "app/space/deep.py setup.py"
)


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("main.py", "import app.shapes", ["app.shapes = app/shapes.py:"]),
        ("main.py", "import app", ["app = app/__init__.py:"]),
        ("main.py", "import app.io as o, os", ["o = app/io/__init__.py:"]),
        ("main.py", "from app import shapes as s", ["s = app/shapes.py:"]),
        ("main.py", "from app import helper", ["helper = app/__init__.py:helper"]),
        (
            "main.py",
            "from app.shapes import A, B as C",
            ["A = app/shapes.py:A", "C = app/shapes.py:B"],
        ),
        ("main.py", "from app.shapes import *", ["* = app/shapes.py:*"]),
        ("main.py", "from app.space import deep", ["deep = app/space/deep.py:"]),
        ("main.py", "from app.space import nothing", []),
        (
            "app/a.py",
            "from . import shapes, x",
            ["shapes = app/shapes.py:", "x = app/__init__.py:x"],
        ),
        ("app/a.py", "from .shapes import A", ["A = app/shapes.py:A"]),
        ("app/io/b.py", "from ..shapes import A", ["A = app/shapes.py:A"]),
        ("app/io/b.py", "from .. import io", ["io = app/io/__init__.py:"]),
        ("app/io/b.py", "from ....far import A", []),
        ("app/io/b.py", "import app.shapes", ["app.shapes = app/shapes.py:"]),
        ("app/io/b.py", "import files", []),
        ("main.py", "import setup", ["setup = setup.py:"]),
        ("main.py", "import numpy, os.path", []),
    ],
)
def test_python_modules_and_names(path: str, source: str, expected: list[str]) -> None:
    assert resolved(PACKAGE, path, source) == expected


@pytest.mark.parametrize(
    ("names", "path", "source", "expected"),
    [
        ("src/app/__init__.py src/app/a.py", "src/app/b.py", "import app.a", "src/app/a.py"),
        ("src/app/a.py", "tests/test_a.py", "import app.a", "src/app/a.py"),
        ("one/src/app/a.py", "one/tests/test_a.py", "import app.a", "one/src/app/a.py"),
        ("tests/tools.py tools.py", "tests/test_a.py", "import tools", "tests/tools.py"),
        ("a.pyi", "b.py", "import a", "a.pyi"),
        ("a.py a.pyi", "b.py", "import a", "a.py"),
        ("a/__init__.py a.py", "b.py", "import a", "a.py"),
    ],
)
def test_where_python_looks_first(names: str, path: str, source: str, expected: str) -> None:
    bound = resolved(paths(names), path, source)
    assert [it.partition(" = ")[2] for it in bound] == [f"{expected}:"]


REEXPORTS = {
    "kit/__init__.py": "from .shapes import Circle as Round\nfrom . import tools\nfrom kit.x import y",
    "kit/shapes/__init__.py": "from ._circle import Circle",
    "kit/shapes/_circle.py": "class Circle: pass",
    "kit/tools.py": "",
    "star/__init__.py": "from .core import *",
    "star/core.py": "",
    "loop/__init__.py": "from .again import Name",
    "loop/again/__init__.py": "from .. import Name",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from kit import Round", "Round = kit/shapes/_circle.py:Circle"),
        ("from kit import Round as R", "R = kit/shapes/_circle.py:Circle"),
        ("from kit.shapes import Circle", "Circle = kit/shapes/_circle.py:Circle"),
        ("from kit import tools", "tools = kit/tools.py:"),
        ("from kit import other", "other = kit/__init__.py:other"),
        ("from star import anything", "anything = star/core.py:anything"),
        ("from star import core", "core = star/core.py:"),
    ],
)
def test_python_names_that_a_package_passes_on(source: str, expected: str) -> None:
    assert resolved(REEXPORTS, "main.py", source) == [expected]


def test_packages_that_pass_a_name_on_to_each_other_end() -> None:
    assert len(resolved(REEXPORTS, "main.py", "from loop import Name")) == 1


SCRIPTS = {
    **paths(
        "src/a.ts src/b.tsx src/c.js src/d/index.ts src/e.d.ts src/style.css lib/x.ts lib/y/index.js "
        "packages/core/package.json packages/core/src/index.ts packages/core/src/z.ts odd/q.ts"
    ),
    "tsconfig.json": """{
      // where things are
      "extends": "./base",
      "compilerOptions": { "paths": { "@/*": ["./src/*"], "@lib/*": ["lib/*",], "exact": ["src/a"] } },
    }""",
    "base.json": '{ "compilerOptions": { "baseUrl": ".", /* "paths": {} */ } }',
    "odd/tsconfig.json": '{ "extends": ["../base.json", "./missing.json"] }',
    "broken/tsconfig.json": '{ "compilerOptions": ',
}


@pytest.mark.parametrize(
    ("path", "module", "target"),
    [
        ("src/main.ts", "./a", "src/a.ts"),
        ("src/main.ts", "./a.js", "src/a.ts"),
        ("src/main.ts", "./b", "src/b.tsx"),
        ("src/main.ts", "./b.jsx", "src/b.tsx"),
        ("src/main.ts", "./c", "src/c.js"),
        ("src/main.ts", "./d", "src/d/index.ts"),
        ("src/main.ts", "./e", "src/e.d.ts"),
        ("src/main.ts", "./style.css", "src/style.css"),
        ("src/d/main.ts", "..", None),
        ("src/d/main.ts", "../a", "src/a.ts"),
        ("src/main.ts", "../../../a", None),
        ("src/main.ts", "@/a", "src/a.ts"),
        ("src/main.ts", "@lib/y", "lib/y/index.js"),
        ("src/main.ts", "exact", "src/a.ts"),
        ("src/main.ts", "lib/x", "lib/x.ts"),
        ("src/main.ts", "@scope/core", "packages/core/src/index.ts"),
        ("src/main.ts", "@scope/core/z", "packages/core/src/z.ts"),
        ("src/main.ts", "react", None),
        ("odd/main.ts", "src/a", "src/a.ts"),
        ("odd/main.ts", "@/a", None),
        ("broken/main.ts", "src/a", None),
    ],
)
def test_modules_of_scripts(path: str, module: str, target: str | None) -> None:
    expected = [] if target is None else [f"x = {target}:default"]
    assert resolved(SCRIPTS, path, f'import x from "{module}";') == expected


def test_names_of_scripts() -> None:
    source = 'import d, { a as b } from "./a"; import * as n from "./a"; import "./b";'
    assert resolved(SCRIPTS, "src/m.ts", source) == [
        "d = src/a.ts:default",
        "b = src/a.ts:a",
        "n = src/a.ts:",
        " = src/b.tsx:",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            '{"a": "// no comment", "b": "/* nor this */"} // one',
            {"a": "// no comment", "b": "/* nor this */"},
        ),
        ('\ufeff{"a": [1, 2,], /* x */ "b": "\\",]",}', {"a": [1, 2], "b": '",]'}),
        ("{", {}),
        ("[1]", {}),
        ("[" * 100_000, {}),
    ],
)
def test_json_with_comments(text: str, value: object) -> None:
    assert read_json_with_comments(text) == value


GO = {
    **paths("cmd/main.go shapes/a.go shapes/b.go shapes/a_test.go"),
    "go.mod": "module ex.org/m // x\ngo 1.22\n",
}
RUST = paths(
    "src/main.rs src/shapes.rs src/shapes/circle.rs src/tools/mod.rs src/tools/pen.rs Cargo.toml"
)
CRATES = {
    **paths("crates/core-kit/src/lib.rs crates/core-kit/src/pen.rs crates/core-kit/tests/all.rs"),
    **paths("crates/core-kit/tests/common/mod.rs crates/core-kit/build.rs crates/core-kit/made.rs"),
    **paths("crates/app/src/main.rs crates/app/src/bin/tool.rs crates/app/code/it.rs"),
    **paths("crates/app/tests/it/main.rs crates/app/tests/it/pens.rs crates/gone/Cargo.toml"),
    "crates/core-kit/Cargo.toml": '[package]\nname = "core-kit"\n',
    "crates/app/Cargo.toml": '[package]\nname = "app"\n[lib]\nname = "it"\npath = "code/it.rs"\n',
    "Cargo.toml": "[workspace\n",
}
JAVA = paths(
    "core/src/main/java/org/ex/Shape.java core/src/main/java/org/ex/Pen.java web/src/org/ex/web/Page.java"
)
C = paths("src/main.c src/a.h include/lib/b.h include/lib/c.h other/lib/c.h src/lib.hpp")
RUBY = paths("lib/kit.rb lib/kit/pen.rb app/main.rb")
PHP = paths("src/Shapes/Circle.php src/boot.php")
SHELL = paths("bin/run.sh bin/lib/common.sh")


@pytest.mark.parametrize(
    ("files", "path", "source", "expected"),
    [
        (GO, "cmd/main.go", 'package main\nimport s "ex.org/m/shapes"\n', ["s = shapes/a.go:", "s = shapes/b.go:"]),
        (GO, "cmd/main.go", 'package main\nimport "ex.org/mother"\n', []),
        (RUST, "src/main.rs", "mod shapes; mod gone;", ["shapes = src/shapes.rs:"]),
        (RUST, "src/shapes.rs", "pub mod circle;", ["circle = src/shapes/circle.rs:"]),
        (RUST, "src/tools/mod.rs", "mod pen;", ["pen = src/tools/pen.rs:"]),
        (RUST, "src/main.rs", "use crate::shapes::circle::Circle as C;", ["C = src/shapes/circle.rs:Circle"]),
        (RUST, "src/shapes/circle.rs", "use super::area;", ["area = src/shapes.rs:area"]),
        (RUST, "src/shapes/circle.rs", "use crate::tools::{self, pen, Ink};", [
            "tools = src/tools/mod.rs:", "pen = src/tools/pen.rs:", "Ink = src/tools/mod.rs:Ink",
        ]),
        (RUST, "src/main.rs", "use crate::shapes::Kind::Round;", ["Round = src/shapes.rs:Round"]),
        (RUST, "src/main.rs", "use std::fmt::Display; use serde::Deserialize;", []),
        (CRATES, "crates/core-kit/tests/all.rs", "mod common; use self::common::Pen; use core_kit::{Kit, pen::Ink};", [
            "common = crates/core-kit/tests/common/mod.rs:", "Pen = crates/core-kit/tests/common/mod.rs:Pen",
            "Kit = crates/core-kit/src/lib.rs:Kit", "Ink = crates/core-kit/src/pen.rs:Ink",
        ]),
        (CRATES, "crates/core-kit/tests/common/mod.rs", "use core_kit::pen;", ["pen = crates/core-kit/src/pen.rs:"]),
        (CRATES, "crates/core-kit/src/lib.rs", "mod pen; use pen::Ink; use core_kit::Kit;", [
            "pen = crates/core-kit/src/pen.rs:", "Ink = crates/core-kit/src/pen.rs:Ink",
        ]),
        (CRATES, "crates/core-kit/build.rs", "mod made;", ["made = crates/core-kit/made.rs:"]),
        (CRATES, "crates/app/src/bin/tool.rs", "use it::Tool; use core_kit::*; use app::Tool;", [
            "Tool = crates/app/code/it.rs:Tool", "* = crates/core-kit/src/lib.rs:*",
        ]),
        (CRATES, "crates/app/tests/it/main.rs", "mod pens;", ["pens = crates/app/tests/it/pens.rs:"]),
        (JAVA, "web/src/org/ex/web/Page.java", "import org.ex.Shape;", ["Shape = core/src/main/java/org/ex/Shape.java:Shape"]),
        (JAVA, "web/src/org/ex/web/Page.java", "import static org.ex.Shape.area;", ["area = core/src/main/java/org/ex/Shape.java:area"]),
        (JAVA, "web/src/org/ex/web/Page.java", "import org.ex.*;", [
            "* = core/src/main/java/org/ex/Pen.java:*", "* = core/src/main/java/org/ex/Shape.java:*",
        ]),
        (JAVA, "web/src/org/ex/web/Page.java", "import java.util.List;", []),
        (C, "src/main.c", '#include "a.h"', ["* = src/a.h:*"]),
        (C, "src/main.c", '#include "lib/b.h"', ["* = include/lib/b.h:*"]),
        (C, "src/main.c", "#include <lib/b.h>", ["* = include/lib/b.h:*"]),
        (C, "src/main.c", '#include "lib/c.h"\n#include <stdio.h>', []),
        (C, "other/x.c", '#include "lib/c.h"', ["* = other/lib/c.h:*"]),
        (RUBY, "lib/kit.rb", "require_relative 'kit/pen'", ["* = lib/kit/pen.rb:*"]),
        (RUBY, "app/main.rb", "require 'kit/pen'\nrequire 'json'", ["* = lib/kit/pen.rb:*"]),
        (PHP, "src/index.php", "<?php use App\\Shapes\\Circle as C; require __DIR__ . '/boot.php';", [
            "C = src/Shapes/Circle.php:Circle", "* = src/boot.php:*",
        ]),
        (SHELL, "bin/run.sh", '. "$HERE/lib/common.sh"', ["* = bin/lib/common.sh:*"]),
    ],
)  # fmt: skip
def test_other_languages(files: Files, path: str, source: str, expected: list[str]) -> None:
    assert resolved(files, path, source) == expected


def test_what_no_language_is_known_for_resolves_to_nothing() -> None:
    resolver = ImportResolver({"a.cs"}, {})
    assert resolver.resolve("b.cs", "csharp", Import("a", (), 0)) == []


@pytest.mark.parametrize(
    ("folder", "path", "joined"),
    [
        ("a/b", "../c", "a/c"),
        ("", "./x", "x"),
        ("a", "../../x", "../x"),
        ("a", ".", "a"),
        ("", "..", ".."),
    ],
)
def test_paths_are_joined(folder: str, path: str, joined: str) -> None:
    assert join(folder, path) == joined


def test_a_file_by_its_last_steps_is_the_nearest_or_none() -> None:
    tree = FileTree(["a/x/c.h", "b/x/c.h", "c.h"])
    assert tree.only("x/c.h", near="a/m.c") == "a/x/c.h"
    assert tree.only("x/c.h", near="q/m.c") is None
    assert tree.only("d.h", near="a/m.c") is None
