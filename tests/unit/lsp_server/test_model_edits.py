"""Edits by a model whose answers a test writes: nothing wrong ever becomes a change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inference.client import InferenceClient
from inference.content import Message
from inference.errors import HostUnavailable, InferenceError
from inference.protocol import Answer, ChatRole, Delta, Done, FinishReason, Priority, Timings, Usage
from inference.sampling import Sampling
from lsp_server.edits.change import Change
from lsp_server.edits.verification import Finding, Gate, Outcome
from lsp_server.features.model_edits import ModelEdit, ModelEdits
from lsp_server.model_edits.actions import ACTIONS, ActionName, find_actions, find_symbol
from lsp_server.model_edits.answers import read_whole
from lsp_server.model_edits.prompt import RULES, shorten
from lsp_server.model_edits.request import Complained, EditRefusal, EditRequest
from lsp_server.workspace.documents import Documents, Position, split_lines
from lsp_server.workspace.parse import outline
from lsp_server.workspace.parsed_document import ParsedDocument
from lsp_server.workspace_modules import WorkspaceModules
from tests.unit.lsp_server.made_repository import At
from tests.unit.lsp_server.on_loop import on_loop

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


@on_loop
async def test_an_edit_is_verified_and_versioned() -> None:
    window = Window(GOOD)
    told: list[str] = []
    place = Position(6, 0)
    request = EditRequest(ACTIONS["simplify"], URI, place, place)
    edit = await window.feature.edit(request, told.append)
    assert changed(edit) == TEXT.replace(OLD, NEW)
    assert isinstance(edit, ModelEdit)
    assert edit.change.title == "Simplify total"
    assert {it.gate for it in edit.evidence.findings} == {
        *(Gate.SYNTAX, Gate.NAMES, Gate.IMPORTS, Gate.API),
    }
    assert told[-1] == GOOD
    assert all(GOOD.startswith(it) for it in told)
    assert window.document.text == TEXT
    (sampling,) = window.client.samplings
    assert (sampling.temperature, sampling.max_tokens) == (0.3, 2000)


@on_loop
async def test_what_never_changes_is_shown_first() -> None:
    window = Window(GOOD)
    await window.edit()
    ((rules, task),) = window.client.asked
    assert (rules.role, rules.content[0].text) == (ChatRole.SYSTEM, RULES)
    file, told = (it.text for it in task.content)
    assert file == f"The file {PATH}:\n```\n{TEXT}```\n"
    assert told.splitlines()[:2] == [
        f"You may edit: {PATH}.",
        f"The task is about lines 5 to 10 of {PATH}.",
    ]
    assert told.splitlines()[2].startswith("Task: Make total simpler")


WRONG = {
    "mere words": ("It is fine as it is.", "no block"),
    "no end": (GOOD.partition(">>>>")[0], "no end"),
    "no divider": (GOOD.replace("=======\n", ""), "no line of ======="),
    "wrong indentation": (block("if days > 10:\n", "if days > 9:\n"), "do not stand in"),
    "partly there": (block(OLD.replace("20", "30"), NEW), "lines that do not stand in"),
    "several places": (block("\n", "x = 1\n"), "searches nothing"),
    "outside of the file": (block("x\n", "y\n", "shop/books.py"), "may edit: shop/fees.py"),
    "outside of the workspace": (block("", "x\n", "../../etc/cron.d/x"), "may edit: shop/fees.py"),
    "a syntax error": (block(OLD, "        return (days * 20\n"), "syntax: line 7"),
    "indentation lost": (block(OLD, NEW.lstrip()), "syntax: line 7"),
    "an invented name": (block(OLD, "        return rate_of(days)\n"), "names: line 7"),
    "an invented module": (
        block("import sqlite3\n", "import sqlite3\nimport shop.rates\n"),
        "imports: line 2 of fees.py: there is no shop.rates",
    ),
    "an invented name of a module": (
        block("import sqlite3\n", "import sqlite3\nfrom shop.books import Rate\n"),
        "there is no Rate from shop.books",
    ),
    "no change": (block(OLD, OLD), "nothing would be changed"),
}


CLOSEST = {"wrong indentation", "partly there"}  # where the model is shown lines that are there


@pytest.mark.parametrize("name", WRONG)
@on_loop
async def test_what_is_wrong_goes_back_with_the_reason_and_can_be_mended(name: str) -> None:
    wrong, reason = WRONG[name]
    window = Window(wrong, GOOD)
    assert changed(await window.edit()) == TEXT.replace(OLD, NEW)
    first, second = window.client.asked
    assert second[: len(first)] == first
    answered, mended = second[len(first) :]
    assert (answered.role, answered.content[0].text) == (ChatRole.ASSISTANT, wrong)
    assert mended.role is ChatRole.USER
    assert reason in mended.content[0].text
    assert ("return days * 20" in mended.content[0].text) == (name in CLOSEST)


@pytest.mark.parametrize("name", WRONG)
@on_loop
async def test_what_stays_wrong_is_refused(name: str) -> None:
    wrong, reason = WRONG[name]
    window = Window(wrong, wrong, wrong, "No.")
    edit = await window.edit()
    assert isinstance(edit, EditRefusal)
    assert "refused" in edit.reason
    goes_whole = len(window.client.asked) == 4
    assert ("no fenced block" if goes_whole else reason) in edit.reason
    assert "Nothing was changed" in edit.hint
    assert window.document.text == TEXT


WHOLE = f"```python\ndef total(self, days):\n    # in cents\n    {NEW.strip()}\n```\n"


@on_loop
async def test_where_blocks_cannot_be_applied_the_symbol_is_written_as_a_whole() -> None:
    window = Window("?", "??", "???", f"Here:\n{WHOLE}")
    assert changed(await window.edit()) == TEXT.replace(OLD, NEW)
    last = window.client.asked[-1]
    assert [it.role for it in last[-2:]] == [ChatRole.ASSISTANT, ChatRole.USER]
    assert "Write total of shop/fees.py as a whole" in last[-1].content[0].text


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (WHOLE.replace("days * (20", "days * ((20"), "syntax: line 7"),
        (WHOLE + WHOLE, "2 fenced blocks"),
        (WHOLE.replace("days *", "rate *"), "names: line 7"),
    ],
)
@on_loop
async def test_a_symbol_that_is_written_wrong_is_refused(answer: str, reason: str) -> None:
    edit = await Window("?", "?", "?", answer).edit()
    assert isinstance(edit, EditRefusal)
    assert reason in edit.reason


@on_loop
async def test_an_answer_that_was_cut_is_not_applied() -> None:
    window = Window(GOOD, GOOD, GOOD, WHOLE, finish=FinishReason.LENGTH)
    edit = await window.edit()
    assert isinstance(edit, EditRefusal)
    assert "cut at its limit of tokens" in edit.reason


@on_loop
async def test_what_the_type_checker_says_goes_back_too() -> None:
    window = Window(GOOD, GOOD)
    window.type_errors = ["line 7 of fees.py: bad operand"]
    assert changed(await window.edit()) == TEXT.replace(OLD, NEW)
    assert (
        "type check: line 7 of fees.py: bad operand" in window.client.asked[1][-1].content[0].text
    )
    assert len(window.checked) == 2
    broken = Window(WRONG["a syntax error"][0], GOOD)
    await broken.edit()
    assert len(broken.checked) == 1  # what fails anyhow is not asked of it


@on_loop
async def test_a_document_that_moved_on_is_not_edited() -> None:
    window = Window("")

    def type_on() -> str:
        window.document.version += 1
        return GOOD

    window.client.answers = [type_on]
    edit = await window.edit()
    assert isinstance(edit, EditRefusal)
    assert "was changed while the model worked" in edit.reason


@on_loop
async def test_cancelling_ends_the_generation() -> None:
    window = Window("")
    task = asyncio.create_task(window.edit())
    await window.client.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert window.client.closed == 1


@pytest.mark.parametrize(
    ("error", "reason"), [(HostUnavailable("it is gone", "Start it."), "it is gone")]
)
@on_loop
async def test_a_model_that_fails_says_so(error: InferenceError, reason: str) -> None:
    assert await Window(error).edit() == EditRefusal(reason, "Start it.")


@on_loop
async def test_a_model_that_does_not_chat_is_not_asked() -> None:
    window = Window(GOOD, chats=False)
    edit = await window.edit()
    assert isinstance(edit, EditRefusal)
    assert "fake does not chat" in edit.reason
    assert window.client.asked == []


@on_loop
async def test_what_may_not_be_edited_is_not_shown() -> None:
    window = Window(GOOD)
    window.excluded = ".gitignore leaves the file out"
    outside = Window(GOOD, path="../x.py")
    long = Window(GOOD, text="x" * 30_000)
    beyond = Window(GOOD)
    reasons = [
        await window.edit(),
        await outside.edit(line=0),
        await long.edit(line=0),
        await beyond.edit(line=99),
        await beyond.edit("instruction"),
    ]
    assert [it.reason for it in reasons if isinstance(it, EditRefusal)] == [
        "shop/fees.py is not edited: .gitignore leaves the file out",
        "../x.py is not edited: it lies outside",
        "shop/fees.py is not edited: the file has a line of more than 20000 characters",
        "the selection lies outside of the document",
        "it was not said what is to be done",
    ]
    assert not any(it.client.asked for it in (window, outside, long, beyond))


SPLIT = """\
        return days * self._rate(days)

    def _rate(self, days):
        return 20 if days > 10 else 10
"""
KINDS: dict[ActionName, tuple[str, str, str]] = {
    "docstring": (
        block("    def total(self, days):\n", '    def total(self, days):\n        """Cents."""\n'),
        "        # in cents\n",
        '        """Cents."""\n        # in cents\n',
    ),
    "types": (
        block("    def total(self, days):\n", "    def total(self, days: int) -> int:\n"),
        "def total(self, days):",
        "def total(self, days: int) -> int:",
    ),
    "simplify": (GOOD, OLD, NEW),
    "split": (block(OLD, SPLIT), OLD, SPLIT),
    "async": (
        block("    def total(self, days):\n", "    async def total(self, days):\n"),
        "    def total",
        "    async def total",
    ),
    "instruction": (GOOD, OLD, NEW),
    "fix": (GOOD, OLD, NEW),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
@on_loop
async def test_each_action_makes_its_edit(name: ActionName) -> None:
    answer, old, new = KINDS[name]
    window = Window(answer)
    edit = await window.edit(name, instruction="Do so." if name == "instruction" else "")
    assert changed(edit) == TEXT.replace(old, new)


@pytest.mark.parametrize("name", ["docstring", "types"])
@on_loop
async def test_what_is_to_change_no_code_changes_none(name: ActionName) -> None:
    window = Window(GOOD, GOOD, GOOD)
    edit = await window.edit(name)
    assert isinstance(edit, EditRefusal)
    assert "meaning: fees.py: more than" in edit.reason


@on_loop
async def test_a_problem_is_told_with_the_task() -> None:
    window = Window(GOOD)
    complained = Complained("mypy", "no-untyped-def", "days has no type", 5)
    await window.edit("fix", complaints=(complained,))
    assert window.checked[0][1] == (complained,)
    told = window.client.asked[0][1].content[-1].text
    assert "A tool says: mypy, line 6: days has no type\nTask: Fix this problem" in told


TESTS = "def test_total():\n    assert Fees().total(1) == 10\n"
TEST_PATH = "tests/test_fees.py"


@on_loop
async def test_tests_go_to_their_own_file() -> None:
    answer = block("", f"from shop.fees import Fees\n\n\n{TESTS}", TEST_PATH)
    window = Window(answer)
    edit = await window.edit("tests")
    assert isinstance(edit, ModelEdit), edit
    (file,) = edit.change.files
    assert (file.uri, file.before) == ((FOLDER / TEST_PATH).as_uri(), None)
    assert file.after is not None
    assert file.after.endswith(TESTS)
    told = window.client.asked[0][1].content[-1].text
    assert told.startswith(f"You may edit: {TEST_PATH} (a new file).")


@on_loop
async def test_tests_that_fail_go_back_to_the_model_and_then_pass() -> None:
    answer = block("", f"from shop.fees import Fees\n\n\n{TESTS}", TEST_PATH)
    window = Window(answer, answer)
    window.problems = ["test_total failed on the code as it is\nassert 20 == 10"]
    edit = await window.edit("tests")
    assert isinstance(edit, ModelEdit), edit
    assert window.tried == [edit.change, edit.change]
    told = window.client.asked[1][-1].content[-1].text
    assert "test run: test_total failed on the code as it is\nassert 20 == 10" in told


@on_loop
async def test_tests_that_never_pass_are_not_offered_and_are_named() -> None:
    answer = block("", f"from shop.fees import Fees\n\n\n{TESTS}", TEST_PATH)
    window = Window(answer, answer, answer)
    window.problems = ["test_total failed on the code as it is\nassert 20 == 10"] * 3
    edit = await window.edit("tests")
    assert isinstance(edit, EditRefusal)
    assert "test_total failed on the code as it is (the model's" in edit.reason


@on_loop
async def test_where_tests_cannot_be_run_no_model_is_asked() -> None:
    window = Window()
    window.refusal = EditRefusal("there is no sandbox")
    assert await window.edit("tests") == window.refusal
    assert window.client.asked == []


@on_loop
async def test_where_they_could_not_be_run_after_all_the_model_is_not_asked_again() -> None:
    window = Window(block("", f"from shop.fees import Fees\n\n\n{TESTS}", TEST_PATH))
    refusal = EditRefusal("the tests cannot be run")
    window.problems = [refusal]
    assert await window.edit("tests") == refusal


@on_loop
async def test_the_code_under_test_is_not_edited_with_its_tests() -> None:
    window = Window(GOOD, GOOD, GOOD)
    edit = await window.edit("tests")
    assert isinstance(edit, EditRefusal)
    assert "which it may not" in edit.reason


def test_actions_are_offered_where_they_make_sense() -> None:
    symbols = outline(TEXT.encode(), "python").symbols
    method, none = find_symbol(symbols, 6, 7), find_symbol(symbols, 0, 0)
    assert method is not None
    assert (method.name, none) == ("total", None)
    around = find_symbol(symbols, 3, 9)
    assert around is not None
    assert around.name == "Fees"
    everything = ["docstring", "types", "simplify", "split", "async", "tests"]
    assert [it.name for it in find_actions("python", method, PATH)] == everything
    assert [it.name for it in find_actions("python", method, TEST_PATH)] == everything[:-1]
    assert [it.name for it in find_actions("go", method, "a.go")] == [
        *("docstring", "simplify", "split", "tests")
    ]
    assert find_actions("python", None, PATH) == []
    assert ACTIONS["types"].titled("total") == "Add type hints to total"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("```\na\n```\n", "x\r\n  a\r\ny"),
        ("~~~py\n    a\n      b\n~~~\n", "x\r\n  a\r\n    b\r\ny"),
        ("````\n```\n````\n", "x\r\n  ```\r\ny"),
        ("```\na\n\nb\n```", "x\r\n  a\r\n\r\n  b\r\ny"),
    ],
)
def test_a_whole_symbol_is_indented_as_the_one_before(answer: str, expected: str) -> None:
    assert read_whole(answer, ["x\r\n", "  old\r\n", "y"], 1, 2) == expected


def test_of_a_long_file_the_head_and_what_stands_around_is_shown() -> None:
    lines = [f"x{number} = {number}\n" for number in range(5_000)]
    shown = shorten(lines, Position(3_000, 0), Position(3_010, 0), 50_000).splitlines()
    assert shown[0] == "x0 = 0"
    assert shown[60] == "[lines are left out here]"
    assert shown[61] == "x2850 = 2850"
    assert shown[-2:] == ["x3160 = 3160", "[lines are left out here]"]
    assert shorten(lines[:10], Position(1, 0), Position(2, 0), 50_000) == "".join(lines[:10])
    near = shorten(lines, Position(100, 0), Position(100, 0), 50_000).splitlines()
    assert near[:251] == [line.rstrip() for line in lines[:251]]
