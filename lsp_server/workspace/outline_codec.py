"""Outlines as bytes, for the store and between processes. Pure."""

from __future__ import annotations

from operator import attrgetter
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

_SYMBOL = attrgetter(*Symbol.__dataclass_fields__)
_NAME = attrgetter(*ImportedName.__dataclass_fields__)
_SYMBOL_KIND = list(Symbol.__dataclass_fields__).index("kind")
_REFERENCE_KIND = Reference._fields.index("kind")


def pack_outline(outline: Outline) -> bytes:
    packed: bytes = msgpack.packb(  # pyright: ignore[reportAssignmentType] - no buffer is given
        (
            outline.language,
            list(map(_SYMBOL, outline.symbols)),
            list(map(tuple, outline.references)),
            [(it.module, list(map(_NAME, it.names)), it.line) for it in outline.imports],
            outline.has_errors,
            outline.problem,
        )
    )
    return packed


def unpack_outline(data: bytes) -> Outline:
    """Raises ValueError for what `pack_outline` has not made."""
    try:
        language, symbols, references, imports, has_errors, problem = msgpack.unpackb(data)
        return Outline(
            language,
            tuple(Symbol(*_with(SymbolKind, _SYMBOL_KIND, it)) for it in symbols),
            tuple(Reference(*_with(ReferenceKind, _REFERENCE_KIND, it)) for it in references),
            tuple(
                Import(module, tuple(ImportedName(*name) for name in names), line)
                for module, names, line in imports
            ),
            has_errors,
            problem,
        )
    except (TypeError, msgpack.UnpackException) as error:
        raise ValueError(f"this is no outline: {error}") from error


def _with(kind: type, index: int, fields: list[Any]) -> list[Any]:
    fields[index] = kind(fields[index])
    return fields
