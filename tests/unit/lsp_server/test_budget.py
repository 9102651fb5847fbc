"""What fits a model's context: measured from what the host counted, filled to a block's border."""

from __future__ import annotations

import pytest

from inference.content import Layout, LayoutSection, TextChunk
from inference.protocol import Capabilities, LayoutReady, Role
from lsp_server.context.budget import FILE_FORMAT_TOKENS, Limits, TokenMeasure
from lsp_server.context.chunks import cut
from lsp_server.context.layout import ContextFile
from lsp_server.context.selection import select

LINE = "x = 1234\n"


def file(path: str, lines: int) -> ContextFile:
    return ContextFile(path, tuple(cut([LINE] * lines)))


def section(path: str, text: str, role: Role = Role.CONTEXT) -> LayoutSection:
    return LayoutSection(role, path, (TextChunk.of(text),))


def measured(*counts: tuple[str, str, int], exact: bool = True) -> TokenMeasure:
    """A measure that has learned: paths, texts and their tokens."""
    layout = Layout.of(section(path, text) for path, text, _ in counts)
    measure = TokenMeasure()
    measure.learn(layout, LayoutReady(layout.id, tuple(it[2] for it in counts), exact))
    return measure


@pytest.mark.parametrize(
    ("context", "prompt"),
    [(None, None), (32_768, 32_512), (2048, 1792), (1024, 768), (400, 300), (0, 0)],
)
def test_the_answer_has_its_room(context: int | None, prompt: int | None) -> None:
    assert Limits("m", context).prompt_tokens == prompt


def test_a_model_that_is_not_ready_has_no_limits() -> None:
    assert Limits.of("m", None) == Limits("m")
    capabilities = Capabilities(
        fim=True,
        chat=False,
        exact_token_counts=True,
        context_tokens=4096,
        cache_block_tokens=16,
        parallel_requests=4,
        prefix_first=True,
    )
    assert Limits.of("m", capabilities) == Limits("m", 4096, 16, prefix_first=True)


@pytest.mark.parametrize(
    ("measure", "path", "least", "most"),
    [
        (TokenMeasure(), "a.py", 500, 610),  # nothing is known: two characters for a token
        (measured(("a.py", "x" * 4000, 1000)), "a.py", 250, 270),
        (measured(("a.py", "x" * 4000, 1000)), "b.py", 270, 310),  # like a.py, with more caution
        (measured(("a.py", "x" * 4000, 1000), ("b.py", "y" * 4000, 4000)), "b.py", 1000, 1060),
        (measured(("a.py", "x" * 4000, 1000), ("b.py", "y", 1)), "b.py", 270, 310),
        (measured(("a.py", "x" * 4000, 1000), exact=False), "a.py", 270, 300),
        (measured(("a.py", "x", 1)), "a.py", 500, 610),  # too little to learn from
    ],
)
def test_a_text_is_measured_by_its_characters(
    measure: TokenMeasure, path: str, least: int, most: int
) -> None:
    assert least <= measure.tokens(path, 1000) <= most


def test_what_was_counted_is_known_exactly() -> None:
    measure = measured(("a.py", "x" * 4000, 1234))
    named = measure.of_path("a.py")
    assert measure.of_section(section("a.py", "x" * 4000)) == 1234 + named
    assert measure.of_section(section("a.py", "x" * 4001)) > 1234 + named
    assert named >= FILE_FORMAT_TOKENS


def test_one_file_in_two_sections_has_one_rate() -> None:
    """As the current file has: its prefix and its suffix."""
    layout = Layout.of(
        [
            section("a.py", "x" * 400, Role.SUFFIX),
            section("a.py", "y" * 400, Role.PREFIX),
        ]
    )
    measure = TokenMeasure()
    measure.learn(layout, LayoutReady(layout.id, (100, 300), exact=True))
    assert measure.likely_rate("a.py") == 0.5


def test_only_so_many_files_are_remembered() -> None:
    measure = TokenMeasure()
    for number in range(1000):
        layout = Layout.of([section(f"{number}.py", "x" * 1000)])
        measure.learn(layout, LayoutReady(layout.id, (number,), exact=True))
    assert len(measure._rates) == 256
    assert measure.likely_rate("999.py") == 0.999


SELECTIONS = [
    # lines of the files a, b, c; room in tokens; what of them is shown, and what is left out
    ([10, 10, 10], 10_000, ["a.py", "b.py", "c.py"], ()),
    ([400, 10, 10], 1000, ["a.py part", "b.py", "c.py"], ("the rest of a.py",)),
    ([10, 10, 400], 1000, ["c.py part"], ("the rest of c.py", "b.py", "a.py")),
    ([10, 400, 10], 1000, ["b.py part", "c.py"], ("the rest of b.py", "a.py")),
    ([10, 400, 10], 100, ["c.py"], ("b.py", "a.py")),  # a beginning so short says nothing
    ([10, 10, 10], 0, [], ("c.py", "b.py", "a.py")),
    ([10, 10, 10], -50, [], ("c.py", "b.py", "a.py")),
    ([], 100, [], ()),
]


@pytest.mark.parametrize(("lines", "room", "shown", "left_out"), SELECTIONS)
def test_the_last_files_are_shown(
    lines: list[int], room: int, shown: list[str], left_out: tuple[str, ...]
) -> None:
    files = [file(f"{name}.py", count) for name, count in zip("abc", lines, strict=False)]
    measure = TokenMeasure()
    selection = select(files, room, 16, measure)
    assert [it.path if it in files else f"{it.path} part" for it in selection.files] == shown
    assert selection.left_out == left_out
    assert sum(measure.of_section(it.section) for it in selection.files) <= max(room, 0)
    whole = {it.path: "".join(chunk.text for chunk in it.chunks) for it in files}
    for it in selection.files:
        text = "".join(chunk.text for chunk in it.chunks)
        assert whole[it.path].startswith(text)
        assert text.endswith("\n")


@pytest.mark.parametrize("block", [128, 256, 1056])
@pytest.mark.parametrize("room", [1300, 2600, 3000, 4444, 6000])
def test_a_part_ends_at_the_border_of_a_block(block: int, room: int) -> None:
    """As far as its tokens are known: a line's worth or two past it."""
    whole = file("a.py", 3000)
    text = "".join(chunk.text for chunk in whole.chunks)
    measure = measured(("a.py", text, len(text) // 3))
    (part,) = select([whole], room, block, measure).files
    tokens = measure.likely_of_section(part.section)
    assert 0 <= tokens % block < 0.03 * tokens
    assert room - tokens < block + 0.1 * room
