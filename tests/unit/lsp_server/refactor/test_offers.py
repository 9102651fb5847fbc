from __future__ import annotations

import random

import pytest

from lsp_server.refactor.offers import find_offers, name_at
from lsp_server.workspace.documents import split_lines

TEXT = """\
LIMIT = 3


def plain(first, second: int = 2, *rest):
    total = first + second
    if total:
        return total
    else:
        return plain(total, LIMIT)


class Shop:
    def price(
        self,
        name,
        factor=1,
    ):
        return name * factor

    def __len__(self):
        return 1

    def __exit__(self, type, error, traceback):
        self.close()

    class Inner:
        def deep(self):
            return 2
"""


SPECIAL = "it is special to Python, or private to its class"


def offered(marked: str) -> list[str]:
    """The titles for the place of `|`, or the selection between two of them, with reasons."""
    before, text, *rest = marked.split("|")
    start = before.count("\n"), len(before) - (before.rfind("\n") + 1)
    end = start
    if rest:
        head = before + text
        end = head.count("\n"), len(head) - (head.rfind("\n") + 1)
    lines = split_lines("".join([before, text, *rest]))
    return [
        f"{it.title}: {it.disabled}" if it.disabled else it.title
        for it in find_offers(lines, start, end)
    ]


@pytest.mark.parametrize(
    ("old", "marked", "expected"),
    [
        (
            "def plain(",
            "def pl|ain(",
            [
                "Inline function 'plain'",
                "Move 'plain' to a new file",
                "Move 'plain' to another file",
            ],
        ),
        ("class Shop", "class |Shop", ["Move 'Shop' to a new file", "Move 'Shop' to another file"]),
        (
            "class Shop",
            "class |Sho|p",
            [
                "Extract variable",
                "Extract function",
                "Move 'Shop' to a new file",
                "Move 'Shop' to another file",
            ],
        ),
        ("class Shop", "class| |Shop", []),
        ("total = first", "to|tal = first", ["Inline variable 'total'"]),
        ("LIMIT = 3", "LI|MIT = 3", []),
        ("return plain(", "return plain|(", ["Inline function 'plain'"]),
        ("if total", "i|f total", []),
        (
            "def price",
            "def pri|ce",
            ["Inline function 'price'", "Move method 'price' out of its class"],
        ),
        (
            "def __len__",
            "def __l|en__",
            [
                "Inline function '__len__': it is special to Python, which calls it by itself",
                f"Move method '__len__' out of its class: {SPECIAL}",
            ],
        ),
        ("(self, type, error", "(self, type, er|ror", []),
        ("deep", "de|ep", ["Inline function 'deep'", "Move method 'deep' out of its class"]),
        (
            "(first, second",
            "(fi|rst, second",
            [
                "Remove parameter 'first'",
                "Move parameter 'first' to the right",
                "Add a parameter to 'plain'",
            ],
        ),
        (
            "        name,\n",
            "        na|me,\n",
            [
                "Remove parameter 'name'",
                "Move parameter 'name' to the right",
                "Add a parameter to 'price'",
            ],
        ),
        ("        self,\n", "        se|lf,\n", []),
        ("first + second", "|first + second|", ["Extract variable", "Extract function"]),
        ("    total = first", "|    total = first + second\n|", ["Extract function"]),
        (
            "first + second\n    if total",
            "fir|st + second\n    if to|tal",
            [
                "Extract function: the selection is neither complete statements nor an expression",
            ],
        ),
        ("\n\n\ndef plain", "\n|\n|\ndef plain", []),
    ],
)
def test_what_is_offered(old: str, marked: str, expected: list[str]) -> None:
    assert TEXT.count(old) == 1
    bare = marked.replace("|", "")
    if marked.count("|") == 2 and not TEXT.count(bare):  # the rest of the line stands in the text
        head, _, tail = TEXT.partition(old)
        tail = tail.partition("\n")[2]
        assert offered(head + marked + tail) == expected
        return
    assert offered(
        TEXT.replace(old, marked + old[len(bare) :] if old.startswith(bare) else marked)
    ) == (expected)


def test_too_many_lines_are_refused() -> None:
    lines = split_lines("x = 1\n" * 600)
    (offer,) = find_offers(lines, (0, 0), (599, 0))
    assert offer.disabled == "more than 500 lines are selected"


def test_nothing_is_raised_wherever_it_is_asked() -> None:
    lines = split_lines(TEXT)
    chosen = random.Random(1)  # noqa: S311 - which places
    for _ in range(500):
        ends = sorted(
            (line, chosen.randrange(len(lines[line].rstrip("\n")) + 1))
            for line in (chosen.randrange(len(lines)), chosen.randrange(len(lines)))
        )
        find_offers(lines, ends[0], ends[1])
        find_offers(lines, ends[0], ends[0])


def test_a_keyword_is_no_name() -> None:
    assert name_at("for x in y", 1) is None
    assert name_at("for x in y", 5) == (4, 5)
    assert name_at("größe = 1", 3) == (0, 5)
