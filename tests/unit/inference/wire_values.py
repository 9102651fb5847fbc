"""Messages of every kind for the tests of the wire, and their bytes."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from typing import Any

import msgpack
from hypothesis import settings
from hypothesis import strategies as st

from inference.protocol import FRAME_HEADER, Message, encode
from inference.sampling import Constraint, ConstraintKind, Sampling

repeatable = settings(derandomize=True, deadline=None)
MESSAGES: tuple[type, ...] = typing.get_args(Message)
INTEGERS = st.integers(-(2**63), 2**64 - 1)  # what msgpack can hold
FLOATS = st.floats(allow_nan=False)


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of an annotated type, as the wire's dataclasses are built of them."""
    if annotation is Sampling:
        return st.builds(
            Sampling,
            max_tokens=st.integers(1, 2**63 - 1),
            temperature=st.floats(0, 2),
            top_p=st.floats(0, 1, exclude_min=True),
            seed=st.none() | st.integers(0, 2**63 - 1),
            stop=values_of(tuple[str, ...]),
            samples=st.integers(1, 16),
            logprobs=st.none() | st.integers(0, 20),
            constraint=st.none()
            | st.builds(
                Constraint,
                st.just(ConstraintKind.CHOICE),
                st.lists(st.text(min_size=1), min_size=1, max_size=3).map(tuple),
            ),
        )
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return st.sampled_from(annotation)
    if dataclasses.is_dataclass(annotation):
        hints = typing.get_type_hints(annotation)
        fields = (field.name for field in dataclasses.fields(annotation))
        return st.builds(
            typing.cast("type", annotation), **{name: values_of(hints[name]) for name in fields}
        )
    if typing.get_origin(annotation) is tuple:
        return st.lists(values_of(typing.get_args(annotation)[0]), max_size=4).map(tuple)
    if typing.get_origin(annotation) is types.UnionType:
        return st.one_of(*map(values_of, typing.get_args(annotation)))
    simple: dict[Any, st.SearchStrategy[Any]] = {
        int: INTEGERS,
        float: FLOATS,
        str: st.text(),
        bytes: st.binary(),
        bool: st.booleans(),
        type(None): st.none(),
    }
    return simple[annotation]


def body_of(message: Message) -> bytes:
    frame = encode(message)
    return frame[FRAME_HEADER.size :]


def packed(*fields: Any) -> bytes:
    """The body of a frame with these fields, whether they are a message or not."""
    return bytes(msgpack.packb(fields))
