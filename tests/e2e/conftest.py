"""Fixtures of the end-to-end tests: the built editor, the packed extension, editors to drive.

Each editor has a home of its own, so the Sparrow in it is one of its own too. The pictures of
every test, and for a failed one the logs, stay in `output/<name of the test>/`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import click
import pytest
from playwright.sync_api import Browser, ViewportSize, expect
from playwright.sync_api import Error as PlaywrightError

from .browser import BrowserMissing, open_browser
from .chat_page import ORIGIN, ChatPage, OpenChat, build_harness, open_chat_page
from .code_server import EditorHome, editor_home, install_extension, serve, workspace_address
from .editor import EditorBuild, EditorBuildError, build_editor
from .workbench import LaunchEditor, Workbench

ROOT = Path(__file__).parents[2]
OUTPUT = Path(__file__).parent / "output"
TIMEOUT_MS = 60_000  # as all bounds here, for a machine under load
WINDOW = ViewportSize(width=1280, height=800)
PATIENT = """\
#!{python}
from lsp_server.cli import main
from lsp_server.features import completion

if __name__ == "__main__":
    completion.DEADLINE_S = 15.0
    main()
"""
OUTCOME = pytest.StashKey[pytest.TestReport]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A real editor's own accidents are met a second time at most; the end of the run names them."""
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[OUTCOME] = report
    return report


@pytest.fixture(scope="session")
def editor_build(pytestconfig: pytest.Config) -> EditorBuild:
    """The editor, built now if this machine has not built it yet."""
    try:
        return build_editor(_progress(pytestconfig))
    except EditorBuildError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def vsix(pytestconfig: pytest.Config) -> Path:
    """The packed extension: what SPARROW_VSIX names, or what `make vsix` packs."""
    if named := os.environ.get("SPARROW_VSIX"):
        return Path(named).resolve(strict=True)
    _progress(pytestconfig)("packing the extension")
    packed = subprocess.run(["make", "vsix"], cwd=ROOT, capture_output=True, text=True, check=False)
    if packed.returncode:
        pytest.fail(f"make vsix failed:\n{packed.stdout}{packed.stderr}", pytrace=False)
    return ROOT / "dist" / "sparrow.vsix"


@pytest.fixture(scope="session")
def installed_extensions(editor_build: EditorBuild, vsix: Path) -> Iterator[Path]:
    """A folder of extensions with Sparrow installed, to copy from."""
    with editor_home() as home:
        install_extension(editor_build, home, vsix)
        yield home.extensions


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this folder, and no longer: its driver occupies the thread's
    event loop, so tests of asyncio could not run beside it."""
    expect.set_options(timeout=TIMEOUT_MS)
    try:
        with open_browser() as browser:
            yield browser
    except BrowserMissing as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def chat_html() -> str:
    return build_harness()


@pytest.fixture
def open_chat(browser: Browser, chat_html: str) -> Iterator[OpenChat]:
    """Open pages; at the end nothing was loaded but the page itself, and nothing complained."""
    pages = []
    with ExitStack() as stack:

        def open_page(width: int) -> ChatPage:
            page = stack.enter_context(open_chat_page(browser, chat_html, width))
            pages.append(page)
            return page

        yield open_page
        for page in pages:
            own = {f"{ORIGIN}/{name}" for name in ("", "chat.js", "chat.css")}
            assert set(page.loaded) == own
            assert page.complaints == []


@pytest.fixture(scope="session")
def sparrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A console script of the Sparrow under test, whose completions no busy machine makes late."""
    path = tmp_path_factory.mktemp("bin") / "sparrow"
    path.write_text(PATIENT.format(python=sys.executable))
    path.chmod(0o700)
    return path


@pytest.fixture
def output(request: pytest.FixtureRequest) -> Path:
    """The test's output folder, empty."""
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    folder = OUTPUT / f"{request.path.stem}-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def launch_editor(
    request: pytest.FixtureRequest,
    editor_build: EditorBuild,
    installed_extensions: Path,
    browser: Browser,
    output: Path,
) -> Iterator[LaunchEditor]:
    """Open editors with Sparrow installed; every one ends with the test, and all it started."""
    launched: list[Workbench] = []
    consoles: list[str] = []
    with ExitStack() as stack:

        def launch(
            workspace: Path,
            settings: Mapping[str, Any] | None = None,
            *,
            environment: Mapping[str, str] | None = None,
        ) -> Workbench:
            home = stack.enter_context(editor_home())
            shutil.copytree(installed_extensions, home.extensions)
            home.write_settings(settings or {})
            variables = {**home.private_folders(), **(environment or {})}
            address = stack.enter_context(serve(editor_build, home, environment=variables))
            context = stack.enter_context(browser.new_context(viewport=WINDOW))
            context.set_default_timeout(TIMEOUT_MS)
            context.on(
                "console", lambda message: consoles.append(f"{message.type}: {message.text}")
            )
            workbench = Workbench(context.new_page(), home, workspace, output)
            launched.append(workbench)
            workbench.go_to(workspace_address(address, workspace))
            return workbench

        try:
            yield launch
        finally:
            failed = OUTCOME not in request.node.stash or request.node.stash[OUTCOME].failed
            for window in chain.from_iterable(editor.windows for editor in launched):
                with suppress(PlaywrightError):
                    window.screenshot("failure" if failed else "end")
            if failed:
                (output / "console.log").write_text("\n".join(consoles))
                for number, workbench in enumerate(launched):
                    _keep_logs(workbench.home, output / f"logs-{number}")


def _progress(config: pytest.Config) -> Callable[[str], None]:
    """Print at once, past pytest's capture: the first run takes minutes."""
    capture = config.pluginmanager.getplugin("capturemanager")

    def report(line: str) -> None:
        with capture.global_and_fixture_disabled():
            click.echo(f"e2e: {line}")

    return report


def _keep_logs(home: EditorHome, target: Path) -> None:
    for log in home.folder.rglob("*.log"):
        if log.is_file() and not log.is_relative_to(home.extensions):
            copy = target / log.relative_to(home.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, copy)
