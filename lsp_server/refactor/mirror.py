r"""The files that a refactor may concern, as a project of rope's in a folder of its own.

Nothing is ever written into the workspace, and nothing of it is imported or run: rope reads text. Line
ends are `\n` in the mirror, and are given back as they were.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import tokenize
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from rope.base.project import Project

from lsp_server.refactor import rope_names, scope_regions
from lsp_server.refactor.job import Job
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.workspace.disk import read_bytes

rope_names.install()
scope_regions.install()


class Mirror:
    r"""Made by `mirror_of`. `texts` are with `\n` alone, by path; files are written for rope alone."""

    def __init__(self, job: Job, folder: Path, texts: dict[str, str], crlf: set[str]) -> None:
        self.texts = texts
        self._job = job
        self._others: dict[str, str | None] = {}
        self._folder = folder
        self._crlf = crlf

    @functools.cached_property
    def project(self) -> Any:
        """rope's; what needs none is spared writing hundreds of files."""
        for path, text in self.texts.items():
            file = self._folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_encoded(text))
        none: Any = None  # which rope takes for no folder of its own
        project: Any = Project(
            str(self._folder),
            ropefolder=none,
            ignore_syntax_errors=True,
            ignore_bad_imports=True,
            automatic_soa=False,
            import_dynload_stdmods=False,
            extension_modules=[],
        )
        # Modules are looked for in the mirror alone, not in what this Python has installed.
        project.get_python_path_folders = list
        # They stay as they are, and finding them means walking the whole mirror.
        folders = project.get_source_folders()
        project.get_source_folders = lambda: folders
        return project

    def read(self, path: str) -> str | None:
        """The text of any file of the workspace folder, as it is open or on disk; None without one."""
        if path in self.texts:
            return self.texts[path]
        if path not in self._others:
            is_open = path in self._job.texts
            text = self._job.texts[path] if is_open else _read(Path(self._job.folder, path))
            self._others[path] = text
        return self._others[path]

    def resource(self, path: str) -> Any:
        return self.project.get_resource(path)

    def resources(self) -> list[Any]:
        return [self.resource(path) for path in self.texts]

    def with_line_ends(self, path: str, text: str) -> str:
        return text.replace("\n", "\r\n") if path in self._crlf else text


@contextlib.contextmanager
def mirror_of(job: Job, scratch: Path) -> Iterator[Mirror]:
    """The job's files in a folder below `scratch`, which is removed at the end.

    Raises `RefactorRefused` where the file that was asked about cannot be had.
    """
    texts: dict[str, str] = {}
    crlf: set[str] = set()
    for path in dict.fromkeys([job.path, *job.paths, *_packages([job.path, *job.paths])]):
        text = job.texts.get(path)
        if text is None:
            text = _read(Path(job.folder, path))
        if text is not None and "\r" in text:
            if "\r" in text.replace("\r\n", "") or "\n" in text.replace("\r\n", ""):
                text = None  # of several kinds: they could not be given back
            else:
                crlf.add(path)
                text = text.replace("\r\n", "\n")
        if text is not None:
            texts[path] = text
        elif path == job.path:
            raise RefactorRefused(
                f"{path} cannot be read as one text: it is not in UTF-8, or has several kinds of line "
                "ends. Save it with one"
            )
    folder = scratch / "project"
    try:
        yield Mirror(job, folder, texts, crlf)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _packages(paths: list[str]) -> Iterator[str]:
    """What makes folders packages, and may pass names on."""
    for folder in sorted({parent for path in paths for parent in PurePosixPath(path).parents}):
        if folder.parts:
            yield str(folder / "__init__.py")


def _read(file: Path) -> str | None:
    try:
        return read_bytes(file).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def _encoded(text: str) -> bytes:
    """As rope will decode it: by what the text says of itself."""
    data = text.encode("utf-8", "replace")
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return text.encode(encoding)
    except (SyntaxError, UnicodeEncodeError, LookupError):
        return data
