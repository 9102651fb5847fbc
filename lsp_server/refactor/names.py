"""Names that a refactor gives: proposals, which the user is asked to better. Pure."""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import replace

from lsp_server.edits.whole_word import whole_word
from lsp_server.refactor.job import Outcome

_WORD = re.compile(r"[^\W\d]\w*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_VERBS = ("get_", "make_", "create_", "build_", "compute_", "find_", "load_", "read_", "fetch_")


def unused(name: str, text: str) -> str:
    """The name, or with a number where the text has it already."""
    taken = set(_WORD.findall(text))
    number = 2
    proposed = name
    while proposed in taken or keyword.iskeyword(proposed):
        proposed = f"{name}_{number}"
        number += 1
    return proposed


def of_expression(text: str) -> str:
    """What a variable with the value of an expression may be called."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "value"
    while isinstance(node, ast.Call | ast.Await | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    name = ""
    if isinstance(node, ast.Attribute):
        name = node.attr
    elif isinstance(node, ast.Name):
        name = node.id
    name = snake(name).strip("_")
    for verb in _VERBS:
        name = name.removeprefix(verb)
    return name if name.isidentifier() else "value"


def snake(name: str) -> str:
    """`HTTPServer` as `http_server`."""
    return _HUMP.sub("_", name).lower()


def first_place(after: str, name: str, *, is_use: bool) -> tuple[int, int] | None:
    """Where a new name stands first in a text: its first use, or its first place of all."""
    for number, line in enumerate(after.split("\n")):
        for found in _WORD.finditer(line):
            if found[0] == name and not (
                is_use and line.lstrip().startswith(("def ", "async def"))
            ):
                return number, found.start()
    return None


def renamed(outcome: Outcome, name: str) -> Outcome:
    """What was extracted under another name, which stands nowhere in its file, as the one it has."""
    (file,) = outcome.files
    assert outcome.name_at is not None
    line, column = outcome.name_at
    own = _WORD.match(file.after.split("\n")[line], column)
    assert own is not None
    after = whole_word(own[0]).sub(name, file.after)
    return replace(outcome, files=(replace(file, after=after),))
