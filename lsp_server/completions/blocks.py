"""Which line opens a block, which goes on with the statement above, by the text of a line. Pure."""

from __future__ import annotations

import re

from lsp_server.completions.lexis import indentation, lexis_of

_PYTHON = re.compile(
    r"\s*(async\s+)?(def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b.*:$",
    re.DOTALL,
)
_RUBY = re.compile(
    r"(?!.* end$)\s*(def|class|module|if|elsif|else|unless|while|until|case|when|begin|rescue|ensure)\b"
    r"|.*\bdo(\s*\|[^|]*\|)?$"
)
_SHELL = re.compile(r".*(\bthen|\bdo|\belse|\bin|\{)$")
_OPENERS = {"python": _PYTHON, "ruby": _RUBY, "shellscript": _SHELL}
_LABEL = re.compile(r"\s*(case\b.*|default\s*):$")
# Behind these a brace is a value's, and holds no statements.
_BEFORE_VALUE = re.compile(r"(?<![=<>!])=$|[(\[,:?]$|&&$|\|\|$|\breturn$|\bdefault$|\byield$")
_ARROW = re.compile(r"(=>|->)$")
_TYPE = re.compile(r"\b(interface|struct|enum|union)$")
_CONTINUES = {
    "python": re.compile(r"(elif|else|except|finally|case)\b"),
    "ruby": re.compile(r"(elsif|else|when|rescue|ensure|end)\b"),
    "shellscript": re.compile(r"(elif|else|fi|done|esac)\b"),
}
_BRACED_CONTINUES = re.compile(r"[})\]]|(else|catch|finally|while)\b|\.\w|\?\.|&&|\|\|")
_HEADER = re.compile(r"\s*(\}\s*)?(if|for|while|else|switch)\b.*[)\w]$")
# Where a statement ends with a sign and not with its line.
_SEMICOLONS = frozenset({"c", "cpp", "csharp", "java", "php", "rust"})
_ENDS_STATEMENT = re.compile(r"[;},]$|^\s*#|^\s*(case\b.*|default|public|private|protected)\s*:$")
_GOES_ON = re.compile(r"(?<!\+)\+$|(?<!-)-$|[*/%=&|^<,.\\(\[{]$|\b(and|or|not|in|is|return=)$")
_PREPARES = re.compile(r"\s*(@[\w.]+(\(.*\))?|#!?\[.*\]|template\s*<.*>)$")


def opens_block(language: str, code: str) -> bool:
    """Whether a line, without its comment, is followed by a block of statements or members."""
    code = code.rstrip()
    if language in _OPENERS:
        return bool(_OPENERS[language].match(code))
    if not code.endswith("{"):
        return bool(_LABEL.match(code))
    head = code[:-1].rstrip()
    if language == "go" and head and not code[-2].isspace() and not _TYPE.search(head):
        return False  # gofmt sets a blank before a block, and none before a value
    return bool(_ARROW.search(head)) or not _BEFORE_VALUE.search(head)


def continues(language: str, line: str) -> bool:
    """Whether a line at a statement's own depth is still of that: `else:`, a closing brace."""
    pattern = _CONTINUES.get(language, _BRACED_CONTINUES)
    return bool(pattern.match(line.strip()))


def ends_statement(language: str, code: str) -> bool:
    """Whether a statement may be over with this line, where no bracket is open behind it."""
    code = code.rstrip()
    if not code.strip() or _PREPARES.match(code):
        return False
    if lexis_of(language).is_indented or language == "ruby":
        return not opens_block(language, code) and not _GOES_ON.search(code)
    if language in _SEMICOLONS:
        return bool(_ENDS_STATEMENT.search(code))
    return not _GOES_ON.search(code) and not _HEADER.match(code)


def closes(line: str) -> bool:
    """Whether a line begins with what closes a block."""
    stripped = line.strip()
    return stripped[:1] in (")", "]", "}") or stripped == "end"


def is_deeper(line: str, columns: int) -> bool:
    return indentation(line) > columns
