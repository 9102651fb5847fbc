"""Where a grammar is no judge of a text, by the text around: another answer than its own is right. Pure."""

from __future__ import annotations

import re

from lsp_server.completions.lexis import Scanner, lexis_of
from lsp_server.completions.place import Surroundings

# Of true completions at random places of public repositories at most two in a thousand are refused by
# these languages' grammars, most of them in strings over many lines.
JUDGED = frozenset(
    {
        *("c", "cpp", "csharp", "go", "java", "php", "ruby", "rust", "shellscript"),
        *("javascript", "javascriptreact", "typescript", "typescriptreact"),
    }
)
_HEREDOCS = {
    "php": re.compile(r"<<<[\"']?([A-Za-z_]\w*)"),
    "ruby": re.compile(r"<<[-~]?[\"'`]?([A-Za-z_]\w*)"),
    "shellscript": re.compile(r"<<-?\s*[\"'\\]?([A-Za-z_]\w*)"),
}
_PREPROCESSED = frozenset({"c", "cpp", "csharp"})
_DIRECTIVE = re.compile(r"^\s*#", re.MULTILINE)
_WITH_MACROS = frozenset({"c", "cpp"})
_MACRO = re.compile(r"\b[A-Z][A-Z0-9_]+\b")


def is_beyond_grammar(around: Surroundings, text: str) -> bool:
    """Whether `text` may be right there though no grammar has it: a comment, a macro, half a string."""
    language = around.language
    line = around.own + text
    lexis = lexis_of(language)
    scanner = Scanner(lexis)
    scanner.feed(line)
    if scanner.is_within_text or (lexis.has_block_comments and _is_comment(around, line)):
        return True
    if language in _HEREDOCS and _is_in_heredoc(around):
        return True
    if language in _PREPROCESSED and _DIRECTIVE.search(line):
        return True
    return language in _WITH_MACROS and bool(_MACRO.search(_last(around) + line))


def _is_comment(around: Surroundings, line: str) -> bool:
    before = "".join(around.before)
    return line.lstrip().startswith("*") or before.rfind("/*") > before.rfind("*/")


def _is_in_heredoc(around: Surroundings) -> bool:
    """Whether the last one that begins above has not come to its word at the begin of a line."""
    pattern = _HEREDOCS[around.language]
    for number in range(len(around.before) - 2, -1, -1):
        line = around.before[number]
        if "<<" in line and (begun := pattern.search(line)):
            return not any(it.lstrip().startswith(begun[1]) for it in around.before[number + 1 :])
    return False


def _last(around: Surroundings) -> str:
    """The last line above that has something in it: a macro in it may want no end."""
    return next((line for line in reversed(around.before[:-1]) if line.strip()), "")
