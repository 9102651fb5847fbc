"""What of a module rope has to see to extract from a function: that function, in its classes' heads.

rope goes through all that it is given again and again: for an extraction from a module of a thousand
lines that is a tenth of a second and more, of which the function itself takes a few milliseconds.
What becomes of a function when something is extracted from it does not depend on what stands around.
Pure.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from lsp_server.edits.python_source import first_line
from lsp_server.refactor.method_uses import FunctionNode
from lsp_server.refactor.source import Source


@dataclass(frozen=True, slots=True)
class Excerpt:
    r"""The function's lines, `first` up to `end` of the source's from 0, behind `heads` lines.

    Lines end with `\n`.
    """

    text: str
    heads: int
    first: int
    end: int

    def offset(self, source: Source, offset: int) -> int:
        """Where in the excerpt a place of the function is."""
        before = sum(len(it) + 1 for it in self.text.split("\n")[: self.heads])
        return offset - source.line_start(self.first + 1) + before

    def put_back(self, source: Source, text: str) -> str:
        """The source with what became of the excerpt in the function's place."""
        changed = text.split("\n", self.heads)[self.heads]
        start, end = (source.line_start(it + 1) for it in (self.first, self.end))
        return f"{source.text[:start]}{changed}{source.text[end:]}"


def excerpt_around(source: Source, start: int, end: int) -> Excerpt | None:
    """For what stands between two offsets; None where it is not in the body of one function."""
    first, last = (source.text.count("\n", 0, it) + 1 for it in (start, end))
    heads: list[str] = []
    nodes = source.tree.body
    while True:
        node = next((it for it in nodes if _has(it, first, last)), None)
        if not isinstance(node, FunctionNode | ast.ClassDef):
            return None
        body = first_line(node.body[0])
        if isinstance(node, FunctionNode):
            break
        head = source.lines[node.lineno - 1 : body - 1]
        if not head:  # the body stands behind the colon
            return None
        heads += head
        nodes = node.body
    assert node.end_lineno is not None
    if first < body or body == node.lineno or node.end_lineno == len(source.lines):
        return None
    lines = source.lines[first_line(node) - 1 : node.end_lineno]
    return Excerpt(
        "\n".join([*heads, *lines, ""]), len(heads), first_line(node) - 1, node.end_lineno
    )


def _has(node: ast.stmt, first: int, last: int) -> bool:
    assert node.end_lineno is not None
    return first_line(node) <= first and last <= node.end_lineno
