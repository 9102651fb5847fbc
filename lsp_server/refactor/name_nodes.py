"""What a place of a name is in a tree of Python: whether it binds the name, and for which function."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter

FUNCTIONS = ("function_definition", "lambda")
_BINDING = (
    "parameters",
    "lambda_parameters",
    "aliased_import",
    "as_pattern_target",
    "import_from_statement",
    "import_statement",
)
_BINDING_FIELDS = {
    "function_definition": "name",
    "class_definition": "name",
    "default_parameter": "name",
    "typed_default_parameter": "name",
    "assignment": "left",
    "augmented_assignment": "left",
    "for_statement": "left",
    "for_in_clause": "left",
    "named_expression": "name",
}
_PATTERNS = (
    "pattern_list",
    "tuple_pattern",
    "list_pattern",
    "dotted_name",
    "list_splat_pattern",
    "dictionary_splat_pattern",
    "tuple",
    "list",
)


def word_places(source: bytes, name: bytes) -> Iterator[tuple[int, int]]:
    quoted = re.escape(name)
    for match in re.finditer(rb"%b(?<!\w%b)(?!\w)" % (quoted, quoted), source):
        yield match.span()


def is_attribute(node: tree_sitter.Node) -> bool:
    parent = node.parent
    return (
        parent is not None
        and parent.type == "attribute"
        and parent.child_by_field_name("attribute") == node
    )


def is_keyword(node: tree_sitter.Node) -> bool:
    parent = node.parent
    return (
        parent is not None
        and parent.type == "keyword_argument"
        and parent.child_by_field_name("name") == node
    )


def is_in_class_body(node: tree_sitter.Node) -> bool:
    """Whether it defines a member of a class: another thing of the same name."""
    if not binds(node):
        return False
    above = node.parent
    if above is not None and above.type in ("function_definition", "class_definition"):
        above = above.parent
    while above is not None and above.type not in (*FUNCTIONS, "class_definition", "module"):
        above = above.parent
    return above is not None and above.type == "class_definition"


def import_around(node: tree_sitter.Node) -> tree_sitter.Node | None:
    above = node.parent
    for _ in range(3):
        if above is None or above.type in ("import_from_statement", "import_statement"):
            return above
        above = above.parent
    return None


def binds(node: tree_sitter.Node) -> bool:
    """Whether the name is bound here: assigned, defined, a parameter, a target, imported."""
    child, parent = node, node.parent
    while parent is not None:
        if parent.type in _BINDING:
            return True
        if parent.type in _BINDING_FIELDS:
            return parent.child_by_field_name(_BINDING_FIELDS[parent.type]) == child
        if parent.type == "typed_parameter":
            return parent.children[0] == child
        if parent.type in ("case_pattern", "splat_pattern"):
            return child.type == "identifier" or len(child.children) == 1
        if parent.type not in _PATTERNS:
            return False
        child, parent = parent, parent.parent
    return False


def functions_around(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """The functions around a place, the innermost first; a head is not in its function's scope."""
    child, above = node, node.parent
    while above is not None:
        if above.type in FUNCTIONS and is_in_scope_of(node, child, above):
            yield above
        child, above = above, above.parent


def is_in_scope_of(
    node: tree_sitter.Node, child: tree_sitter.Node, function: tree_sitter.Node
) -> bool:
    """Of a place in a function, by the function's child that it is in."""
    parts = [function.child_by_field_name(it) for it in ("body", "parameters")]
    return child in parts and not _is_outside(node, function)


def _is_outside(node: tree_sitter.Node, function: tree_sitter.Node) -> bool:
    """Whether it stands in a default value or an annotation of a function."""
    parameters = function.child_by_field_name("parameters")
    is_in_head = parameters is not None and (
        parameters.start_byte <= node.start_byte < parameters.end_byte
    )
    return is_in_head and not binds(node)


def function_around(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """The function whose name it is, where it binds one."""
    return next(functions_around(node), None)


def is_inside(node: tree_sitter.Node) -> bool:
    return function_around(node) is not None or is_in_class_body(node)
