"""What speaks for which names being needed at a cursor, and the lines that show these names. Pure.

`sources.py` fills both: how much each name is needed, and the candidates, which are lines of other
files. What is chosen of them, so that little room shows most of what is needed, is `cover.py`'s.

The snapshot is asked a bounded number of times, whatever the file and the repository.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lsp_server.context.names import IDENTIFIER, code_names
from lsp_server.context.surroundings import Surroundings
from lsp_server.workspace.outline import MAX_SIGNATURE_CHARACTERS, Symbol, SymbolKind
from lsp_server.workspace.snapshot import ResolvedImport, Snapshot, SymbolAt, TextMatch

TYPES = frozenset({SymbolKind.CLASS, SymbolKind.INTERFACE, SymbolKind.ENUM, SymbolKind.TYPE})

_LOOKUPS = 24  # of names in the whole repository, for one cursor
_DEPTH = 2  # of base classes
_INHERITED, _PRIVATE = 0.6, 0.4  # what a base's member counts, for each step up, and a private one
# Members are taken for needed all alike; of a large class each one is less.
_FEW = 6
_FUNCTIONS = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD})
_ALL_KINDS = frozenset(SymbolKind)
_RECEIVER = re.compile(r"func \([^()]*?(?P<type>\w+)(?:\[[^()]*\])?\)")


@dataclass(slots=True)
class Candidate:
    """A line of another file: a definition's signature, or a line as it stands there.

    `worth` is what it has beyond the names that it shows, such as a signature's parameters.
    """

    path: str
    line: int
    text: str  # without its ending
    names: frozenset[str]
    reason: str
    worth: float = 0.0
    parent: Candidate | None = None  # the head of the class around it


@dataclass(slots=True)
class Evidence:
    """`need` has no unit: it is compared and added up, never to be read as a share."""

    need: dict[str, float] = field(default_factory=dict)
    candidates: dict[tuple[str, int], Candidate] = field(default_factory=dict)
    similar: list[TextMatch] = field(default_factory=list)  # code that is like what is near

    def add_need(self, name: str, weight: float) -> None:
        self.need[name] = self.need.get(name, 0.0) + weight


@dataclass(frozen=True, slots=True)
class Attention:
    """What the user was doing, beside where the cursor is."""

    edited: tuple[tuple[str, int], ...] = ()  # other files' lines, the last edited first
    open_paths: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()  # what diagnostics near the cursor say


class Gathering:
    """One cursor's evidence in the making, and what was asked of the snapshot for it so far."""

    def __init__(
        self, snapshot: Snapshot, path: str, around: Surroundings, attention: Attention
    ) -> None:
        self.snapshot = snapshot
        self.path = path
        self.around = around
        self.attention = attention
        self.evidence = Evidence()
        imports = snapshot.imports(path)
        self.imports: Mapping[str, ResolvedImport] = {it.alias: it for it in imports if it.alias}
        self.starred = tuple(dict.fromkeys(it.target for it in imports if it.name == "*"))
        self._definitions: dict[str, Sequence[SymbolAt]] = {}
        self._symbols: dict[str, Sequence[Symbol]] = {}
        self._lines: dict[str, Sequence[str]] = {}
        self._lookups = _LOOKUPS
        self._weighed: dict[tuple[str, int], float] = {}

    def definitions(self, name: str) -> Sequence[SymbolAt]:
        """Those in other files; where too many were asked for already, none."""
        found = self._definitions.get(name)
        if found is None:
            if self._lookups == 0:
                return ()
            self._lookups -= 1
            elsewhere = [it for it in self.snapshot.definitions(name) if it.path != self.path]
            found = self._definitions[name] = elsewhere
        return found

    def symbols(self, path: str) -> Sequence[Symbol]:
        found = self._symbols.get(path)
        if found is None:
            found = self._symbols[path] = self.snapshot.symbols(path)
        return found

    def lines(self, path: str) -> Sequence[str]:
        found = self._lines.get(path)
        if found is None:
            found = self._lines[path] = self.snapshot.lines(path)
        return found

    def class_named(self, name: str) -> SymbolAt | None:
        """The class that the name stands for in the file."""
        return self._meant(name, TYPES)

    def function_named(self, name: str) -> SymbolAt | None:
        """The function or method that is likeliest to be meant."""
        return self._meant(name, _FUNCTIONS)

    def anything_named(self, name: str) -> SymbolAt | None:
        return self._meant(name, _ALL_KINDS)

    def _meant(self, name: str, kinds: Collection[SymbolKind]) -> SymbolAt | None:
        """Through its import where there is one, else the closest."""
        imported = self.imports.get(name)
        if imported is not None and imported.name not in ("", "*"):
            name = imported.name
            for symbol in self.symbols(imported.target):
                if symbol.name == name and symbol.kind in kinds and symbol.parent is None:
                    return SymbolAt(imported.target, symbol)
        found = [it for it in self.definitions(name) if it.symbol.kind in kinds]
        return max(found, key=self._closeness, default=None)

    def add_members(self, of: SymbolAt, weight: float, reason: str, depth: int = _DEPTH) -> None:
        """A class's members and, less, those of its bases."""
        key = (of.path, of.symbol.name_line)
        if weight <= self._weighed.get(key, 0.0) or of.path == self.path:
            return
        # What was added before for a lesser reason stays: it is little.
        self._weighed[key] = weight
        members = list(_members(self.symbols(of.path), of.symbol))
        head = self.add_definition(of.path, of.symbol, reason)
        share = weight / math.sqrt(max(_FEW, len(members)))
        for member in members:
            if member.name.startswith("__") and member.name != "__init__":
                continue
            private = _PRIVATE if member.name.startswith(("_", "#")) else 1.0
            self.evidence.add_need(member.name, share * private)
            self.add_definition(of.path, member, reason, parent=head)
        if depth:
            for base in _bases(of.symbol):
                if (found := self.class_named(base)) is not None:
                    self.add_members(found, weight * _INHERITED, reason, depth - 1)

    def add_module(self, path: str, weight: float, reason: str) -> None:
        """What a file defines at its top."""
        if path == self.path:
            return
        symbols = self.symbols(path)
        top = [it for it in symbols if it.parent is None and not it.name.startswith("__")]
        share = weight / math.sqrt(max(_FEW, len(top)))
        for symbol in top:
            self.evidence.add_need(symbol.name, share)
            self.add_definition(path, symbol, reason)

    def add_definition(
        self,
        path: str,
        symbol: Symbol,
        reason: str,
        *,
        worth: float = 0.0,
        parent: Candidate | None = None,
    ) -> Candidate:
        """A signature, with the head of its class above it."""
        key = (path, symbol.name_line)
        held = self.evidence.candidates.get(key)
        if held is None:
            if parent is None and symbol.parent is not None:
                around = self.symbols(path)[symbol.parent]
                if around.kind in TYPES and around.name_line != symbol.name_line:
                    parent = self.add_definition(path, around, reason)
            indent = "    " if parent is not None else ""
            text = self._one_line(path, symbol) or f"{symbol.signature}{_ending(path, symbol)}"
            held = self.evidence.candidates[key] = Candidate(
                path, symbol.name_line, indent + text, code_names(text), reason, parent=parent
            )
        held.worth = max(held.worth, worth)
        return held

    def add_line(self, path: str, number: int, worth: float, reason: str) -> None:
        """A line as it stands in another file."""
        lines = self.lines(path)
        if number < len(lines) and (path, number) not in self.evidence.candidates:
            line = lines[number]
            self.evidence.candidates[path, number] = Candidate(
                path, number, line.rstrip("\r\n"), code_names(line), reason, worth
            )

    def _one_line(self, path: str, symbol: Symbol) -> str:
        """A class that stands in one line with its members, or nothing."""
        if symbol.kind not in TYPES or symbol.end_line != symbol.name_line + 1:
            return ""
        lines = self.lines(path)
        text = lines[symbol.name_line].strip() if symbol.name_line < len(lines) else ""
        return text if len(text) <= MAX_SIGNATURE_CHARACTERS else ""

    def _closeness(self, found: SymbolAt) -> tuple[bool, int]:
        """Whether a definition's file is open, and the steps of its path that are the current's."""
        count = 0
        for one, other in zip(found.path.split("/"), self.path.split("/"), strict=False):
            if one != other:
                break
            count += 1
        return found.path in self.attention.open_paths, count


def _members(symbols: Sequence[Symbol], of: Symbol) -> Iterator[Symbol]:
    """What is defined in a class, wherever its file goes on with it: in `impl`, as a receiver's."""
    own = {n for n, it in enumerate(symbols) if it.name == of.name and it.kind in TYPES}
    for symbol in symbols:
        if symbol.parent in own:
            yield symbol
        elif symbol.parent is None and symbol.kind is SymbolKind.METHOD:
            receiver = _RECEIVER.match(symbol.signature)
            if receiver is not None and receiver["type"] == of.name:
                yield symbol


def _bases(symbol: Symbol) -> list[str]:
    """What a class names in its head, but for itself."""
    found = dict.fromkeys(IDENTIFIER.findall(symbol.signature))
    return [name for name in found if name[0].isupper() and name != symbol.name]


def _ending(path: str, symbol: Symbol) -> str:
    """What makes a signature a statement."""
    heads = {SymbolKind.CLASS, SymbolKind.FUNCTION, SymbolKind.METHOD}
    return ":" if path.endswith((".py", ".pyi")) and symbol.kind in heads else ""
