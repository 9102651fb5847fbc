"""Which language a file is in, and that language's grammar and query, loaded when first asked for.

Languages bear the names that editors give them (`python`, `typescriptreact`, `shellscript`). What is
asked of a grammar is written in `queries/*.scm`. The grammars' own tag queries are not used: they
leave out ends, fields, types and imports, and would find most symbols a second time. In ours

- `@definition.KIND` is the extent of a symbol, with its `@name`, and its `@body` where it has one;
- `@wrapper` goes around a definition of the same `@name`: decorators, `export`, `template`;
- `@reference.KIND` is a name that is used, and `@import` is a statement that imports;
- `@guard` is what must have the text, or with several nodes the texts, of `#set! guard`. A predicate
  would ask the parser's input for it each time.

Of patterns that find the same name, the first in the file decides.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import NamedTuple

import tree_sitter

from lsp_server.workspace.outline import ReferenceKind, SymbolKind


@dataclass(frozen=True, slots=True)
class _Source:
    module: str
    queries: tuple[str, ...]
    function: str = "language"


_SOURCES = {
    "python": _Source("tree_sitter_python", ("python",)),
    "javascript": _Source("tree_sitter_javascript", ("ecmascript", "javascript", "jsx")),
    "javascriptreact": _Source("tree_sitter_javascript", ("ecmascript", "javascript", "jsx")),
    "typescript": _Source(
        "tree_sitter_typescript", ("ecmascript", "typescript"), "language_typescript"
    ),
    "typescriptreact": _Source(
        "tree_sitter_typescript", ("ecmascript", "typescript", "jsx"), "language_tsx"
    ),
    "go": _Source("tree_sitter_go", ("go",)),
    "rust": _Source("tree_sitter_rust", ("rust",)),
    "java": _Source("tree_sitter_java", ("java",)),
    "c": _Source("tree_sitter_c", ("c",)),
    "cpp": _Source("tree_sitter_cpp", ("c", "cpp")),
    "csharp": _Source("tree_sitter_c_sharp", ("csharp",)),
    "ruby": _Source("tree_sitter_ruby", ("ruby",)),
    "php": _Source("tree_sitter_php", ("php",), "language_php"),
    "shellscript": _Source("tree_sitter_bash", ("shellscript",)),
}
LANGUAGES = frozenset(_SOURCES)

_EXTENSIONS = {
    "python": ".py .pyi .pyw",
    "javascript": ".js .mjs .cjs",
    "javascriptreact": ".jsx",
    "typescript": ".ts .mts .cts",
    "typescriptreact": ".tsx",
    "go": ".go",
    "rust": ".rs",
    "java": ".java",
    "c": ".c .h",
    "cpp": ".cc .cpp .cxx .c++ .hh .hpp .hxx .h++ .ipp .inl .tpp",
    "csharp": ".cs .csx",
    "ruby": ".rb .rake .gemspec .ru",
    "php": ".php .phtml",
    "shellscript": ".sh .bash .zsh .ksh .bats",
}
_BY_EXTENSION = {
    extension: language for language, all_ in _EXTENSIONS.items() for extension in all_.split()
}
_BY_NAME = {
    "Rakefile": "ruby",
    "Gemfile": "ruby",
    "Vagrantfile": "ruby",
    "SConstruct": "python",
    "SConscript": "python",
    ".bashrc": "shellscript",
    ".bash_profile": "shellscript",
    ".profile": "shellscript",
    ".zshrc": "shellscript",
    "PKGBUILD": "shellscript",
}
_INTERPRETERS = {
    "python": "python",
    "pypy": "python",
    "node": "javascript",
    "bun": "typescript",
    "ts-node": "typescript",
    "deno": "typescript",
    "ruby": "ruby",
    "php": "php",
    "sh": "shellscript",
    "bash": "shellscript",
    "zsh": "shellscript",
    "ksh": "shellscript",
    "dash": "shellscript",
}
_LIKE_CPP = re.compile(
    rb"^[ \t]*(?:class\s+\w+|namespace\b|template\s*<|using\s+\w+|(?:public|private|protected)\s*:"
    rb"|#\s*include\s*<\w+>|extern\s+\"C\+\+\")|\bstd::|\b(?:constexpr|noexcept|nullptr)\b",
    re.MULTILINE,
)
_ROLE_CAPTURE = re.compile(rb"@((?:definition|reference)\.\w+|wrapper|import)\b")
HEAD_BYTES = 16 * 1024


def detect_language(path: str, head: bytes = b"") -> str | None:
    """The language of a file by its name, or by its first `HEAD_BYTES`; none if it is not known."""
    name = PurePosixPath(path).name
    suffix = PurePosixPath(path).suffix
    language = _BY_NAME.get(name) or _BY_EXTENSION.get(suffix.lower())
    if suffix == ".C":  # by old custom
        return "cpp"
    if suffix.lower() == ".h" and _LIKE_CPP.search(head[:HEAD_BYTES]):
        return "cpp"
    if language is None and not suffix:
        language = _detect_interpreter(head)
    return language


def _detect_interpreter(head: bytes) -> str | None:
    first_line = head[:HEAD_BYTES].partition(b"\n")[0].decode("ascii", "replace")
    if not first_line.startswith("#!"):
        return None
    words = [word.rpartition("/")[2] for word in first_line[2:].split()]
    if words[:1] == ["env"]:  # its options, and variables that it sets
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if not words:
        return None
    return _INTERPRETERS.get(words[0]) or _INTERPRETERS.get(words[0].rstrip("0123456789."))


class Role(NamedTuple):
    """What a pattern of a query finds: a symbol, a reference, or else what `capture` says."""

    capture: str
    symbol: SymbolKind | None = None
    reference: ReferenceKind | None = None
    guard: bytes = b""


@dataclass(frozen=True, slots=True)
class Grammar:
    name: str
    language: tree_sitter.Language
    query: tree_sitter.Query
    roles: Sequence[Role]  # by pattern


@cache
def load_language(language: str) -> tree_sitter.Language:
    """What a parser needs, without a query; some milliseconds the first time. KeyError as below."""
    source = _SOURCES[language]
    return tree_sitter.Language(getattr(importlib.import_module(source.module), source.function)())


@cache
def load_grammar(language: str) -> Grammar:
    """A language's grammar and query, which take 0.1 s the first time; KeyError for an unknown one."""
    source = _SOURCES[language]
    grammar = load_language(language)
    folder = resources.files("lsp_server.workspace") / "queries"
    text = "\n".join((folder / f"{name}.scm").read_text("utf-8") for name in source.queries)
    query = tree_sitter.Query(grammar, text)
    return Grammar(language, grammar, query, _find_roles(query, text.encode()))


def _find_roles(query: tree_sitter.Query, text: bytes) -> list[Role]:
    roles = []
    for pattern in range(query.pattern_count):
        extent = slice(query.start_byte_for_pattern(pattern), query.end_byte_for_pattern(pattern))
        capture = _ROLE_CAPTURE.findall(text[extent])[0].decode()
        role, _, kind = capture.partition(".")
        symbol = SymbolKind(kind) if role == "definition" else None
        reference = ReferenceKind(kind) if role == "reference" else None
        guard = query.pattern_settings(pattern).get("guard") or ""
        roles.append(Role(capture, symbol, reference, guard.encode()))
    return roles
