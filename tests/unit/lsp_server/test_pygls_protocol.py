"""What pygls does otherwise for us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from lsprotocol import types
from pygls.lsp.server import LanguageServer

from lsp_server.edge.pygls_protocol import SparrowProtocol


def change() -> types.DidChangeTextDocumentParams:
    return types.DidChangeTextDocumentParams(
        types.VersionedTextDocumentIdentifier(2, "file:///a.py"),
        [types.TextDocumentContentChangeWholeDocument("x = 1\n")],
    )


async def handled_at_once(_: Any) -> None:
    return


def handled(_: Any) -> None:
    return


@pytest.mark.parametrize("handler", [handled, handled_at_once])
def test_nothing_is_held_of_a_notification_that_was_handled(handler: Callable[..., Any]) -> None:
    async def notify() -> None:
        server = LanguageServer("test", "1", protocol_cls=SparrowProtocol)
        server.feature(types.TEXT_DOCUMENT_DID_CHANGE)(handler)
        for _ in range(3):
            server.protocol._handle_notification(types.TEXT_DOCUMENT_DID_CHANGE, change())
        for _ in range(5):
            await asyncio.sleep(0)
        assert server.protocol._request_futures == {}

    asyncio.run(notify())
