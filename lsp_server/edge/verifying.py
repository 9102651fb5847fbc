"""What edits are verified by beside their texts: the user's type checker, and what may be imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.edits.change import Change

if TYPE_CHECKING:
    from lsp_server.edits.imports import Modules
    from lsp_server.edits.verification import Finding
    from lsp_server.model_edits.request import Complained
    from lsp_server.server import SparrowServer

_TYPE_CHECKERS = frozenset({"mypy", "pyright", "pylance"})


async def check_types(
    server: SparrowServer, change: Change, gone: Sequence[str] = ()
) -> Sequence[Finding]:
    """What the workspace's own type checker says of a change, where it has one.

    Errors that begin with one of `gone` are to be fewer.
    """
    from lsp_server.type_check import check_types as ask

    folder = server.index.folder_of(change.files[0].uri)
    return await ask(change, folder, gone) if folder is not None else ()


async def check_by_tools(
    server: SparrowServer, change: Change, complaints: Sequence[Complained]
) -> Sequence[Finding]:
    """The same, and whether what tools complained of is gone."""
    from lsp_server.complaint_check import check_complaints

    gone = [it.message for it in complaints if it.source.casefold() in _TYPE_CHECKERS]
    found = await check_types(server, change, gone)
    return [*found, *await check_complaints(change, complaints)]


def modules_of(server: SparrowServer, uri: str) -> Modules | None:
    """What a file may import; None of one that is in no indexed folder."""
    from lsp_server.workspace_modules import WorkspaceModules

    folder, snapshot = server.index.folder_of(uri), server.index.snapshot(uri)
    if folder is None or snapshot is None:
        return None

    def path_of(other: str) -> str:
        place = server.folders.place_of(other)
        return place[1] if place is not None else ""

    return WorkspaceModules(Path(folder), snapshot, path_of)
