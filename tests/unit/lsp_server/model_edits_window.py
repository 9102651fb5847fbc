"""Edits by a model whose answers a test writes, of a document of a workspace that is on no disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from inference.client import InferenceClient
from inference.content import Message
from inference.protocol import Answer, Delta, Done, FinishReason, Priority, Timings, Usage
from inference.sampling import Sampling
from lsp_server.edits.change import Change
from lsp_server.edits.verification import Finding, Gate, Outcome
from lsp_server.features.model_edits import ModelEdit, ModelEdits
from lsp_server.model_edits.actions import ACTIONS, ActionName
from lsp_server.model_edits.request import Complained, EditRefusal, EditRequest
from lsp_server.workspace.documents import Documents, Position, split_lines
from lsp_server.workspace.parsed_document import ParsedDocument
from lsp_server.workspace_modules import WorkspaceModules
from tests.unit.lsp_server.made_repository import At

FOLDER = Path("/nowhere/w")
PATH = "shop/fees.py"
URI = (FOLDER / PATH).as_uri()
TEXT = """\
import sqlite3


class Fees:
    def total(self, days):
        # in cents
        if days > 10:
            return days * 20
        else:
            return days * 10


def label(fee):
    return f"{fee}"
"""
OTHERS = {"shop/books.py": "class Book: pass\n", "tests/test_books.py": "def test_it(): pass\n"}


@dataclass
class FakeChat:
    """Gives one answer for each request: a text, an error, or something to do before an answer."""

    answers: list[Any]
    finish: FinishReason = FinishReason.STOP
    chats: bool = True
    asked: list[list[Message]] = field(default_factory=list)
    samplings: list[Sampling] = field(default_factory=list)
    closed: int = 0
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    endpoint: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(model="fake"))

    @property
    def capabilities(self) -> SimpleNamespace:
        return SimpleNamespace(chat=self.chats, context_tokens=4000)

    async def wait_ready(self, timeout_s: float) -> None:
        assert timeout_s > 60

    async def chat(
        self, messages: Sequence[Message], sampling: Sampling, priority: Priority, **more: Any
    ) -> AsyncGenerator[Answer, None]:
        assert priority is Priority.EDIT
        assert more == {"thinking": None}
        self.asked.append(list(messages))
        self.samplings.append(sampling)
        answer = self.answers[len(self.asked) - 1]
        try:
            if callable(answer):
                answer = answer()
            if isinstance(answer, Exception):
                raise answer
            yield Delta(1, "<<<<<<< SEARCH\nthought\n", 1, thinking=True)
            for piece in split_lines(answer):
                yield Delta(1, piece, 1)
            if answer == "":
                self.hanging.set()
                await asyncio.Event().wait()
            yield Done(1, self.finish, Usage(1, 0, 1), Timings(0, 0, 0))
        finally:
            self.closed += 1


class Window:
    def __init__(
        self,
        *answers: Any,
        text: str = TEXT,
        path: str = PATH,
        language: str = "python",
        **more: Any,
    ) -> None:
        self.client = FakeChat(list(answers), **more)
        self.documents = Documents()
        self.document = self.documents.open((FOLDER / path).as_uri(), language, 7, text)
        self.excluded = ""
        self.type_errors: list[str] = []
        self.refusal: EditRefusal | None = None
        self.problems: list[str | EditRefusal] = []
        self.tried: list[Change] = []
        self.checked: list[tuple[Change, tuple[Complained, ...]]] = []
        self.snapshot = At.of(OTHERS, path, text).snapshot
        parsed = ParsedDocument(language, text).parsed_text
        self.feature = ModelEdits(
            documents=self.documents,
            client=lambda: cast("InferenceClient", self.client),
            snapshot=lambda _: self.snapshot,
            folder_of=lambda _: FOLDER,
            path_of=lambda _: path,
            exclusion=lambda _: self.excluded,
            edit_refusal=lambda uri: "it lies outside" if "/../" in uri else "",
            parsed_text=lambda _: parsed,
            modules=lambda _: WorkspaceModules(
                FOLDER, self.snapshot, lambda uri: uri.removeprefix(f"{FOLDER.as_uri()}/")
            ),
            tools_check=self.check_by_tools,
            trials=self,
        )

    async def check_by_tools(
        self, change: Change, complaints: Sequence[Complained]
    ) -> list[Finding]:
        """Gives one error for each of the changes, as long as there are any."""
        self.checked.append((change, tuple(complaints)))
        found, self.type_errors = self.type_errors[:1], self.type_errors[1:]
        return [Finding(Gate.TYPE_CHECK, Outcome.FAILED, URI, it) for it in found]

    async def find_refusal(self, request: EditRequest) -> EditRefusal | None:
        assert request.action.name == "tests"
        return self.refusal

    async def run(self, request: EditRequest, change: Change) -> list[Finding] | EditRefusal:
        """Finds one problem with each of the changes, as long as there are any."""
        assert request.action.name == "tests"
        self.tried.append(change)
        found, self.problems = self.problems[:1], self.problems[1:]
        if found and isinstance(found[0], EditRefusal):
            return found[0]
        return [Finding(Gate.TEST_RUN, Outcome.FAILED, URI, str(it)) for it in found]

    async def edit(
        self, name: ActionName = "simplify", line: int = 6, **more: Any
    ) -> ModelEdit | EditRefusal:
        place = Position(line, 0)
        uri = self.document.uri
        return await self.feature.edit(EditRequest(ACTIONS[name], uri, place, place, **more))


def block(search: str, replace: str, path: str = PATH) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


OLD = """\
        if days > 10:
            return days * 20
        else:
            return days * 10
"""
NEW = "        return days * (20 if days > 10 else 10)\n"
GOOD = block(OLD, NEW)


def changed(edit: ModelEdit | EditRefusal) -> str:
    assert isinstance(edit, ModelEdit), edit
    (file,) = edit.change.files
    assert (file.uri, file.before, file.version) == (URI, TEXT, 7)
    return file.after or ""
