"""What edits are verified by beside their texts: the user's type checker, and what may be imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.edits.change import Change

if TYPE_CHECKING:
    from lsp_server.edits.imports import Modules
    from lsp_server.edits.verification import Finding
    from lsp_server.server import SparrowServer


async def check_types(server: SparrowServer, change: Change) -> Sequence[Finding]:
    """What the workspace's own type checker says of a change, where it has one."""
    from lsp_server.type_check import check_types as ask

    folder = server.index.folder_of(change.files[0].uri)
    return await ask(change, folder) if folder is not None else ()


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
