"""Fixes an issue of a workspace folder: runs the pipeline of `agent/` on it as it stands.

Code of the workspace runs only where the user has allowed it, and then in the sandbox. What comes of it
is a change with its evidence, which is never applied here, or a refusal that says why. One fix at a
time; cancelling ends all that runs for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference.client import InferenceClient
from inference.errors import InferenceError
from lsp_server.agent.data import Candidate
from lsp_server.config import Config
from lsp_server.edits.change import Change
from lsp_server.edits.workspace_edit import find_moved
from lsp_server.features.fix_progress import FixProgress, telling
from lsp_server.workspace.documents import Documents
from lsp_server.workspace.folders import path_of_uri

if TYPE_CHECKING:
    from lsp_server.agent.pipeline import Result
    from lsp_server.agent.snapshot import Unsaved
    from lsp_server.agent.workbench import Models, Opened, Settings
    from lsp_server.workspace.snapshot import Snapshot as Index

logger = logging.getLogger(__name__)

_CHECK_S = 300.0  # for the tests on a part of a change
_READY_S = 60.0  # for a model to be loaded, without which a fix goes on


@dataclass(frozen=True, slots=True)
class FixRequest:
    """`uri` is of the folder, or of a file in it; `is_allowed`: the user lets code of it be run."""

    uri: str
    issue: str
    tests: tuple[str, ...] = ()
    interpreter: str = ""
    is_allowed: bool = False
    budget_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Fixed:
    """`change` is None where nothing was found; `verdict` is then empty. `markdown` is the evidence."""

    change: Change | None
    verdict: str
    reason: str
    markdown: str


@dataclass(frozen=True, slots=True)
class FixRefusal:
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A change that was handed to the editor, and what it was for."""

    folder: Path
    index: Index
    interpreter: str
    change: Change
    verdict: str
    failing: tuple[str, ...]
    extra: Mapping[str, str]  # the test of the issue's own code

    def path(self, uri: str) -> str:
        path = path_of_uri(uri)
        return path.relative_to(self.folder).as_posix() if path is not None else ""


class FixFeature:
    """On the loop alone."""

    def __init__(
        self,
        *,
        documents: Documents,
        config: Callable[[], Config],
        folder_of: Callable[[str], Path | None],
        index: Callable[[str], Index | None],
        completion: Callable[[], InferenceClient],
        chat: Callable[[], InferenceClient | None],
        is_hidden: Callable[[str], bool],
    ) -> None:
        """`is_hidden` says of a URI whether its file must not be shown to a model, or edited."""
        self._documents = documents
        self._config = config
        self._folder_of = folder_of
        self._index = index
        self._completion = completion
        self._chat = chat
        self._is_hidden = is_hidden
        self._is_busy = False
        self._last: _Shown | None = None

    async def fix(
        self, request: FixRequest, on_progress: Callable[[str], None] = lambda _: None
    ) -> Fixed | FixRefusal:
        if not request.is_allowed:
            return FixRefusal(
                "to run code of this workspace was not allowed",
                "Allow it when the editor asks; it is kept for this workspace alone.",
            )
        if self._is_busy:
            return FixRefusal("another fix is running", "Cancel it, or wait for it.")
        folder, index = self._folder_of(request.uri), self._index(request.uri)
        if folder is None or index is None:
            return FixRefusal(
                "the file is in no indexed folder", "Open its folder, with sparrow.index.enable on."
            )
        return await self._alone(lambda told: self._fix(request, folder, index, told), on_progress)

    async def check(
        self, on_progress: Callable[[str], None] = lambda _: None
    ) -> Fixed | FixRefusal:
        """What the user took of the last change that was shown, by the files as they are now.

        A part of it is tried as any candidate is: its hunks were seen to help together.
        """
        last = self._last
        if last is None:
            return FixRefusal("no fix was shown", "Ask for one first.")
        files = {it.uri: it for it in last.change.files}
        now = {uri: self._text_of(uri)[1] for uri in files}
        if all(now[uri] == it.after for uri, it in files.items()):
            return Fixed(None, last.verdict, "the change was taken as a whole", "")
        if all(now[uri] == it.before for uri, it in files.items()):
            return Fixed(None, "", "nothing of the change was taken", "")
        if self._is_busy:
            return FixRefusal("another fix is running", "Cancel it, or wait for it.")
        texts = {last.path(uri): text for uri, text in now.items() if text is not None}
        part = Candidate(texts, "part of the change", 0.0)
        return await self._alone(lambda told: self._check(last, part, told), on_progress)

    async def _alone(
        self,
        work: Callable[[FixProgress], Awaitable[Fixed | FixRefusal]],
        on_progress: Callable[[str], None],
    ) -> Fixed | FixRefusal:
        from lsp_server.agent.sandbox import SandboxUnavailable
        from lsp_server.agent.snapshot import SnapshotRefused
        from lsp_server.agent.tests_found import TestsUnknown

        self._is_busy = True
        try:
            async with telling(on_progress) as told:
                return await work(told)
        except SandboxUnavailable as error:
            return FixRefusal(
                str(error),
                "The setting sparrow.fix.allowUnsandboxed lets tests run without a sandbox.",
            )
        except (SnapshotRefused, TestsUnknown) as error:
            return FixRefusal(str(error))
        except OSError as error:
            logger.warning("a fix failed: %s", error)
            return FixRefusal(f"the workspace cannot be worked on: {error}")
        finally:
            self._is_busy = False

    async def _check(self, last: _Shown, part: Candidate, told: FixProgress) -> Fixed | FixRefusal:
        """Tries a part against the files as they were before it."""
        from lsp_server.agent.report import as_markdown
        from lsp_server.agent.snapshot import Unsaved
        from lsp_server.agent.workbench import Models, open_workbench

        unsaved = await self._unsaved(last.folder)
        unsaved |= {last.path(it.uri): Unsaved(0, it.before or "") for it in last.change.files}
        started = time.monotonic()
        async with open_workbench(
            last.folder,
            last.index,
            self._settings(last.interpreter),
            Models(),
            unsaved=unsaved,
            on_note=told.note,
        ) as opened:
            judge = opened.workbench.judge(last.extra)
            if judge is None:
                return FixRefusal("no tests are found, so that nothing of it was run")
            told.note("running the tests on what was taken")
            await judge.baseline(last.failing)
            found = [it async for it in judge.validate([part], last.failing, _CHECK_S)]
        if not found:
            return FixRefusal(f"the tests took more than {_CHECK_S:g} s")
        (evidence,) = found
        markdown = as_markdown(
            evidence,
            reason=evidence.reason,
            tried=(),
            failing=last.failing,
            notes=opened.notes,
            seconds=time.monotonic() - started,
        )
        return Fixed(None, str(evidence.verdict), evidence.reason, markdown)

    def _settings(self, interpreter: str) -> Settings:
        from lsp_server.agent.workbench import Settings

        config = self._config()
        return Settings(config.fix_test_command, interpreter, config.fix_allow_unsandboxed)

    async def _fix(
        self, request: FixRequest, folder: Path, index: Index, told: FixProgress
    ) -> Fixed | FixRefusal:
        from lsp_server.agent.pipeline import Fix
        from lsp_server.agent.task import Request
        from lsp_server.agent.trajectory import Trajectory
        from lsp_server.agent.workbench import open_workbench

        self._last = None
        async with open_workbench(
            folder,
            index,
            self._settings(request.interpreter),
            await self._models(told),
            unsaved=await self._unsaved(folder),
            on_note=told.note,
        ) as opened:
            trajectory = Trajectory(opened.key, None)
            asked = Request(request.issue, request.tests, request.budget_s)
            run = Fix(asked, opened.workbench, trajectory, told.stage)
            result = await run.run()
            fixed = await self._present(result, opened)
        if isinstance(fixed, Fixed) and fixed.change is not None:
            self._last = _Shown(
                folder,
                index,
                request.interpreter,
                fixed.change,
                fixed.verdict,
                result.failing,
                run.extra,
            )
        return fixed

    async def _models(self, told: FixProgress) -> Models:
        """Those that can be had; a fix does without them."""
        from lsp_server.agent.workbench import Models

        found: list[InferenceClient | None] = []
        for client in (self._completion(), self._chat()):
            if client is not None:
                told.note(f"waiting for {client.endpoint.model}")
                try:
                    async with asyncio.timeout(_READY_S):
                        await client.wait_ready(_READY_S)
                except (InferenceError, TimeoutError) as error:
                    logger.info("a fix goes on without %s: %s", client.endpoint.model, error)
                    client = None  # noqa: PLW2901
            found.append(client)
        return Models(*found)

    async def _unsaved(self, folder: Path) -> dict[str, Unsaved]:
        """Open documents of a folder that differ from the disk, by their paths there."""
        from lsp_server.agent.snapshot import Unsaved

        opened = []
        for document in self._documents:
            path = path_of_uri(document.uri)
            if path is not None and path.is_relative_to(folder) and not document.problem:
                if self._is_hidden(document.uri):
                    continue
                opened.append((path, Unsaved(document.version, document.text)))

        def differing() -> dict[str, Unsaved]:
            return {
                path.relative_to(folder).as_posix(): it
                for path, it in opened
                if _read(path) != it.text
            }

        return await asyncio.to_thread(differing)

    async def _present(self, result: Result, opened: Opened) -> Fixed | FixRefusal:
        from lsp_server.agent.gates import change_of
        from lsp_server.agent.report import as_markdown

        best = result.best
        markdown = as_markdown(
            best,
            reason=result.reason,
            tried=result.evidence,
            failing=result.failing,
            notes=opened.notes,
            seconds=result.seconds,
        )
        if best is None:
            return Fixed(None, "", result.reason, markdown)
        change = change_of(best.candidate, opened.snapshot)
        moved = await asyncio.to_thread(find_moved, change, self._text_of)
        if moved:
            names = ", ".join(it.rpartition("/")[2] for it in moved)
            return FixRefusal(
                f"{names} was changed while the fix was looked for",
                "Nothing was changed. Ask again.",
            )
        return Fixed(self._versioned(change), str(best.verdict), result.reason, markdown)

    def _text_of(self, uri: str) -> tuple[int | None, str | None]:
        """A file's version and text as they are now."""
        document = self._documents.get(uri)
        if document is not None:
            return document.version, document.text
        path = path_of_uri(uri)
        return None, _read(path) if path is not None else None

    def _versioned(self, change: Change) -> Change:
        """With the versions of the documents that are open, so that the editor refuses later ones."""
        files = tuple(
            replace(file, version=document.version) if document is not None else file
            for file in change.files
            for document in (self._documents.get(file.uri),)
        )
        return replace(change, files=files)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
