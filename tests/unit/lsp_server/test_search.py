"""Names that are like a pattern, packed references, and what is asked of a store on the loop."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.workspace.outline import Outline, Reference, ReferenceKind
from lsp_server.workspace.outline_codec import find_references, pack_outline, unpack_outline
from lsp_server.workspace.read import index_text
from lsp_server.workspace.search import Search, rank_names
from lsp_server.workspace.store import Store
from lsp_server.workspace.store_reader import FileState

NAMES = ["parse_json", "ParseJson", "parse", "spare_join", "JsonParser", "prune", "PurgeJobs"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("pj", ["parse_json", "ParseJson", "PurgeJobs", "spare_join"]),
        ("PJ", ["ParseJson", "PurgeJobs"]),
        ("parsejsn", ["ParseJson", "parse_json"]),
        ("parse", ["parse", "parse_json", "ParseJson", "JsonParser"]),
        ("jp", ["JsonParser"]),
        ("xyz", []),
        ("", []),
        (".*", []),
    ],
)
def test_names_like_a_pattern_are_ranked(pattern: str, found: list[str]) -> None:
    assert rank_names(pattern, NAMES) == found


references = st.builds(
    Reference,
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    st.sampled_from(ReferenceKind),
    st.integers(0, 1 << 20),
    st.integers(0, 1 << 20),
    st.none() | st.integers(0, 1 << 20),
)


@given(st.lists(references, unique_by=lambda it: (it.line, it.column)))
def test_references_are_packed_and_found_by_name(made: list[Reference]) -> None:
    made.sort(key=lambda it: (it.line, it.column))
    outline = Outline("python", (), tuple(made), (), has_errors=False)
    packed = pack_outline(outline)
    assert unpack_outline(packed) == outline
    for name in {it.name for it in made} | {"nowhere", "", "\0"}:
        own = [it for it in made if it.name == name]
        assert find_references(name, packed.names, packed.references) == own


@given(st.binary(max_size=40))
def test_what_was_not_packed_is_refused(data: bytes) -> None:
    try:
        found = find_references("a", b"\0a\0", data)
    except ValueError:
        return
    assert all(it.name == "a" for it in found)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store.sqlite")


def fill(store: Store, **texts: str) -> None:
    store.put(
        index_text(f"{name}.py", FileState(1, 1), text.encode()) for name, text in texts.items()
    )


def test_similar_symbols_are_found_in_a_store(store: Store) -> None:
    fill(store, a="def parse_json(): ...\nclass ParseJson: ...\n", b="def prune(): ...\n")
    found = Search(store).similar_symbols("pjson", 5)
    assert [it.symbol.name for it in found] == ["parse_json", "ParseJson"]
    assert [it.symbol.name for it in Search(store).similar_symbols("pjson", 1)] == ["parse_json"]
    store.close()


CODE = """\
class Text:
    def get_style(self): ...

class Texts:
    def get_style(self): ...

def getStyle(text): ...
def get_style_of(text): ...
"""


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("get_style", [1, 4]),
        ("Text.get_style", [1]),
        ("rich.Text.get_style", [1]),
        ("Texts::get_style", [4]),
        ("text.get_style", []),
        ("Text#getStyle", []),
        ("get style", [6, 1, 4]),
        ("GET STYLE OF", [7]),
        ("style get", []),
        ("nowhere", []),
        ("", []),
    ],
)
def test_definitions_are_found_by_what_people_write(
    store: Store, written: str, lines: list[int]
) -> None:
    fill(store, a=CODE)
    found = [it.symbol.name_line for it in Search(store).named(written, 9)]
    assert sorted(found) == sorted(lines)
    store.close()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.go", "package a\n\nfunc (c *Cart) Find() {}\n\nfunc Find(c *Cart) {}\n"),
        ("a.cpp", "#include <b.h>\n\nvoid Cart::Find() {}\n\nvoid Find(Cart& c) {}\n"),
    ],
)
def test_a_method_belongs_to_the_type_that_it_stands_outside_of(
    store: Store, path: str, text: str
) -> None:
    store.put([index_text(path, FileState(1, 1), text.encode())])
    assert [it.symbol.name_line for it in Search(store).named("Cart.Find", 9)] == [2]
    assert len(Search(store).named("Find", 9)) == 2
    store.close()


def test_names_in_the_very_case_go_first(store: Store) -> None:
    fill(store, a="text = 1\nclass Text: ...\nclass TextEdit: ...\n")
    found = Search(store).symbols("Te", 9, prefix=True)
    assert [it.symbol.name for it in found] == ["Text", "TextEdit", "text"]
    found = Search(store).symbols("te", 9, prefix=True)
    assert [it.symbol.name for it in found] == ["text", "Text", "TextEdit"]
    store.close()


def test_common_words_do_not_count_where_time_is_short(store: Store) -> None:
    common = {f"m{number}": f"common_{number} = common\n" for number in range(50)}
    fill(store, **common, rare="common = 1\nrare = 2\n")
    assert store.rarest(["common", "rare", "unknown"], 10) == ["rare"]
    assert store.rarest(["common"], 10) == ["common"]
    assert [it.path for it in store.search(["common", "rare"], 5, max_rows=10)] == ["rare.py"]
    assert len(store.search(["common"], 20, max_rows=10)) == 10
    assert len(store.search(["common"], 100)) == 51
    assert store.search(["unknown"], 5, max_rows=10) == []
    store.close()


def test_files_left_out_of_a_search_make_room_for_others(store: Store) -> None:
    fill(store, **{f"m{number}": f"word_{number} = word\n" for number in range(100)})
    without = {f"m{number}.py" for number in range(95)}
    assert len(store.search(["word"], 5, without=without)) == 5
    store.close()


def test_what_counts_for_more_stands_in_fewer_windows(store: Store) -> None:
    fill(store, a="often\n", b="often\n\n", c="often once\n", d="x\n", e="y\n", f="z\n", g="v\n")
    weights = store.weights(["often", "once", "never"])
    assert weights["never"] > weights["once"] > weights["often"] > 0
    store.close()


def test_places_of_a_store(store: Store) -> None:
    paths = ["a.py", "a/b.py", "a/c/d.py", "a0.py", "b.py", "a.b/c.py"]
    store.put(index_text(path, FileState(1, 1), path.encode()) for path in paths)
    assert sorted(store.files("a")) == ["a/b.py", "a/c/d.py"]
    assert sorted(store.files("a/b.py")) == ["a/b.py"]
    assert store.paths() == sorted(paths)
    assert store.paths("a.py", 2) == ["a/b.py", "a/c/d.py"]
    store.close()
