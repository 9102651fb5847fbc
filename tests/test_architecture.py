"""Which module may import which, and what every module keeps to."""

from __future__ import annotations

import ast
import graphlib
from fnmatch import fnmatchcase

import pytest

from tests.sources import (
    LAZY,
    ROOT,
    all_imports,
    imports_of,
    is_one_of,
    is_ours,
    modules,
    told,
    top,
    tree_of,
)

# Pure: no I/O, no loop, no LSP; these take from us only one another, from elsewhere only PLAIN.
PURE = (
    "inference.codec",
    "inference.content",
    "inference.errors",
    "inference.formats",
    "inference.formats.*",
    "inference.prompt",
    "inference.protocol",
    "inference.sampling",
    "inference.surrogates",
    "lsp_server.agent.asking",
    "lsp_server.agent.bubblewrap",
    "lsp_server.agent.clues",
    "lsp_server.agent.data",
    "lsp_server.agent.denied",
    "lsp_server.agent.impact",
    "lsp_server.agent.localize",
    "lsp_server.agent.loop_guard",
    "lsp_server.agent.missing",
    "lsp_server.agent.patch",
    "lsp_server.agent.repairs",
    "lsp_server.agent.repairs.*",
    "lsp_server.agent.report",
    "lsp_server.agent.reproduce",
    "lsp_server.agent.select",
    "lsp_server.agent.spectrum",
    "lsp_server.agent.task",
    "lsp_server.agent.tests_found",
    "lsp_server.api_keys",
    "lsp_server.chat.blocks",
    "lsp_server.chat.code_blocks",
    "lsp_server.chat.prompt",
    "lsp_server.chat.search",
    "lsp_server.chat.store_rows",
    "lsp_server.chat.token_counts",
    "lsp_server.chat.transcript",
    "lsp_server.completions.*",
    "lsp_server.context",
    "lsp_server.context.*",
    "lsp_server.edits.api",
    "lsp_server.edits.blocks",
    "lsp_server.edits.change",
    "lsp_server.edits.completed_line",
    "lsp_server.edits.hunks",
    "lsp_server.edits.preview",
    "lsp_server.edits.python_names",
    "lsp_server.edits.python_scopes",
    "lsp_server.edits.python_source",
    "lsp_server.edits.python_syntax",
    "lsp_server.edits.tests_of",
    "lsp_server.edits.whole_word",
    "lsp_server.edits.workspace_edit",
    "lsp_server.features.anchor",
    "lsp_server.model_edits.*",
    "lsp_server.quick_fixes.diagnostics",
    "lsp_server.quick_fixes.import_place",
    "lsp_server.quick_fixes.unused",
    "lsp_server.refactor.job",
    "lsp_server.refactor.method_uses",
    "lsp_server.refactor.names",
    "lsp_server.refactor.offers",
    "lsp_server.refactor.refusal",
    "lsp_server.statistics.following",
    "lsp_server.statistics.page",
    "lsp_server.statistics.plots",
    "lsp_server.statistics.report",
    "lsp_server.statistics.tally",
    "lsp_server.workspace.documents",
    "lsp_server.workspace.file_tree",
    "lsp_server.workspace.findings",
    "lsp_server.workspace.headlines",
    "lsp_server.workspace.ignore_rules",
    "lsp_server.workspace.imports",
    "lsp_server.workspace.outline",
    "lsp_server.workspace.outline_codec",
    "lsp_server.workspace.ranking",
    "lsp_server.workspace.recent_edits",
    "lsp_server.workspace.rust_modules",
    "lsp_server.workspace.script_modules",
    "lsp_server.workspace.snapshot",
    "lsp_server.workspace.words",
)
_PLAIN = (  # of `io` what keeps text in memory
    "__future__ abc array ast bisect builtins codeop collections copy dataclasses difflib enum "
    "fractions functools graphlib hashlib heapq html io itertools json keyword math msgpack "
    "operator re shlex statistics string struct "
    "symtable textwrap tomllib types typing unicodedata warnings weakref zlib"
)
PLAIN = frozenset(_PLAIN.split())
# The packages of ours that pure modules are in.
BARE = frozenset(
    {"inference", "lsp_server"}
    | {
        f"lsp_server.{it}"
        for it in (
            *("agent", "chat", "completions", "edits", "features", "model_edits"),
            *("quick_fixes", "refactor", "statistics", "workspace"),
        )
    }
)

EDGE_TO_LSP = (
    "lsp_server.bench.*",
    "lsp_server.demo.fixing",
    "lsp_server.demo.refactoring",
    "lsp_server.edge.*",
    "lsp_server.server",
    "lsp_server.session",
)
# What starts things of both packages: everything else of the server sees the client and the wire.
WHOLE_SYSTEM = (
    *("lsp_server.bench", "lsp_server.bench.*", "lsp_server.demo", "lsp_server.demo.*"),
    *("lsp_server.cli", "lsp_server.doctor", "lsp_server.session", "lsp_server.trace_cli"),
)
OF_INFERENCE = frozenset(
    {
        "inference",
        "inference.client",
        "inference.content",
        "inference.errors",
        "inference.proposal",
        "inference.protocol",
        "inference.sampling",
    }
)
# What subclasses torch's classes needs it to be read; the commands that train import these.
TRAINING = tuple(
    f"inference.wren.{name}" for name in ("decoder", "optimizer", "row_sources", "training")
)
MAX_LINES = 400
LONGER = {
    "inference/planner.py": "one decision, read from top to bottom",
}

WALL_CLOCK = ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today")
ASKS_THE_WALL_CLOCK = {
    "lsp_server.chat.store_file": "when a message was kept, for all windows",
    "lsp_server.features.chat": "when a conversation went on, for the user's list",
    "lsp_server.statistics.days": "the user's own day",
    "lsp_server.statistics.store": "how many days are kept",
    "lsp_server.trace": "says to the user when a completion was",
    "lsp_server.workspace.store_file": "how long ago an index was opened, in days",
}


def test_imports_are_read() -> None:
    """That the rules below look at something."""
    assert len(modules()) > 40
    assert len(all_imports()) > 300
    found = {(it.importer, it.name, it.at_start) for it in all_imports()}
    assert ("lsp_server.server", "lsp_server.parts", False) in found
    assert ("lsp_server.server", "lsp_server.config", True) in found
    assert ("lsp_server.cli", "lsp_server.server", False) in found
    assert ("lsp_server.edge.stdio", "lsp_server.server", True) not in found
    for patterns in (PURE, EDGE_TO_LSP, WHOLE_SYSTEM):
        for pattern in patterns:
            assert any(fnmatchcase(name, pattern) for name in modules()), pattern


def test_every_import_of_ours_exists() -> None:
    wrong = [it for it in all_imports() if is_ours(it.name) and it.name not in modules()]
    assert not wrong, told(wrong)


def test_inference_knows_nothing_of_the_server() -> None:
    wrong = [
        it
        for it in all_imports()
        if top(it.importer) == "inference" and top(it.name) == "lsp_server"
    ]
    assert not wrong, told(wrong)


def test_the_server_sees_of_inference_the_client_and_the_wire() -> None:
    wrong = [
        it
        for it in all_imports()
        if top(it.importer) == "lsp_server"
        and not is_one_of(it.importer, WHOLE_SYSTEM)
        and top(it.name) == "inference"
        and it.name not in OF_INFERENCE
    ]
    assert not wrong, told(wrong)


def test_lsp_is_known_at_the_edge_alone() -> None:
    wrong = [
        it
        for it in all_imports()
        if top(it.name) in ("pygls", "lsprotocol") and not is_one_of(it.importer, EDGE_TO_LSP)
    ]
    assert not wrong, told(wrong)


def test_pure_modules_are_pure() -> None:
    wrong = [
        it
        for it in all_imports()
        if is_one_of(it.importer, PURE)
        and not (is_one_of(it.name, PURE) if is_ours(it.name) else top(it.name) in PLAIN)
    ]
    assert not wrong, told(wrong)


@pytest.mark.parametrize("package", sorted(BARE))
def test_packages_that_pure_modules_are_in_import_nothing(package: str) -> None:
    """Or their imports would come along."""
    wrong = [it for it in imports_of(package) if it.name != "__future__"]
    assert not wrong, told(wrong)


def test_features_know_neither_the_edge_nor_one_another() -> None:
    features = ("lsp_server.features.*",)
    # Of one feature, in files of their own.
    parts = (
        *(
            "alternatives",
            "anchor",
            "generation",
            "judging",
            "offered",
            "request",
            "waiting",
            "writing",
        ),
        "fix_progress",
    )
    allowed = tuple(f"lsp_server.features.{part}" for part in parts)
    wrong = [
        it
        for it in all_imports()
        if is_one_of(it.importer, features)
        and is_one_of(it.name, (*EDGE_TO_LSP, *features))
        and not is_one_of(it.name, allowed)
    ]
    assert not wrong, told(wrong)


def test_an_engine_imports_no_other_engine() -> None:
    """`suffix_index` is of the engine `suffix`; what is of no engine may be shared, and shares."""
    folder = "inference.engines."
    imported = [it.name.removeprefix(folder) for it in imports_of("inference.engines")]
    engines = {name.partition("_")[0] for name in imported}

    def engine_of(module: str) -> str:
        name = module.removeprefix(folder).partition("_")[0]
        return name if name in engines - {"base"} else ""

    assert {"suffix", "scripted", "vllm"} <= engines
    wrong = [
        it
        for it in all_imports()
        if it.importer.startswith(folder)
        and it.name.startswith(folder)
        and engine_of(it.name) not in ("", engine_of(it.importer))
    ]
    assert not wrong, told(wrong)


def test_nothing_large_is_imported_before_it_is_used() -> None:
    wrong = [
        it
        for it in all_imports()
        if it.at_start
        and (top(it.name) in LAZY or it.name in TRAINING)
        and it.importer not in TRAINING
    ]
    assert not wrong, told(wrong)


def test_there_are_no_cycles() -> None:
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for it in all_imports():
        if it.name in graph and it.name != it.importer:
            graph[it.importer].add(it.name)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" is imported by ".join(error.args[1]))


@pytest.mark.parametrize("module", modules())
def test_a_module_says_what_it_is(module: str) -> None:
    said = ast.get_docstring(tree_of(module))
    assert said
    assert said[0].isupper() or said[0] == "`"
    assert said.splitlines()[0].endswith((".", ":", ",")) or "\n" in said


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in modules().values()}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_wall_clock_is_asked_by_what_tells_it_and_no_other() -> None:
    """It jumps: what is waited for, and what is newer, is told by the monotonic clock."""
    asking = {
        module
        for module in modules()
        if not is_one_of(module, ("lsp_server.bench.*", "inference.wren.*"))
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and f"{node.value.id}.{node.attr}" in WALL_CLOCK
    }
    assert asking == ASKS_THE_WALL_CLOCK.keys()


def test_files_are_short() -> None:
    tests = ROOT / "tests"
    sources = [*modules().values(), *tests.glob("*.py"), *tests.glob("*/*.py")]
    sources += (tests / "unit").rglob("*.py")
    for folder in ("src", "webview", "test"):
        sources += (ROOT / "extension" / folder).rglob("*.ts")
    lengths = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n")
        for path in sources
    }
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {
        path: lengths.get(path) for path in LONGER
    }
