"""Names of chunks and layouts, and bytes of messages, that must not change within a version."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from inference.content import Layout, LayoutSection, TextChunk
from inference.protocol import (
    PROTOCOL_VERSION,
    Cancel,
    Done,
    FinishReason,
    GetStatus,
    Hello,
    HostState,
    LayoutReady,
    PutLayout,
    Role,
    Section,
    Status,
    Timings,
    Usage,
    chunk_id,
    decode,
    encode,
    layout_id,
)
from tests.unit.inference.wire_values import body_of, repeatable, values_of


class TestNames:
    """A name that changed would make every client and host of one version disagree."""

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("", "cae66941d9efbd404e4d88758ea67670"),
            ("def add(a, b):\n    return a + b\n", "58c0444332b00815d5eecdcf563dac24"),
            ("naïve 🐦\n", "efbc0f3591aa32b445e14291cf8bacd7"),
        ],
    )
    def test_the_name_of_a_chunk(self, text: str, name: str) -> None:
        assert chunk_id(text).hex() == name
        assert TextChunk.of(text) == TextChunk(bytes.fromhex(name), text)

    def test_the_name_of_a_layout(self) -> None:
        chunk = chunk_id("x = 1\n")
        sections = (
            Section(Role.CONTEXT, "lib/ünits.py", (chunk, chunk)),
            Section(Role.SUFFIX, "main.py", ()),
            Section(Role.PREFIX, "main.py", (chunk,)),
        )
        assert layout_id(()).hex() == "7a9e3d48316709a334376b83e845f6fb"
        assert layout_id(sections).hex() == "78aac6be8a8c558d0d46c09e39892a9e"

    def test_the_name_of_a_layout_is_that_of_what_a_peer_decodes(self) -> None:
        message = PutLayout((Section(Role.PREFIX, "main.py", (chunk_id("a"), chunk_id("b"))),))
        decoded = decode(body_of(message))
        assert isinstance(decoded, PutLayout)
        assert layout_id(decoded.sections) == layout_id(message.sections)

    @settings(repeatable, max_examples=200)
    @given(*(2 * [values_of(tuple[Section, ...])]))
    def test_layouts_have_one_name_if_they_are_one(
        self, one: tuple[Section, ...], other: tuple[Section, ...]
    ) -> None:
        assert (layout_id(one) == layout_id(other)) == (one == other)

    def test_a_layout_made_of_texts_is_named_like_its_message(self) -> None:
        first, second = TextChunk.of("a\n"), TextChunk.of("b\n")
        layout = Layout.of(
            LayoutSection(Role.PREFIX, path, (chunk,))
            for path, chunk in [("a.py", first), ("b.py", second)]
        )
        assert layout.id == layout_id(layout.message.sections)
        assert list(layout.chunks()) == [first, second]


def test_the_bytes_of_a_message_of_each_side_do_not_change() -> None:
    """Two hosts of one protocol version must speak the same bytes."""
    assert PROTOCOL_VERSION == 4
    assert (
        encode(Hello(1, "token", "window")).hex()
        == "0000001594a548656c6c6f01a5746f6b656ea677696e646f77"
    )
    assert encode(Cancel(7)).hex() == "0000000992a643616e63656c07"
    assert encode(GetStatus()).hex() == "0000000b91a9476574537461747573"
    status = Status(HostState.LOADING, "suffix", "suffix", "", 0.5, None)
    assert (
        encode(status).hex()
        == "0000002997a6537461747573a76c6f6164696e67a6737566666978a6737566666978a0cb3fe0000000000000c0"
    )
    done = Done(7, FinishReason.STOP, Usage(1, 2, 3), Timings(0.5, 1.0, 2.0))
    assert (
        encode(done).hex()
        == "0000002d96a4446f6e6507a473746f709301020393cb3fe0000000000000cb3ff0000000000000cb400000000000000090"
    )
    assert (
        encode(LayoutReady(b"\1", (1, 2), exact=True)).hex()
        == "0000001494ab4c61796f75745265616479c40101920102c3"
    )
