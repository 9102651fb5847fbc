"""Code actions and renames: what may be done at a place, and then the edit that does it.

Listing is cheap: it asks neither a model nor the process that refactors. The work is done when an
action is chosen, on the texts as they are then, and its result is verified before anybody gets it. A
document that has changed since the action was listed, or while it was worked on, means no edit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server.edits.change import Change, EditKind, FileChange
from lsp_server.edits.hunks import Hunk, apply_hunks, find_hunks, find_renamed
from lsp_server.edits.preview import with_preview
from lsp_server.edits.whole_word import whole_word
from lsp_server.edits.workspace_edit import EditRefused, WorkspaceChange, plan_edit
from lsp_server.refactor import names
from lsp_server.refactor.job import Doubt, Job, Outcome, Task
from lsp_server.refactor.offers import Offer, find_offers, name_at, text_between
from lsp_server.refactor.organize import organize_imports
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.worker_client import RefactorWorker
from lsp_server.workspace.documents import Document, Documents, Position
from lsp_server.workspace.folders import Folders
from lsp_server.workspace.live import Workspace

if TYPE_CHECKING:
    from lsp_server.workspace.parse import ParsedText

MAX_FILES = 500
MAX_FILES_IN_FULL = 10  # of a rename
_ORGANIZE = "organize_imports"


@dataclass(frozen=True, slots=True)
class Action:
    """One that may be chosen. `data` is what `resolve` needs; it goes through JSON."""

    title: str
    kind: str
    data: Mapping[str, Any]
    disabled: str = ""


@dataclass(frozen=True, slots=True)
class Resolved:
    """`name_at` is where a name stands in the result that the user may want another for."""

    change: WorkspaceChange
    name_at: tuple[str, Position] | None = None


class CodeActions:
    def __init__(
        self,
        *,
        documents: Documents,
        folders: Folders,
        index: Workspace,
        worker: RefactorWorker,
        propose_name: Callable[[str, str, str], Awaitable[str]],
    ) -> None:
        """`propose_name` asks for one; see `naming.Naming.propose`."""
        self._documents = documents
        self._folders = folders
        self._index = index
        self._worker = worker
        self._propose_name = propose_name

    def find(
        self,
        uri: str,
        start: Position,
        end: Position,
        only: Sequence[str] | None = None,
        *,
        is_asked_for: bool = False,
        may_choose: bool = False,
    ) -> list[Action]:
        """What may be done with a selection, or at a cursor. `only` names kinds that are wanted.

        `may_choose`: the editor can ask for a file, and gives its path as the `argument`.
        """
        document = self._documents.get(uri)
        if document is None or document.language != "python":
            return []
        if self._folders.place_of(uri) is None or not document.contains(start):
            return []
        if is_asked_for:
            self._worker.warm_up()
        reason = document.problem or self._folders.edit_refusal(uri)
        offers = (
            find_offers(document.lines, (start.line, start.column), (end.line, end.column))
            if not document.problem
            else []
        )
        actions = [
            self._action(document, it, start, end, reason)
            for it in offers
            if may_choose or it.task != "move_to_file"
        ]
        data = self._data(document, _ORGANIZE, start, end)
        actions.append(Action("Organize imports", "source.organizeImports", data, reason))
        return [it for it in actions if _is_wanted(it.kind, only)]

    def _action(
        self, document: Document, offer: Offer, start: Position, end: Position, reason: str
    ) -> Action:
        data = self._data(document, offer.task, start, end)
        data |= {"argument": offer.argument, "name": offer.name}
        return Action(offer.title, offer.kind, data, offer.disabled or reason)

    def _data(
        self, document: Document, task: str, start: Position, end: Position
    ) -> dict[str, Any]:
        return {
            "uri": document.uri,
            "version": document.version,
            "task": task,
            "start": [start.line, start.column],
            "end": [end.line, end.column],
        }

    async def resolve(self, title: str, data: Mapping[str, Any]) -> Resolved:
        """Does what an action says. Raises `RefactorRefused`; then nothing is to be changed."""
        document = self._documents.get(data["uri"])
        if document is None or document.version != data["version"]:
            raise RefactorRefused("the document has changed meanwhile: ask once more")
        if data["task"] == _ORGANIZE:
            return await self._organize(title, document)
        start, end = (Position(*data[name]) for name in ("start", "end"))
        span = (start, end)
        task, name, argument = data["task"], data["name"], data["argument"]
        return await self._perform(title, document, task, span, name=name, argument=argument)

    def prepare_rename(self, uri: str, position: Position) -> tuple[Position, Position, str]:
        """The name at a position, with its ends. Raises `RefactorRefused` where there is none."""
        document = self._document(uri)
        line = document.lines[position.line] if document.contains(position) else ""
        span = name_at(line, position.column)
        if span is None:
            raise RefactorRefused("there is no name here")
        first, last = (Position(position.line, column) for column in span)
        self._worker.warm_up()
        return first, last, line[slice(*span)]

    async def rename(self, uri: str, position: Position, new_name: str) -> WorkspaceChange:
        """Raises `RefactorRefused`."""
        _, _, name = self.prepare_rename(uri, position)
        resolved = await self._perform(
            f"Rename '{name}' to '{new_name}'",
            self._document(uri),
            "rename",
            (position, position),
            name=name,
            argument=new_name,
        )
        return resolved.change

    def _document(self, uri: str) -> Document:
        document = self._documents.get(uri)
        if document is None or document.language != "python":
            raise RefactorRefused("Sparrow renames in open Python files")
        if reason := document.problem or self._folders.edit_refusal(uri):
            raise RefactorRefused(f"the file cannot be edited: {reason}")
        return document

    async def _organize(self, title: str, document: Document) -> Resolved:
        place = self._folders.place_of(document.uri)
        assert place is not None
        version, before = document.version, document.text
        folder, path = place
        after = await organize_imports(before, folder / path, folder)
        if after == before:
            raise RefactorRefused("the imports are in order already")
        change = Change(title, (FileChange(document.uri, before, after, version),))
        return Resolved(await self._checked(change, {}))

    async def _perform(
        self,
        title: str,
        document: Document,
        task: Task,
        span: tuple[Position, Position],
        *,
        name: str,
        argument: str,
    ) -> Resolved:
        """`name`: files that have it in them may be concerned; empty for this one alone."""
        place = self._folders.place_of(document.uri)
        if place is None:
            raise RefactorRefused("the file is in no folder of the workspace")
        folder, path = place
        paths = self._concerned(document, name) if name else []
        if task == "move_to_file":
            paths.append(self._target(folder, argument))
        elif task == "rename" and (snapshot := self._index.snapshot(document.uri)) is not None:
            paths += snapshot.named(f"{name}.py")  # which it may be the name of
        open_there = self._open_in(folder)
        job = Job(
            task,
            str(folder),
            path,
            (span[0].line, span[0].column),
            (span[1].line, span[1].column),
            paths[-1] if task == "move_to_file" else argument,
            tuple(paths),
            {it: open_there[it].text for it in {path, *paths} if it in open_there},
        )
        versions = {it: open_there[it].version for it in job.texts}

        def uri_of(path: str) -> str:
            return open_there[path].uri if path in versions else (folder / path).as_uri()

        outcome = await self._named(document, job, await self._worker.perform(job))
        change = Change(
            f"{title}. {outcome.note}" if outcome.note else title,
            tuple(
                FileChange(
                    uri_of(it.path),
                    it.before,
                    it.after,
                    versions.get(it.path),
                    uri_of(it.moved_from) if it.moved_from else None,
                )
                for it in outcome.files
            ),
        )
        renamed = (name, argument) if task == "rename" else None
        gap = self._gap(folder) if name and not outcome.is_local else ""
        checked = await self._checked(change, _doubts(change, outcome), renamed, gap)
        return Resolved(checked, _name_at(change, outcome))

    async def _named(self, document: Document, job: Job, outcome: Outcome) -> Outcome:
        """What was extracted, by the name that a model has for it, where there is one."""
        kind = {"extract_function": "function", "extract_variable": "variable"}.get(job.task, "")
        if not kind or outcome.name_at is None or self._folders.exclusion(document):
            return outcome
        code = text_between(document.lines, job.start, job.end)
        name = await self._propose_name(kind, code, outcome.files[0].after)
        return names.renamed(outcome, name) if name else outcome

    def _concerned(self, document: Document, name: str) -> list[str]:
        paths = self._index.files_naming(document.uri, name, MAX_FILES + 1)
        found = [it for it in paths if it.endswith(".py")]
        if len(found) > MAX_FILES:
            raise RefactorRefused(
                f"the name {name} stands in more than {MAX_FILES} files, too many to look into"
            )
        return found

    def _target(self, folder: Path, argument: str) -> str:
        """The path of a file that something is to be moved to. Raises `RefactorRefused`."""
        place = self._folders.place_of(argument)
        if place is None or place[0] != folder or not place[1].endswith(".py"):
            raise RefactorRefused(
                "no file of Python in the same folder of the workspace was chosen"
            )
        if reason := self._folders.edit_refusal(argument):
            raise RefactorRefused(f"{place[1]} cannot be edited: {reason}")
        return place[1]

    def _gap(self, folder: Path) -> str:
        """Why uses of a name may be missed, in words; or nothing."""
        if self._index.is_current(folder):
            return ""
        is_coming = folder in self._index.states()
        why = "is not complete yet" if is_coming else "is off (see sparrow.index.enable)"
        return f"the index {why}: uses in other files may be missed"

    def _open_in(self, folder: Path) -> dict[str, Document]:
        found = {}
        for document in self._documents:
            place = self._folders.place_of(document.uri)
            if place is not None and place[0] == folder and not document.problem:
                found[place[1]] = document
        return found

    async def _checked(
        self,
        change: Change,
        doubts: Mapping[str, Mapping[int, str]],
        renamed: tuple[str, str] | None = None,
        gap: str = "",
    ) -> WorkspaceChange:
        """The change as edits, verified; `gap` is to be told with it. Raises `RefactorRefused`."""
        parsed = {}
        for file in change.files:
            document = self._documents.get(file.uri)
            if document is not None:
                parsed[file.uri] = self._index.parsed_text(document)
        if refusal := await asyncio.to_thread(_verify, change, parsed, renamed):
            raise RefactorRefused(f"the result was not good, so nothing is changed: {refusal}")
        for file in change.files:
            document = self._documents.get(file.renamed_from or file.uri)
            is_same = document is None or (
                document.text == file.before
                if file.renamed_from
                else document.version == file.version
            )
            if not is_same:
                raise RefactorRefused("a document has changed meanwhile: ask once more")

        def find(before: str, after: str) -> Sequence[Hunk]:
            return _hunks(before, after, renamed)

        def risk(file: FileChange, hunk: Hunk) -> str:
            return _risk(file, hunk, doubts.get(file.uri, {}))

        try:
            return with_preview(
                plan_edit(change, refusal=self._folders.edit_refusal, risk=risk, find=find), gap
            )
        except EditRefused as error:
            raise RefactorRefused(str(error)) from error


def _hunks(before: str, after: str, renamed: tuple[str, str] | None) -> Sequence[Hunk]:
    """Of a rename each place by itself, so that each can be ticked."""
    if renamed is not None:
        hunks = find_renamed(before, after, *renamed)
        if apply_hunks(before, hunks) == after:
            return hunks
    return find_hunks(before, after)


def _risk(file: FileChange, hunk: Hunk, doubts: Mapping[int, str]) -> str:
    first = (file.before or "").count("\n", 0, hunk.start)
    lines = range(first, first + hunk.old.count("\n") + 1)
    return next((doubts[it] for it in lines if it in doubts), "")


def _verify(
    change: Change, parsed: Mapping[str, ParsedText | None], renamed: tuple[str, str] | None
) -> str:
    """Which gates the change does not pass and why, or nothing.

    A rename across many files is checked for being nothing else: to find the undefined names of a
    hundred files takes seconds.
    """
    if renamed is not None and len(change.files) > MAX_FILES_IN_FULL:
        for file in change.files:
            if _words(file.before or "", *renamed) != _words(file.after or "", *renamed):
                return f"{file.uri}: more than the name would change"
        return ""
    from lsp_server.edits.verification import verify  # which brings tree-sitter

    return verify(change, EditKind.REFACTOR, known=parsed.get).refusal


def _words(text: str, old: str, new: str) -> str:
    return whole_word(old).sub(new, text)


def _doubts(change: Change, outcome: Outcome) -> dict[str, dict[int, str]]:
    """By URI and line."""

    def by_line(doubts: Iterable[Doubt]) -> dict[int, str]:
        return {it.line: it.reason for it in doubts}

    pairs = zip(change.files, outcome.files, strict=True)
    return {file.uri: by_line(rewritten.doubts) for file, rewritten in pairs}


def _name_at(change: Change, outcome: Outcome) -> tuple[str, Position] | None:
    if outcome.name_at is None:
        return None
    pairs = zip(change.files, outcome.files, strict=True)
    uri = next((file.uri for file, it in pairs if it.path == outcome.path), None)
    return (uri, Position(*outcome.name_at)) if uri is not None else None


def _is_wanted(kind: str, only: Sequence[str] | None) -> bool:
    return not only or any(kind == it or kind.startswith(f"{it}.") or not it for it in only)
