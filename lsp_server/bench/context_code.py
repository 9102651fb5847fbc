"""What the benchmark reads of a Python file: where its names stand, its calls, and what is no code.

Lines count from 0 and end at a line feed alone; columns count code points.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from sys import intern
from typing import NamedTuple

import tree_sitter

from lsp_server.workspace.languages import load_grammar
from lsp_server.workspace.outline import Outline
from lsp_server.workspace.parse import normalize, outline

_NODES = """
(identifier) @name
(attribute attribute: (identifier) @member)
(keyword_argument name: (identifier) @keyword)
[(function_definition name: (identifier) @defined) (class_definition name: (identifier) @defined)]
(assignment left: [(identifier) @bound (pattern_list (identifier) @bound)])
(for_statement left: [(identifier) @bound (pattern_list (identifier) @bound)])
(for_in_clause left: [(identifier) @bound (pattern_list (identifier) @bound)])
(named_expression name: (identifier) @bound)
(as_pattern_target (identifier) @bound)
(parameters (identifier) @bound)
(lambda_parameters (identifier) @bound)
(_ [
  (default_parameter name: (identifier) @bound)
  (typed_parameter . (identifier) @bound)
  (typed_default_parameter name: (identifier) @bound)
  (list_splat_pattern (identifier) @bound)
  (dictionary_splat_pattern (identifier) @bound)
  (typed_parameter (list_splat_pattern (identifier) @bound))
  (typed_parameter (dictionary_splat_pattern (identifier) @bound))])
(comment) @comment
(string) @string
[(import_statement) (import_from_statement) (future_import_statement)] @import
"""
_CALLS = """
(call function: [(identifier) @called (attribute attribute: (identifier) @called)]
  arguments: (_) @arguments)
"""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_BARE = re.compile(r"[\w\s,()\[\]{}\\]*")
_APPLIED = re.compile(r"\w[(\[]")
IDENTIFIER = re.compile(r"[^\W\d]\w*")
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")


# Behind a dot; of an argument; of a function or class that is defined here; of a value that gets its
# name here; and any other.
ROLES = ("member", "keyword", "defined", "bound", "name")


class Name(NamedTuple):
    """An identifier of the code: none in a comment, nor in a string but for what it interpolates."""

    column: int
    text: str
    role: str  # one of `ROLES`


class Span(NamedTuple):
    start_line: int
    start_column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Code:
    """One file. `names` are by line, and in order; `starts` are the lines that begin with code."""

    path: str
    lines: tuple[str, ...]
    outline: Outline
    names: tuple[tuple[Name, ...], ...]
    starts: frozenset[int]  # and are no import
    calls: tuple[Span, ...]  # from the called name to the closing parenthesis
    bare: frozenset[int]  # lines of names alone, see `is_bare`

    def names_in(self, span: Span) -> Iterator[Name]:
        for number in range(span.start_line, span.end_line + 1):
            for name in self.names[number]:
                if (number > span.start_line or name.column >= span.start_column) and (
                    number < span.end_line or name.column < span.end_column
                ):
                    yield name


@cache
def _queries() -> tuple[tree_sitter.Language, tree_sitter.Query, tree_sitter.Query]:
    language = load_grammar("python").language
    return language, tree_sitter.Query(language, _NODES), tree_sitter.Query(language, _CALLS)


def read_code(path: str, data: bytes) -> Code:
    source = normalize(data).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = split_lines(source.decode())
    language, nodes, calls = _queries()
    tree = tree_sitter.Parser(language).parse(source)
    found = tree_sitter.QueryCursor(nodes).captures(tree.root_node)
    columns = _Columns(lines)
    comments = {node.start_point[0]: node.start_point for node in found.get("comment", ())}
    silent: set[int] = set()
    for node in found.get("string", ()):
        silent.update(range(node.start_point[0] + 1, node.end_point[0] + 1))
    for node in found.get("import", ()):
        silent.update(range(node.start_point[0], node.end_point[0] + 1))
    names = _read_names(found, source, columns, len(lines))
    bare = frozenset(
        number
        for number, of_line in enumerate(names)
        if of_line and is_bare(lines[number][: _code_end(comments.get(number), columns)])
    )
    starts = frozenset(number for number, of_line in enumerate(names) if of_line) - silent
    return Code(
        path,
        lines,
        outline(source, "python"),
        names,
        starts,
        tuple(_read_calls(calls, tree, columns)),
        bare,
    )


def split_lines(text: str) -> tuple[str, ...]:
    """With their line feeds."""
    return tuple(_LINE.findall(text))


def is_bare(line: str) -> bool:
    """Whether a line of code, without its comment, is a list of names and nothing else.

    That is names, commas and brackets; a keyword, and a name that is called or subscripted, is more.
    """
    return (
        _BARE.fullmatch(line) is not None
        and _APPLIED.search(line) is None
        and not any(keyword.iskeyword(word) for word in IDENTIFIER.findall(line))
    )


def names_of_signature(signature: str) -> frozenset[str]:
    return frozenset(IDENTIFIER.findall(_STRING.sub("", signature)))


def _code_end(comment: tree_sitter.Point | None, columns: _Columns) -> int | None:
    return None if comment is None else columns.at(comment)


class _Columns:
    """Turns tree-sitter's columns, which count bytes, into ours."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._wide = {
            number: line.encode() for number, line in enumerate(lines) if not line.isascii()
        }

    def at(self, point: tuple[int, int]) -> int:
        row, column = point
        wide = self._wide.get(row)
        return column if wide is None else len(wide[:column].decode(errors="ignore"))


def _read_names(
    found: dict[str, list[tree_sitter.Node]], source: bytes, columns: _Columns, count: int
) -> tuple[tuple[Name, ...], ...]:
    roles = {node.start_byte: role for role in ROLES[:-1] for node in found.get(role, ())}
    by_line: list[list[Name]] = [[] for _ in range(count)]
    for node in found.get("name", ()):
        text = intern(source[node.start_byte : node.end_byte].decode())
        start = node.start_point
        if text:
            role = roles.get(node.start_byte, ROLES[-1])
            by_line[start[0]].append(Name(columns.at(start), text, role))
    return tuple(tuple(sorted(names)) for names in by_line)


def _read_calls(
    query: tree_sitter.Query, tree: tree_sitter.Tree, columns: _Columns
) -> Iterator[Span]:
    for _, captures in tree_sitter.QueryCursor(query).matches(tree.root_node):
        called, arguments = captures["called"][0], captures["arguments"][0]
        start, end = called.start_point, arguments.end_point
        if not arguments.has_error and not arguments.is_missing:
            yield Span(start[0], columns.at(start), end[0], columns.at(end))
