"""Which module may import which, and that what is written down twice says the same.

The imports are read from the sources. What is imported where a function runs counts as well, unless
a rule says otherwise; what only a type checker sees does not.
"""

from __future__ import annotations

import ast
import graphlib
import json
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lsp_server import chat_protocol, config, protocol
from lsp_server.chat import transcript
from lsp_server.features import chat

ROOT = Path(__file__).parents[1]
PACKAGES = ("inference", "lsp_server")
SAMPLE = ROOT / "lsp_server/demo/workspace"  # what the demo writes; no code of ours

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
    "lsp_server.agent.asking",
    "lsp_server.agent.bubblewrap",
    "lsp_server.agent.clues",
    "lsp_server.agent.data",
    "lsp_server.agent.denied",
    "lsp_server.agent.impact",
    "lsp_server.agent.localize",
    "lsp_server.agent.loop_guard",
    "lsp_server.agent.patch",
    "lsp_server.agent.repairs",
    "lsp_server.agent.repairs.*",
    "lsp_server.agent.report",
    "lsp_server.agent.reproduce",
    "lsp_server.agent.select",
    "lsp_server.agent.spectrum",
    "lsp_server.agent.task",
    "lsp_server.agent.tests_found",
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
    "lsp_server.edits.python_names",
    "lsp_server.edits.python_source",
    "lsp_server.edits.python_syntax",
    "lsp_server.edits.tests_of",
    "lsp_server.edits.whole_word",
    "lsp_server.edits.workspace_edit",
    "lsp_server.model_edits.*",
    "lsp_server.quick_fixes.diagnostics",
    "lsp_server.quick_fixes.import_place",
    "lsp_server.quick_fixes.unused",
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
    "lsp_server.workspace.ranking",
    "lsp_server.workspace.rust_modules",
    "lsp_server.workspace.script_modules",
    "lsp_server.workspace.snapshot",
    "lsp_server.workspace.words",
)
_PLAIN = (
    "__future__ abc ast bisect builtins codeop collections copy dataclasses difflib enum "
    "fractions functools graphlib hashlib heapq html itertools json keyword math msgpack "
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
            *("quick_fixes", "statistics", "workspace"),
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
# Large, or not there for everybody: imported where they are used.
_LAZY = (
    "accelerate httpx huggingface_hub numpy onnx onnxruntime openai playwright ray requests safetensors "
    "tokenizers torch transformers vllm"
)
LAZY = frozenset(_LAZY.split())
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

# What a command or the server must not wait for when it starts, and why.
NOT_FOR_VERSION = {
    "asyncio": "a loop is for what runs",
    "pygls": "300 ms, for one line of output",
    "lsprotocol": "as above",
    "rich": "for tables",
    "tree_sitter": "for the index",
    "msgpack": "for the wire",
}
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


@dataclass(frozen=True)
class Import:
    importer: str
    name: str  # a module of ours, or the name in full of another
    line: int
    at_start: bool  # when the module is imported, not when a function runs

    def __str__(self) -> str:
        return f"{path_of(self.importer).relative_to(ROOT)}:{self.line} imports {self.name}"


@cache
def modules() -> dict[str, Path]:
    """Our modules by name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if not path.is_relative_to(SAMPLE):
                parts = path.relative_to(ROOT).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def path_of(module: str) -> Path:
    return modules()[module]


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


@cache
def all_imports() -> tuple[Import, ...]:
    return tuple(it for module in modules() for it in imports_of(module))


def imports_of(module: str) -> Iterator[Import]:
    def visit(node: ast.AST, *, at_start: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                for other in child.orelse:
                    yield from visit(other, at_start=at_start)
                continue
            if isinstance(child, ast.Import | ast.ImportFrom):
                for name in _names(module, child):
                    yield Import(module, name, child.lineno, at_start)
            runs_later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from visit(child, at_start=at_start and not runs_later)

    yield from visit(tree_of(module), at_start=True)


def _names(module: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        package = module.split(".")
        is_package = path_of(module).name == "__init__.py"
        package = package[: len(package) - node.level + is_package]
        base = ".".join([*package, *([base] if base else [])])
    for alias in node.names:
        inner = f"{base}.{alias.name}"
        yield inner if inner in modules() else base


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


def is_one_of(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def top(name: str) -> str:
    return name.partition(".")[0]


def told(offenders: list[Import]) -> str:
    return "\n".join(map(str, offenders))


def test_imports_are_read() -> None:
    """That the rules below look at something."""
    assert len(modules()) > 40
    assert len(all_imports()) > 300
    found = {(it.importer, it.name, it.at_start) for it in all_imports()}
    assert ("lsp_server.server", "lsp_server.context.stream", True) in found
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
        *("alternatives", "anchor", "generation", "judging", "offered", "request", "writing"),
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
    sources = [*modules().values(), *(ROOT / "extension/src").rglob("*.ts")]
    lengths = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n")
        for path in sources
    }
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {
        path: lengths.get(path) for path in LONGER
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


def test_the_server_imports_what_it_needs() -> None:
    found = imported_by("import lsp_server.server, lsp_server.edge.stdio")
    assert {"pygls", "lsp_server.features.completion"} <= found
    assert sorted(found & (NOT_FOR_SERVER.keys() | LAZY)) == []


# The messages that both sides write down.

TYPES = {
    "string": "str",
    "number": "int",
    "number | null": "float | None",
    "WorkspaceEdit | null": "Any",
    "boolean": "bool",
    "ModelState": "ModelState",
    "readonly ModelRole[]": "list[ModelRole]",
    "readonly ApiKey[]": "list[ApiKey]",
    "readonly FolderIndex[]": "list[FolderIndex]",
    "readonly Problem[]": "list[Problem]",
}


def typescript(name: str = "protocol.ts") -> str:
    text = (ROOT / "extension/src" / name).read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)


def interfaces(name: str = "protocol.ts") -> dict[str, dict[str, str]]:
    """The fields of each interface with their types."""
    found = re.findall(r"interface (\w+) \{(.*?)\}", typescript(name), flags=re.DOTALL)
    return {
        name: dict(re.findall(r"readonly (\w+): ([^;]+);", body, flags=re.DOTALL))
        for name, body in found
    }


def messages() -> dict[str, tuple[str, list[str]]]:
    """Their kinds and type parameters, by their methods."""
    text = re.sub(r"\s+", " ", typescript())
    found = re.findall(r'new (\w+)Type<([^>]*)>\( ?"([^"]+)",? ?\)', text)
    return {method: (kind, parameters.split(", ")) for kind, parameters, method in found}


def test_the_messages_are_those_of_the_extension() -> None:
    ours = {
        protocol.STATUS: ("Notification", ["StatusParams"]),
        protocol.INDEX_STATUS: ("Notification", ["IndexStatusParams"]),
        protocol.SET_API_KEYS: ("Notification", ["ApiKeysParams"]),
        protocol.SET_PROBLEMS: ("Notification", ["ProblemsParams"]),
        protocol.RESTART_HOST: ("Request", ["NoFields", "NoFields", "void"]),
        protocol.EDIT: ("Request", ["EditParams", "WorkspaceEdit", "void"]),
        protocol.EDIT_DRAFT: ("Notification", ["EditDraftParams"]),
        protocol.FIX: ("Request", ["FixParams", "FixResult", "void"]),
        protocol.CHECK_FIX: ("Request", ["CheckFixParams", "FixResult", "void"]),
        protocol.EXPLAIN_COMPLETION: ("Request", ["NoFields", "ExplainCompletionResult", "void"]),
        protocol.EXPORT_TRACE: ("Request", ["NoFields", "ExportTraceResult", "void"]),
        protocol.STATISTICS: ("Request", ["NoFields", "StatisticsResult", "void"]),
    }
    assert messages() == ours
    named = {value for value in vars(protocol).values() if str(value).startswith("sparrow/")}
    assert named == ours.keys()
    assert protocol.__doc__ is not None
    assert set(re.findall(r"`(sparrow/\w+)`", protocol.__doc__)) == named


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("StatusParams", protocol.StatusParams),
        ("ApiKey", protocol.ApiKey),
        ("ApiKeysParams", protocol.ApiKeysParams),
        ("Problem", protocol.Problem),
        ("ProblemsParams", protocol.ProblemsParams),
        ("EditParams", protocol.EditParams),
        ("FixParams", protocol.FixParams),
        ("CheckFixParams", protocol.CheckFixParams),
        ("FixResult", protocol.FixResult),
        ("ExplainCompletionResult", protocol.Explanation),
        ("ExportTraceResult", protocol.TraceExport),
        ("StatisticsResult", protocol.StatisticsPage),
    ],
)
def test_the_fields_are_those_of_the_extension(theirs: str, ours: type) -> None:
    expected = {name: _name(kind) for name, kind in typing.get_type_hints(ours).items()}
    assert {name: TYPES[kind] for name, kind in interfaces()[theirs].items()} == expected


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("ModelState", typing.get_type_hints(protocol.StatusParams)["state"]),
        ("ModelRole", protocol.ModelRole),
    ],
)
def test_the_words_are_those_of_the_extension(theirs: str, ours: Any) -> None:
    (union,) = re.findall(rf"type {theirs} = ([^;]+);", typescript())
    assert [*typing.get_args(ours)] == re.findall(r'"(\w+)"', union)


def _name(kind: Any) -> str:
    if typing.get_origin(kind) is list:
        return f"list[{_name(*typing.get_args(kind))}]"
    if kind == protocol.ModelRole:
        return "ModelRole"
    if typing.get_origin(kind) is typing.Literal:
        return "ModelState"
    return kind.__name__ if isinstance(kind, type) else str(kind)


CHAT = "chatProtocol.ts"
OF_THE_CHAT = [
    *("Mention", "Chip", "Summary", "Conversation", "Message", "Step", "Found", "Usage"),
    *("Proposal", "State", "SendParams", "Sent", "Selection", "ContextParams"),
    *("ContextResult", "ApplyParams"),
]


def test_the_chats_messages_are_listed() -> None:
    named = {value for value in vars(chat_protocol).values() if str(value).startswith("sparrow/")}
    assert chat_protocol.__doc__ is not None
    assert set(re.findall(r"`(sparrow/[\w/]+)`", chat_protocol.__doc__)) == named


@pytest.mark.parametrize("name", OF_THE_CHAT)
def test_the_chats_fields_are_those_of_the_extension(name: str) -> None:
    ours = typing.get_type_hints(getattr(chat_protocol, name))
    theirs = {
        field: kind.replace("readonly ", "").replace("Chat", "")
        for field, kind in interfaces(CHAT)[f"Chat{name}"].items()
    }
    assert theirs == {field: _in_typescript(kind) for field, kind in ours.items()}


@pytest.mark.parametrize("name", ["MentionKind", "Role", "AnswerState", "StepState"])
def test_the_chats_words_are_those_of_the_extension(name: str) -> None:
    (union,) = re.findall(rf"type Chat{name} =\s+([^;]+);", typescript(CHAT))
    assert [*typing.get_args(getattr(chat_protocol, name))] == re.findall(r'"(\w+)"', union)


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (transcript.Mention, chat_protocol.Mention),
        (transcript.Chip, chat_protocol.Chip),
        (transcript.Step, chat_protocol.Step),
        (transcript.Found, chat_protocol.Found),
        (transcript.Usage, chat_protocol.Usage),
        (transcript.Entry, chat_protocol.Message),
        (chat.Sent, chat_protocol.Sent),
    ],
)
def test_what_is_kept_of_a_chat_is_what_is_told(kept: Any, told: type) -> None:
    names = {re.sub(r"_(\w)", lambda it: it[1].upper(), field.name) for field in fields(kept)}
    assert names - {"origin"} == set(typing.get_type_hints(told))  # that is for the server alone


def _in_typescript(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in _PLAIN_TYPES:
        return _PLAIN_TYPES[kind]
    if origin is list:
        return f"{_in_typescript(arguments[0])}[]"
    if origin is typing.Literal:
        named = [name for name, it in vars(chat_protocol).items() if it == kind]
        return named[0]
    if arguments:  # a union
        return " | ".join(map(_in_typescript, arguments))
    return str(kind.__name__)


_PLAIN_TYPES: dict[Any, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


# The settings: of the extension's manifest, the server and the documentation.

OF_THE_EXTENSION = {"sparrow.server.path", "sparrow.python", "sparrow.trace.server"}


def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "extension/package.json").read_text())
    return loaded


def settings() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = manifest()["contributes"]["configuration"]["properties"]
    return found


def of_the_server() -> dict[str, str]:
    """The server's settings, and the fields of its configuration that hold them."""
    names = re.findall(r'read\(\s*"([\w.]+)"', path_of("lsp_server.config").read_text())
    snake = {
        name: re.sub(r"[.A-Z]", lambda it: "_" + it[0].strip(".").lower(), name) for name in names
    }
    return {f"sparrow.{name}": field for name, field in snake.items()}


def parsed(name: str, value: Any) -> tuple[Any, list[str]]:
    """The server's setting once an editor has sent a value."""
    section: Any = value
    for part in reversed(name.split(".")[1:]):
        section = {part: section}
    configuration, problems = config.parse(section)
    return getattr(configuration, of_the_server()[name]), problems


def test_the_server_reads_the_settings_that_the_extension_offers() -> None:
    offered = settings().keys() - OF_THE_EXTENSION
    assert offered == of_the_server().keys()
    assert settings().keys() >= OF_THE_EXTENSION
    assert set(of_the_server().values()) == {field.name for field in fields(config.Config)}


@pytest.mark.parametrize("name", sorted(settings().keys() - OF_THE_EXTENSION))
def test_the_defaults_are_the_same(name: str) -> None:
    default = settings()[name]["default"]
    assert parsed(name, default) == (default, [])
    (field,) = (it for it in fields(config.Config) if it.name == of_the_server()[name])
    ours = field.default if field.default_factory is MISSING else field.default_factory()
    assert ours == default


def test_the_ranges_are_the_same() -> None:
    bounded = 0
    for name, setting in settings().items():
        step = 1 if setting["type"] == "integer" else 0.001
        for bound, beyond in (("minimum", -step), ("maximum", step)):
            if bound in setting:
                bounded += 1
                limit = setting[bound]
                assert parsed(name, limit) == (limit, []), name
                assert parsed(name, limit + beyond)[1], name
    assert bounded == 3
    assert parsed("sparrow.host.idleMinutes", 1e9) == (1e9, [])


WRONG = {"boolean": "x", "string": 5, "integer": 1.5, "number": "x", "object": 5}


@pytest.mark.parametrize("name", sorted(settings().keys() - OF_THE_EXTENSION))
def test_the_types_are_the_same(name: str) -> None:
    assert parsed(name, WRONG[settings()[name]["type"]])[1]


def test_what_names_a_program_or_a_model_belongs_to_the_machine() -> None:
    """So that no workspace can redirect code; in one that is not trusted, too."""
    of_the_machine = {name for name, it in settings().items() if it["scope"].startswith("machine")}
    free = {
        "sparrow.enable",
        "sparrow.languages",
        "sparrow.completion.maxLines",
        "sparrow.completion.unknownNames",
        "sparrow.edit.thinking",
        "sparrow.index.enable",
        "sparrow.statistics.enable",
        "sparrow.trace.server",
    }
    assert settings().keys() - of_the_machine == free
    restricted = manifest()["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    assert set(restricted) == of_the_machine


def test_the_settings_are_documented_with_their_defaults() -> None:
    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(sparrow\.[\w.]+)` \|(.*?)\|(.*?)\|$", text, flags=re.MULTILINE)
    listed = {}
    for name, default, meaning in rows:
        assert meaning.strip().endswith(".")
        bare = default.strip(" `")
        is_text = settings().get(name, {}).get("type") == "string"
        listed[name] = bare if is_text else json.loads(bare)
    assert listed == {name: setting["default"] for name, setting in settings().items()}
    assert f"1 to {settings()['sparrow.completion.maxLines']['maximum']}" in text


def test_both_halves_have_one_version() -> None:
    from inference import __version__

    assert manifest()["version"] == __version__
