"""What an editor sees of the server in ordinary use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from lsprotocol import types

from .lsp_session import COMMAND, Shared, on_loop, serving, sharing
from .place import Place

CAN_PULL = types.ClientCapabilities(workspace=types.WorkspaceClientCapabilities(configuration=True))
X = {"reply": ["x"]}
RULES = [
    {"when": {"prefix_ends_with": "def add("}, "reply": ["a, ", "b"]},
    {"when": {"prefix_ends_with": "stream = "}, "reply": ["a", "b", "c"]},
    {"when": {"prefix_ends_with": "one\r\n\U0001f426\ntotal = su"}, "reply": ["m"]},
    {"when": {"prefix_ends_with": "numbers.append"}, "reply": ["(1)"]},
    {"when": {"prefix_ends_with": "slow"}, "reply": ["never"], "then": "hang"},
    {"when": {"prefix_ends_with": "fast"}, "reply": [" answer"]},
    {"when": {"prefix_ends_with": "x = "}, "reply": ["x"]},
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    """A server whose model knows the rules above; completions of Markdown are switched off."""
    with sharing(*RULES, languages={"*": True, "markdown": False}) as made:
        yield made


def settings(model: str, **more: Any) -> dict[str, Any]:
    return {"completion": {"model": model, **more}}


@on_loop
async def test_capabilities_are_those_that_the_extension_relies_on(shared: Shared) -> None:
    assert shared.server.initialized is not None
    offered = shared.server.initialized.capabilities
    sync = offered.text_document_sync
    assert isinstance(sync, types.TextDocumentSyncOptions)
    assert sync.change is types.TextDocumentSyncKind.Incremental
    assert sync.open_close
    assert sync.save
    assert offered.inline_completion_provider is not None
    assert offered.position_encoding == "utf-16"
    assert shared.server.initialized.server_info is not None
    assert shared.server.initialized.server_info.name == "sparrow"


@on_loop
async def test_a_completion_is_what_the_model_says(shared: Shared) -> None:
    uri = shared.server.open(shared.uri("add.py"), "def add()\n")
    (item,) = (await shared.server.ask(uri, 0, 8)[1]).items
    assert item.insert_text == "a, b"
    cursor = types.Position(0, 8)
    assert item.range == types.Range(cursor, cursor)
    assert "A completion was shown" in await shared.server.explain()


@on_loop
async def test_the_model_sees_the_document_as_it_was_edited(shared: Shared) -> None:
    server = shared.server
    uri = server.open(shared.uri("edited.py"), "one\ntwo\n")
    assert await server.complete(uri, 1, 3) is None
    server.change(uri, 2, (0, 3, 0, 3, "\r"), (1, 0, 1, 3, "\U0001f426!"))
    server.change(uri, 3, (1, 2, 1, 3, ""), (2, 0, 2, 0, "total = su"))
    assert await server.complete(uri, 2, 10) == "m"
    server.change(uri, 4, "one\r\n\U0001f426\ntotal = su")
    assert await server.complete(uri, 2, 10) == "m"


@on_loop
async def test_a_newer_request_takes_the_place_of_an_older_one(shared: Shared) -> None:
    server = shared.server
    async with shared.where.inference_client(server.said.statuses[-1]["model"]) as client:
        before = await client.stats()
        uri = server.open(shared.uri("newer.txt"), "slow\nfast\n", "plaintext")
        _, older = server.ask(uri, 0, 4, token="t")
        await server.until(lambda: bool(server.said.progress))
        assert await server.complete(uri, 1, 4) == " answer"
        assert await older is None
        after = await client.stats()
    assert (after.running, after.queued) == (0, 0)
    assert after.cancelled - before.cancelled == 1


@on_loop
async def test_text_streams_to_a_client_that_gave_a_token(shared: Shared) -> None:
    server = shared.server
    uri = server.open(shared.uri("stream.py"), "stream = \n")
    assert await server.complete(uri, 0, 9, token="mine") == "abc"
    assert server.said.progress == [("mine", "a"), ("mine", "ab"), ("mine", "abc")]
    assert await server.complete(uri, 0, 9) == "abc"
    assert len(server.said.progress) == 3


@pytest.mark.parametrize(("line", "end"), [("numbers.ap", 10), ("numbers.apply", 13)])
@on_loop
async def test_with_the_suggestion_widget_open_its_entry_is_continued(
    shared: Shared, line: str, end: int
) -> None:
    """What it overwrites behind the cursor is replaced as well."""
    uri = shared.server.open(shared.uri("selected.py"), f"{line}\n")
    chosen = types.Range(types.Position(0, 8), types.Position(0, end))
    info = types.SelectedCompletionInfo(chosen, "append")
    (item,) = (await shared.server.ask(uri, 0, 10, selected_completion_info=info)[1]).items
    assert (item.insert_text, item.range) == ("append(1)", chosen)


@pytest.mark.parametrize("told", [{}, {"editor": {"tabSize": 2}}, None, [], "x"])
@on_loop
async def test_a_change_of_other_settings_leaves_ours(shared: Shared, told: Any) -> None:
    server = shared.server
    uri = server.open(shared.uri("other.py"), "x = \n")
    server.tell(told)
    assert await server.complete(uri, 0, 4) == "x"
    assert len(server.said.statuses) == 1


@on_loop
async def test_a_language_that_is_switched_off_is_not_completed(shared: Shared) -> None:
    server = shared.server
    prose = server.open(shared.uri("a.md"), "x = \n", "markdown")
    code = server.open(shared.uri("a.py"), "x = \n")
    assert await server.complete(prose, 0, 4) is None
    assert "switched off for this language: markdown" in await server.explain()
    assert await server.complete(code, 0, 4) == "x"


@on_loop
async def test_a_rule_that_was_saved_holds_at_once(shared: Shared) -> None:
    server = shared.server
    uri = server.open(shared.uri("saved.py"), "x = \n")
    assert await server.complete(uri, 0, 4) == "x"
    ignore = shared.where.folder / ".sparrowignore"
    ignore.write_text("saved.py\n")
    server.save(ignore.as_uri())
    assert await server.complete(uri, 0, 4) is None
    assert ".sparrowignore leaves the file out" in await server.explain()


@on_loop
async def test_a_rule_that_was_made_elsewhere_holds_for_a_file_opened_later(
    shared: Shared,
) -> None:
    server = shared.server
    uri = server.open(shared.uri("later.py"), "x = \n")
    assert await server.complete(uri, 0, 4) == "x"
    server.close(uri)
    (shared.where.folder / ".gitignore").write_text("later.py\n")
    server.open(uri, "x = \n")
    assert await server.complete(uri, 0, 4) is None


@pytest.mark.parametrize("uri", ["git:/x/.env?ref=HEAD", "untitled:.env", "vscode-vfs://x/id_rsa"])
@on_loop
async def test_a_secret_that_is_shown_from_elsewhere_reaches_no_model(
    shared: Shared, uri: str
) -> None:
    shared.server.open(uri, "x = \n", "plain")
    assert await shared.server.complete(uri, 0, 4) is None
    assert "looks like it holds secrets" in await shared.server.explain()


@on_loop
async def test_folders_come_and_go(shared: Shared) -> None:
    server = shared.server
    second = shared.where.folder.parent / "second"
    second.mkdir()
    (second / ".gitignore").write_text("a.py\n")
    uri = server.open((second / "a.py").as_uri(), "x = \n")
    folder = types.WorkspaceFolder(second.as_uri(), "second")
    for added, removed, shown in [([], [], "x"), ([folder], [], None), ([], [folder], "x")]:
        change = types.WorkspaceFoldersChangeEvent(added, removed)
        server.client.workspace_did_change_workspace_folders(
            types.DidChangeWorkspaceFoldersParams(change)
        )
        assert await server.complete(uri, 0, 4) == shown


@on_loop
async def test_a_document_that_was_closed_is_not_known_any_more(shared: Shared) -> None:
    uri = shared.server.open(shared.uri("closed.py"), "x = \n")
    shared.server.close(uri)
    assert await shared.server.complete(uri, 0, 4) is None
    assert "has not opened" in await shared.server.explain()


LEFT_OUT = {
    # a file, and the ignore file and its line that leave it out
    "made/a.py": (".gitignore", "made/\n"),
    "src/a.gen.py": (".sparrowignore", "*.gen.py\n"),
    "src/a.py": ("src/.gitignore", "/a.py\n"),
    ".env": None,
    "deploy/id_rsa": None,
}


@pytest.mark.parametrize("told_by", ["workspace_folders", "root_uri", "root_path"])
@on_loop
async def test_a_file_that_is_left_out_reaches_no_model(where: Place, told_by: str) -> None:
    for rule in filter(None, LEFT_OUT.values()):
        (where.folder / rule[0]).parent.mkdir(exist_ok=True)
        (where.folder / rule[0]).write_text(rule[1])
    told: dict[str, Any] = {
        "workspace_folders": {},
        "root_uri": {"workspace_folders": None, "root_uri": where.folder.as_uri()},
        "root_path": {"workspace_folders": None, "root_path": str(where.folder)},
    }[told_by]
    model = where.script(X)
    async with serving(where, settings(model), initialize=told) as server:
        await server.ready()
        for name in LEFT_OUT:
            secret = server.open((where.folder / name).as_uri(), "password = \n")
            assert await server.complete(secret, 0, 11) is None
            assert "never shown to a model" in await server.explain()
        other = server.open((where.folder / "b.py").as_uri(), "x = \n")
        assert await server.complete(other, 0, 4) == "x"
        async with where.inference_client(model) as client:
            stats = await client.stats()
        assert stats.chunk_bytes < len("password = \n")


@on_loop
async def test_settings_are_pulled_and_followed(where: Place) -> None:
    first, second = where.script({"reply": ["1"]}), where.script({"reply": ["2"]})
    held = {"now": settings(first)}
    async with serving(
        where, capabilities=CAN_PULL, configuration=lambda: held["now"], settings=settings(first)
    ) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) == "1"
        held["now"] = settings(second)
        server.tell(None)
        await server.ready_with(second)
        assert await server.complete(uri, 0, 4) == "2"


@on_loop
async def test_a_client_that_is_asked_for_settings_and_has_none_keeps_those_it_gave(
    where: Place,
) -> None:
    """Neovim, say, answers null for a section that it does not know."""
    first, second = where.script({"reply": ["1"]}), where.script({"reply": ["2"]})
    async with serving(
        where, capabilities=CAN_PULL, configuration=lambda: None, settings=settings(first)
    ) as server:
        await server.until(lambda: len(server.said.states) > 1)
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        server.tell({"editor": {}})  # it is asked again
        await server.ready()
        assert {status["model"] for status in server.said.statuses} == {first}
        assert await server.complete(uri, 0, 4) == "1"
        server.tell({"sparrow": settings(second)})
        await server.ready_with(second)
        assert await server.complete(uri, 0, 4) == "2"


@pytest.mark.parametrize(
    ("encoding", "character"),
    [("utf-8", 9), ("utf-16", 7), ("utf-32", 6)],
)
@on_loop
async def test_positions_are_in_the_unit_that_was_agreed_on(
    where: Place, encoding: str, character: int
) -> None:
    model = where.script({"when": {"prefix_ends_with": "\n\U0001f426 = f("}, "reply": ["x"]})
    asked = types.ClientCapabilities(
        general=types.GeneralClientCapabilities(
            position_encodings=[types.PositionEncodingKind(encoding)]
        )
    )
    async with serving(where, settings(model), capabilities=asked) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "é\n\U0001f426 = f()\n")
        (item,) = (await server.ask(uri, 1, character)[1]).items
        assert item.range.start == types.Position(1, character)


@on_loop
async def test_settings_are_taken_from_a_client_that_cannot_be_asked(where: Place) -> None:
    first, second = where.script({"reply": ["1"]}), where.script({"reply": ["2"]})
    async with serving(where, settings(first)) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) == "1"
        server.tell({"sparrow": settings(second)})
        await server.ready_with(second)
        assert await server.complete(uri, 0, 4) == "2"
        server.tell({"sparrow": settings(second) | {"enable": False}})
        assert await server.complete(uri, 0, 4) is None
        assert "switched off" in await server.explain()


@on_loop
async def test_a_bad_setting_is_told_once(where: Place) -> None:
    bad = {"enable": "yes", "completion": {"model": where.script({"reply": ["x"]})}}
    async with serving(where, bad) as server:
        await server.ready()
        for _ in range(3):
            server.tell({"sparrow": bad})
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) == "x"
        (warning,) = server.said.logged
        assert "sparrow.enable" in warning


@on_loop
async def test_explain_says_when_nothing_was_asked(where: Place) -> None:
    async with serving(where, settings(where.script())) as server:
        assert "No completion has been asked for yet" in await server.explain()


@on_loop
async def test_restart_brings_a_new_host(where: Place) -> None:
    model = where.script({"reply": ["x"]})
    async with serving(where, settings(model)) as server:
        await server.ready()
        (before,) = where.host_pids()
        seen = len(server.said.statuses)
        await server.request("sparrow/restartHost", {})
        await server.until(lambda: server.said.states[seen:][-1:] == ["ready"])
        (after,) = await where.hosts(1)
        assert after != before
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) == "x"


@on_loop
async def test_two_windows_share_one_host(where: Place) -> None:
    model = where.script({"reply": ["x"]})
    async with serving(where, settings(model)) as one, serving(where, settings(model)) as two:
        await asyncio.gather(one.ready(), two.ready())
        assert await where.hosts(1)
        for server in (one, two):
            uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
            assert await server.complete(uri, 0, 4) == "x"


@on_loop
async def test_the_host_outlives_the_window_that_started_it(where: Place) -> None:
    model = where.script({"reply": ["x"]})
    async with serving(where, settings(model)) as server:
        await server.ready()
        hosts = where.host_pids()
    assert where.host_pids() == hosts
    async with serving(where, settings(model)) as server:
        await server.ready()
        assert where.host_pids() == hosts


@on_loop
async def test_code_of_the_workspace_is_never_imported(where: Place) -> None:
    for name in ("inference", "lsp_server"):
        (where.folder / name).mkdir()
        (where.folder / name / "__init__.py").write_text("raise SystemExit('decoy')")
    for name in ("pygls", "json", "click", "msgpack", "sitecustomize"):
        (where.folder / f"{name}.py").write_text("raise SystemExit('decoy')")
    model = where.script({"reply": ["x"]})
    async with serving(where, settings(model), command=COMMAND, cwd=where.folder) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) == "x"
