"""Which code a question is about, and what may stand behind an `@`."""

from __future__ import annotations

import pytest

from lsp_server.chat.search import find, find_uses, question_names, question_words
from lsp_server.chat.suggesting import rank_paths
from tests.unit.lsp_server.made_repository import At

FILES = {
    "shop/fees.py": (
        "class FeeTable:\n    pass\n\n\ndef total_fee(days):\n"
        "    # weekend surcharge applies\n    return days * 20\n"
    ),
    "shop/bill.py": "from shop.fees import total_fee\n\n\ndef bill(days):\n    return total_fee(days)\n",
    "tests/test_fees.py": "from shop.fees import total_fee\n\n\ndef test_total_fee():\n    assert total_fee(1)\n",
}
SNAPSHOT = At.of(FILES, "other.py", "x = 1\n").snapshot


def found(question: str, **more: bool) -> list[tuple[str, int, str]]:
    return [(it.path, it.first_line, it.why) for it in find(SNAPSHOT, question, 5, **more)]


def test_names_and_files_of_a_question_go_first() -> None:
    assert found("What does total_fee return?")[0] == ("shop/fees.py", 4, "defines total_fee")
    assert found("What is in shop/bill.py?")[0] == ("shop/bill.py", 0, "is named bill.py")
    assert found("why a FeeTable")[0] == ("shop/fees.py", 0, "defines FeeTable")


MEMBERS = At.of(
    {
        "app/blueprints.py": "class Blueprint:\n    retry = 1\n\n    def register(self):\n        pass\n",
        "app/tag.py": "class Tag:\n    def register(self):\n        pass\n",
        "app/auth.py": "def register():\n    pass\n",
        "cmd.go": "package cmd\n\nfunc (c *Command) register() {\n}\n",
    },
    "other.py",
    "x = 1\n",
).snapshot


@pytest.mark.parametrize(
    ("question", "paths"),
    [
        ("what does Blueprint.register do?", {"app/blueprints.py"}),
        ("what does auth.register do?", {"app/auth.py"}),
        ("what does Command::register do?", {"cmd.go"}),
        ("what does nothing.register do?", {*MEMBERS.paths()} - {"other.py"}),
        ("how does it retry?", set()),  # a word, not the field
    ],
)
def test_a_member_is_found_where_its_owner_is_named(question: str, paths: set[str]) -> None:
    assert {it.path for it in find(MEMBERS, question, 5, is_search=False)} == paths


def test_hits_do_not_share_lines() -> None:
    hits = find(SNAPSHOT, "total_fee days weekend surcharge FeeTable bill", 10)
    assert len(hits) > 2
    assert not any(a.overlaps(b) for n, a in enumerate(hits) for b in hits[n + 1 :])


@pytest.mark.parametrize("question", ["", "why?", "and what is it?", "🐦", "x" * 10_000])
def test_a_question_that_names_nothing_finds_nothing(question: str) -> None:
    assert found(question) == []


def test_words_alone_find_what_has_several_of_them() -> None:
    places = found("when does the weekend surcharge apply")
    assert places[0][:2] == ("shop/fees.py", 4)
    assert "surcharge" in places[0][2]
    assert found("surcharge")  # somebody searches for it
    assert found("surcharge", is_search=False) == []  # nobody does


def test_uses_are_told_by_who_uses() -> None:
    uses = find_uses(SNAPSHOT, "total_fee", 10)
    assert "bill in shop/bill.py" in [it.label for it in uses]
    assert find_uses(SNAPSHOT, "nothing", 10) == []


def test_what_a_question_names() -> None:
    assert question_names("Where is the parse of HttpServer and get_it?") == [
        *("HttpServer", "get_it", "parse"),
    ]
    assert question_words("How does the FeeTable work with fees") == [
        *("feetable", "fee", "table", "fees"),
    ]


def test_paths_are_ranked_by_name_then_by_path() -> None:
    paths = ["fees/a.py", "shop/fees.py", "shop/old_fees.py", "shop/f_e_e_s.py", "shop/b.py"]
    assert rank_paths("fees", paths, 9) == [
        *("shop/fees.py", "shop/old_fees.py", "fees/a.py", "shop/f_e_e_s.py"),
    ]
    assert rank_paths("FEES", paths, 1) == ["shop/fees.py"]
    assert rank_paths("zzz", paths, 9) == []
