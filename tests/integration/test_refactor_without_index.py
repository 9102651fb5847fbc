"""What is said where files that nobody has looked at may use a name."""

from __future__ import annotations

from lsprotocol import types

from tests.integration.lsp_session import Server, serving
from tests.integration.place import place

TEXT = "def first(number):\n    double = 2 * number\n    return double\n"
OFF = "the index is off (see sparrow.index.enable): uses in other files may be missed"


async def renamed(server: Server, uri: str, line: int, character: int) -> types.WorkspaceEdit:
    params = types.RenameParams(
        types.TextDocumentIdentifier(uri), types.Position(line, character), "other"
    )
    edit = await server.client.text_document_rename_async(params)
    assert edit is not None
    return edit


def confirmed(edit: types.WorkspaceEdit) -> list[str]:
    """What the editor's preview says of what it wants to be confirmed."""
    annotations = (edit.change_annotations or {}).values()
    return [str(it.description) for it in annotations if it.needs_confirmation]


async def test_with_the_index_off_it_says_that_uses_may_be_missed() -> None:
    options = {"settings": {"index": {"enable": False}}, "commands": ["sparrow.chooseFile"]}
    with place() as where:
        (where.folder / "user.py").write_text("from a import first\n")
        async with serving(where, {}, initialize={"initialization_options": options}) as server:
            uri = server.open((where.folder / "a.py").as_uri(), TEXT)
            assert confirmed(await renamed(server, uri, 0, 4)) == [OFF]
            (shown,) = server.said.messages
            assert shown.endswith(f": {OFF}.")
            server.said.messages.clear()
            assert confirmed(await renamed(server, uri, 1, 4)) == []  # a local name


async def test_where_all_was_looked_at_nothing_is_said() -> None:
    with place() as where:
        async with serving(where, {}) as server:
            uri = server.open((where.folder / "a.py").as_uri(), TEXT)
            await server.until(lambda: server.said.is_indexed)
            assert confirmed(await renamed(server, uri, 0, 4)) == []
