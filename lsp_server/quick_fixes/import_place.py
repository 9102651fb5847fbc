"""Where in a file an import is to be written. Pure.

By lines: a file that is being edited often cannot be parsed. Nothing is sorted: that is for the tool
that the user has for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lsp_server.workspace.documents import Edit, Position, line_length

ECMASCRIPT = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})

_PYTHON_IMPORT = re.compile(r"(?:import|from)\s+[\w.]")
_SCRIPT_IMPORT = re.compile(r"import\b(?!\s*\()")
_STRING = re.compile(r"[rRuUbB]{0,2}(\"\"\"|'''|\"|')")
_FROM = re.compile(r"from\s+([\w.]+)\s+import\s+([\w ,]+?)[ \t]*(?:#.*)?$")
_NAMED = re.compile(r"""import\s*(?:type\s*)?\{([^{}]*)\}\s*from\s*["']([^"']+)["'];?\s*$""")


def write_python_import(lines: Sequence[str], module: str, name: str, alias: str = "") -> Edit:
    """The edit that has a file of Python import a name of a module; the module if `name` is empty.

    A name joins the names that are imported from that module already, where that is on one line.
    """
    told = f"{name} as {alias}" if alias and alias != name else name
    if name:
        for number, line in enumerate(lines):
            match = _FROM.match(line.rstrip("\r\n"))
            if match and match[1] == module:
                place = Position(number, match.end(2))
                return Edit(place, place, f", {told}")
        statement = f"from {module} import {told}"
    else:
        statement = f"import {module}" + (f" as {alias}" if alias and alias != module else "")
    return _insert(lines, _behind_python_imports(lines), statement)


def write_script_import(
    lines: Sequence[str], module: str, name: str, *, is_default: bool = False
) -> Edit:
    """The edit that has a file of JavaScript or TypeScript import a name of a module."""
    if not is_default:
        for number, line in enumerate(lines):
            match = _NAMED.match(line)
            if match and match[2] == module:
                kept = match[1].rstrip().removesuffix(",")
                place = Position(number, match.start(1) + len(kept))
                return Edit(place, place, f", {name}" if kept.strip() else f" {name} ")
    has_semicolons = any(line.rstrip().endswith(";") for line in lines)
    quote = '"' if any(_SCRIPT_IMPORT.match(it) and '"' in it for it in lines) else "'"
    bound = name if is_default else f"{{ {name} }}"
    statement = f"import {bound} from {quote}{module}{quote}{';' if has_semicolons else ''}"
    return _insert(lines, _behind_script_imports(lines), statement)


def _insert(lines: Sequence[str], at: int, statement: str) -> Edit:
    ending = next(
        (line[line_length(line) :] for line in lines if line_length(line) < len(line)), "\n"
    )
    at = min(at, len(lines) - 1)
    is_end = at == len(lines) - 1 and bool(lines[at].strip()) and at > 0
    if is_end:
        place = Position(at, line_length(lines[at]))
        return Edit(place, place, f"{ending}{statement}")
    place = Position(at, 0)
    return Edit(place, place, f"{statement}{ending}")


def _behind_python_imports(lines: Sequence[str]) -> int:
    """The line behind the imports that a file begins with; or behind its docstring and comments."""
    at = behind = 0
    has_docstring = False
    while at < len(lines):
        line = lines[at].lstrip("\ufeff\x0c")
        if not line.strip() or line.startswith("#"):
            at += 1
            # The comments at the top (a licence, an interpreter) stay there.
            if line.startswith("#") and at == behind + 1:
                behind = at
        elif _PYTHON_IMPORT.match(line):
            at = behind = _end_of_statement(lines, at)
        elif not has_docstring and (match := _STRING.match(line)):
            has_docstring = True
            at = behind = _end_of_string(lines, at, match)
        else:
            break
    return behind


def _end_of_statement(lines: Sequence[str], at: int) -> int:
    """The line behind an import, which brackets and backslashes may carry on."""
    depth = 0
    while at < len(lines):
        line = lines[at].partition("#")[0].rstrip()
        depth += line.count("(") - line.count(")")
        at += 1
        if depth <= 0 and not line.endswith("\\"):
            break
    return at


def _end_of_string(lines: Sequence[str], at: int, opening: re.Match[str]) -> int:
    quote = opening[1]
    rest = lines[at].lstrip("\ufeff\x0c")[opening.end() :]
    while len(quote) > 1 and quote not in rest and at + 1 < len(lines):
        at += 1
        rest = lines[at]
    return at + 1


def _behind_script_imports(lines: Sequence[str]) -> int:
    behind = 0
    is_inside = False
    for number, line in enumerate(lines):
        if is_inside or _SCRIPT_IMPORT.match(line):
            # It may go on until the module is named.
            is_inside = not re.search(r"""["'][^"']*["']\s*;?\s*$""", line.rstrip())
            if not is_inside:
                behind = number + 1
        elif number == behind == 0 and line.startswith(("#!", "'use ", '"use ')):
            behind = 1
    return behind
