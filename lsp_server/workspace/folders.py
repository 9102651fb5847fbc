"""The workspace's folders: paths of documents within them, and which documents are left out."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from lsp_server.workspace.documents import NOTEBOOK_CELL, Document
from lsp_server.workspace.exclusions import Exclusions, looks_secret
from lsp_server.workspace.user_excludes import user_excludes

_OUTSIDE = "it lies outside of the workspace"


class Folders:
    """What is left out is looked up once for each document, until `refresh` or a new root."""

    def __init__(self, user_file: Callable[[], Path] = user_excludes) -> None:
        """`user_file` says where the user's own ignore file is; it is asked when there is need."""
        self._user_file = user_file
        self._exclusions = Exclusions([])
        self._reasons: dict[str, str] = {}
        self._paths: dict[str, str] = {}

    def set_roots(self, uris: list[str]) -> None:
        paths = (path_of_uri(uri) for uri in uris)
        self._exclusions = Exclusions([path for path in paths if path is not None], self._user_file)
        self._paths.clear()
        self.refresh()

    def refresh(self) -> None:
        """Ignore files may have changed."""
        self._reasons.clear()

    def forget(self, uri: str) -> None:
        """The document was opened or closed: look again."""
        self._reasons.pop(uri, None)
        self._paths.pop(uri, None)

    def path_of(self, document: Document) -> str:
        """The path below its workspace folder, with forward slashes; of others the bare name."""
        if (known := self._paths.get(document.uri)) is None:
            known = self._paths[document.uri] = self._name(document.uri)
        return known

    def _name(self, uri: str) -> str:
        path, cell = _file_of(uri)
        if path is None:
            return _name_of(uri)
        root = self._root_of(path)
        name = path.relative_to(root).as_posix() if root is not None else path.name
        return f"{name}#{cell}" if cell else name

    def place_of(self, uri: str) -> tuple[Path, str] | None:
        """The workspace folder that a file is in, and its path there."""
        path = path_of_uri(uri)
        root = self._root_of(path) if path is not None else None
        return (root, path.relative_to(root).as_posix()) if path is not None and root else None

    def hides(self, document: Document, path: str) -> bool:
        """Whether a file of the document's folder must not be shown, by the rules as they are now."""
        own = path_of_uri(document.uri)
        root = self._root_of(own) if own is not None else None
        return root is not None and bool(self._exclusions.reason(root / path))

    def _root_of(self, path: Path) -> Path | None:
        """The innermost workspace folder that it is in."""
        roots = [root for root in self._exclusions.roots if path.is_relative_to(root)]
        return max(roots, key=lambda root: len(root.parts), default=None)

    def edit_refusal(self, uri: str) -> str:
        """Why no change may touch a file, there or not; or nothing. Looks at the disk for links."""
        path = path_of_uri(uri)
        if path is not None and path.exists() and not os.access(path, os.W_OK):
            return self._outside(path) or "it is read-only"
        return self.reading_refusal(uri)

    def reading_refusal(self, uri: str) -> str:
        """Why a file, there or not, must not be shown to a model; or nothing. Looks as above."""
        path = path_of_uri(uri)
        if path is None:
            return _OUTSIDE
        return self._outside(path) or self._exclusions.reason(path)

    @property
    def roots(self) -> list[Path]:
        return self._exclusions.roots

    def _outside(self, path: Path) -> str:
        root = self._root_of(path)
        if root is None:
            return _OUTSIDE
        is_in = path.resolve().is_relative_to(root.resolve())
        return "" if is_in else "a link leads out of the workspace"

    def exclusion(self, document: Document) -> str:
        """Why the document must not be shown to a model, or nothing."""
        reason = self._reasons.get(document.uri)
        if reason is None:
            path, _ = _file_of(document.uri)
            if path is not None:
                reason = self._exclusions.reason(path)
            elif looks_secret(PurePosixPath(_name_of(document.uri))):
                reason = "the file looks like it holds secrets"
            else:
                reason = ""
            self._reasons[document.uri] = reason
        return reason


@lru_cache(maxsize=1024)  # each key asks of the same document several times
def path_of_uri(uri: str) -> Path | None:
    """The absolute path of a `file:` URI, without `..`.

    None for any other scheme, and for what cannot be a path.
    """
    try:
        parts = urlsplit(uri)
        path = unquote(parts.path, errors="strict")
        path.encode()
    except ValueError:
        return None
    if parts.scheme != "file" or not path.startswith("/") or "\0" in path:
        return None
    if os.name == "nt":
        path = f"//{parts.netloc}{path}" if parts.netloc else path.lstrip("/")
    return Path(os.path.normpath(path))


def _file_of(uri: str) -> tuple[Path | None, str]:
    """The file that a document is, or is a cell of, and the name of the cell."""
    scheme, _, rest = uri.partition(":")
    if scheme != NOTEBOOK_CELL:
        return path_of_uri(uri), ""
    notebook, _, cell = rest.partition("#")
    return path_of_uri(f"file:{notebook}"), cell.split("?")[0]


def _name_of(uri: str) -> str:
    """What a document that is no file is called: the URI's path, as text that UTF-8 can hold."""
    path = unquote(uri.partition(":")[2].split("?")[0].split("#")[0])
    return path.encode(errors="replace").decode()
