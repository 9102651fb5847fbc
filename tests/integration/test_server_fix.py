"""A fix of a failing test through a real server, with no model that chats."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server import protocol

from .fix_runs import CART, TESTS
from .live_index import wait_for_no_processes
from .lsp_session import Server, serving
from .place import Place, place

FIX_LIMIT_S = 55.0
CAPABILITIES = types.ClientCapabilities(
    window=types.WindowClientCapabilities(work_done_progress=True)
)


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as made:
        (made.folder / "cart.py").write_text(CART)
        (made.folder / "test_cart.py").write_text(TESTS)
        for number in range(20):  # so many that progress is told
            (made.folder / f"m{number}.py").write_text(f"def made_{number}(): ...\n")
        yield made
        made.kill_hosts()
        wait_for_no_processes(made.runtime / "cache")


def settings(where: Place) -> dict[str, Any]:
    """Where there is no sandbox, the rest of it is the same without."""
    return {
        "completion": {"model": where.script({"reply": [""]})},
        "fix": {"allowUnsandboxed": True, "testCommand": f"{sys.executable} -m unittest"},
    }


def line(number: int) -> types.Range:
    return types.Range(types.Position(number, 0), types.Position(number, 0))


async def indexed(server: Server) -> None:
    def took_create(_: types.WorkDoneProgressCreateParams) -> None:
        """An editor says yes."""

    server.client.feature(types.WINDOW_WORK_DONE_PROGRESS_CREATE)(took_create)
    await server.until(lambda: any(it == "done" for _, it in server.said.progress))


def asked(where: Place, *, may_run: bool = True, token: str = "") -> protocol.FixParams:
    params = protocol.FixParams(
        uri=(where.folder / "cart.py").as_uri(),
        issue="",
        interpreter=sys.executable,
        mayRun=may_run,
    )
    if token:
        params["workDoneToken"] = token
    return params


async def test_a_failing_test_is_fixed_as_the_file_stands_in_the_editor(where: Place) -> None:
    """What is unsaved is what is fixed; the file and the folder stay as they are."""
    unsaved = CART.replace("result = 0", "result = 0  # in cents")
    async with serving(where, settings=settings(where), capabilities=CAPABILITIES) as server:
        await indexed(server)
        uri = server.open((where.folder / "cart.py").as_uri(), unsaved, version=7)
        async with asyncio.timeout(FIX_LIMIT_S):
            found = await server.client.protocol.send_request_async(
                protocol.FIX, asked(where, token="mine")
            )
        assert found.verdict == "verified"
        told = [str(it) for token, it in server.said.progress if token == "mine"]
        assert any(
            re.fullmatch(r"baseline: 2 tests failed, 1 passed \(0:\d\d of 10:00\)", it)
            for it in told
        )
        assert any("variants tried" in it for it in told)
        assert {token for token, it in server.said.progress if "baseline" in str(it)} == {"mine"}
        assert found.markdown.startswith("# Verified\n\n")
        assert "test_cart.Total.test_one" in found.markdown
        (changed,) = found.edit.documentChanges
        assert (changed.textDocument.uri, changed.textDocument.version) == (uri, 7)
        assert changed.edits
        annotations = found.edit.changeAnnotations._asdict().values()
        assert annotations
        assert all(it.needsConfirmation for it in annotations)
        # The user took it as a whole, then another text, which is as good as a part of it.
        (edit,) = changed.edits
        lines = unsaved.splitlines(keepends=True)
        start, end = edit.range.start, edit.range.end
        assert start.line == end.line
        line = lines[start.line]
        lines[start.line] = line[: start.character] + edit.newText + line[end.character :]
        server.change(uri, 8, "".join(lines))
        async with asyncio.timeout(FIX_LIMIT_S):
            checked = await server.client.protocol.send_request_async(protocol.CHECK_FIX, {})
            assert (checked.verdict, checked.markdown) == ("verified", "")
            server.change(uri, 9, unsaved.replace("prices[1:]", "prices[:1]"))
            checked = await server.client.protocol.send_request_async(protocol.CHECK_FIX, {})
        assert checked.verdict == "partly verified"
        assert "test_cart.Total.test_total" in checked.markdown
        assert await server.stop() == 0
    assert (where.folder / "cart.py").read_text() == CART
    assert len(list(where.folder.iterdir())) == 22
    assert list((where.runtime / "cache/copies").iterdir()) == []


async def test_nothing_is_run_without_the_users_word(where: Place) -> None:
    (where.folder / "test_cart.py").write_text("open('ran', 'w').close()\n")
    async with serving(where, settings=settings(where), capabilities=CAPABILITIES) as server:
        await indexed(server)
        with pytest.raises(JsonRpcException, match="was not allowed"):
            await server.request(protocol.FIX, asked(where, may_run=False))
        assert await server.stop() == 0
    assert not (where.folder / "ran").exists()
    assert not (where.runtime / "cache/copies").exists()


async def test_who_cancels_leaves_nothing_behind(where: Place) -> None:
    (where.folder / "test_cart.py").write_text("while True: pass\n")
    async with serving(where, settings=settings(where), capabilities=CAPABILITIES) as server:
        await indexed(server)
        answer = server.client.protocol.send_request_async(
            protocol.FIX, asked(where), msg_id="fix-1"
        )
        await server.until(
            lambda: any("running the tests" in str(it) for _, it in server.said.progress)
        )
        server.cancel("fix-1")
        with pytest.raises((JsonRpcException, asyncio.CancelledError)):
            await answer
        assert await server.stop() == 0
    assert list((where.runtime / "cache/copies").iterdir()) == []


async def test_an_error_in_a_test_and_its_name_offer_a_fix(where: Place) -> None:
    """In a test, to an editor that has the command; and not of a hint, or in other files."""
    at = types.Range(types.Position(7, 0), types.Position(7, 4))
    named = next(n for n, it in enumerate(TESTS.splitlines()) if "def test_" in it)
    error = types.Diagnostic(at, "5 != 6", severity=types.DiagnosticSeverity.Error)
    hint = types.Diagnostic(at, "5 != 6", severity=types.DiagnosticSeverity.Hint)
    options = {"initialization_options": {"commands": ["sparrow.fixIssue"]}}

    async with serving(
        where, settings=settings(where), capabilities=CAPABILITIES, initialize=options
    ) as server:
        await indexed(server)

        async def offered(
            name: str, *diagnostics: types.Diagnostic, at: types.Range = at
        ) -> list[types.CodeAction]:
            uri = server.open((where.folder / name).as_uri(), (where.folder / name).read_text())
            params = types.CodeActionParams(
                types.TextDocumentIdentifier(uri), at, types.CodeActionContext([*diagnostics])
            )
            found = await server.request(types.TEXT_DOCUMENT_CODE_ACTION, params)
            return [it for it in found if it.command is not None]

        (action,) = await offered("test_cart.py", error)
        assert action.title == "Fix the code that this test is about"
        # The library reads an action that has a command as one that is nothing else.
        told = str(action.command)
        assert "sparrow.fixIssue" in told
        assert "test_cart.py, line 8: 5 != 6" in told
        assert await offered("test_cart.py", hint) == []
        assert await offered("cart.py", error) == []
        (action,) = await offered("test_cart.py", at=line(named))
        assert f"test_cart.py, line {named + 1}: the test test_" in str(action.command)
        assert await offered("test_cart.py", at=line(named + 1)) == []
        assert await server.stop() == 0
