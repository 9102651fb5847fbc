"""Ignore patterns as git reads them, and none that takes long."""

from __future__ import annotations

import subprocess
import time
import warnings
from pathlib import Path

import pytest

from lsp_server.workspace.ignore_rules import parse, verdict


def matches(pattern: str, path: str, *, is_folder: bool = False) -> bool:
    return bool(verdict(parse(pattern), path.split("/"), is_folder=is_folder))


NAMES = [
    *r"ab1Z]-\[!^#*?_+&|~",
    "a ",
    "a b",
    "ab",
    "!a",
    "#a",
    "a\\",
    "\\a",
    "a]",
    "[a]",
    "a-b",
    "b]",
    "o]",
]
PATTERNS = r"""
[a] [!a] [^a] [ab] []] [!]] []-a] [a-] [-a] [a-z-1] [z-a] [[] [[a] [a [ [] [!] a[ [*] [?] [+--] [--a]
[a&&b] [a||b] [a~~b] [a--b] [[a]] [a]] \[a\] \a \\a a\\ \* \? \!a \#a a\  a\ b !\a
[[:alpha:]] [[:digit:]a] [[:upper:][:digit:]] [![:alpha:]] [[:space:]] [[:punct:]] [[:foo:]] [[:a] [:a]
[\]] [a\]] [\a] [\!a] [a\-z] [\\] [\[] []\] [!\]] [a-\]] *\] ** *** ? ?? a** **a a*b *a*
""".replace("a\\ ", "a\\\0").split()


def test_patterns_match_the_names_that_git_matches(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for number, pattern in enumerate(PATTERNS):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / ".gitignore").write_text(pattern.replace("\0", " ") + "\n")
    paths = [f"./{number}/{name}" for number in range(len(PATTERNS)) for name in NAMES]
    answer = subprocess.run(
        ["git", "-C", tmp_path, "check-ignore", "--no-index", "-z", "--stdin"],
        input="\0".join(paths),
        capture_output=True,
        text=True,
        check=True,
    )
    ignored = set(answer.stdout.split("\0"))
    differing = {}
    for number, shown in enumerate(PATTERNS):
        pattern = shown.replace("\0", " ")
        theirs = {name for name in NAMES if f"./{number}/{name}" in ignored}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # another test's business
            ours = {name for name in NAMES if matches(pattern, name)}
        if ours != theirs:
            differing[pattern] = {"git only": theirs - ours, "ours only": ours - theirs}
    assert not differing


@pytest.mark.parametrize("pattern", ["[+--]", "[a--b]", "[a&&b]", "[a||b]", "[a~~b]", "[[a]"])
def test_no_pattern_makes_python_warn(pattern: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse(pattern)


PATHS = [
    # a pattern, a path, and whether the pattern means that very path
    ("a/b", "a/b", True),
    ("a/b", "x/a/b", False),
    ("/a", "a", True),
    ("/a", "x/a", False),
    ("a", "x/a", True),
    ("a/*", "a/b", True),
    ("a/*", "a/b/c", False),
    ("a/**", "a", False),
    ("a/**", "a/b/c", True),
    ("**/b", "b", True),
    ("**/b", "a/a/b", True),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/**/b", "a/b", True),
    ("**/**/**/**/x", "x", True),
    ("**/**/**/**/x", "a/b/x", True),
    ("a?b", "a/b", False),
    ("a[/]b", "a/b", False),
    ("*", "a/b", True),
]


@pytest.mark.parametrize(("pattern", "path", "meant"), PATHS)
def test_paths(pattern: str, path: str, meant: bool) -> None:  # noqa: FBT001
    assert matches(pattern, path) is meant


def test_a_pattern_for_folders_means_no_file() -> None:
    assert not matches("a/", "a")
    assert matches("a/", "a", is_folder=True)


def test_the_last_rule_that_matches_decides() -> None:
    rules = parse("*\n!a\n!b\nb\n")
    assert verdict(rules, ["a"], is_folder=False) is False
    assert verdict(rules, ["b"], is_folder=False) is True
    assert verdict(parse("x\n"), ["a"], is_folder=False) is None


LONG = 10_000
HOSTILE = {
    "stars": "*a" * 10 + "*b",
    "many stars": "*a" * LONG + "b",
    "stars and any": "*?" * 200 + "b",
    "a long part": "*" + "a" * LONG + "*b",
    "long parts": ("*" + "a" * 100) * 100 + "b",
    "folders": "**/**/**/**/x",
    "many folders": "**/" * LONG + "x",
    "folders and names": "**/a/" * 300 + "x",
    "brackets": "[[[[",
    "many brackets": "[" * LONG,
    "empty brackets": "[]" * LONG,
    "many classes": "[a]" * LONG,
    "open classes": "[" + "[:a]" * LONG,
    "half classes": "[" + "[:" * LONG,
    "spaces": " " * 4 * LONG + "x",
    "spaces at the end": "x" + " " * LONG,
    "spaces and backslashes": "\\ " * LONG + "x",
    "backslashes": "\\" * LONG + " ",
    "slashes": "/" * LONG,
    "exclamation marks": "!" * LONG,
}


@pytest.mark.parametrize("pattern", HOSTILE.values(), ids=HOSTILE)
def test_no_pattern_takes_long(pattern: str) -> None:
    """Within a bound that allows a slow machine a lot, but no square of a length."""
    started = time.process_time()
    rules = parse(pattern)
    for path in (["a" * 5000], ["a"] * 300):
        verdict(rules, path, is_folder=False)
    assert time.process_time() - started < 5
