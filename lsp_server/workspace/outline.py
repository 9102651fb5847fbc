"""What the index knows of one file: its symbols, references and imports. Values alone, no parsing.

Lines count from 0, and ends are exclusive. Columns count code points.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import NamedTuple

_NAME = re.compile(r"[A-Za-z_$][\w$]*")


class SymbolKind(enum.StrEnum):
    MODULE = "module"  # a namespace or a package that is declared in the file
    CLASS = "class"  # and struct, record, union, object
    INTERFACE = "interface"  # and trait, protocol
    ENUM = "enum"
    TYPE = "type"  # an alias
    FUNCTION = "function"
    METHOD = "method"
    FIELD = "field"  # and property, enum member
    VARIABLE = "variable"  # and constant, at a file's or a namespace's level
    MACRO = "macro"


class ReferenceKind(enum.StrEnum):
    CALL = "call"
    TYPE = "type"  # a base class, an annotation, an instantiated type
    OTHER = "other"


class Symbol(NamedTuple):
    """A definition. A tuple, since contexts are made of thousands: it is made in a tenth of the time.

    `signature` is its head as the source has it, in one line: white space collapsed, no body, at
    most `MAX_SIGNATURE_CHARACTERS`. `doc` is the first line of its docstring or comment, or empty.
    `start_line` takes in decorators and attributes; `parent` is an index into the file's symbols.
    """

    name: str
    kind: SymbolKind
    signature: str
    doc: str
    start_line: int
    end_line: int
    name_line: int
    name_column: int
    parent: int | None


def named_before(symbol: Symbol) -> list[str]:
    """What a signature names before the symbol: also the type of a method that stands outside of it.

    That is so in Go, by a receiver, and in C++.
    """
    return _NAME.findall(symbol.signature.partition(symbol.name)[0])


class Reference(NamedTuple):
    """A use of a name; `scope` is the index of the innermost symbol around it.

    A tuple, since a workspace has millions: it is made and sent between processes in half the time.
    """

    name: str
    kind: ReferenceKind
    line: int
    column: int
    scope: int | None


@dataclass(frozen=True, slots=True)
class ImportedName:
    """`name` is `*` for all that a module offers, and empty for the module itself."""

    name: str
    alias: str  # what it is called in this file; the name itself where it is not renamed


@dataclass(frozen=True, slots=True)
class Import:
    """An import as written: `module` is `..package.module`, `./file`, `example.com/a/b`, `crate::a`."""

    module: str
    names: tuple[ImportedName, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Outline:
    """The file's symbols in the order of their starts, parents before children.

    `problem` says why a file was not looked into, or is empty.
    """

    language: str
    symbols: tuple[Symbol, ...]
    references: tuple[Reference, ...]
    imports: tuple[Import, ...]
    has_errors: bool
    problem: str = ""


MAX_SIGNATURE_CHARACTERS = 400
TEXT = "plaintext"  # the language of what is in none
