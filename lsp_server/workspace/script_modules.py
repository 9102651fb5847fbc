"""Modules of JavaScript and TypeScript: relative paths, and what a tsconfig or jsconfig says.

A settings file holds for the files below its folder, the nearest one for each. `paths` and `baseUrl`
are taken from it or from what it `extends`, each from where it is written; settings in packages that
are not in the workspace are not found. Broken settings count as empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lsp_server.workspace.file_tree import FileTree, join, parent

_ENDINGS = (
    ".ts",
    ".tsx",
    ".d.ts",
    ".js",
    ".jsx",
    ".mts",
    ".cts",
    ".mjs",
    ".cjs",
    ".vue",
    ".svelte",
)
# What an ending of output may have been compiled from.
_SOURCES = {
    ".js": (".ts", ".tsx", ".d.ts"),
    ".jsx": (".tsx",),
    ".mjs": (".mts",),
    ".cjs": (".cts",),
}
_MAX_EXTENDS = 8
# A string, or what JSON does not have: comments, and commas before a closing bracket.
_STRING_OR_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_STRING_OR_COMMA = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])')


@dataclass(frozen=True, slots=True)
class _Settings:
    base: str | None  # folder that plain paths start from
    paths: tuple[tuple[str, tuple[str, ...]], ...]  # patterns, and where they lead from the folder
    paths_folder: str


_NONE = _Settings(None, (), "")


class ScriptModules:
    """Finds the files of modules. `settings` are texts of settings by their paths."""

    def __init__(self, files: FileTree, settings: Mapping[str, str]) -> None:
        self._files = files
        self._texts = settings
        self._settings: dict[str, _Settings] = {}

    def find(self, path: str, module: str) -> str | None:
        """The file that a module's name means in a file, or none of the workspace."""
        if module.startswith("."):
            return self._find_file(join(parent(path), module))
        settings = self._settings_for(parent(path))
        for candidate in _map(settings, module):
            found = self._find_file(candidate)
            if found is not None:
                return found
        return self._find_package(module)

    def _find_file(self, place: str) -> str | None:
        for ending, sources in _SOURCES.items():
            if place.endswith(ending):
                stem = place.removesuffix(ending)
                found = self._files.first_of(place, *(f"{stem}{source}" for source in sources))
                if found is not None:
                    return found
        return self._files.first_of(
            place,
            *(f"{place}{ending}" for ending in _ENDINGS),
            *(join(place, f"index{ending}") for ending in _ENDINGS),
        )

    def _find_package(self, module: str) -> str | None:
        """A package of the same workspace, by the name of its folder: `@scope/name`, `name/file`."""
        steps = module.split("/")
        scoped = 2 if module.startswith("@") else 1
        name, below = steps[scoped - 1 : scoped], "/".join(steps[scoped:])
        if not name or not name[0]:
            return None
        for folder in ("packages", "libs", "apps"):
            package = join(folder, name[0])
            if self._files.is_file(join(package, "package.json")):
                for place in (join(package, "src"), package):
                    found = self._find_file(join(place, below))
                    if found is not None:
                        return found
        return None

    def _settings_for(self, folder: str) -> _Settings:
        known = self._settings.get(folder)
        if known is None:
            for name in ("tsconfig.json", "jsconfig.json"):
                if join(folder, name) in self._texts:
                    known = self._read(join(folder, name), _MAX_EXTENDS)
                    break
            else:
                known = self._settings_for(parent(folder)) if folder else _NONE
            self._settings[folder] = known
        return known

    def _read(self, path: str, steps: int) -> _Settings:
        text = self._texts.get(path)
        if text is None or steps == 0:
            return _NONE
        settings = read_json_with_comments(text)
        folder = parent(path)
        around = _NONE
        extended = settings.get("extends", ())
        for name in [extended] if isinstance(extended, str) else extended:
            if isinstance(name, str) and name.startswith("."):
                inherited = self._read(self._find_settings(join(folder, name)), steps - 1)
                around = _Settings(
                    inherited.base if inherited.base is not None else around.base,
                    inherited.paths or around.paths,
                    inherited.paths_folder if inherited.paths else around.paths_folder,
                )
        options = settings.get("compilerOptions")
        options = options if isinstance(options, dict) else {}
        base_url = options.get("baseUrl")
        base = join(folder, base_url) if isinstance(base_url, str) else around.base
        paths = _read_paths(options.get("paths"))
        if not paths:
            return _Settings(base, around.paths, around.paths_folder)
        return _Settings(base, paths, folder if base is None else base)

    def _find_settings(self, place: str) -> str:
        return place if place in self._texts else f"{place}.json"


def _read_paths(written: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(written, dict):
        return ()
    return tuple(
        (pattern, tuple(target for target in targets if isinstance(target, str)))
        for pattern, targets in written.items()
        if isinstance(targets, list)
    )


def _map(settings: _Settings, module: str) -> Iterator[str]:
    """Where a module may be by `paths`, the longest pattern first, and then by `baseUrl`."""
    matching: list[tuple[int, list[str]]] = []
    for pattern, targets in settings.paths:
        head, star, tail = pattern.partition("*")
        if star and module.startswith(head) and module[len(head) :].endswith(tail):
            middle = module[len(head) : len(module) - len(tail)]
            matching.append((len(head), [target.replace("*", middle, 1) for target in targets]))
        elif not star and module == pattern:
            matching.append((len(module) + 1, list(targets)))
    for _, places in sorted(matching, key=lambda match: -match[0])[:1]:
        yield from (join(settings.paths_folder, place) for place in places)
    if settings.base is not None:
        yield join(settings.base, module)


def read_json_with_comments(text: str) -> dict[str, Any]:
    """An object of JSON in which comments and trailing commas may stand; broken text is empty."""
    text = _STRING_OR_COMMENT.sub(lambda match: match[1] or " ", text.removeprefix("\ufeff"))
    try:
        value = json.loads(_STRING_OR_COMMA.sub(lambda match: match[1] or " ", text))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
