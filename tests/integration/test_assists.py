"""Quick fixes and a model's edits through a real server, with a model that is played by a script."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server import protocol
from lsp_server.edge.convert import PositionConverter
from lsp_server.edge.fitted_edit import TAKES_ALL
from lsp_server.workspace.documents import Document

from .live_index import wait_for_no_processes
from .lsp_session import Server, serving
from .place import PATIENCE_S, Place, place

TEXT = "def total(days):\n    # 🐦 in cents\n    if days:\n        return days * 20\n    return 0\n"
OLD = "    if days:\n        return days * 20\n    return 0\n"
GOOD = f"<<<<<<< SEARCH\n{OLD}=======\n    return days * 20\n>>>>>>> REPLACE\n"
BAD = GOOD.replace("days * 20\n>", "days * rate\n>")

SIMPLIFIES = {
    "when": {"message_ends_with": "how it is called."},
    "think": ["Hm."],
    "reply": [BAD[:30], BAD[30:]],
}
MENDS = {"when": {"message_ends_with": "for the files as they were."}, "reply": [GOOD]}
STAYS_WRONG = {"when": {"message_ends_with": "for the files as they were."}, "reply": [BAD]}
HANGS = {**SIMPLIFIES, "then": "hang"}

TESTS_HEAD = (
    "import unittest\n\nfrom fees import total\n\n\nclass Total(unittest.TestCase):\n"
    "    def test_total(self):\n"
)


def new_file(text: str) -> str:
    return f"test_fees.py\n<<<<<<< SEARCH\n=======\n{text}>>>>>>> REPLACE\n"


CAPABILITIES = types.ClientCapabilities(
    window=types.WindowClientCapabilities(work_done_progress=True), workspace=TAKES_ALL
)


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as made:
        for number in range(20):  # so many that progress is told
            (made.folder / f"m{number}.py").write_text(f"def made_{number}(): ...\n")
        (made.folder / "books.py").write_text("class Book:\n    pass\n")
        (made.folder / "fees.py").write_text(TEXT)
        yield made
        made.kill_hosts()
        wait_for_no_processes(made.runtime / "cache")


def settings(where: Place, *rules: Any) -> dict[str, Any]:
    return {
        "completion": {"model": where.script({"reply": ["x"]})},
        "chat": {"model": where.script(*rules)},
    }


async def opened(server: Server, where: Place, text: str = TEXT) -> str:
    """The document's URI, once the folder is indexed."""

    def took_create(_: types.WorkDoneProgressCreateParams) -> None:
        """An editor says yes."""

    server.client.feature(types.WINDOW_WORK_DONE_PROGRESS_CREATE)(took_create)
    await server.until(lambda: any(it == "done" for _, it in server.said.progress))
    return server.open((where.folder / "fees.py").as_uri(), text, version=3)


async def actions(
    server: Server, uri: str, at: types.Position, *diagnostics: types.Diagnostic
) -> list[types.CodeAction]:
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(uri),
        types.Range(at, at),
        types.CodeActionContext(list(diagnostics), only=["quickfix", "refactor.rewrite"]),
    )
    found: list[types.CodeAction] = await server.request(types.TEXT_DOCUMENT_CODE_ACTION, params)
    assert all(it.edit is None for it in found)
    return found


async def listed(server: Server, uri: str, title: str) -> list[types.CodeAction]:
    """What is listed in the function, once that title is: the document is parsed by then."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await actions(server, uri, types.Position(3, 0))
            if any(it.title == title for it in found):
                return found


def applied(action: types.CodeAction, text: str) -> str:
    assert action.edit is not None
    (edited,) = action.edit.document_changes or ()
    assert isinstance(edited, types.TextDocumentEdit)
    assert edited.text_document.version == 3
    document = Document("", "python", 3, text)
    converter = PositionConverter(types.PositionEncodingKind.Utf16)
    for edit in reversed(edited.edits):
        assert isinstance(edit, types.AnnotatedTextEdit)
        partial = types.TextDocumentContentChangePartial(edit.range, edit.new_text)
        document.apply(converter.edit(partial, document.lines))
    return document.text


def named(found: list[types.CodeAction], title: str) -> types.CodeAction:
    (action,) = (it for it in found if it.title == title)
    return action


async def test_an_edit_by_a_model_is_listed_asked_for_mended_and_applies(where: Place) -> None:
    chosen = settings(where, SIMPLIFIES, MENDS)
    async with serving(where, chosen, capabilities=CAPABILITIES) as server:
        uri = await opened(server, where)
        found = await listed(server, uri, "Simplify total")
        by_model = [it for it in found if types.CodeActionTag.LlmGenerated in (it.tags or ())]
        assert [it.title for it in by_model] == [
            "Document total",
            "Add type hints to total",
            "Simplify total",
            "Split total into smaller parts",
            "Make total async",
            "Write tests for total",
        ]
        assert list(found)[-len(by_model) :] == by_model
        assert not any(it.is_preferred for it in by_model)
        assert len(where.host_pids()) == 1  # nobody was asked yet
        action = named(found, "Simplify total")
        resolved = await server.request(types.CODE_ACTION_RESOLVE, action)
        assert applied(resolved, TEXT) == TEXT.replace(OLD, "    return days * 20\n")
        told = [value for _, value in server.said.progress]
        assert any("characters" in str(it) for it in told)


async def test_an_edit_that_stays_wrong_is_an_error_that_says_why(where: Place) -> None:
    chosen = settings(where, SIMPLIFIES, STAYS_WRONG)
    async with serving(where, chosen, capabilities=CAPABILITIES) as server:
        uri = await opened(server, where)
        action = named(await listed(server, uri, "Simplify total"), "Simplify total")
        with pytest.raises(JsonRpcException, match="rate is no longer or nowhere defined"):
            await server.request(types.CODE_ACTION_RESOLVE, action)
        server.change(uri, 4, "x = 1\n")
        with pytest.raises(JsonRpcException, match="has changed meanwhile"):
            await server.request(types.CODE_ACTION_RESOLVE, action)


async def test_an_edit_is_cancelled_by_its_progress(where: Place) -> None:
    chosen = settings(where, HANGS)
    async with serving(where, chosen, capabilities=CAPABILITIES) as server:
        uri = await opened(server, where)
        action = named(await listed(server, uri, "Simplify total"), "Simplify total")
        server.said.forget()
        asked = asyncio.ensure_future(server.request(types.CODE_ACTION_RESOLVE, action))
        await server.until(lambda: any("characters" in str(it) for _, it in server.said.progress))
        token = next(it for it, value in server.said.progress if "characters" in str(value))
        server.client.protocol.notify(
            types.WINDOW_WORK_DONE_PROGRESS_CANCEL, types.WorkDoneProgressCancelParams(token)
        )
        with pytest.raises(JsonRpcException, match="ancel"):
            await asked


async def test_a_diagnostic_has_its_fixes_first_and_the_model_last(where: Place) -> None:
    text = "x = Book()\n"
    chosen = settings(where, SIMPLIFIES)
    async with serving(where, chosen, capabilities=CAPABILITIES) as server:
        uri = await opened(server, where)
        server.close(uri)
        uri = server.open(uri, text, version=3)
        place_ = types.Range(types.Position(0, 4), types.Position(0, 8))
        diagnostic = types.Diagnostic(
            place_, '"Book" is not defined', source="Pylance", code="reportUndefinedVariable"
        )
        found = await actions(server, uri, types.Position(0, 5), diagnostic)
        assert [it.title for it in found] == ["Import Book from books", "Fix with the model"]
        resolved = await server.request(types.CODE_ACTION_RESOLVE, found[0])
        assert applied(resolved, text) == f"from books import Book\n{text}"


async def test_an_instruction_is_followed_and_what_breaks_callers_is_to_be_confirmed(
    where: Place,
) -> None:
    new = TEXT.splitlines(keepends=True)[0].replace("days", "days, rate")
    answer = f"<<<<<<< SEARCH\n{TEXT.splitlines()[0]}\n=======\n{new}>>>>>>> REPLACE\n"
    follows = {"when": {"message_ends_with": "Task: Take a rate too."}, "reply": [answer]}
    async with serving(where, settings(where, follows), capabilities=CAPABILITIES) as server:
        uri = await opened(server, where)
        await listed(server, uri, "Simplify total")
        params = protocol.EditParams(
            uri=uri,
            version=3,
            startLine=0,
            startCharacter=0,
            endLine=2,
            endCharacter=0,
            instruction=" Take a rate too. ",
            draft="one",
        )
        edit = await server.request(protocol.EDIT, params)
        (told,) = server.said.drafts
        assert (told.draft, told.startLine, told.endLine, told.text) == ("one", 0, 1, new)
        (changed,) = edit.documentChanges
        (hunk,) = changed.edits
        assert (changed.textDocument.version, hunk.newText) == (3, ", rate")
        (annotation,) = edit.changeAnnotations
        assert annotation.needsConfirmation
        assert "changes total: def(days) becomes def(days, rate)" in annotation.description
        with pytest.raises(JsonRpcException, match="has changed meanwhile"):
            await server.request(protocol.EDIT, {**params, "version": 2})
        with pytest.raises(JsonRpcException, match="not said what is to be done"):
            await server.request(protocol.EDIT, {**params, "instruction": " "})


async def test_tests_are_run_where_the_user_allows_it_and_shown_where_they_pass(
    where: Place,
) -> None:
    text = f"{TESTS_HEAD}        self.assertEqual(total(2), 40)\n"
    wrong = f"{TESTS_HEAD}        self.assertEqual(total(2), 41)\n"
    writes = {"when": {"message_ends_with": "tests that are there."}, "reply": [new_file(wrong)]}
    mends = {**MENDS, "reply": [new_file(text)]}
    chosen = settings(where, writes, mends)
    # Where there is no sandbox, the rest of it is the same without.
    chosen["fix"] = {"allowUnsandboxed": True, "testCommand": f"{sys.executable} -m unittest"}
    async with serving(where, chosen, capabilities=CAPABILITIES) as server:
        uri = await opened(server, where)
        action = named(await listed(server, uri, "Write tests for total"), "Write tests for total")
        with pytest.raises(JsonRpcException, match="to run code of this workspace was not allowed"):
            await server.request(types.CODE_ACTION_RESOLVE, action)
        assert isinstance(action.data, dict)
        action.data |= {"mayRun": True, "interpreter": sys.executable}
        resolved = await server.request(types.CODE_ACTION_RESOLVE, action)
        assert resolved.edit is not None
        made, edited = resolved.edit.document_changes or (None, None)
        assert isinstance(made, types.CreateFile)
        assert made.uri == (where.folder / "test_fees.py").as_uri()
        assert isinstance(edited, types.TextDocumentEdit)
        (written,) = edited.edits
        assert isinstance(written, types.AnnotatedTextEdit)
        assert written.new_text == text
        assert not (where.folder / "test_fees.py").exists()


async def test_a_model_that_is_loaded_names_what_is_extracted_and_does_nothing_else(
    where: Place,
) -> None:
    names = {"when": {"message_ends_with": "for this code:"}, "reply": ["fee_", "in_cents"]}
    chosen = settings(where, SIMPLIFIES, MENDS, names)
    selected = types.Range(types.Position(3, 15), types.Position(3, 24))
    async with serving(where, chosen, capabilities=CAPABILITIES) as server:
        uri = await opened(server, where)

        async def extracted() -> str:
            params = types.CodeActionParams(
                types.TextDocumentIdentifier(uri), selected, types.CodeActionContext([])
            )
            found = await server.request(types.TEXT_DOCUMENT_CODE_ACTION, params)
            action = named(found, "Extract variable")
            return applied(await server.request(types.CODE_ACTION_RESOLVE, action), TEXT)

        before, behind = TEXT.split("        return days * 20\n")
        as_is = f"{before}        value = days * 20\n        return value\n{behind}"
        assert await extracted() == as_is  # none is loaded, and none is for that
        simplify = named(await listed(server, uri, "Simplify total"), "Simplify total")
        await server.request(types.CODE_ACTION_RESOLVE, simplify)
        assert await extracted() == as_is.replace("value", "fee_in_cents")
