"""Code actions and renames through a server process: what is listed, what comes of it, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.integration.lsp_session import Server, serving
from tests.integration.place import PATIENCE_S, place

TEXT = """\
import sys
import os


class Straße:
    # 😀
    def länge(self, x): return "😀", x

    def all(self):
        return self.länge(os.sep), sys
"""


def at(line: int, character: int, length: int = 0) -> types.Range:
    return types.Range(types.Position(line, character), types.Position(line, character + length))


async def listed(server: Server, uri: str, selection: types.Range) -> dict[str, types.CodeAction]:
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(uri), selection, types.CodeActionContext([])
    )
    answer = await server.client.text_document_code_action_async(params)
    return {it.title: it for it in answer or () if isinstance(it, types.CodeAction)}


def applied(text: str, edit: types.WorkspaceEdit, uri: str) -> str:
    """The text with an edit made, as an editor that counts in UTF-16 does."""
    units = [line.encode("utf-16-le") for line in text.splitlines(keepends=True)]
    starts = [sum(map(len, units[:number])) for number in range(len(units) + 1)]
    data = b"".join(units)
    (change,) = (
        it
        for it in edit.document_changes or ()
        if isinstance(it, types.TextDocumentEdit) and it.text_document.uri == uri
    )
    for it in sorted(change.edits, key=lambda it: it.range.start, reverse=True):
        assert isinstance(it, types.AnnotatedTextEdit)
        start, end = (
            starts[place.line] + 2 * place.character for place in (it.range.start, it.range.end)
        )
        data = data[:start] + it.new_text.encode("utf-16-le") + data[end:]
    return data.decode("utf-16-le")


async def refusal(work: Any) -> str:
    with pytest.raises(JsonRpcException) as caught:
        await work
    assert caught.value.code == types.LSPErrorCodes.RequestFailed
    return str(caught.value.message)


async def test_actions_are_listed_resolved_and_refused() -> None:
    assert PATIENCE_S
    with place() as where:
        (where.folder / "other.py").write_text("from a import Straße\n\nStraße().länge(1)\n")
        async with serving(
            where, {}, initialize={"initialization_options": {"commands": ["sparrow.renameAt"]}}
        ) as server:
            uri = server.open((where.folder / "a.py").as_uri(), TEXT)
            client = server.client
            await server.until(lambda: server.said.is_indexed)
            found = await listed(server, uri, at(6, 9))
            assert not any(it.edit for it in found.values())
            move = await client.code_action_resolve_async(
                found["Move method 'länge' out of its class"]
            )
            assert move.edit is not None
            moved = applied(TEXT, move.edit, uri)
            assert '\n\n# 😀\ndef länge(x): return "😀", x\n' in moved
            assert "        return länge(os.sep), sys\n" in moved

            sort = await client.code_action_resolve_async(found["Organize imports"])
            assert sort.edit is not None
            assert applied(TEXT, sort.edit, uri).startswith("import os\nimport sys\n")

            found = await listed(server, uri, at(9, 15, 18))
            extract = await client.code_action_resolve_async(found["Extract variable"])
            assert extract.edit is not None
            assert "= self.länge(os.sep)\n" in applied(TEXT, extract.edit, uri)
            assert extract.command is not None
            assert extract.command.command == "sparrow.renameAt"

            found = await listed(server, uri, at(6, 20))
            told = await refusal(client.code_action_resolve_async(found["Remove parameter 'x'"]))
            assert told == "Remove parameter 'x': x is used on line 7: remove that first."

            stale = (await listed(server, uri, at(6, 9)))["Organize imports"]
            server.change(uri, 2, (0, 0, 0, 0, "# new\n"))
            told = await refusal(client.code_action_resolve_async(stale))
            assert told == "Organize imports: the document has changed meanwhile: ask once more."

            renaming = types.RenameParams(
                types.TextDocumentIdentifier(uri), types.Position(5, 8), "Weg"
            )
            edit = await client.text_document_rename_async(renaming)
            assert edit is not None
            assert "class Weg:" in applied("# new\n" + TEXT, edit, uri)

            nowhere = server.open("file:///nowhere/b.py", TEXT)
            assert await listed(server, nowhere, at(6, 9)) == {}


async def test_an_editor_is_given_what_it_can_take() -> None:
    """One that asks for no word on a hunk, makes no files and shows nothing that cannot be chosen."""
    plain = types.ClientCapabilities(
        workspace=types.WorkspaceClientCapabilities(
            workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True)
        )
    )
    with place() as where:
        async with serving(where, {}, capabilities=plain) as server:
            uri = server.open((where.folder / "a.py").as_uri(), TEXT)
            await server.until(lambda: server.said.is_indexed)
            found = await listed(server, uri, at(4, 8))
            move = found["Move 'Straße' to a new file"]
            told = await refusal(server.client.code_action_resolve_async(move))
            assert "create straße.py, which this editor cannot be asked for" in told
            assert told.endswith("Nothing was changed.")

            sort = await server.client.code_action_resolve_async(found["Organize imports"])
            assert sort.edit is not None
            assert sort.edit.change_annotations is None
            (change,) = sort.edit.document_changes or ()
            assert isinstance(change, types.TextDocumentEdit)
            assert {type(it) for it in change.edits} == {types.TextEdit}

            unread = server.open((where.folder / "b.py").as_uri(), f"x = 1\n# {'x' * 30_000}\n")
            assert await listed(server, unread, at(0, 0)) == {}
            assert await server.stop() == 0
            assert "Traceback" not in await server.errors()


async def test_things_are_moved_to_a_file_that_is_chosen_and_modules_renamed() -> None:
    with place() as where:
        (where.folder / "b.py").write_text("def other(): return 1\n")
        use = "from a import first\n\nfirst()\n"
        (where.folder / "user.py").write_text(use)
        text = "def first(): return 1\n\n\ndef second(): return 2\n"
        (where.folder / "a.py").write_text(text)
        commands = {"initialization_options": {"commands": ["sparrow.chooseFile"]}}
        async with serving(where, {}, initialize=commands) as server:
            uri = server.open((where.folder / "a.py").as_uri(), text)
            user = server.open((where.folder / "user.py").as_uri(), use)
            await server.until(lambda: server.said.is_indexed)
            move = (await listed(server, uri, at(0, 4)))["Move 'first' to another file"]
            assert isinstance(move.data, dict)
            for wrong in ("", uri, "file:///etc/x.py", (where.folder / "x.txt").as_uri()):
                move.data["argument"] = wrong
                assert "of Python" in await refusal(server.client.code_action_resolve_async(move))
            move.data["argument"] = (where.folder / "b.py").as_uri()
            moved = await server.client.code_action_resolve_async(move)
            assert moved.edit is not None
            assert "def first" not in applied(text, moved.edit, uri)
            told = (where.folder / "b.py").as_uri()
            assert "def first" in applied("def other(): return 1\n", moved.edit, told)
            assert applied(use, moved.edit, user) == "from b import first\n\nfirst()\n"

            renaming = types.RenameParams(
                types.TextDocumentIdentifier(user), types.Position(0, 5), "best"
            )
            edit = await server.client.text_document_rename_async(renaming)
            assert edit is not None
            assert applied(use, edit, user) == "from best import first\n\nfirst()\n"
            (file,) = (it for it in edit.document_changes or () if isinstance(it, types.RenameFile))
            assert (file.old_uri, file.new_uri) == (uri, (where.folder / "best.py").as_uri())
