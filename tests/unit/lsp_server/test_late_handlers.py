"""What the editor is told of at the start is what there is once all is loaded."""

from __future__ import annotations

import inspect

from lsp_server.edge.late import METHODS
from lsp_server.server import SparrowServer


def test_each_method_has_its_handler_of_its_kind() -> None:
    handlers = SparrowServer().handlers
    assert {name: inspect.iscoroutinefunction(it) for name, it in handlers.items()} == {
        name: method.is_coroutine for name, method in METHODS.items()
    }
