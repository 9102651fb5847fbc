"""What a change does to the public API of a Python module. Pure.

Public is what `__all__` names, or else what has no underscore in front: functions, classes with their
methods and fields, and variables. How each can be used is its signature, in one line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lsp_server.edits.python_source import parse_python

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class ApiDelta:
    """Names as `Class.method`. Of what changed, the signatures before and after."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[tuple[str, str, str], ...]

    @property
    def breaks(self) -> bool:
        """Whether callers may have to change."""
        return bool(self.removed or self.changed)

    def __str__(self) -> str:
        told = [f"removes {', '.join(self.removed)}"] if self.removed else []
        told += [
            f"changes {name}: {before} becomes {after}" for name, before, after in self.changed
        ]
        told += [f"adds {', '.join(self.added)}"] if self.added else []
        return "; ".join(told) or "leaves the public API as it is"


def find_api_delta(before: str, after: str) -> ApiDelta | None:
    """How the public API changes. None where one of the texts cannot be parsed."""
    trees = parse_python(before), parse_python(after)
    if isinstance(trees[0], SyntaxError) or isinstance(trees[1], SyntaxError):
        return None
    old, new = dict(_public(trees[0])), dict(_public(trees[1]))
    return ApiDelta(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(
            (name, old[name], new[name]) for name in old if old[name] != new.get(name, old[name])
        ),
    )


def _public(tree: ast.Module) -> Iterator[tuple[str, str]]:
    exported = _exported(tree)
    for name, signature in _members(tree.body, ""):
        top = name.partition(".")[0]
        if top in exported if exported is not None else not top.startswith("_"):
            yield name, signature


def _exported(tree: ast.Module) -> set[str] | None:
    """What a plain `__all__` names."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                try:
                    return set(map(str, ast.literal_eval(value)))
                except (ValueError, TypeError):
                    return None
    return None


def _members(body: Iterable[ast.stmt], around: str) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, _Function):
            if not around or _is_public(node.name):
                yield around + node.name, _signature(node)
        elif isinstance(node, ast.ClassDef):
            if not around or _is_public(node.name):
                bases = [ast.unparse(it) for it in (*node.bases, *node.keywords)]
                yield around + node.name, f"class({', '.join(bases)})"
                yield from _members(node.body, f"{around}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from _members([*node.body, *node.orelse], around)
        else:
            names = (it for target in _targets(node) for it in ast.walk(target))
            for name in names:
                if isinstance(name, ast.Name) and (not around or _is_public(name.id)):
                    yield around + name.id, "variable"


def _targets(node: ast.stmt) -> list[ast.expr]:
    match node:
        case ast.Assign(targets=targets):
            return targets
        case ast.AnnAssign(target=target):
            return [target]
    return []


def _is_public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _signature(node: _Function) -> str:
    """How it is called, less annotations: those are not asked for when it runs."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults]
    told = []
    for number, (argument, default) in enumerate(zip(positional, defaults, strict=True)):
        told.append(_parameter(argument, default))
        if number + 1 == len(arguments.posonlyargs):
            told.append("/")
    if arguments.vararg is not None:
        told.append(f"*{arguments.vararg.arg}")
    elif arguments.kwonlyargs:
        told.append("*")
    told += map(_parameter, arguments.kwonlyargs, arguments.kw_defaults)
    told += [f"**{arguments.kwarg.arg}"] if arguments.kwarg is not None else []
    kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    decorators = "".join(f"@{ast.unparse(it)} " for it in node.decorator_list)
    return f"{decorators}{kind}({', '.join(told)})"


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    return argument.arg if default is None else f"{argument.arg}={ast.unparse(default)}"
