"""What is imported when a command or the server starts, and what must not be."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.sources import LAZY

# What a command or the server must not wait for when it starts, and why.
NOT_FOR_VERSION = {
    "asyncio": "a loop is for what runs",
    "pygls": "300 ms, for one line of output",
    "lsprotocol": "as above",
    "rich": "for tables",
    "tree_sitter": "for the index",
    "msgpack": "for the wire",
}
# What no answer to `initialize` needs, and takes long to load: packages of the server.
NOT_AT_START = frozenset(
    {
        *("agent", "chat", "completions", "context", "edits", "model_edits", "parts"),
        *("quick_fixes", "refactor", "statistics"),
    }
)
NOT_FOR_SERVER = {
    "rich": "the server prints nothing",
    "click": "the command line is behind it",
    "tree_sitter": "grammars are loaded where code is parsed",
    "watchdog": "its threads are started where files are watched",
    "multiprocessing": "only parsing in bulk needs processes",
    "concurrent.futures.process": "as above",
    "http": "nothing is fetched",
    "urllib.request": "as above",
    "email": "as above",
    "sqlite3": "nothing is stored",
    "xml": "nothing speaks it",
    "unittest": "for tests",
    "inference.host": "another process",
    "inference.engines": "another process",
    "lsp_server.session": "the editor's side",
    "lsp_server.doctor": "a command of its own",
    "lsp_server.bench": "a command of its own",
    "lsp_server.demo": "a command of its own",
}


def imported_by(code: str) -> set[str]:
    """The modules that a fresh Python has imported when the code is through."""
    answer = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            f"{code}\nimport sys, json; print(json.dumps([*sys.modules]))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(answer.stdout.splitlines()[-1]))


def test_the_version_is_told_without_delay() -> None:
    found = imported_by(
        "from lsp_server.__main__ import main\n"
        "try:\n    main(['--version'], prog_name='sparrow')\n"
        "except SystemExit:\n    pass"
    )
    assert "click" in found
    assert sorted(found & NOT_FOR_VERSION.keys()) == []


def test_a_start_imports_what_it_needs() -> None:
    found = imported_by("import lsp_server.server, lsp_server.edge.stdio")
    assert {"pygls", "lsp_server.models"} <= found
    assert [it for it in found if NOT_AT_START.intersection(it.split(".")[1:2])] == []
    assert sorted(found & (NOT_FOR_SERVER.keys() | LAZY)) == []


def test_the_features_import_what_they_need() -> None:
    found = imported_by("from lsp_server.server import SparrowServer; SparrowServer().handlers")
    assert {"lsp_server.features.completion", "lsp_server.features.chat"} <= found
    assert sorted(found & (NOT_FOR_SERVER.keys() | LAZY)) == []
