"""What may stand behind an `@`: the kinds, and files, folders and symbols by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lsp_server.chat.codebase import Codebase
from lsp_server.chat.transcript import Mention

MAX_SUGGESTIONS = 30
_MAX_OF_A_KIND = 12
_MIN_SYMBOL_CHARACTERS = 2
_KINDS = (
    Mention("selection", "", "selection", "the lines that are selected"),
    Mention("diagnostics", "", "diagnostics", "problems in the open files"),
    Mention("changes", "", "changes", "what has changed since the last commit"),
    Mention("repo", "", "repo", "the whole repository, as far as it fits"),
)
_ISSUE_ENDINGS = (".md", ".txt", ".rst")


def suggest(code: Codebase, query: str, near: str | None) -> list[Mention]:
    """The likeliest first. `query` may begin with a kind: `file:par`, `symbol:Par`."""
    kind, colon, rest = query.partition(":")
    wanted = kind if colon and kind in _MAKERS else ""
    query = (rest if wanted else query).strip()
    found: list[Mention] = []
    if not wanted:
        found += (it for it in _KINDS if it.label.startswith(query.lower()))
    for name, make in _MAKERS.items():
        if wanted in ("", name) and (wanted or name != "issue"):
            found += list(make(code, query, near))[:_MAX_OF_A_KIND]
    if not wanted and len(query) >= _MIN_SYMBOL_CHARACTERS and "issue".startswith(query.lower()):
        found[:0] = list(_issues(code, "", near))[:_MAX_OF_A_KIND]
    return found[:MAX_SUGGESTIONS]


def rank_paths(query: str, paths: Iterable[str], limit: int) -> list[str]:
    """The paths that match, the likeliest first: by the file's name, then by the path."""
    wanted = query.lower()
    ranked = []
    for path in paths:
        lower = path.lower()
        name = lower.rpartition("/")[2]
        if name.startswith(wanted):
            rank = 0
        elif wanted in name:
            rank = 1
        elif wanted in lower:
            rank = 2
        elif _has_letters(wanted, name):
            rank = 3
        else:
            continue
        ranked.append((rank, len(path), path))
    return [path for _, _, path in sorted(ranked)[:limit]]


def _has_letters(letters: str, text: str) -> bool:
    """Whether a text has these letters in this order."""
    rest = iter(text)
    return all(letter in rest for letter in letters)


def _files(code: Codebase, query: str, near: str | None) -> Iterator[Mention]:
    for root, snapshot in code.snapshots(near):
        # Without a query those that matter most, where that is known.
        paths: Sequence[str] = snapshot.paths()
        if not query:
            paths = snapshot.ranked() or paths[:_MAX_OF_A_KIND]
        chosen = rank_paths(query, paths, _MAX_OF_A_KIND) if query else paths[:_MAX_OF_A_KIND]
        for path in chosen:
            place = code.place(root, path)
            if not code.refusal(place.uri):
                yield Mention("file", place.uri, path.rpartition("/")[2], place.name)


def _folders(code: Codebase, query: str, near: str | None) -> Iterator[Mention]:
    for root, snapshot in code.snapshots(near):
        folders = dict.fromkeys(
            folder for path in snapshot.paths() if (folder := path.rpartition("/")[0])
        )
        for path in rank_paths(query, folders, _MAX_OF_A_KIND):
            place = code.place(root, path)
            yield Mention("folder", place.uri, path.rpartition("/")[2], f"{place.name}/")


def _symbols(code: Codebase, query: str, near: str | None) -> Iterator[Mention]:
    del near
    if len(query) < _MIN_SYMBOL_CHARACTERS:
        return
    for root, it in code.definitions_from(query, _MAX_OF_A_KIND):
        place, name = code.place(root, it.path), it.symbol.name
        if not code.refusal(place.uri):
            detail = f"{it.symbol.kind} in {place.name}"
            yield Mention("symbol", f"{place.uri}#{name}", name, detail)


def _issues(code: Codebase, query: str, near: str | None) -> Iterator[Mention]:
    """Text files that may hold an issue, when one is asked for."""
    for root, snapshot in code.snapshots(near):
        texts = [it for it in snapshot.paths() if it.lower().endswith(_ISSUE_ENDINGS)]
        texts.sort(key=lambda it: "issue" not in it.lower())
        for path in rank_paths(query, texts, _MAX_OF_A_KIND) if query else texts[:_MAX_OF_A_KIND]:
            place = code.place(root, path)
            if not code.refusal(place.uri):
                yield Mention("issue", place.uri, path.rpartition("/")[2], place.name)


_MAKERS = {"file": _files, "symbol": _symbols, "folder": _folders, "issue": _issues}
