"""Edits by a model whose answers a test writes: nothing wrong ever becomes a change."""

from __future__ import annotations

import asyncio

import pytest

from inference.errors import HostUnavailable, InferenceError
from inference.protocol import ChatRole, FinishReason
from lsp_server.edits.verification import Gate
from lsp_server.features.model_edits import ModelEdit
from lsp_server.model_edits.actions import ACTIONS
from lsp_server.model_edits.answers import read_whole
from lsp_server.model_edits.prompt import RULES, shorten
from lsp_server.model_edits.request import EditRefusal, EditRequest
from lsp_server.workspace.documents import Position
from tests.unit.lsp_server.model_edits_window import (
    GOOD,
    NEW,
    OLD,
    PATH,
    TEXT,
    URI,
    Window,
    block,
    changed,
)
from tests.unit.lsp_server.on_loop import on_loop


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
