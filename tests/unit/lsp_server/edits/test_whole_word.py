"""Names as whole words in texts."""

from __future__ import annotations

import pytest

from lsp_server.edits.whole_word import whole_word

TEXT = "name names rename _name name2 a.name(name).name näme"


@pytest.mark.parametrize(
    ("may_be_attribute", "starts"), [(True, [0, 32, 37, 43]), (False, [0, 37])]
)
def test_a_name_is_found_where_it_is_no_part_of_another(
    starts: list[int], *, may_be_attribute: bool
) -> None:
    word = whole_word("name", may_be_attribute=may_be_attribute)
    assert [it.start() for it in word.finditer(TEXT)] == starts


def test_what_means_something_in_a_pattern_is_taken_as_it_is() -> None:
    assert whole_word("a.b").search("aXb") is None
