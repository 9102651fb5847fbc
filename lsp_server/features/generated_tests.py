"""Whether tests that a model wrote pass on the code as it is: they are run before anybody sees them.

They run on a copy of the workspace with its unsaved documents, in the sandbox, and only where the user
has allowed that code of this workspace is run. What fails without them as well counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.config import Config
from lsp_server.model_edits.request import EditRefusal, EditRequest
from lsp_server.workspace.documents import Documents
from lsp_server.workspace.folders import path_of_uri

if TYPE_CHECKING:
    from lsp_server.agent.data import TestCommand, TestRun
    from lsp_server.agent.sandbox import Sandbox
    from lsp_server.agent.snapshot import Snapshot, Unsaved
    from lsp_server.agent.toolchain import Toolchain
    from lsp_server.edits.change import Change
    from lsp_server.edits.verification import Finding

TIMEOUT_S = 60.0
_BY_FILE = frozenset({"pytest", "unittest", "node"})  # frameworks that run the tests of one file
_MAX_NAMED = 3
_TOLD_CHARACTERS = 3000  # to the model, of what a run printed


@dataclass(frozen=True, slots=True)
class _Place:
    sandbox: Sandbox
    toolchain: Toolchain


class GeneratedTests:
    """`folder_of` gives the workspace folder of a document; files that `is_hidden` stay as on disk."""

    def __init__(
        self,
        *,
        documents: Documents,
        config: Callable[[], Config],
        folder_of: Callable[[str], Path | None],
        is_hidden: Callable[[str], bool],
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._documents = documents
        self._config = config
        self._folder_of = folder_of
        self._is_hidden = is_hidden
        self._timeout_s = timeout_s

    async def find_refusal(self, request: EditRequest) -> EditRefusal | None:
        """Why no tests can be run, before a model is asked for some; None where they can."""
        found = await self._place(request)
        return found if isinstance(found, EditRefusal) else None

    async def run(self, request: EditRequest, change: Change) -> Sequence[Finding] | EditRefusal:
        """What the tests say that a change adds to one file; or why they cannot be run."""
        from lsp_server.agent.copies import Copies
        from lsp_server.agent.sandbox import SandboxUnavailable
        from lsp_server.agent.snapshot import Snapshot, SnapshotRefused
        from lsp_server.agent.tests_found import TestsUnknown
        from lsp_server.edits.verification import Finding, Gate, Outcome
        from lsp_server.workspace.store_file import cache_folder

        place = await self._place(request)
        folder = self._folder_of(request.uri)
        if isinstance(place, EditRefusal) or folder is None:
            return place if isinstance(place, EditRefusal) else _no_folder()
        copies = Copies(cache_folder())
        try:
            snapshot = await Snapshot.take(folder, self._unsaved(folder), copies=copies)
            problem = await self._try(place, snapshot, folder, change)
        except SandboxUnavailable as error:
            return _unavailable(error)
        except (SnapshotRefused, TestsUnknown) as error:
            return EditRefusal(f"the tests cannot be run: {error}")
        except OSError as error:
            return EditRefusal(f"the tests cannot be run, since the copy failed: {error}")
        finally:
            copies.close()
        outcome = Outcome.FAILED if problem else Outcome.PASSED
        return [Finding(Gate.TEST_RUN, outcome, change.files[0].uri, problem)]

    async def _place(self, request: EditRequest) -> _Place | EditRefusal:
        from lsp_server.agent.sandbox import Sandbox, SandboxUnavailable
        from lsp_server.agent.toolchain import find_toolchain

        if not request.may_run:
            return EditRefusal(
                "to run code of this workspace was not allowed",
                "Allow it when the editor asks; it is kept for this workspace alone.",
            )
        folder = self._folder_of(request.uri)
        if folder is None:
            return _no_folder()
        toolchain = await find_toolchain(folder, request.interpreter)
        is_allowed = self._config().fix_allow_unsandboxed
        sandbox = Sandbox(folder, toolchain, is_unsandboxed_allowed=is_allowed)
        try:
            await sandbox.check()
        except SandboxUnavailable as error:
            return _unavailable(error)
        return _Place(sandbox, toolchain)

    async def _try(self, place: _Place, snapshot: Snapshot, folder: Path, change: Change) -> str:
        """What is wrong with the tests of a change's one file, or nothing. Raises `TestsUnknown`."""
        from lsp_server.agent.data import TestRun
        from lsp_server.agent.tests_found import find_command

        (file,) = change.files
        place_of_file = path_of_uri(file.uri)
        assert place_of_file is not None
        assert file.after is not None
        path, text = place_of_file.relative_to(folder).as_posix(), file.after

        command = find_command(
            {*snapshot.paths, path},
            lambda it: text if it == path else snapshot.text(it),
            python=place.toolchain.python,
            has_module=place.toolchain.has_module,
            configured=self._config().fix_test_command,
        )
        run = await self._run(place, snapshot, command, path, {path: text})
        before = TestRun({}, 0, "", 0.0)
        if file.before is not None or command.framework not in _BY_FILE:
            before = await self._run(place, snapshot, command, path, {})
        return find_problem(run, before, self._timeout_s)

    async def _run(
        self,
        place: _Place,
        snapshot: Snapshot,
        command: TestCommand,
        path: str,
        files: Mapping[str, str],
    ) -> TestRun:
        from lsp_server.agent.test_results import run_tests

        async with snapshot.copy(files) as copy:
            return await run_tests(
                place.sandbox, command, tests_in(command, path), copy, timeout_s=self._timeout_s
            )

    def _unsaved(self, folder: Path) -> dict[str, Unsaved]:
        from lsp_server.agent.snapshot import Unsaved

        found = {}
        for document in self._documents:
            path = path_of_uri(document.uri)
            if path is None or not path.is_relative_to(folder) or document.problem:
                continue
            if not self._is_hidden(document.uri):
                name = path.relative_to(folder).as_posix()
                found[name] = Unsaved(document.version, document.text)
        return found


def tests_in(command: TestCommand, path: str) -> tuple[str, ...]:
    """What names the tests of one file to a framework; nothing where all are run."""
    match command.framework:
        case "pytest" | "node":
            return (path,)
        case "unittest":
            start = command.argv[command.argv.index("-s") + 1] if "-s" in command.argv else ""
            module = path.removeprefix(f"{start}/") if start else path
            return (module.removesuffix(".py").replace("/", "."),)
        case "go":
            folder = path.rpartition("/")[0]
            return (f"./{folder}::",)
    return ()


def find_problem(run: TestRun, before: TestRun, timeout_s: float) -> str:
    """Why the tests that a run has more than the one before are not to be had; or nothing."""
    from lsp_server.agent.data import Outcome as Ended
    from lsp_server.agent.data import is_failure

    failing = [it for it in run.failing if not is_failure(before.outcomes.get(it, Ended.PASSED))]
    hanging = [it for it in failing if run.outcomes[it] is Ended.TIMEOUT]
    if hanging:
        return f"{_some(hanging)} did not end within {timeout_s:g} s{_said(run)}"
    if failing:
        return f"{_some(failing)} failed on the code as it is{_said(run)}"
    if run.exit_code is None:
        stopped = run.contained[0] if run.contained else "they were ended"
        return f"the tests did not come to their end: {stopped}{_said(run)}"
    is_new = [it for it in run.outcomes if run.passes(it) and not before.passes(it)]
    if not is_new and not (before.exit_code == 0 and _is_one_command(run)):
        return f"no test was run that was not there before{_said(run)}"
    return ""


def _is_one_command(run: TestRun) -> bool:
    from lsp_server.agent.data import WHOLE_COMMAND

    return run.passes(WHOLE_COMMAND)


def _some(tests: Sequence[str]) -> str:
    named = ", ".join(tests[:_MAX_NAMED])
    return f"{named} and {len(tests) - _MAX_NAMED} more" if len(tests) > _MAX_NAMED else named


def _said(run: TestRun) -> str:
    """The end of what a run printed, on lines of its own."""
    said = run.output.strip()[-_TOLD_CHARACTERS:]
    return f"\n{said}" if said else ""


def _no_folder() -> EditRefusal:
    return EditRefusal(
        "the file is in no indexed folder", "Open its folder, with sparrow.index.enable on."
    )


def _unavailable(error: Exception) -> EditRefusal:
    return EditRefusal(
        str(error), "The setting sparrow.fix.allowUnsandboxed lets tests run without a sandbox."
    )
