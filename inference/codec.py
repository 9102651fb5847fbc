"""Frozen dataclasses as msgpack arrays, and back: every type is checked, nothing is trusted.

A structure is the array of its fields in the order of their declaration. Readers are built once from
the annotations: integers, floats, strings, bytes, booleans, enumerations, other structures, tuples
of one type, and any of them or None.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable
from typing import Any

import msgpack

from inference.errors import MalformedMessage

Reader = Callable[[Any], Any]


def pack(value: Any) -> bytes:
    try:
        packed: bytes = msgpack.packb(value)  # pyright: ignore[reportAssignmentType] - no buffer is given
    except UnicodeEncodeError as error:
        raise MalformedMessage(f"text that UTF-8 cannot hold: {error.reason}") from error
    except OverflowError as error:
        raise MalformedMessage("a number that 64 bits cannot hold") from error
    return packed


def plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return plain_fields(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def plain_fields(value: Any) -> list[Any]:
    return [plain(getattr(value, name)) for name in value.__dataclass_fields__]


def unpack(data: bytes) -> Any:
    """What msgpack holds, arrays as tuples. Raises `MalformedMessage`."""
    try:
        return msgpack.unpackb(data, use_list=False, strict_map_key=True)
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise MalformedMessage(f"a frame is not msgpack: {error}") from error


def reader(annotation: Any) -> Reader:
    """A function that checks and builds a value of the annotated type; it raises TypeError."""
    if annotation is float:
        return _read_float
    if annotation in (int, str, bytes, bool):
        return _exactly(annotation)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _member(annotation)
    if dataclasses.is_dataclass(annotation):
        return structure(typing.cast("type", annotation))
    if typing.get_origin(annotation) is tuple:
        return _array(reader(typing.get_args(annotation)[0]))
    if typing.get_origin(annotation) is types.UnionType:
        (inner,) = (each for each in typing.get_args(annotation) if each is not type(None))
        return _optional(reader(inner))
    raise NotImplementedError(f"the wire has no reader for {annotation}")


def _exactly(kind: type) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind:  # bool is no int here
            raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    return read


def _read_float(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"expected float, got {type(value).__name__}")
    return float(value)


def _member(kind: type[enum.Enum]) -> Reader:
    # By exact type: an enumeration itself takes True and 1.0 for 1, and its error repeats the value.
    members = {member.value: member for member in kind}
    (value_type,) = {type(value) for value in members}

    def read(value: Any) -> Any:
        if type(value) is not value_type or value not in members:
            raise TypeError(f"expected a {kind.__name__}, got another {type(value).__name__}")
        return members[value]

    return read


def _optional(read_inner: Reader) -> Reader:
    return lambda value: None if value is None else read_inner(value)


def _array(read_item: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, tuple):
            raise TypeError(f"expected an array, got {type(value).__name__}")
        return tuple(read_item(item) for item in value)

    return read


def structure(cls: type) -> Reader:
    hints = typing.get_type_hints(cls)
    readers = [reader(hints[field.name]) for field in dataclasses.fields(cls)]

    def read(value: Any) -> Any:
        if not isinstance(value, tuple) or len(value) != len(readers):
            raise TypeError(f"{cls.__name__} has {len(readers)} fields")
        return cls(*(read(item) for read, item in zip(readers, value, strict=True)))

    return read
