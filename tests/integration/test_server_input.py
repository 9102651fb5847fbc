"""Whatever comes in, the server answers, and goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from .lsp_frames import frame
from .lsp_session import Server, Shared, on_loop, serving, sharing
from .place import PATIENCE_S, Place, place

RULES: list[dict[str, Any]] = [
    {"when": {"prefix_ends_with": "ab!"}, "reply": ["half"]},
    {"reply": ["x"]},
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    with sharing(*RULES) as made:
        yield made


@pytest.fixture(scope="module")
def where() -> Iterator[Place]:
    """Of all servers that do not survive their test; they find their model running."""
    with place() as made:
        yield made


@pytest.fixture
def model(where: Place) -> str:
    return where.script(*RULES)


def settings(model: str) -> dict[str, Any]:
    return {"completion": {"model": model}}


async def still_works(server: Server) -> None:
    uri = server.open("file:///somewhere/still.py", "x = \n")
    assert await server.complete(uri, 0, 4) == "x"


@on_loop
async def test_a_position_that_is_nowhere_gets_nothing(shared: Shared) -> None:
    server = shared.server
    uri = server.open(shared.uri("a.py"), "x = \nü\n")
    for line, character in [(0, 5), (1, 2), (3, 0), (0, 2**31 - 1), (2**31 - 1, 0)]:
        assert await server.complete(uri, line, character) is None
        assert "outside the document" in await server.explain()
    await still_works(server)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("large.py", "x = 1\n" * 8_738_134, "larger than 4 MiB"),  # 50 MiB
        ("line.py", "x" * 1_000_000 + "\n", "a line of more than 20000 characters"),
        ("half.py", "x = '\ud83d'\n", "UTF-8 cannot express"),
    ],
    ids=["large", "long line", "half a character"],
)
@on_loop
async def test_documents_that_cannot_be_completed_in_say_why(
    shared: Shared, name: str, text: str, reason: str
) -> None:
    uri = shared.server.open(shared.uri(name), text)
    assert await shared.server.complete(uri, 0, 0) is None
    assert reason in await shared.server.explain()
    await still_works(shared.server)


@on_loop
async def test_an_edit_behind_half_a_character_is_made_where_the_editor_makes_it(
    shared: Shared,
) -> None:
    server = shared.server
    uri = server.open(shared.uri("half.py"), "\ud83dabc")
    server.change(uri, 2, (0, 3, 0, 4, "!"))
    server.change(uri, 3, (0, 0, 0, 1, ""))
    assert await server.complete(uri, 0, 3) == "half"


UNKNOWN = [
    "file:///nowhere/a.py",
    "untitled:Untitled-1",
    "",
    "not a uri",
    "file://[x/a.py",
    "file:///a%00b.py",
    "file:///\ud800.py",
    "http://user@host:99999999/a.py",
]


@pytest.mark.parametrize("known", ["known", "unknown"])
@on_loop
async def test_no_uri_is_too_strange(shared: Shared, known: str) -> None:
    server = shared.server
    inside = shared.where.folder.as_uri()
    for uri in [*UNKNOWN, f"{inside}/a%00b/c.py", f"{inside}/\ud800/c.py", inside]:
        if known == "known":
            server.open(uri, "x = \n")
        assert await server.complete(uri, 0, 4) in (None, "x"), uri
        await still_works(server)


GARBAGE = {
    "not json": b"{",
    "not utf-8": b'{"jsonrpc": "2.0", "method": "\xff\xfe"}',
    "a number": b"5",
    "null": b"null",
    "a list": b"[]",
    "no version": b'{"method": "x"}',
    "old version": b'{"jsonrpc": "1.0", "method": "x", "params": {}}',
    "deep": b"[" * 100_000,
    "no method": b'{"jsonrpc": "2.0"}',
    "a number as method": b'{"jsonrpc": "2.0", "method": 5, "params": {}}',
    "an answer to nothing": b'{"jsonrpc": "2.0", "id": 99, "result": 1}',
    "an error to nothing": b'{"jsonrpc": "2.0", "id": 99, "error": {"code": 1, "message": "m"}}',
    "an unknown notification": b'{"jsonrpc": "2.0", "method": "x/y", "params": {}}',
    "cancel of nothing": b'{"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 4}}',
    "cancel of a list": b'{"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": []}}',
    "one letter": b"x",
    "a large number": b'{"jsonrpc": "2.0", "method": "x", "params": {"a": 1e999}}',
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
@on_loop
async def test_garbage_in_a_frame_is_passed_over(shared: Shared, body: bytes) -> None:
    shared.server.write(frame(body))
    await still_works(shared.server)


BAD_REQUESTS: list[tuple[str, Any]] = [
    ("textDocument/inlineCompletion", None),
    ("textDocument/inlineCompletion", {}),
    ("textDocument/inlineCompletion", []),
    ("textDocument/inlineCompletion", "x"),
    (
        "textDocument/inlineCompletion",
        {
            "textDocument": {"uri": "file:///a.py"},
            "position": {"line": -1, "character": -1},
            "context": {"triggerKind": 1},
        },
    ),
    (
        "textDocument/inlineCompletion",
        {
            "textDocument": {"uri": 5},
            "position": {"line": 0, "character": 0},
            "context": {"triggerKind": 77},
        },
    ),
    ("sparrow/unknown", {}),
    ("textDocument/hover", {}),
    ("workspace/executeCommand", {"command": "x"}),
]


@pytest.mark.parametrize(("method", "params"), BAD_REQUESTS)
@on_loop
async def test_a_bad_request_is_answered_with_an_error(
    shared: Shared, method: str, params: Any
) -> None:
    await refused(shared.server, {"method": method, "params": params})


@pytest.mark.parametrize(
    "method",
    ["textDocument/inlineCompletion", "sparrow/unknown", "textDocument/hover", "initialize"],
)
@on_loop
async def test_a_request_without_params_is_answered_with_an_error(
    shared: Shared, method: str
) -> None:
    await refused(shared.server, {"method": method})


@pytest.mark.parametrize("method", ["sparrow/explainCompletion", "sparrow/restartHost"])
@on_loop
async def test_a_request_that_needs_no_params_may_leave_them_out(
    where: Place, model: str, method: str
) -> None:
    async with serving(where, settings(model)) as server:
        answer = await answered(server, {"method": method})
        assert answer.exception() is None


async def answered(server: Server, message: dict[str, Any]) -> asyncio.Future[Any]:
    """The answer to a request as it stands, once it is there."""
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    server.client.protocol._request_futures["raw"] = answer  # type: ignore[assignment]
    server.send({"jsonrpc": "2.0", "id": "raw", **message})
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.wait({answer})
    return answer


async def refused(server: Server, message: dict[str, Any]) -> None:
    answer = await answered(server, message)
    assert isinstance(answer.exception(), JsonRpcException)
    await still_works(server)


BAD_NOTIFICATIONS: list[tuple[str, Any]] = [
    ("textDocument/didOpen", {}),
    ("textDocument/didOpen", {"textDocument": {"uri": "file:///a.py"}}),
    ("textDocument/didChange", {"textDocument": {"uri": "file:///b.py", "version": 1}}),
    (
        "textDocument/didChange",
        {"textDocument": {"uri": "file:///b.py", "version": 1}, "contentChanges": [{"text": "x"}]},
    ),
    ("textDocument/didChange", {"textDocument": {"uri": 1}, "contentChanges": [5]}),
    ("textDocument/didClose", {"textDocument": {"uri": "file:///never.py"}}),
    ("textDocument/didSave", {}),
    ("workspace/didChangeConfiguration", {}),
    ("workspace/didChangeConfiguration", {"settings": {"sparrow": 5}}),
    ("workspace/didChangeConfiguration", {"settings": {"sparrow": {"languages": {"x": "y"}}}}),
    ("workspace/didChangeWorkspaceFolders", {"event": {"added": [{"uri": "x"}], "removed": []}}),
    ("workspace/didChangeWorkspaceFolders", {}),
    (
        "workspace/didChangeWorkspaceFolders",
        {
            "event": {
                "added": [{"uri": "file://[x", "name": "x"}],
                "removed": [{"uri": "file:///unknown", "name": "u"}],
            }
        },
    ),
    ("$/setTrace", {"value": "loud"}),
    ("window/workDoneProgress/cancel", {"token": "none"}),
    ("initialized", {}),
    ("notebookDocument/didOpen", {}),
]


@on_loop
async def test_a_bad_notification_is_passed_over(where: Place, model: str) -> None:
    async with serving(where, settings(model)) as server:
        await server.ready()
        for method, params in BAD_NOTIFICATIONS:
            server.send({"jsonrpc": "2.0", "method": method, "params": params})
            server.send({"jsonrpc": "2.0", "method": method})
        await server.ready_with("wren")  # which one of them asked for by saying nothing
        server.tell({"sparrow": settings(model)})
        await server.ready_with(model)
        await still_works(server)


@pytest.mark.parametrize(
    "options",
    [
        None,
        5,
        "x",
        [],
        {"settings": 5},
        {"settings": {"completion": 5, "host": [], "languages": "x", "enable": {}}},
        {"settings": {"completion": {"model": "", "maxLines": 1e99}}},
        {"settings": {"host": {"idleMinutes": 1e308}}},
    ],
)
@on_loop
async def test_any_settings_let_the_server_come_up(where: Place, options: Any) -> None:
    async with serving(where, initialize={"initialization_options": options}) as server:
        await server.ready()
        assert server.said.statuses[-1]["model"] == "wren"


@on_loop
async def test_any_workspace_folders_let_the_server_come_up(where: Place, model: str) -> None:
    folders = ["file://[x", "untitled:x", "", "file:///a%00b", "file:///nowhere", "file:///\ud800"]
    told = {"workspace_folders": [types.WorkspaceFolder(uri, "x") for uri in folders]}
    async with serving(where, settings(model), initialize=told) as server:
        await server.ready()
        await still_works(server)


@pytest.mark.parametrize(
    "told",
    [
        {"root_uri": "file://[x"},
        {"root_uri": "untitled:a%00b"},
        {"root_path": "relative"},
        {"root_path": "/a\0b"},
        {"root_path": "/\ud800"},
        {"root_uri": "", "root_path": ""},
        {"workspace_folders": [], "root_uri": "file:///one", "root_path": "/two"},
    ],
)
@on_loop
async def test_any_root_lets_the_server_come_up(
    where: Place, model: str, told: dict[str, Any]
) -> None:
    told = {"workspace_folders": None} | told
    async with serving(where, settings(model), initialize=told) as server:
        await server.ready()
        await still_works(server)


@on_loop
async def test_a_request_before_initialize_is_answered(where: Place) -> None:
    async with serving(where, greet=False) as server:
        _, answer = server.ask("file:///a.py", 0, 0)
        with contextlib.suppress(JsonRpcException):
            assert await answer is None


@on_loop
async def test_a_slow_reader_of_settings_does_not_hold_up_completions(
    where: Place, model: str
) -> None:
    """The client never answers `workspace/configuration`."""
    can_pull = types.ClientCapabilities(
        workspace=types.WorkspaceClientCapabilities(configuration=True)
    )
    async with serving(where, settings(model), capabilities=can_pull) as server:
        await server.ready()
        await still_works(server)


@pytest.mark.parametrize(
    ("method", "character", "more"),
    [
        ("textDocument/inlineCompletion", 7, {"context": {"triggerKind": 2}}),
        ("textDocument/rename", 0, {"newName": "other"}),
    ],
)
@on_loop
async def test_a_request_is_about_the_text_before_a_change_that_comes_behind_it(
    shared: Shared, method: str, character: int, more: dict[str, Any]
) -> None:
    """Both are read together, and the change is made before an answer is begun."""
    server = shared.server
    uri = server.open(shared.uri("behind.py"), "name = \n")
    assert await server.complete(uri, 0, 7) is not None
    place = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": character}}
    start = {"line": 0, "character": 0}
    change = {
        "textDocument": {"uri": uri, "version": 2},
        "contentChanges": [{"range": {"start": start, "end": start}, "text": "x"}],
    }
    messages = (
        {"jsonrpc": "2.0", "id": method, "method": method, "params": {**place, **more}},
        {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": change},
    )
    answer: Future[Any] = Future()
    server.client.protocol._request_futures[method] = answer
    server.write(b"".join(frame(json.dumps(it).encode()) for it in messages))
    async with asyncio.timeout(PATIENCE_S):
        if method == "textDocument/rename":
            with pytest.raises(JsonRpcException, match="has changed meanwhile"):
                await asyncio.wrap_future(answer)
        else:
            assert await asyncio.wrap_future(answer) is None
    server.close(uri)
