"""Our modules as they lie on the disk, and which of them imports what.

What is imported where a function runs counts as well; what only a type checker sees does not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("inference", "lsp_server")
SAMPLE = ROOT / "lsp_server/demo/workspace"  # what the demo writes; no code of ours
# Large, or not there for everybody: imported where they are used.
_LAZY = (
    "accelerate httpx huggingface_hub numpy onnx onnxruntime openai playwright ray requests safetensors "
    "tokenizers torch transformers vllm"
)
LAZY = frozenset(_LAZY.split())


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
