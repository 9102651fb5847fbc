"""The wire: what is encoded comes back as it was, and what is hostile is refused by type."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import FrameTooLarge, MalformedMessage
from inference.protocol import (
    FRAME_HEADER,
    MAX_FRAME_BYTES,
    Delta,
    Done,
    Generate,
    Message,
    Priority,
    PutChunk,
    PutLayout,
    Refused,
    Role,
    Section,
    Tail,
    decode,
    encode,
    frame_length,
)
from inference.sampling import Sampling
from tests.unit.inference.wire_values import (
    INTEGERS,
    MESSAGES,
    body_of,
    packed,
    repeatable,
    values_of,
)

ANY_MESSAGE = st.one_of(*map(values_of, MESSAGES))
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(st.text() | st.binary(), inner, max_size=3)
        | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=20))
    ),
    max_leaves=20,
)


def assert_refused_or_right(body: bytes) -> None:
    """Decoding yields a message that encodes again, or raises `MalformedMessage` and no else."""
    try:
        message = decode(body)
    except MalformedMessage as raised:
        error = raised
    else:
        assert type(message) in MESSAGES
        assert repr(decode(body_of(message))) == repr(message)  # nan is not equal to itself
        return
    assert len(error.message) < 1000, "an error must not repeat what a peer sent at length"
    assert encode(Refused(None, error.code, error.message, error.hint))


class TestRoundTrip:
    @pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
    def test_every_message_comes_back_as_it_was(self, kind: type) -> None:
        @repeatable
        @given(values_of(kind))
        def check(message: Message) -> None:
            frame = encode(message)
            header, body = frame[: FRAME_HEADER.size], frame[FRAME_HEADER.size :]
            assert frame_length(header) == len(body)
            assert decode(body) == message

        check()

    @pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
    def test_the_types_that_come_back_are_those_of_the_annotations(self, kind: type) -> None:
        hints = typing.get_type_hints(kind)

        @settings(repeatable, max_examples=20)
        @given(values_of(kind))
        def check(message: Message) -> None:
            decoded = decode(body_of(message))
            for name, annotation in hints.items():
                value = getattr(decoded, name)
                if annotation in (int, float, str, bytes):
                    assert type(value) is annotation
                elif isinstance(annotation, type):
                    assert isinstance(value, annotation)

        check()

    def test_an_integer_where_a_float_belongs_is_read_as_one(self) -> None:
        body = packed("Done", 1, "stop", [1, 2, 3], [1, 2, 3], [])
        done = decode(body)
        assert isinstance(done, Done)
        assert [type(value) for value in dataclasses.astuple(done.timings)] == [float] * 3

    def test_text_of_every_plane_survives(self) -> None:
        text = "naïve \0 \U0001f426 \ufeff \uffff \U0010ffff"
        assert decode(body_of(PutChunk(text))) == PutChunk(text)


class TestHostileInput:
    @settings(repeatable, max_examples=200)
    @given(st.binary(max_size=200))
    def test_random_bytes(self, body: bytes) -> None:
        assert_refused_or_right(body)

    @settings(repeatable, max_examples=200)
    @given(ANY_VALUE)
    def test_any_value(self, value: Any) -> None:
        assert_refused_or_right(bytes(msgpack.packb(value)))

    @settings(repeatable, max_examples=200)
    @given(st.sampled_from(MESSAGES), st.lists(ANY_VALUE, max_size=8))
    def test_any_fields_behind_a_known_name(self, kind: type, fields: list[Any]) -> None:
        assert_refused_or_right(packed(kind.__name__, *fields))

    @settings(repeatable, max_examples=200)
    @given(ANY_MESSAGE, st.data())
    def test_one_field_of_a_valid_message_replaced(
        self, message: Message, data: st.DataObject
    ) -> None:
        fields = list(msgpack.unpackb(body_of(message)))
        fields[data.draw(st.integers(0, len(fields) - 1))] = data.draw(ANY_VALUE)
        assert_refused_or_right(packed(*fields))

    @settings(repeatable, max_examples=200)
    @given(ANY_MESSAGE, st.data())
    def test_a_valid_frame_with_a_byte_flipped_or_cut(
        self, message: Message, data: st.DataObject
    ) -> None:
        body = bytearray(body_of(message))
        at = data.draw(st.integers(0, len(body) - 1))
        if data.draw(st.booleans()):
            body[at] ^= data.draw(st.integers(1, 255))
        else:
            del body[at:]
        assert_refused_or_right(bytes(body))

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"\xc1", id="a byte that msgpack never uses"),
            pytest.param(packed(), id="an empty array"),
            pytest.param(bytes(msgpack.packb("GetStatus")), id="a bare name"),
            pytest.param(bytes(msgpack.packb({"GetStatus": 1})), id="a map"),
            pytest.param(bytes(msgpack.packb({1: 2})), id="a map with an integer key"),
            pytest.param(packed(b"GetStatus"), id="a name in bytes"),
            pytest.param(packed(1, 2), id="a number for a name"),
            pytest.param(packed("Nothing"), id="an unknown name"),
            pytest.param(packed("_plain"), id="a name of the module's own"),
            pytest.param(packed("Section", "prefix", "a.py", []), id="a structure, not a message"),
            pytest.param(packed("GetStatus", 1), id="a field too many"),
            pytest.param(packed("Cancel"), id="a field too few"),
            pytest.param(packed("GetStatus") + b"\xc0", id="bytes behind the message"),
            pytest.param(packed(*["Cancel", True]), id="a bool for an integer"),
            pytest.param(packed("Cancel", 1.0), id="a float for an integer"),
            pytest.param(packed("Cancel", None), id="nil for an integer"),
            pytest.param(packed("Cancel", "1"), id="text for an integer"),
            pytest.param(packed("PutChunk", b"text"), id="bytes for text"),
            pytest.param(packed("PutChunk", ["text"]), id="an array for text"),
            pytest.param(packed("PutChunk", msgpack.ExtType(1, b"text")), id="an extension type"),
            pytest.param(packed("PutChunk", msgpack.Timestamp(1)), id="a time"),
            pytest.param(b"\x92\xa8PutChunk\xc7\x03\xff...", id="a time of a wrong length"),
            pytest.param(b"\x92\xa8PutChunk\xa2\xff\xff", id="text that is not UTF-8"),
            pytest.param(b"\x92\xa8PutChunk\xa3\xed\xa0\x80", id="a lone surrogate"),
            pytest.param(msgpack.ExtType(1, packed("GetStatus")).data[:-1], id="a cut name"),
            pytest.param(packed("PutLayout", "abc"), id="text for an array"),
            pytest.param(packed("PutLayout", {}), id="a map for an array"),
            pytest.param(packed("PutLayout", [["main", "a.py", []]]), id="an unknown role"),
            pytest.param(packed("PutLayout", [[["prefix"], "a.py", []]]), id="an array for a role"),
            pytest.param(packed("PutLayout", [[{}, "a.py", []]]), id="a map for a role"),
            pytest.param(packed("PutLayout", [["prefix", "a.py", ["id"]]]), id="a chunk in text"),
            pytest.param(packed("PutLayout", [["prefix", "a.py"]]), id="half a section"),
        ],
    )
    def test_what_is_no_message_is_malformed(self, body: bytes) -> None:
        with pytest.raises(MalformedMessage):
            decode(body)

    @pytest.mark.parametrize("depth", [10, 400, 900, 1000, 1020, 1024, 5000, 100_000])
    @pytest.mark.parametrize(
        ("front", "back"),
        [
            pytest.param(b"", b"", id="alone"),
            pytest.param(b"\x92\xa8PutChunk", b"", id="for text"),
            pytest.param(b"\x92\xa9PutLayout", b"", id="for sections"),
            pytest.param(b"\x92\xa9PutLayout\x91\x93", b"\xa0\x90", id="for a role"),
        ],
    )
    def test_deep_nesting_is_malformed(self, front: bytes, back: bytes, depth: int) -> None:
        with pytest.raises(MalformedMessage):
            decode(front + b"\x91" * depth + b"\x01" + back)

    @pytest.mark.parametrize("claimed", [2**20, 2**31, 2**32 - 1])
    @pytest.mark.parametrize("mark", [b"\xdd", b"\xdf", b"\xdb", b"\xc6"])
    def test_a_length_that_is_not_there_is_malformed(self, mark: bytes, claimed: int) -> None:
        with pytest.raises(MalformedMessage):
            decode(b"\x92\xa8PutChunk" + mark + claimed.to_bytes(4, "big") + b"abc")

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(packed("x" * 100_000), id="a name"),
            pytest.param(packed("PutLayout", [["x" * 100_000, "", []]]), id="a role"),
            pytest.param(packed("PutLayout", [[b"\0" * 100_000, "", []]]), id="a role in bytes"),
            pytest.param(packed("Cancel", "x" * 100_000), id="text for an integer"),
        ],
    )
    def test_the_error_does_not_repeat_what_was_sent_at_length(self, body: bytes) -> None:
        with pytest.raises(MalformedMessage) as caught:
            decode(body)
        assert len(caught.value.message) < 1000

    @pytest.mark.parametrize("value", [True, 1.0, 5, "0"])
    def test_a_priority_is_an_integer_in_range(self, value: object) -> None:
        with pytest.raises(MalformedMessage):
            decode(packed("Generate", 1, b"", ["", ""], [1, 0, 1, None, []], value))


class TestLimits:
    def test_a_body_of_exactly_the_limit_passes(self) -> None:
        overhead = len(body_of(PutChunk("x" * 2**20))) - 2**20
        message = PutChunk("x" * (MAX_FRAME_BYTES - overhead))
        frame = encode(message)
        assert len(frame) == FRAME_HEADER.size + MAX_FRAME_BYTES
        assert frame_length(frame[: FRAME_HEADER.size]) == MAX_FRAME_BYTES
        assert decode(frame[FRAME_HEADER.size :]) == message

    def test_one_byte_over_the_limit_is_not_encoded(self) -> None:
        overhead = len(body_of(PutChunk("x" * 2**20))) - 2**20
        with pytest.raises(FrameTooLarge):
            encode(PutChunk("x" * (MAX_FRAME_BYTES - overhead + 1)))

    def test_the_limit_counts_bytes_not_characters(self) -> None:
        with pytest.raises(FrameTooLarge):
            encode(PutChunk("ü" * (MAX_FRAME_BYTES // 2)))

    @pytest.mark.parametrize("length", [0, 1, MAX_FRAME_BYTES])
    def test_a_header_within_the_limit_is_read(self, length: int) -> None:
        assert frame_length(FRAME_HEADER.pack(length)) == length

    @pytest.mark.parametrize("length", [MAX_FRAME_BYTES + 1, 2**31, 2**32 - 1])
    def test_a_header_over_the_limit_is_refused(self, length: int) -> None:
        with pytest.raises(FrameTooLarge):
            frame_length(FRAME_HEADER.pack(length))

    def test_the_limit_is_16_mib(self) -> None:
        assert MAX_FRAME_BYTES == 16 * 1024 * 1024


class TestWhatCannotBeSent:
    @pytest.mark.parametrize(
        "message",
        [
            pytest.param(PutChunk("def f\ud800()"), id="a chunk"),
            pytest.param(Delta(1, "\udfff", 1), id="a delta"),
            pytest.param(
                Generate(1, b"", Tail("\ud83d", ""), Sampling(1), Priority.EDIT), id="a tail"
            ),
            pytest.param(PutLayout((Section(Role.PREFIX, "a\udc80.py", ()),)), id="a path"),
        ],
    )
    def test_a_lone_surrogate_is_a_typed_error(self, message: Message) -> None:
        with pytest.raises(MalformedMessage):
            encode(message)

    def test_a_seed_that_the_wire_cannot_hold_is_a_typed_error(self) -> None:
        with pytest.raises(MalformedMessage, match="64 bits"):
            encode(Generate(1, b"", Tail("", ""), Sampling(1, seed=2**64), Priority.EDIT))
