"""The demo's third act: a failing test fixed in the sandbox, by the request of *Fix Issue…*."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from rich.console import Console

from lsp_server import protocol
from lsp_server.demo.difference import difference
from lsp_server.session import EditorSession

FILE = "shelf/fines.py"
TEST = "test_fines.py"


async def fix(console: Console, session: EditorSession, folder: Path) -> None:
    """Asks for a fix of the tests that fail, and shows it; or says why there is none."""
    before = (folder / FILE).read_text(encoding="utf-8")
    document = session.open(folder / FILE, "python", before)
    params = protocol.FixParams(uri=document.uri, issue="", interpreter=sys.executable, mayRun=True)
    started = time.perf_counter()
    try:
        with console.status(f"a test of {TEST} fails: looking for the fault, in a sandbox"):
            found = await session.request(protocol.FIX, params)
    except JsonRpcException as error:
        console.print(f"\n[bold]Fix Issue[/]: {error.message}")
        return
    took_s = time.perf_counter() - started
    console.print(
        f"\n[bold]Fix Issue[/], a failing test of {TEST}, without a model that chats: "
        f"{found.verdict}, in {took_s:.1f} s. {_sentence(found.reason)}"
    )
    if found.edit is not None:
        session.apply(document, types.CodeAction("Fix", edit=_edit(found.edit)))
        console.print(difference(before, document.text, FILE))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _edit(answer: Any) -> types.WorkspaceEdit:
    """As the protocol has it: the answers of Sparrow's own requests are read without types."""
    return types.WorkspaceEdit(
        document_changes=[
            types.TextDocumentEdit(
                types.OptionalVersionedTextDocumentIdentifier(change.textDocument.uri),
                [types.TextEdit(_range(it.range), it.newText) for it in change.edits],
            )
            for change in answer.documentChanges
        ]
    )


def _range(given: Any) -> types.Range:
    return types.Range(
        types.Position(given.start.line, given.start.character),
        types.Position(given.end.line, given.end.character),
    )
