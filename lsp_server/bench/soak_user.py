"""The soak's user: types, accepts, deletes, undoes, switches, saves, and asks for everything at once.

What is done next is drawn by a seed. Completions are for one text each: the scripted model says which
one it was shown (`digest_around`), so that what is offered tells whether the server's document was the
user's, to the last character, when it was asked.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from lsprotocol import types

from inference.engines.scripted import digest_around
from lsp_server.bench.soak_editor import Editor, text_before
from lsp_server.bench.soak_findings import LOST_EDIT, WRONG_EDIT, WRONG_TEXT
from lsp_server.bench.soak_workspace import MARKS
from lsp_server.edge.convert import PositionConverter
from lsp_server.edits.python_source import is_python
from lsp_server.session import Suggestion
from lsp_server.workspace.documents import Document, Edit, Position, line_length

# What the scripted model says: this, then twelve digits for the text that it was shown.
SAYS = "seen_"
INSTRUCTIONS = ("Set the mark.", "Take the mark back.")
_SAID = re.compile(rf"{SAYS}([0-9a-f]*)\Z")
_DIGITS = 12
_SNIPPETS = (
    "\n    value = ",
    "\n        for entry in found:\n            ",
    "\n    # übrig 🐦 bleibt\n    rest = ",
    " + ",
    "\n\n\ndef added(count: int) -> int:\n    return count ",
    "\nimport json\n",
    "(",
)
_KEY_S = (0.005, 0.06)  # from one key to the next
_MAX_OPEN = 7
_MAX_CHARACTERS = 12_000  # of a document, which is then taken back to its file
_MAX_UNDER_WAY = 8
_REMEMBERED = 500


class User:
    def __init__(self, editor: Editor, files: list[Path], seed: int) -> None:
        self._editor = editor
        self._files = files
        self._findings = editor.findings
        self._chosen = random.Random(seed)  # noqa: S311 - what is done next
        self._converter = PositionConverter(types.PositionEncodingKind.Utf16)
        self._under_way: set[asyncio.Task[None]] = set()
        self._asked: deque[str] = deque(maxlen=_REMEMBERED)  # digests of texts, the newest last
        self._current = files[0]
        self._names = 0
        self._mistake: BaseException | None = None  # of the soak's own

    async def work(self, until: asyncio.Event) -> None:
        """One thing after the other, and what is asked for beside it, until the event."""
        actions: list[tuple[Callable[[], Coroutine[Any, Any, None]], int]] = [
            (self._type, 40),
            (self._switch, 6),
            (self._delete, 5),
            (self._undo, 7),
            (self._save, 6),
            (self._give_up, 5),
            (self._refactor, 6),
            (self._rename, 3),
            (self._instruct, 4),
            (self._explain, 4),
        ]
        await self._switch()
        while not until.is_set() and self._mistake is None:
            ((act, _),) = self._chosen.choices(actions, [weight for _, weight in actions])
            self._findings.counts[act.__name__.strip("_")] += 1
            await act()
            await asyncio.sleep(self._chosen.uniform(*_KEY_S))
        while self._under_way:
            await asyncio.wait(self._under_way)
        if self._mistake is not None:
            raise self._mistake

    async def see_all_documents(self, bound_s: float) -> None:
        """Asks in each open document until a completion shows that it is the server's as well."""
        for path in list(self._editor.documents):
            before = self._findings.counts["completions checked"]
            try:
                async with asyncio.timeout(bound_s):
                    while self._findings.counts["completions checked"] == before:
                        asked = self._editor.snapshot(path)
                        await self._complete(asked, self._line_end(path), by_hand=True)
                        await asyncio.sleep(0.05)
            except TimeoutError:
                self._findings.find(LOST_EDIT, f"{path.name}: nothing shows that the server has it")

    def files_changed(self) -> None:
        """Another program wrote into the workspace: what is saved is read again, as editors do."""
        for path in list(self._editor.documents):
            if path in self._editor.unsaved or not path.exists():
                continue
            text = path.read_text(encoding="utf-8")
            if text != self._editor.documents[path].text:
                self._editor.reload(path, text)

    async def _type(self) -> None:
        """Some keys at the end of a line, most of which ask for a completion; then what is offered."""
        path = self._current
        place = self._line_end(path)
        asking: asyncio.Task[Suggestion | None] | None = None
        version = self._editor.documents[path].version
        for character in self._chosen.choice(_SNIPPETS):
            if self._editor.documents[path].version != version:
                return  # an edit that was asked for has come, or the file has changed on disk
            edit = Edit(place, place, character)
            self._editor.edit(path, edit)
            place, version = edit.caret, self._editor.documents[path].version
            if asking is not None and self._chosen.random() < 0.5:  # noqa: PLR2004 - a coin
                asking.cancel()
            if self._chosen.random() < 0.8:  # noqa: PLR2004 - most keys
                asking = asyncio.create_task(self._complete(self._editor.snapshot(path), place))
                self._follow(asking)
            await asyncio.sleep(self._chosen.uniform(*_KEY_S))
        if self._editor.documents[path].version != version:
            return
        suggestion = await self._complete(self._editor.snapshot(path), place)
        if suggestion is None or self._editor.documents[path].version != version:
            return
        taken = len(suggestion.text) if self._chosen.random() < 0.3 else self._chosen.randint(1, 4)  # noqa: PLR2004
        for character in suggestion.text[:taken]:
            edit = Edit(place, place, character)
            self._editor.edit(path, edit)
            place = edit.caret
        self._findings.counts["completions taken"] += 1
        if taken < len(suggestion.text):
            await self._complete(self._editor.snapshot(path), place)
        self._bound(path)

    async def _complete(
        self, asked: Document, place: Position, *, by_hand: bool = False
    ) -> Suggestion | None:
        before = text_before(asked, place)
        behind = asked.text[len(before) :]
        self._asked.append(digest_around(before, behind))
        self._findings.counts["completions asked"] += 1
        suggestion = await self._editor.ask(
            "completion", lambda it: it.complete(asked, place, by_hand=by_hand), asked
        )
        if suggestion is not None:
            self._findings.counts["completions shown"] += 1
            self._judge(asked.uri, suggestion, place, before, behind)
        return suggestion

    def _judge(
        self, uri: str, suggestion: Suggestion, place: Position, before: str, behind: str
    ) -> None:
        """Whether it was made for this text: with what was typed of it, it names it."""
        whole = before + suggestion.text
        said = _SAID.search(whole)
        where = f"{uri.rpartition('/')[2]}:{place.line + 1}:{place.column + 1}"
        if said is None or said.start() > len(before) or suggestion.start != place:
            self._findings.find(WRONG_TEXT, f"{where}: {suggestion.text!r} is none of the model's")
        elif len(said[1]) < _DIGITS:
            self._findings.counts["completions cut short"] += 1  # at their deadline
        elif said[1] == digest_around(whole[: said.start()], behind):
            self._findings.counts["completions checked"] += 1
        elif said[1] in self._asked:
            self._findings.find(WRONG_TEXT, f"{where}: it was made for an earlier text")
        else:
            self._findings.find(LOST_EDIT, f"{where}: the model saw a text that never was here")

    async def _switch(self) -> None:
        files = [it for it in self._files if it.exists() or it in self._editor.documents]
        self._current = self._chosen.choice(files or self._files)
        if self._current not in self._editor.documents:
            text = self._current.read_text(encoding="utf-8") if self._current.exists() else "\n"
            self._editor.open(self._current, text)
        others = [it for it in self._editor.documents if it != self._current]
        if len(others) >= _MAX_OPEN:
            self._editor.close(self._chosen.choice(others))

    async def _delete(self) -> None:
        document = self._editor.documents[self._current]
        first = self._chosen.randrange(len(document.lines))
        last = min(first + self._chosen.randint(0, 3), len(document.lines) - 1)
        start = Position(first, self._chosen.randint(0, line_length(document.lines[first])))
        end = Position(last, self._chosen.randint(0, line_length(document.lines[last])))
        start, end = sorted((start, end))
        self._editor.edit(self._current, Edit(start, end, ""))

    async def _undo(self) -> None:
        for _ in range(self._chosen.randint(1, 6)):
            if not self._editor.undo(self._current):
                return
            await asyncio.sleep(0)

    async def _save(self) -> None:
        """Half of what is broken is not saved."""
        text = self._editor.documents[self._current].text
        if self._chosen.random() < 0.5 or is_python(text):  # noqa: PLR2004 - a coin
            self._editor.save(self._current)

    async def _give_up(self) -> None:
        """All that was typed is thrown away, most often where it has come to nothing."""
        if self._current.exists() and not is_python(self._editor.documents[self._current].text):
            text = self._current.read_text(encoding="utf-8")
            self._editor.reload(self._current, text)

    async def _explain(self) -> None:
        async def explain() -> None:
            await self._editor.ask("explain", lambda it: it.explain())

        await self._beside(explain())

    async def _refactor(self) -> None:
        await self._beside(self._refactored(self._current))

    async def _refactored(self, path: Path) -> None:
        asked = self._editor.snapshot(path)
        first = self._chosen.randrange(len(asked.lines))
        last = min(first + self._chosen.randint(0, 3), len(asked.lines) - 1)
        place = types.Range(types.Position(first, 0), types.Position(last, 0))
        found = await self._editor.ask(
            "code actions", lambda it: it.code_actions(asked, place), asked
        )
        offered = [it for it in found or () if it.data is not None and it.disabled is None]
        by_a_model = [it for it in offered if "assist" in (it.data or {})]
        wanted = [it for it in offered if it not in by_a_model]
        if not wanted:
            return
        action = self._chosen.choice(wanted)
        resolved = await self._editor.ask("resolve", lambda it: it.resolve(action))
        if resolved is None or resolved.edit is None:
            return
        for at, old, new in self._outcome(resolved.edit):
            if is_python(old) and not is_python(new):
                self._findings.find(WRONG_EDIT, f"{action.title} breaks the syntax of {at.name}")
            self._apply(at, old, new)

    async def _rename(self) -> None:
        asked = self._editor.snapshot(self._current)
        names = [
            (number, it)
            for number, line in enumerate(asked.lines)
            if (it := re.match(r"\s*(?:def|class)\s+(\w+)", line))
        ]
        if names:
            line, found = self._chosen.choice(names)
            await self._beside(self._renamed(asked, found[1], types.Position(line, found.start(1))))

    async def _renamed(self, asked: Document, old_name: str, place: types.Position) -> None:
        self._names += 1
        name = f"renamed_{self._names}_times"
        edit = await self._editor.ask("rename", lambda it: it.rename(asked, place, name), asked)
        for at, old, new in self._outcome(edit):
            if new.replace(name, old_name) != old:
                self._findings.find(WRONG_EDIT, f"renaming {old_name} does more in {at.name}")
            self._apply(at, old, new)

    async def _instruct(self) -> None:
        path = self._current
        asked = self._editor.snapshot(path)
        is_set = self._chosen.randrange(2)
        await self._beside(self._instructed(path, asked, is_set))

    async def _instructed(self, path: Path, asked: Document, is_set: int) -> None:
        start = types.Position(0, 0)
        edit = await self._editor.ask(
            "edit",
            lambda it: it.instruct(asked, types.Range(start, start), INSTRUCTIONS[is_set]),
            asked,
        )
        for at, old, new in self._outcome(edit):
            if at != path or new != old.replace(MARKS[is_set], MARKS[1 - is_set]):
                self._findings.find(WRONG_EDIT, f"{INSTRUCTIONS[is_set]} does more in {at.name}")
            self._apply(at, old, new)

    def _outcome(self, edit: types.WorkspaceEdit | None) -> list[tuple[Path, str, str]]:
        """Of each open document that is as it was: its text, and its text after the edit."""
        outcome: list[tuple[Path, str, str]] = []
        for change in (edit.document_changes if edit is not None else None) or ():
            if not isinstance(change, types.TextDocumentEdit):
                continue
            for path, document in self._editor.documents.items():
                if document.uri != change.text_document.uri:
                    continue
                if document.version == change.text_document.version:
                    outcome.append((path, document.text, self._edited(document, change)))
                else:
                    self._findings.counts["edits that came too late"] += 1
        return outcome

    def _edited(self, document: Document, change: types.TextDocumentEdit) -> str:
        after = Document(document.uri, document.language, 1, document.text)
        places = [
            Edit(
                self._converter.from_client(it.range.start, document.lines),
                self._converter.from_client(it.range.end, document.lines),
                it.new_text,
            )
            for it in change.edits
            if not isinstance(it, types.SnippetTextEdit)
        ]
        for place in sorted(places, key=lambda it: it.start, reverse=True):
            after.apply(place)
        return after.text

    def _apply(self, path: Path, old: str, new: str) -> None:
        """Half of the edits are taken; nothing was awaited since the document was looked at."""
        self._findings.counts["edits checked"] += 1
        document = self._editor.documents[path]
        if self._chosen.random() < 0.5 and document.text == old != new:  # noqa: PLR2004 - a coin
            last = len(document.lines) - 1
            end = Position(last, len(document.lines[last]))
            self._editor.edit(path, Edit(Position(0, 0), end, new))

    def _bound(self, path: Path) -> None:
        """Takes a document that has grown large back to what its file holds."""
        document = self._editor.documents[path]
        if document.character_count > _MAX_CHARACTERS:
            text = path.read_text(encoding="utf-8") if path.exists() else "\n"
            self._editor.reload(path, text[:_MAX_CHARACTERS])
            self._editor.unsaved.add(path)

    def _line_end(self, path: Path) -> Position:
        lines = self._editor.documents[path].lines
        line = self._chosen.randrange(len(lines))
        return Position(line, line_length(lines[line]))

    async def _beside(self, asking: Coroutine[Any, Any, None]) -> None:
        """Asks; now and then the user waits for the answer, and otherwise types on."""
        if len(self._under_way) >= _MAX_UNDER_WAY:
            asking.close()
            return
        task = asyncio.create_task(asking)
        self._follow(task)
        if self._chosen.random() < 0.6:  # noqa: PLR2004 - more often than not
            await asyncio.wait({task})

    def _follow(self, task: asyncio.Task[Any]) -> None:
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            self._mistake = self._mistake or task.exception()
