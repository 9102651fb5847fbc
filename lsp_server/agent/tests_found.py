"""By which command the tests of a workspace are run: the user's own, or what its files say. Pure.

What a repository brings can choose between frameworks that are known here, and start no command of its
own: what stands in a `package.json` or a `Makefile` is run only where the user has named it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Collection, Sequence

from lsp_server.agent.data import TestCommand

_PYTEST_FILES = frozenset({"pytest.ini", "conftest.py", ".pytest.ini"})
_PYTEST_SECTION = re.compile(
    r"^\[(?:tool\.pytest(?:\.ini_options)?|tool:pytest|pytest)\]", re.MULTILINE
)
_PYTHON_TEST = re.compile(r"(?:test_[^/]*|[^/]*_tests?|tests?)\.py")
_UNITTEST = re.compile(r"^\s*(?:import|from) unittest\b", re.MULTILINE)
_NODE_TEST = re.compile(r"""(?:from|require\()\s*["']node:test["']""")
_NODE_FILE = re.compile(r".*(?:[.-_](?:test|spec)|/?test)\.[cm]?js|(?:.*/)?test/.*\.[cm]?js")
_MAX_READ = 50  # files, to see by which framework they are written


class TestsUnknown(ValueError):
    """No way to run the tests is known; says what to do."""

    __test__ = False


def find_command(
    paths: Collection[str],
    text: Callable[[str], str | None],
    *,
    python: str,
    has_module: Callable[[str], bool],
    configured: str = "",
) -> TestCommand:
    """The command for a workspace of those files; `python` is the user's, `configured` their command.

    Raises `TestsUnknown`.
    """
    if configured.strip():
        return parse_command(configured, python)
    if (found := _of_python(paths, text, python, has_module)) is not None:
        return found
    if "go.mod" in paths:
        return TestCommand("go", ("go", "test", "-json", "./..."))
    if "Cargo.toml" in paths:
        return TestCommand("cargo", ("cargo", "test", "--no-fail-fast"))
    if _is_node(paths, text):
        return TestCommand("node", ("node", "--test"))
    raise TestsUnknown(
        "no tests were found that Sparrow knows how to run; name their command in the setting "
        "sparrow.fix.testCommand"
    )


def parse_command(command: str, python: str) -> TestCommand:
    """A command that a user has named. Raises `TestsUnknown` where its quotes do not fit."""
    try:
        argv = tuple(shlex.split(command))
    except ValueError as error:
        raise TestsUnknown(f"the test command cannot be read: {error}") from None
    if not argv:
        raise TestsUnknown("the test command is empty")
    name = argv[0].rpartition("/")[2]
    if name in ("pytest", "py.test"):
        start = (python, "-m", "pytest") if python and "/" not in argv[0] else argv[:1]
        return TestCommand("pytest", (*start, *argv[1:]))
    if re.fullmatch(r"python[\d.]*", name) and argv[1:2] == ("-m",) and len(argv) > 2:  # noqa: PLR2004
        start = (python,) if python and "/" not in argv[0] else argv[:1]
        if argv[2] in ("pytest", "unittest"):
            return TestCommand(argv[2], (*start, *argv[1:]))
    if name == "node" and "--test" in argv:
        return TestCommand("node", argv)
    if name == "go" and argv[1:2] == ("test",):
        packages = () if any(it.startswith(".") for it in argv[2:]) else ("./...",)
        more = () if "-json" in argv else ("-json",)
        return TestCommand("go", (*argv[:2], *more, *argv[2:], *packages))
    if name == "cargo" and argv[1:2] == ("test",) and "--" not in argv:
        return TestCommand("cargo", argv)
    return TestCommand("command", argv)


def _of_python(
    paths: Collection[str],
    text: Callable[[str], str | None],
    python: str,
    has_module: Callable[[str], bool],
) -> TestCommand | None:
    files = [it for it in paths if _PYTHON_TEST.fullmatch(it.rpartition("/")[2])]
    files = [it for it in files if it.rpartition("/")[2] not in ("test.py", "tests.py")] or files
    is_pytest = any(it.rpartition("/")[2] in _PYTEST_FILES for it in paths) or any(
        _PYTEST_SECTION.search(text(it) or "")
        for it in ("pyproject.toml", "tox.ini", "setup.cfg")
        if it in paths
    )
    if not files and not is_pytest:
        return None
    if not python:
        raise TestsUnknown(
            "the tests are in Python, and no interpreter was found for them; select one, or make "
            "the environment .venv in the workspace"
        )
    if has_module("pytest"):
        return TestCommand("pytest", (python, "-m", "pytest"))
    written = [it for it in sorted(files)[:_MAX_READ] if _UNITTEST.search(text(it) or "")]
    if written:
        folders = {it.rpartition("/")[0] for it in written}
        return TestCommand("unittest", (python, "-m", "unittest", *_discovery(folders, paths)))
    raise TestsUnknown(f"the tests are pytest's, which {python} does not have; install it there")


def _discovery(folders: Collection[str], paths: Collection[str]) -> Sequence[str]:
    """From where tests are looked for: a folder of tests that is no package is a start of its own."""
    top = min(folders, key=lambda it: (it.count("/"), it))
    is_package = f"{top}/__init__.py" in paths
    return () if not top or is_package else ("discover", "-s", top)


def _is_node(paths: Collection[str], text: Callable[[str], str | None]) -> bool:
    if "package.json" in paths:
        try:
            scripts = json.loads(text("package.json") or "{}").get("scripts", {})
            if "node --test" in str(scripts.get("test", "")):
                return True
        except (ValueError, AttributeError):
            pass
    files = sorted(it for it in paths if _NODE_FILE.fullmatch(it))[:_MAX_READ]
    return any(_NODE_TEST.search(text(it) or "") for it in files)
