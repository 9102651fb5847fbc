"""Where evidence comes from: each source looks at one thing that is known of the cursor. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence

from lsp_server.context.evidence import Attention, Evidence, Gathering
from lsp_server.context.names import IDENTIFIER, KEYWORDS, code_names
from lsp_server.context.surroundings import WRAPPERS, Surroundings
from lsp_server.workspace.outline import Symbol, SymbolKind
from lsp_server.workspace.snapshot import Snapshot, SymbolAt
from lsp_server.workspace.words import words

# How much a source counts. The unit is the members of a class that a variable beside the cursor is
# of; what stands before the dot at the cursor, or what a problem names, counts for more than what is
# merely near.
_RECEIVER = 4.0
_TYPE, _NAMED_LIKE, _MENTIONED, _BASE = 1.0, 0.5, 0.4, 0.6
_MODULE, _PARAMETER, _UNMENTIONED = 0.5, 0.2, 0.08  # the last: what nothing near the cursor names
_USE, _EDITED, _EDITED_NAME, _PROBLEM = 0.3, 0.3, 0.1, 1.0
_TESTED, _TEST = 0.3, 0.05  # what a test is of, and what tests a file
_SIMILAR_CODE, _MANY_HITS = 0.03, 3.0
_LEAST_LETTERS = (
    3  # of a variable that says by its name what it is: of `a` there is an `A` somewhere
)
# How many of each the snapshot is asked for.
_IMPORTED_FILES, _USES, _EDITS, _PROBLEM_NAMES = 32, 12, 12, 4
_QUERY_WORDS, _SIMILAR, _SIMILAR_REACH = 12, 10, 3

_QUOTED = re.compile(r"[\"'`\u2018\u201c]([^\"'`\u2018\u201c\u2019\u201d]+)[\"'`\u2019\u201d]")
_TEST_NAME = re.compile(r"^test_(?P<of>.+)|(?P<of_>.+?)(?:_test|[.-](?:test|spec)|Tests?)$")


def gather(snapshot: Snapshot, path: str, around: Surroundings, attention: Attention) -> Evidence:
    """What all sources say of a cursor in that file."""
    gathering = Gathering(snapshot, path, around, attention)
    for source in SOURCES:
        source(gathering)
    return gathering.evidence


def _problems(gathering: Gathering) -> None:
    """What diagnostics near the cursor name."""
    named = dict.fromkeys(
        name for text in gathering.attention.problems for name in _names_in_message(text)
    )
    asked = 0
    for name in named:
        if name in KEYWORDS or len(name) < 3 or asked == _PROBLEM_NAMES:  # noqa: PLR2004
            continue
        if (found := gathering.anything_named(name)) is not None:
            asked += 1
            reason = f"a problem names {name}"
            gathering.add_definition(found.path, found.symbol, reason, worth=_PROBLEM)
            gathering.add_members(found, _RECEIVER, reason)


def _names_in_message(text: str) -> list[str]:
    """Those in quotes, where there are any: the rest is prose."""
    return IDENTIFIER.findall(" ".join(_QUOTED.findall(text)) or text)


def _types(gathering: Gathering) -> None:
    """The members of what the variables near the cursor are."""
    around = gathering.around
    weights = dict(around.nearness)
    if around.receiver:
        weights[around.receiver] = _RECEIVER
    by_weight = sorted(weights.items(), key=lambda it: (-it[1], it[0]))
    for name, weight in by_weight:
        type_name = around.types.get(name)
        if type_name is not None:
            made = _made_by(gathering, type_name)
            if made is not None:
                gathering.add_members(made, _TYPE * weight, f"what {name} is")
    for name, weight in by_weight:
        if name[0].isupper() or name in gathering.imports:
            found = gathering.class_named(name)
            if found is not None:
                share = _TYPE if name == around.receiver else _MENTIONED
                gathering.add_members(found, share * weight, f"{name} is mentioned")
        elif len(name) < _LEAST_LETTERS or name in around.types:
            continue
        elif (found := gathering.class_named(_as_class(name))) is not None:
            gathering.add_members(found, _NAMED_LIKE * weight, f"{name} is called like it")


def _bases(gathering: Gathering) -> None:
    """What the class around the cursor inherits."""
    around = gathering.around
    weight = _BASE * (_RECEIVER if around.is_on_self else 1.0)
    for base in around.bases:
        if (found := gathering.class_named(base)) is not None:
            gathering.add_members(found, weight, f"{around.in_class or 'the class'} is one")


def _imports(gathering: Gathering) -> None:
    """What imported modules have, and how imported functions are called."""
    around = gathering.around
    weights = {
        alias: _RECEIVER if alias == around.receiver else around.nearness.get(alias, _UNMENTIONED)
        for alias in gathering.imports
    }
    for alias in sorted(weights, key=lambda it: (-weights[it], it))[:_IMPORTED_FILES]:
        imported, weight = gathering.imports[alias], weights[alias]
        reason = f"{alias} is imported"
        if not imported.name:
            gathering.add_module(imported.target, _MODULE * weight, reason)
            continue
        for symbol in gathering.symbols(imported.target):
            is_meant = symbol.name == imported.name and symbol.parent is None
            if is_meant and symbol.kind is SymbolKind.FUNCTION:
                worth = _PARAMETER * weight
                gathering.add_definition(imported.target, symbol, reason, worth=worth)
                for name in code_names(symbol.signature) - {symbol.name}:
                    gathering.evidence.add_need(name, worth)
    for target in gathering.starred:
        gathering.add_module(target, _MODULE * _UNMENTIONED, f"all of {target} is imported")


def _callers(gathering: Gathering) -> None:
    """How the function that is being written is used elsewhere."""
    for function in gathering.around.functions[:1]:
        for use in gathering.snapshot.references(function, _USES):
            if use.path != gathering.path:
                gathering.add_line(use.path, use.reference.line, _USE, f"uses {function}")


def _counterpart(gathering: Gathering) -> None:
    """What the file's test uses, or what the file tests."""
    folder, _, name = gathering.path.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    found = _TEST_NAME.match(stem)
    if found:
        names = [f"{found['of'] or found['of_']}{dot}{ending}"]
    else:
        patterns = ("test_{}", "{}_test", "{}.test", "{}.spec", "{}Test", "{}Tests")
        names = [f"{pattern.format(stem)}{dot}{ending}" for pattern in patterns]
    paths = [path for it in names for path in gathering.snapshot.named(it)]
    near = [path for path in paths if path != gathering.path]
    if near:
        path = max(near, key=lambda it: (_shared_start(it, folder), it))
        if found:
            gathering.add_module(path, _TESTED, "is tested here")
        else:
            gathering.add_module(path, _TEST, "tests this file")


def _edits(gathering: Gathering) -> None:
    """What was edited last in other files: it is often what the next edit is about."""
    for number, (path, line) in enumerate(gathering.attention.edited[:_EDITS]):
        if path == gathering.path:
            continue
        gathering.add_line(path, line, _EDITED / (number + 1), "was edited just now")
        candidate = gathering.evidence.candidates.get((path, line))
        for name in candidate.names if candidate is not None else ():
            gathering.evidence.add_need(name, _EDITED_NAME / (number + 1))


def _similar(gathering: Gathering) -> None:
    """Code elsewhere that has the words of what is near the cursor."""
    around = gathering.around
    by_nearness = sorted(around.nearness.items(), key=lambda it: (-it[1], it[0]))
    query = list(dict.fromkeys(word for name, _ in by_nearness for word in words(name)))
    found = gathering.snapshot.search_text(query[:_QUERY_WORDS], _SIMILAR + 2)
    others = [it for it in found if it.path != gathering.path and it.score > 0][:_SIMILAR]
    near_names = frozenset(around.nearness)
    for match in others:
        lines = gathering.lines(match.path)[match.start_line : match.end_line]
        shown = [code_names(line) for line in lines]
        hits = [
            0.0
            if near_names.isdisjoint(names)
            else math.fsum(map(around.nearness.__getitem__, near_names & names))
            for names in shown
        ]
        for number, names in enumerate(shown):
            near = sum(hits[max(0, number - _SIMILAR_REACH) : number + _SIMILAR_REACH + 1])
            weight = _SIMILAR_CODE * match.score / others[0].score * min(1.0, near / _MANY_HITS)
            if weight:
                for name in names:
                    gathering.evidence.add_need(name, weight)
            gathering.add_line(match.path, match.start_line + number, 0.0, "is like the code here")
    gathering.evidence.similar = others


def _made_by(gathering: Gathering, name: str) -> SymbolAt | None:
    """The class of that name, or what a function of that name says it returns."""
    found = gathering.class_named(name)
    if found is None and (function := gathering.function_named(name)) is not None:
        for type_name in _returned(function.symbol):
            if (found := gathering.class_named(type_name)) is not None:
                break
    return found


def _returned(function: Symbol) -> Iterator[str]:
    """What may be a class in the type that a function says it returns, behind its name or before."""
    signature = function.signature
    named = re.search(rf"\b{re.escape(function.name)}\b[^()]*\(?", signature)
    if named is None:
        return
    before, end, depth = signature[: named.start()], named.end(), 1
    while depth and end < len(signature):
        depth += {"(": 1, ")": -1}.get(signature[end], 0)
        end += 1
    if before.startswith("func "):
        before = ""  # the receiver of a method
    for name in IDENTIFIER.findall(signature[end:]) + IDENTIFIER.findall(before):
        if name[0].isupper() and name not in WRAPPERS:
            yield name


def _as_class(name: str) -> str:
    """`http_client` as a class would be called: `HttpClient`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _shared_start(one: str, other: str) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


# What one source adds first, with its reason, the others leave: so the surest goes first.
SOURCES: Sequence[Callable[[Gathering], None]] = (
    _problems,
    _types,
    _bases,
    _imports,
    _callers,
    _counterpart,
    _edits,
    _similar,
)
