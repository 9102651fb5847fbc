"""Whether a change may be offered: the gates that it has to pass, by its kind, with the evidence.

A gate that fails refuses the change as a whole. One that cannot tell (another language, a text that
was broken before) refuses nothing, and says so. What a rewrite does to the public API is told, and
left to the user.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lsp_server.edits.api import find_api_delta
from lsp_server.edits.change import Change, EditKind, FileChange
from lsp_server.edits.equality import (
    find_lost_comments,
    same_but_annotations,
    same_but_comments,
    same_but_docstrings,
)
from lsp_server.edits.imports import Modules, find_new_imports
from lsp_server.edits.names import new_undefined_names
from lsp_server.edits.python_syntax import find_new_error
from lsp_server.edits.syntax import new_syntax_errors
from lsp_server.edits.tests_of import is_test
from lsp_server.workspace.languages import LANGUAGES, detect_language
from lsp_server.workspace.parse import ParsedText, ParseGivenUp


class Gate(enum.StrEnum):
    CHANGE = "change"  # something is another than before
    SYNTAX = "syntax"  # no new syntax error
    NAMES = "names"  # no name newly undefined
    IMPORTS = "imports"  # what is newly imported is there
    MEANING = "meaning"  # nothing but docstrings, or but annotations, is another
    COMMENTS = "comments"  # none is lost
    API = "api"  # what becomes of the public API
    TESTS = "tests"  # only tests are added
    TEST_RUN = "test run"  # they pass on the code as it is
    TYPE_CHECK = "type check"  # the workspace's own type checker finds no new error
    COMPLAINT = "complaint"  # what a tool complained of is gone


class Outcome(enum.StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it could not be told
    NOTED = "noted"  # for the user to decide


@dataclass(frozen=True, slots=True)
class Finding:
    """What a gate says of one file, in a sentence where it says more than that it was passed."""

    gate: Gate
    outcome: Outcome
    uri: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        return tuple(it for it in self.findings if it.outcome is Outcome.FAILED)

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def refusal(self) -> str:
        """Which gates failed and why, for the user and for a model; empty where none did."""
        return "\n".join(f"{it.gate}: {it.detail}" for it in self.failures)

    def doubt(self, uri: str) -> str:
        """What the user has to decide on a file: its public API breaks, an import is not known."""
        for it in self.findings:
            is_import = it.gate is Gate.IMPORTS and it.outcome is Outcome.UNKNOWN
            if it.uri == uri and (is_import or it.outcome is Outcome.NOTED):
                return it.detail
        return ""

    def also(self, *findings: Finding) -> Evidence:
        return Evidence((*self.findings, *findings))


_GATES = {
    EditKind.REFACTOR: (Gate.SYNTAX, Gate.NAMES),
    EditKind.DOCSTRING: (Gate.SYNTAX, Gate.NAMES, Gate.MEANING, Gate.COMMENTS),
    EditKind.TYPES: (Gate.SYNTAX, Gate.NAMES, Gate.MEANING, Gate.COMMENTS),
    EditKind.REWRITE: (Gate.SYNTAX, Gate.NAMES, Gate.API),
    EditKind.TESTS: (Gate.SYNTAX, Gate.NAMES, Gate.TESTS),
    EditKind.FIX: (Gate.SYNTAX, Gate.NAMES, Gate.API),
}


def verify(
    change: Change,
    kind: EditKind,
    *,
    known: Callable[[str], ParsedText | None] = lambda _: None,
) -> Evidence:
    """What the gates of a kind say to a change, but for its imports, which need an index.

    `known` gives the trees of open documents, by URI. What takes long may be asked in a thread: some
    hundred milliseconds for a file of thousands of lines.
    """
    findings: list[Finding] = []
    if not any(file.before != file.after or file.renamed_from for file in change.files):
        uri = change.files[0].uri if change.files else ""
        findings.append(Finding(Gate.CHANGE, Outcome.FAILED, uri, "nothing would be changed"))
    for texts in _changed(change):
        for gate in _GATES[kind]:
            found = list(_ask(gate, kind, texts, known))
            findings += found or [Finding(gate, Outcome.PASSED, texts.file.uri)]
    return Evidence(tuple(findings))


def verify_imports(change: Change, modules: Modules) -> tuple[Finding, ...]:
    """Whether what a change newly imports is there."""
    findings: list[Finding] = []
    for texts in _changed(change):
        if texts.language in LANGUAGES:
            found = list(_ask_imports(texts, modules))
            findings += found or [Finding(Gate.IMPORTS, Outcome.PASSED, texts.file.uri)]
    return tuple(findings)


def language_of(file: FileChange) -> str | None:
    head = (file.before or file.after or "")[:1000].encode("utf-8", "replace")
    return detect_language(_path(file), head)


@dataclass(frozen=True, slots=True)
class _Texts:
    file: FileChange
    language: str | None
    before: str
    after: str

    @property
    def name(self) -> str:
        return _path(self.file).rpartition("/")[2]

    def failed(self, gate: Gate, detail: str, line: int | None = None) -> Finding:
        place = self.name if line is None else f"line {line + 1} of {self.name}"
        return Finding(gate, Outcome.FAILED, self.file.uri, f"{place}: {detail}")

    def unknown(self, gate: Gate, detail: str) -> Finding:
        return Finding(gate, Outcome.UNKNOWN, self.file.uri, f"{self.name}: {detail}")


def _changed(change: Change) -> Iterator[_Texts]:
    """The texts that are other ones. Of a file that is deleted there is nothing to ask."""
    for file in change.files:
        if file.after is not None and file.before != file.after:
            yield _Texts(file, language_of(file), file.before or "", file.after)


def _path(file: FileChange) -> str:
    return unquote(urlsplit(file.uri).path)


def _ask(
    gate: Gate, kind: EditKind, texts: _Texts, known: Callable[[str], ParsedText | None]
) -> Iterator[Finding]:
    if gate is Gate.TESTS:
        yield from _ask_tests(texts)
    elif texts.language not in LANGUAGES:
        yield texts.unknown(gate, "its language is not known here")
    else:
        try:
            match gate:
                case Gate.SYNTAX:
                    yield from _ask_syntax(texts, known(texts.file.uri))
                case Gate.NAMES:
                    yield from _ask_names(texts)
                case Gate.MEANING:
                    yield from _ask_meaning(texts, kind)
                case Gate.COMMENTS:
                    yield from _ask_comments(texts)
                case Gate.API:
                    yield from _ask_api(texts)
        except ParseGivenUp as error:
            yield texts.unknown(gate, str(error))


def _ask_syntax(texts: _Texts, known: ParsedText | None) -> Iterator[Finding]:
    language = texts.language or ""
    error = find_new_error(texts.before, texts.after) if language == "python" else None
    if error is None:
        for problem in new_syntax_errors(language, texts.before, texts.after, known)[:1]:
            error = problem.line, problem.message
    if error is not None:
        yield texts.failed(Gate.SYNTAX, f"new syntax error: {error[1]}", error[0])


def _ask_names(texts: _Texts) -> Iterator[Finding]:
    found = new_undefined_names(texts.language or "", texts.before, texts.after)
    if found is None:
        yield texts.unknown(Gate.NAMES, "which names are undefined cannot be told")
        return
    for use in found:
        yield texts.failed(Gate.NAMES, f"{use.name} is no longer or nowhere defined", use.line)


def _ask_imports(texts: _Texts, modules: Modules) -> Iterator[Finding]:
    found = find_new_imports(
        texts.file.uri, texts.language or "", texts.before, texts.after, modules
    )
    for it in found:
        if it.is_there is False:
            yield texts.failed(Gate.IMPORTS, f"there is no {it.told} to import", it.line)
        elif it.is_there is None:
            yield texts.unknown(Gate.IMPORTS, f"whether there is {it.told} to import is not known")


def _ask_meaning(texts: _Texts, kind: EditKind) -> Iterator[Finding]:
    allowed = "docstrings" if kind is EditKind.DOCSTRING else "annotations"
    same: bool | None
    if texts.language == "python":
        compare = same_but_docstrings if kind is EditKind.DOCSTRING else same_but_annotations
        same = compare(texts.before, texts.after)
    elif kind is EditKind.DOCSTRING:
        allowed = "comments"
        same = same_but_comments(texts.language or "", texts.before, texts.after)
    else:
        same = None
    if same is None:
        yield texts.unknown(Gate.MEANING, f"whether more than {allowed} changes cannot be told")
    elif not same:
        yield texts.failed(Gate.MEANING, f"more than {allowed} would change")


def _ask_comments(texts: _Texts) -> Iterator[Finding]:
    if texts.language != "python":
        return  # those of others are what a docstring is written in
    lost = find_lost_comments(texts.before, texts.after)
    if lost is None:
        yield texts.unknown(Gate.COMMENTS, "whether comments are lost cannot be told")
    elif lost:
        yield texts.failed(Gate.COMMENTS, f"a comment would be lost: {lost[0]}")


def _ask_api(texts: _Texts) -> Iterator[Finding]:
    if texts.language != "python":
        yield texts.unknown(Gate.API, "what becomes of its public API is not told")
        return
    delta = find_api_delta(texts.before, texts.after)
    if delta is None:
        yield texts.unknown(Gate.API, "what becomes of its public API cannot be told")
    elif delta.breaks:
        yield Finding(Gate.API, Outcome.NOTED, texts.file.uri, f"{texts.name}: {delta}")


def _ask_tests(texts: _Texts) -> Iterator[Finding]:
    if not is_test(_path(texts.file)):
        yield texts.failed(Gate.TESTS, "it is no file of tests, and would be changed")
    elif texts.language == "python" and texts.before:
        delta = find_api_delta(texts.before, texts.after)
        if delta is not None and delta.breaks:
            yield texts.failed(Gate.TESTS, f"tests that are there would change: {delta}")
