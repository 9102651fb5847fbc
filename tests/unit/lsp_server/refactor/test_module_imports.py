"""What imports mean, how they are found in a text, and how another file is to be imported."""

from __future__ import annotations

import pytest

from lsp_server.refactor.module_imports import (
    Imported,
    Modules,
    Spelling,
    import_lines,
    written_imports,
)

TEXT = """\
import a, b.c as d
from . import e; important = 1
if True:
    from f import (
        g,  # of it
        h,
    )
from \\
    i import \\
    j
reimport = 1
import k"""


def test_imports_are_found_with_all_their_lines() -> None:
    assert list(import_lines(TEXT)) == [
        "import a, b.c as d",
        "from . import e; important = 1",
        "    from f import (\n        g,  # of it\n        h,\n    ",
        "from \\\n    i import \\\n    j",
        "import k",
    ]


@pytest.mark.parametrize(
    ("module", "importer", "is_meant"),
    [
        ("pkg.a", "x.py", True),
        ("src.pkg.a", "x.py", True),
        ("a", "x.py", True),  # where it is looked for is not known
        ("g.a", "x.py", False),
        (".a", "src/pkg/b.py", True),
        (".a", "src/b.py", False),
        ("..a", "src/pkg/inner/b.py", True),
        (".", "src/pkg/b.py", False),
        ("other", "x.py", True),
        (".", "other/b.py", True),
        ("..", "other/inner/b.py", True),
    ],
)
def test_a_module_means_the_files_that_end_so(
    module: str, importer: str, *, is_meant: bool
) -> None:
    paths = ("src/pkg/a.py", "other/__init__.py")
    assert Modules(paths, *paths).has(module, importer) == is_meant


@pytest.mark.parametrize(
    ("module", "is_meant"),
    [("json", False), ("pkg.json", True), ("src.pkg.json", True), (".json", True)],
)
def test_a_module_of_a_package_is_not_imported_without_it(module: str, *, is_meant: bool) -> None:
    modules = Modules(["src/pkg/__init__.py", "src/pkg/json.py"], "src/pkg/json.py")
    assert modules.has(module, "src/pkg/b.py") == is_meant


@pytest.mark.parametrize(
    ("file", "importer", "written", "module"),
    [
        ("src/pkg/a.py", "tests/test_a.py", "", "pkg.a"),
        ("src/pkg/__init__.py", "tests/test_a.py", "", "pkg"),
        ("src/pkg/a.py", "src/pkg/b.py", "", "pkg.a"),
        ("src/pkg/a.py", "src/pkg/b.py", ".b", ".a"),
        ("src/pkg/a.py", "src/pkg/inner/b.py", "..c", "..a"),
        ("src/pkg/inner/a.py", "src/pkg/b.py", ".", ".inner.a"),
        ("src/pkg/__init__.py", "src/pkg/b.py", ".b", "."),
        ("tool.py", "src/pkg/b.py", ".b", "tool"),
    ],
)
def test_a_file_is_called_by_its_packages(
    file: str, importer: str, written: str, module: str
) -> None:
    spelling = Spelling({"src/pkg", "src/pkg/inner"})
    assert spelling.module(file, importer, written) == module


def test_a_root_that_is_known_counts_before_packages() -> None:
    assert Spelling({"pkg"}, "").module("space/pkg/a.py", "b.py") == "space.pkg.a"
    assert Spelling({"pkg"}, "src").module("src/space/a.py", "b.py") == "space.a"
    assert Spelling({"pkg"}, "src").module("pkg/a.py", "b.py") == "pkg.a"


def test_imports_are_written_as_a_sorter_has_them() -> None:
    long = [Imported("pkg.very_long_name_of_a_module", f"a_name_of_{it}") for it in range(4)]
    assert written_imports(
        [
            *long,
            Imported(".near", "b", "c"),
            Imported("os"),
            Imported("typing", "cast"),
            Imported("typing", "Any"),
            Imported("__future__", "annotations"),
            Imported("zope.interface", alias="zi"),
        ]
    ) == (
        "from __future__ import annotations\n"
        "\n"
        "import os\n"
        "from typing import Any, cast\n"
        "\n"
        "import zope.interface as zi\n"
        "from pkg.very_long_name_of_a_module import (\n"
        "    a_name_of_0,\n"
        "    a_name_of_1,\n"
        "    a_name_of_2,\n"
        "    a_name_of_3,\n"
        ")\n"
        "\n"
        "from .near import b as c\n"
    )
