"""Outlines as rows and bytes, for the store and between processes. Pure.

References are packed by name, so that those of one name are found without a look at the others: a
list of names, each between two NUL characters, and a table of which entries are whose.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

import msgpack

from lsp_server.workspace.outline import (
    Import,
    ImportedName,
    Outline,
    Reference,
    ReferenceKind,
    Symbol,
    SymbolKind,
)

SymbolRow = tuple[str, str, str, str, int, int, int, int, int | None]  # the fields of a symbol

_NAME = attrgetter(*ImportedName.__dataclass_fields__)
_SYMBOL_KINDS = {str(kind): kind for kind in SymbolKind}
_REFERENCE_KINDS = tuple(ReferenceKind)
_REFERENCE_KIND_NUMBERS = {kind: number for number, kind in enumerate(_REFERENCE_KINDS)}
_KIND_BITS = 2
# Of a reference: its line, its column and kind, and its scope and one more; of none it is 0.
_FIELDS = 3
_NUL = b"\0"


@dataclass(frozen=True, slots=True)
class PackedOutline:
    head: bytes  # language, whether it has errors, its problem, imports
    symbols: list[SymbolRow]
    names: bytes  # of what is referred to, in order
    references: bytes  # of each name where its entries begin, where all end, and the entries


def pack_outline(outline: Outline) -> PackedOutline:
    return PackedOutline(
        pack_head(outline.language, outline.imports, outline.problem, outline.has_errors),
        list(map(_symbol_row, outline.symbols)),
        *pack_references(outline.references),
    )


def _symbol_row(symbol: Symbol) -> SymbolRow:
    """Plain values, which go between processes in half the time."""
    name, kind, signature, doc, start, end, line, column, parent = symbol
    return (name, kind.value, signature, doc, start, end, line, column, parent)


def pack_head(
    language: str,
    imports: Sequence[Import],
    problem: str,
    has_errors: bool,  # noqa: FBT001
) -> bytes:
    packed: bytes = msgpack.packb(  # pyright: ignore[reportAssignmentType] - no buffer is given
        (
            language,
            has_errors,
            problem,
            [(it.module, list(map(_NAME, it.names)), it.line) for it in imports],
        )
    )
    return packed


def pack_references(references: Sequence[Reference]) -> tuple[bytes, bytes]:
    """The names, and the entries of each."""
    by_name: dict[str, list[int]] = {}
    for name, kind, line, column, scope in references:
        own = by_name.get(name)
        if own is None:
            own = by_name[name] = []
        own += (
            line,
            column << _KIND_BITS | _REFERENCE_KIND_NUMBERS[kind],
            0 if scope is None else scope + 1,
        )
    starts, entries = array("I", [0]), array("I")
    for name in sorted(by_name):
        entries.extend(by_name[name])
        starts.append(len(entries) // _FIELDS)
    names = "".join(f"\0{name}" for name in sorted(by_name)) + "\0"
    return names.encode(), len(by_name).to_bytes(4, "little") + (starts + entries).tobytes()


def unpack_outline(packed: PackedOutline) -> Outline:
    """Raises ValueError for what `pack_outline` has not made."""
    language, has_errors, problem, imports = _unpack_head(packed.head)
    return Outline(
        language,
        tuple(map(unpack_symbol, packed.symbols)),
        unpack_references(packed.names, packed.references),
        imports,
        has_errors,
        problem,
    )


def unpack_imports(head: bytes) -> tuple[str, tuple[Import, ...]]:
    """A file's language and its imports. Raises ValueError."""
    language, _, _, imports = _unpack_head(head)
    return language, imports


def unpack_symbol(row: Sequence[Any]) -> Symbol:
    name, kind, *others = row
    try:
        return Symbol(name, _SYMBOL_KINDS[kind], *others)
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no symbol: {error}") from error


def unpack_references(names: bytes, packed: bytes) -> tuple[Reference, ...]:
    """All of them, in the order of the file. Raises ValueError."""
    starts, entries = _split(packed)
    found: list[Reference] = []
    for number, name in enumerate(names.decode().split("\0")[1:-1]):
        found += _entries(name, entries, starts[number], starts[number + 1])
    found.sort(key=itemgetter(2, 3))
    return tuple(found)


def find_references(name: str, names: bytes, packed: bytes) -> list[Reference]:
    """Those of one name, in the order of the file. Raises ValueError."""
    at = names.find(_NUL + name.encode() + _NUL) if "\0" not in name else -1
    if at < 0:
        return []
    number = names.count(_NUL, 0, at)
    starts, entries = _split(packed)
    return list(_entries(name, entries, starts[number], starts[number + 1]))


def _unpack_head(head: bytes) -> tuple[str, bool, str, tuple[Import, ...]]:
    try:
        language, has_errors, problem, imports = msgpack.unpackb(head)
        return (
            language,
            has_errors,
            problem,
            tuple(
                Import(module, tuple(ImportedName(*name) for name in names), line)
                for module, names, line in imports
            ),
        )
    except (TypeError, msgpack.UnpackException) as error:
        raise ValueError(f"this is no outline: {error}") from error


def _split(packed: bytes) -> tuple[memoryview, memoryview]:
    """Where the entries of each name begin, and the entries."""
    try:
        count = int.from_bytes(packed[:4], "little") + 1
        numbers = memoryview(packed)[4:].cast("I")
        starts, entries = numbers[:count], numbers[count:]
        if not starts or starts[-1] * _FIELDS != len(entries):
            raise ValueError("these are no references: some are missing")
    except TypeError as error:
        raise ValueError(f"these are no references: {error}") from error
    return starts, entries


def _entries(name: str, entries: memoryview, start: int, end: int) -> Iterator[Reference]:
    own = entries[start * _FIELDS : end * _FIELDS].tolist()
    for line, place, scope in zip(own[::_FIELDS], own[1::_FIELDS], own[2::_FIELDS], strict=True):
        kind = _REFERENCE_KINDS[place & (1 << _KIND_BITS) - 1]
        yield Reference(name, kind, line, place >> _KIND_BITS, scope - 1 if scope else None)
