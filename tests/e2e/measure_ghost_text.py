"""From a key to ghost text in the real editor: Sparrow's, and that of an extension that says one thing.

`python -m tests.e2e.measure_ghost_text [--vsix dist/sparrow.vsix] [--samples 40]`. Two editors in one
browser take turns, a key each. Sparrow's model is a script that answers at once; the other extension
has its text ready. So what lies between them is Sparrow: the editor's own delays are in both. A key's time
is taken when the page hears of it, and the ghost text's when it is in the page.

A table for people goes to standard error, and one JSON object to standard output, which
`sparrow bench typing --ghost-text FILE` takes over.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import Browser, ViewportSize, expect

from . import scenes
from .browser import BrowserMissing, open_browser
from .code_server import (
    EditorError,
    editor_home,
    install_extension,
    serve,
    workspace_address,
)
from .editor import EditorBuild, EditorBuildError, build_editor
from .waiting import wait_until
from .workbench import Workbench

ROOT = Path(__file__).parents[2]
SAMPLES = 40
ACTIVATION_TIMEOUT_S = 60
PAUSE_MS = 1200  # longer than between two keys of somebody who types: no debounce
TEXT = " = 1 + 2"
FILE = "sums.py"
WATCH = """
() => {
  const times = (window.ghostTextTimes = { key: 0, shown: 0 });
  const heard = () => Object.assign(times, { key: performance.now(), shown: 0 });
  const look = () => {
    if (times.shown || !document.querySelector(".view-lines [class*=ghost-text-decoration]")) return;
    times.shown = performance.now();
  };
  document.addEventListener("keydown", heard, true);
  const options = { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] };
  new MutationObserver(look).observe(document.body, options);
}
"""
TAKEN = """
() => {
  const { key, shown } = window.ghostTextTimes;
  return shown > key ? shown - key : 0;
}
"""
MANIFEST = {
    "name": "constant",
    "publisher": "measuring",
    "version": "1.0.0",
    "engines": {"vscode": "^1.90.0"},
    "main": "./extension.js",
    "activationEvents": ["onStartupFinished"],
}
EXTENSION = f"""
const vscode = require("vscode");
exports.activate = (context) => {{
  // Without a range it would stand for the word before the cursor, which it does not begin with.
  const provideInlineCompletionItems = (_document, position) => {{
    const here = new vscode.Range(position, position);
    return [new vscode.InlineCompletionItem({json.dumps(TEXT)}, here)];
  }};
  const provider = {{ provideInlineCompletionItems }};
  context.subscriptions.push(
    vscode.languages.registerInlineCompletionItemProvider({{ pattern: "**" }}, provider),
  );
}};
"""
PACKAGE = """<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata><Identity Language="en-US" Id="constant" Version="1.0.0" Publisher="measuring"/>
<DisplayName>constant</DisplayName><Description>Says one thing.</Description></Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
<Dependencies/><Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest"
Path="extension/package.json" Addressable="true"/></Assets></PackageManifest>
"""
TYPES = """<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension=".json" ContentType="application/json"/>
<Default Extension=".js" ContentType="application/javascript"/>
<Default Extension=".vsixmanifest" ContentType="text/xml"/></Types>
"""


def main() -> int:
    """Measure and print; the exit status is 1 where that is not possible."""
    arguments = _parse_arguments()
    try:
        result = _measure(arguments.vsix, arguments.samples)
    except (EditorBuildError, EditorError, BrowserMissing, TimeoutError) as error:
        _say(str(error))
        return 1
    _say(f"from a key to ghost text, p50 of {result['samples']}:")
    _say(f"  Sparrow             {result['sparrow_p50_ms']:7.1f} ms")
    _say(f"  constant extension  {result['constant_p50_ms']:7.1f} ms")
    click.echo(json.dumps(result))
    return 0


def _measure(vsix: Path, samples: int) -> dict[str, Any]:
    build = build_editor(_say)
    taken: dict[str, list[float]] = {"sparrow": [], "constant": []}
    with ExitStack() as stack:
        browser = stack.enter_context(open_browser())
        home = stack.enter_context(editor_home())
        constant = _constant_extension(home.folder)
        model = scenes.scripted_model(home.folder / "script.json", {"reply": [TEXT]})
        settings = {
            "sparrow.server.path": str(Path(sys.executable).with_name("sparrow")),
            "sparrow.completion.model": model,
        }
        editors = {
            "sparrow": stack.enter_context(_editor(build, browser, vsix, settings)),
            "constant": stack.enter_context(_editor(build, browser, constant, {})),
        }
        editors["sparrow"].wait_for_status("^Sparrow: ready", ACTIVATION_TIMEOUT_S)
        for editor in editors.values():
            editor.page.evaluate(WATCH)
            _take(editor)  # what is done for the first time is none of those counted
        for _ in range(samples):
            for name, editor in editors.items():
                taken[name].append(_take(editor))
    ours, theirs = (statistics.median(taken[name]) for name in ("sparrow", "constant"))
    return {
        "name": "ghost_text",
        "samples": samples,
        "sparrow_p50_ms": round(ours, 1),
        "constant_p50_ms": round(theirs, 1),
        "editor_over_constant_ms": round(ours - theirs, 1),
    }


def _take(editor: Workbench) -> float:
    """Milliseconds from a key to the ghost text that it brings, which is turned down then."""
    page = editor.page
    page.bring_to_front()
    page.wait_for_timeout(PAUSE_MS)
    page.keyboard.press("x")
    taken = float(wait_until(lambda: page.evaluate(TAKEN), "ghost text", ACTIVATION_TIMEOUT_S))
    page.keyboard.press("Escape")
    wait_until(lambda: not editor.ghost_text(), "no ghost text", ACTIVATION_TIMEOUT_S)
    return taken


@contextmanager
def _editor(
    build: EditorBuild, browser: Browser, vsix: Path, settings: Mapping[str, Any]
) -> Iterator[Workbench]:
    """An editor with one extension, on a file of its own that is open."""
    with editor_home() as home, ExitStack() as stack:
        install_extension(build, home, vsix)
        home.write_settings(settings)
        workspace = home.folder / "workspace"
        workspace.mkdir()
        (workspace / FILE).write_text("total = 1\n" * 200)
        environment = home.private_folders()
        address = stack.enter_context(serve(build, home, environment=environment))
        context = stack.enter_context(
            browser.new_context(viewport=ViewportSize(width=1280, height=800))
        )
        expect.set_options(timeout=1000 * ACTIVATION_TIMEOUT_S)
        context.set_default_timeout(1000 * ACTIVATION_TIMEOUT_S)
        editor = Workbench(context.new_page(), home, workspace, home.folder)
        editor.go_to(workspace_address(address, workspace))
        editor.open_file(FILE)
        yield editor


def _constant_extension(folder: Path) -> Path:
    path = folder / "constant.vsix"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("[Content_Types].xml", TYPES)
        packed.writestr("extension.vsixmanifest", PACKAGE)
        packed.writestr("extension/package.json", json.dumps(MANIFEST))
        packed.writestr("extension/extension.js", EXTENSION)
    return path


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure from a key to ghost text.")
    parser.add_argument("--vsix", type=Path, default=ROOT / "dist" / "sparrow.vsix")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    return parser.parse_args()


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    sys.exit(main())
