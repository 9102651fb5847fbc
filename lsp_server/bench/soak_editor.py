"""The soak's editor: it keeps a language server alive, holds the documents, and asks within bounds.

The text of a document is the user's; the server is told of each change. Where the server is down the
user types on, and the next server is given the documents as they are then, as VS Code does.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pygls.exceptions import JsonRpcException

from lsp_server.bench.soak_findings import UNANSWERED, UNREACHABLE, Findings
from lsp_server.bench.soak_processes import is_overloaded
from lsp_server.session import EditorSession, ServerEnded, open_session, sparrow_command
from lsp_server.workspace.documents import Document, Edit, Position

# In seconds. An answer with nothing, or with a refusal, is an answer. On a machine that others keep
# busy one may take longer: so many times its bound, which nothing excuses.
_PATIENCE = 5
BOUNDS_S = {
    "completion": 5.0,
    "explain": 5.0,
    "restart": 5.0,
    "code actions": 5.0,
    "resolve": 25.0,  # a refactor is ended after 10, and there may be one before it
    "rename": 25.0,
    "edit": 30.0,
}
START_BOUND_S = 30.0
END_BOUND_S = 20.0
LANGUAGES = {".py": "python", ".ts": "typescript", ".go": "go"}
_KEPT_UNDO = 50

T = TypeVar("T")


class Editor:
    def __init__(self, folder: Path, settings: Mapping[str, Any], findings: Findings) -> None:
        self.folder = folder
        self.documents: dict[Path, Document] = {}
        self.unsaved: set[Path] = set()
        self.session: EditorSession | None = None
        self.findings = findings
        self._settings = settings
        self._undo: dict[Path, list[Edit]] = {}
        self._gone: asyncio.Task[int] | None = None
        self._up = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """With a server, which is started again whenever it ends, until the end."""
        closing = asyncio.Event()
        life = asyncio.create_task(self._live(closing))
        try:
            await self.wait_up()
            yield
        finally:
            closing.set()
            done, _ = await asyncio.wait({life}, timeout=START_BOUND_S + END_BOUND_S)
            if not done:
                self.findings.find(UNANSWERED, "the server did not end when it was told to")
                life.cancel()
            await asyncio.gather(life, return_exceptions=bool(not done))

    async def wait_up(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_BOUND_S):
                await self._up.wait()
                return
        self.findings.find(UNREACHABLE, f"no server came up within {START_BOUND_S:g} s")

    async def _live(self, closing: asyncio.Event) -> None:
        ended = asyncio.create_task(closing.wait())
        while not closing.is_set():
            with contextlib.suppress(ServerEnded):  # killed as it started: the next one
                async with open_session(sparrow_command(), self.folder, self._settings) as session:
                    self._come_up(session)
                    gone = self._gone = asyncio.create_task(session.ended())
                    await asyncio.wait({gone, ended}, return_when=asyncio.FIRST_COMPLETED)
                    self.session = None
                    self._up.clear()
                    gone.cancel()
            self.findings.counts["servers"] += 1
        ended.cancel()

    def _come_up(self, session: EditorSession) -> None:
        for path, document in self.documents.items():
            self.documents[path] = session.open(path, document.language, document.text)
        self.session = session
        self._up.set()

    def open(self, path: Path, text: str) -> None:
        language = LANGUAGES[path.suffix]
        if self.session is not None:
            self.documents[path] = self.session.open(path, language, text)
        else:
            self.documents[path] = Document(path.as_uri(), language, 1, text)

    def close(self, path: Path) -> None:
        document = self.documents.pop(path)
        self._undo.pop(path, None)
        self.unsaved.discard(path)
        if self.session is not None:
            self.session.close(document)

    def edit(self, path: Path, edit: Edit, *, is_undo: bool = False) -> None:
        """Changes the document, here and in the server if there is one."""
        document = self.documents[path]
        if not is_undo:
            inverse = Edit(edit.start, edit.caret, text_between(document, edit.start, edit.end))
            undo = self._undo.setdefault(path, [])
            undo.append(inverse)
            del undo[:-_KEPT_UNDO]
        self.unsaved.add(path)
        if self.session is not None:
            self.session.edit(document, edit)
        else:
            document.apply(edit)
            document.version += 1

    def undo(self, path: Path) -> bool:
        """Takes the last edit back; whether there was one."""
        undo = self._undo.get(path)
        if not undo:
            return False
        self.edit(path, undo.pop(), is_undo=True)
        return True

    def reload(self, path: Path, text: str) -> None:
        """The file has changed on disk, and nothing is unsaved."""
        document = self.documents[path]
        last = len(document.lines) - 1
        whole = Edit(Position(0, 0), Position(last, len(document.lines[last])), text)
        self.edit(path, whole)
        self._undo.pop(path, None)
        self.unsaved.discard(path)

    def save(self, path: Path) -> None:
        """A disk that is full leaves the file as it was, and the document unsaved."""
        document = self.documents[path]
        temporary = path.with_name(f".{path.name}.saving")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(document.text, encoding="utf-8", newline="")
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            self.findings.counts["saves that failed"] += 1
            return
        self.unsaved.discard(path)
        if self.session is not None:
            self.session.save(document)

    def snapshot(self, path: Path) -> Document:
        """The document as it is now."""
        now = self.documents[path]
        return Document(now.uri, now.language, now.version, now.text)

    async def ask(
        self,
        kind: str,
        question: Callable[[EditorSession], Coroutine[Any, Any, T]],
        asked: Document | None = None,
    ) -> T | None:
        """The answer, or None where there is none to be had: no server, or a refusal.

        It is about `asked`, a snapshot, and not sent where the user has typed on before it was.

        One that does not come within its bound, while the server lives, is a finding. Cancelling
        this cancels the request.
        """
        session, gone = self.session, self._gone
        if session is None or gone is None:
            self.findings.counts["asked of no server"] += 1
            return None
        started = time.perf_counter()
        answer = asyncio.create_task(self._send(session, question, asked))
        try:
            done, _ = await asyncio.wait(
                {answer, gone},
                timeout=_PATIENCE * BOUNDS_S[kind],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            if not answer.done():
                answer.cancel()
        if answer in done:
            self._took(kind, time.perf_counter() - started)
            try:
                return answer.result()
            except JsonRpcException:
                self.findings.counts[f"{kind} refused"] += 1
        elif gone in done:
            self.findings.counts["cut off by the server's end"] += 1
        else:
            self.findings.find(UNANSWERED, f"{kind} in {_PATIENCE * BOUNDS_S[kind]:g} s")
        return None

    def _took(self, kind: str, seconds: float) -> None:
        self.findings.answer_ms[kind].append(seconds * 1000)
        if seconds <= BOUNDS_S[kind]:
            return
        self.findings.counts["late answers"] += 1
        if not is_overloaded():
            self.findings.find(UNANSWERED, f"{kind} in {BOUNDS_S[kind]:g} s, but {seconds:.1f} s")

    async def _send(
        self,
        session: EditorSession,
        question: Callable[[EditorSession], Coroutine[Any, Any, T]],
        asked: Document | None,
    ) -> T | None:
        if asked is not None:
            now = next((it for it in self.documents.values() if it.uri == asked.uri), None)
            if now is None or now.version != asked.version:
                self.findings.counts["typed on before it was asked"] += 1
                return None
        return await question(session)


def text_between(document: Document, start: Position, end: Position) -> str:
    lines = document.lines
    if start.line == end.line:
        return lines[start.line][start.column : end.column]
    middle = "".join(lines[start.line + 1 : end.line])
    return lines[start.line][start.column :] + middle + lines[end.line][: end.column]


def text_before(document: Document, position: Position) -> str:
    return text_between(document, Position(0, 0), position)
