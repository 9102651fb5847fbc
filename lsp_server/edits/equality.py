"""Whether two texts mean the same but for what an action is allowed to write.

Of Python by its syntax tree, less docstrings or annotations; of any language by its tokens, less
comments. That comments were kept is asked apart, since a syntax tree has none.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterator

import tree_sitter

from lsp_server.edits.python_source import parse_anew
from lsp_server.workspace.languages import load_grammar
from lsp_server.workspace.parse import parse

_COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def same_but_docstrings(before: str, after: str) -> bool | None:
    """Whether two sources of Python differ in docstrings at most. None where one is broken."""
    old, new = parse_anew(before), parse_anew(after)
    if isinstance(old, SyntaxError) or isinstance(new, SyntaxError):
        return None
    return ast.dump(_without_docstrings(old)) == ast.dump(_without_docstrings(new))


def same_but_annotations(before: str, after: str) -> bool | None:
    """Whether they differ in annotations at most, and in imports that are new.

    An annotation is kept where it does more than tell a type: in a class that is decorated or has
    bases it may make a field, and a bare one makes a name local. None where a source is broken.
    """
    old, new = parse_anew(before), parse_anew(after)
    if isinstance(old, SyntaxError) or isinstance(new, SyntaxError):
        return None
    had, has = Counter(_imports(old)), Counter(_imports(new))
    if had - has:
        return False
    one, other = (
        ast.dump(_WithoutAnnotations().visit(_without_imports(tree))) for tree in (old, new)
    )
    return one == other


def same_but_comments(language: str, before: str, after: str) -> bool:
    """Whether two sources are the same tokens in the same tree, but for comments.

    Raises KeyError for an unknown language, and `ParseGivenUp`.
    """
    parser = tree_sitter.Parser(load_grammar(language).language)
    sources = before.encode("utf-8", "replace"), after.encode("utf-8", "replace")
    one, other = (list(_tokens(parse(parser, source), source)) for source in sources)
    return one == other


def find_lost_comments(before: str, after: str) -> list[str] | None:
    """The comments of a Python source that another one has not. None where one is broken."""
    try:
        had, has = Counter(_comments(before)), Counter(_comments(after))
    except (tokenize.TokenError, SyntaxError):
        return None
    return list((had - has).elements())


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, _Documented):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                    node.body = rest
            # What says nothing but its docstring needs no `pass`.
            if not node.body and not isinstance(node, ast.Module):
                node.body = [ast.Pass()]
    return tree


class _WithoutAnnotations(ast.NodeTransformer):
    """Visits all but the annotations that it takes away."""

    def __init__(self) -> None:
        self._keeps = False  # in a class whose annotations may make fields
        self._is_in_function = False

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        around = self._keeps, self._is_in_function
        self._keeps = bool(node.decorator_list or node.bases or node.keywords)
        self._is_in_function = False
        self.generic_visit(node)
        self._keeps, self._is_in_function = around
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._visit_function(node)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        around = self._keeps, self._is_in_function
        self._keeps, self._is_in_function = False, True
        node.returns = None
        self.generic_visit(node)
        self._keeps, self._is_in_function = around
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if self._keeps:
            return node
        if node.value is not None:
            return ast.Assign(targets=[node.target], value=node.value)
        return node if self._is_in_function else None


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        for import_ in node.body if _is_for_types(node) else [node]:  # type: ignore[attr-defined]
            if isinstance(import_, ast.Import):
                yield from (f"{it.name} as {it.asname}" for it in import_.names)
            elif isinstance(import_, ast.ImportFrom):
                module = f"{'.' * import_.level}{import_.module or ''}"
                yield from (f"{module} {it.name} as {it.asname}" for it in import_.names)


def _without_imports(tree: ast.Module) -> ast.Module:
    tree.body = [
        node
        for node in tree.body
        if not isinstance(node, ast.Import | ast.ImportFrom) and not _is_for_types(node)
    ]
    return tree


def _is_for_types(node: ast.stmt) -> bool:
    """Whether it is `if TYPE_CHECKING:` with imports alone."""
    match node:
        case ast.If(test=ast.Name(id=name) | ast.Attribute(attr=name), body=body, orelse=[]):
            return name == "TYPE_CHECKING" and all(
                isinstance(it, ast.Import | ast.ImportFrom) for it in body
            )
    return False


def _tokens(tree: tree_sitter.Tree, source: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Depth, kind and text of each token that is no comment."""
    cursor = tree.walk()
    while True:
        node = cursor.node
        if node is not None and node.type not in _COMMENTS:
            if cursor.goto_first_child():
                continue
            yield cursor.depth, node.type, source[node.start_byte : node.end_byte]
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _comments(source: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
