"""Finds all places of a variable or a parameter of a function, by tree-sitter. Pure.

Scopes are those of functions, lambdas and comprehensions. What a class in a function binds, and what is
imported there, is left to rope.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tree_sitter

from lsp_server.refactor.name_nodes import (
    FUNCTIONS,
    binds,
    import_around,
    is_attribute,
    is_in_class_body,
    is_in_scope_of,
    is_keyword,
    word_places,
)
from lsp_server.workspace.languages import load_grammar

_COMPREHENSIONS = (
    "list_comprehension",
    "set_comprehension",
    "dictionary_comprehension",
    "generator_expression",
)
_SPLATS = ("list_splat_pattern", "dictionary_splat_pattern")


@dataclass(frozen=True, slots=True)
class Local:
    """Where it stands; the span of its scope; and whether calls can pass it by its name.

    Places and span are counted in characters.
    """

    places: Sequence[int]
    span: tuple[int, int]
    is_parameter: bool  # of a `def`
    is_passed_by_name: bool


def find_local(text: str, name: str, offset: int) -> Local | None:
    """What the name at an offset is, where a function, a lambda or a comprehension binds it."""
    source = text.encode("utf-8", "replace")
    nodes = _nodes(source, name)
    at = len(text[:offset].encode("utf-8", "replace"))
    here = next((it for it in nodes if it.start_byte == at), None)
    if here is None:
        return None
    scopes = _Scopes.of(nodes)
    owner = scopes.owner(here)
    if owner is None:
        return None
    of_owner = [it for it in nodes if scopes.owner(it) == owner]
    in_class = any(
        binds(it) and is_in_class_body(it) and owner in _scopes_around(it) for it in nodes
    )
    if in_class or any(import_around(it) for it in of_owner):
        return None
    parameter = next((it for it in map(_parameter, of_owner) if it is not None), None)
    is_ascii = text.isascii()

    def characters(place: int) -> int:
        return place if is_ascii else len(source[:place].decode())

    return Local(
        [characters(it.start_byte) for it in of_owner],
        (characters(owner.start_byte), characters(owner.end_byte)),
        parameter is not None,
        parameter is not None and _is_passed_by_name(parameter),
    )


def is_name_used(text: str, name: str, span: tuple[int, int]) -> bool:
    """Whether a name stands for a thing, and not for a member of one, within a span."""
    return bool(_nodes(text[slice(*span)].encode("utf-8", "replace"), name))


def keyword_places(text: str, name: str) -> set[int]:
    """Where a call passes an argument by that name, in characters."""
    source = text.encode("utf-8", "replace")
    nodes = (it for it in _all_nodes(source, name) if is_keyword(it))
    return {len(source[: it.start_byte].decode()) for it in nodes}


@dataclass(frozen=True, slots=True)
class _Scopes:
    """Which scopes bind one name, and which say that it is the module's; by their nodes' ids."""

    binding: set[int]
    global_in: set[int]

    @classmethod
    def of(cls, nodes: Sequence[tree_sitter.Node]) -> _Scopes:
        declared: dict[str, set[int]] = {"global_statement": set(), "nonlocal_statement": set()}
        for node in nodes:
            assert node.parent is not None
            if (found := declared.get(node.parent.type)) is not None:
                found.update(it.id for it in _first(_functions_around(node)))
        binding: set[int] = set()
        for node in nodes:
            if binds(node) and not is_in_class_body(node):
                # A comprehension has what it goes through alone: `:=` in it binds for its function.
                is_walrus = node.parent is not None and node.parent.type == "named_expression"
                around = _functions_around(node) if is_walrus else _scopes_around(node)
                binding.update(it.id for it in _first(around))
        return cls(
            binding - declared["nonlocal_statement"] - declared["global_statement"],
            declared["global_statement"],
        )

    def owner(self, node: tree_sitter.Node) -> tree_sitter.Node | None:
        for scope in _scopes_around(node):
            if scope.id in self.global_in:
                return None
            if scope.id in self.binding:
                return scope
        return None


def _nodes(source: bytes, name: str) -> list[tree_sitter.Node]:
    """Where the name stands for a thing, and neither for a member of one nor for an argument."""
    return [
        it
        for it in _all_nodes(source, name)
        if not (is_attribute(it) or is_keyword(it) or _is_member_in_pattern(it))
    ]


def _all_nodes(source: bytes, name: str) -> Iterator[tree_sitter.Node]:
    root = tree_sitter.Parser(load_grammar("python").language).parse(source).root_node
    for start, end in word_places(source, name.encode()):
        node = root.descendant_for_byte_range(start, end)
        if node is not None and node.type == "identifier" and node.byte_range == (start, end):
            yield node


def _is_member_in_pattern(node: tree_sitter.Node) -> bool:
    """`x` in `case Point(x=1)` and in `case shapes.x`."""
    parent = node.parent
    if parent is None or import_around(node) is not None:
        return False
    is_first = parent.children[0] == node
    return (parent.type == "keyword_pattern" and is_first) or (
        parent.type == "dotted_name" and not is_first
    )


def _scopes_around(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """The innermost first. What a comprehension goes through first is worked out around it."""
    child, above = node, node.parent
    inner: list[tree_sitter.Node] = []
    while above is not None:
        if above.type in FUNCTIONS:
            if is_in_scope_of(node, child, above):
                yield above
        elif above.type in _COMPREHENSIONS:
            clauses = [it for it in above.children if it.type == "for_in_clause"]
            is_first = child == clauses[0]
            right = child.child_by_field_name("right") if is_first else None
            if right is None or right not in inner:
                yield above
        inner.append(child)
        child, above = above, above.parent


def _functions_around(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    return (it for it in _scopes_around(node) if it.type in FUNCTIONS)


def _first(nodes: Iterator[tree_sitter.Node]) -> Iterator[tree_sitter.Node]:
    for it in nodes:
        yield it
        return


def _parameter(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """The whole parameter of a `def` that a place names; None where it does not."""
    child, above = node, node.parent
    while binds(node) and above is not None and above.type not in FUNCTIONS:
        if above.type == "parameters":
            return child
        child, above = above, above.parent
    return None


def _is_passed_by_name(parameter: tree_sitter.Node) -> bool:
    if parameter.type in _SPLATS or any(it.type in _SPLATS for it in parameter.children):
        return False
    assert parameter.parent is not None
    separators = (it for it in parameter.parent.children if it.type == "positional_separator")
    return all(it.start_byte < parameter.start_byte for it in separators)
