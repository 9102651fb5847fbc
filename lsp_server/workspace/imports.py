"""Which file of the workspace an import means. Pure: paths and the texts of settings come in.

Paths are relative to the workspace's folder, with `/`. What is not in the workspace (a library, a
system header) resolves to nothing. Where several files could be meant and nothing decides, none is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from lsp_server.workspace.file_tree import FileTree, join, parent
from lsp_server.workspace.outline import Import, ImportedName
from lsp_server.workspace.rust_modules import RustModules
from lsp_server.workspace.script_modules import ScriptModules
from lsp_server.workspace.snapshot import ResolvedImport

# A name that a package's `__init__.py` passes on is looked for behind it, so many times.
_MAX_REEXPORTS = 2
_SOURCE_ROOTS = ("src", "lib", "python", "source")
# Settings that say where imports are looked for; the caller reads these files.
SETTINGS_NAMES = frozenset({"Cargo.toml", "go.mod", "jsconfig.json", "tsconfig.json"})

ImportsOf = Callable[[str], Sequence[Import]]


class ImportResolver:
    """Resolves the imports of files among a set of paths.

    `settings` are the texts of those files that are called as in `SETTINGS_NAMES`, and of those that
    they extend. `imports_of` gives the imports of a file, in order to follow re-exports.
    """

    def __init__(
        self,
        paths: Iterable[str],
        settings: Mapping[str, str],
        imports_of: ImportsOf = lambda _: (),
    ) -> None:
        self._files = FileTree(paths)
        self._imports_of = imports_of
        self._scripts = ScriptModules(self._files, settings)
        self._rust = RustModules(self._files, settings)
        self._go_modules = _read_go_modules(settings)

    def resolve(self, path: str, language: str, import_: Import) -> list[ResolvedImport]:
        """What an import in a file binds to files of the workspace, each name once."""
        match language:
            case "python":
                found = self._resolve_python(path, import_)
            case "javascript" | "javascriptreact" | "typescript" | "typescriptreact":
                found = _bind(import_, self._scripts.find(path, import_.module))
            case "go":
                found = self._resolve_go(import_)
            case "rust":
                found = self._resolve_rust(path, import_)
            case "java":
                found = self._resolve_java(path, import_)
            case "c" | "cpp":
                found = self._resolve_include(path, import_)
            case "php":
                found = self._resolve_php(path, import_)
            case "ruby" | "shellscript":
                found = self._resolve_by_path(path, import_)
            case _:
                return []
        return list(dict.fromkeys(found))

    def _resolve_python(self, path: str, import_: Import) -> Iterator[ResolvedImport]:
        places = self._find_python_places(path, import_.module)
        for imported in import_.names:
            for place in places:
                found = self._find_python_name(place, imported, _MAX_REEXPORTS)
                if found is not None:
                    yield found
                    break

    def _find_python_places(self, path: str, module: str) -> list[str]:
        """Where a module may be, as paths without an ending, the likeliest first."""
        name = module.lstrip(".")
        dots = len(module) - len(name)
        below = name.replace(".", "/")
        if dots:
            folder: str | None = parent(path)
            for _ in range(dots - 1):
                folder = parent(folder) if folder else None
            return [] if folder is None else [join(folder, below)]
        # A script's own folder, then each folder above it that packages may lie in.
        roots = []
        folder = parent(path)
        while True:
            if not self._files.is_file(join(folder, "__init__.py")):
                roots.append(folder)
            if folder:
                roots += [join(folder, "src")] if self._files.is_folder(join(folder, "src")) else []
                folder = parent(folder)
            else:
                break
        roots += [root for root in _SOURCE_ROOTS if self._files.is_folder(root)]
        return [join(root, below) for root in dict.fromkeys(roots)]

    def _find_python_name(
        self, place: str, imported: ImportedName, steps: int
    ) -> ResolvedImport | None:
        """A name in a module, or the module of that name in a package."""
        alias, name = imported.alias, imported.name
        own = self._find_python_file(place)
        if not name or name == "*":
            return ResolvedImport(alias, name, own) if own else None
        below = self._find_python_file(join(place, name))
        if own is not None and own.endswith(("/__init__.py", "/__init__.pyi")):
            passed_on = self._follow(own, name, steps)
            if passed_on is not None:
                return ResolvedImport(alias, passed_on.name, passed_on.target)
        elif own == "__init__.py":
            below = None
        if below is not None:
            return ResolvedImport(alias, "", below)
        return ResolvedImport(alias, name, own) if own else None

    def _follow(self, package: str, name: str, steps: int) -> ResolvedImport | None:
        """What a package's own imports bind to a name."""
        if steps == 0:
            return None
        stars = []
        for import_ in self._imports_of(package):
            if not import_.module.startswith("."):
                continue
            for imported in import_.names:
                if imported.alias == name and imported.name:
                    for place in self._find_python_places(package, import_.module):
                        if place == parent(package):
                            return self._find_below(place, imported)
                        return self._find_python_name(place, imported, steps - 1)
                elif imported.name == "*":
                    stars.append(import_)
        # One that passes on all that one module has, and no other: it can be nowhere else.
        if len(stars) == 1 and not self._find_python_file(join(parent(package), name)):
            places = self._find_python_places(package, stars[0].module)
            return self._find_python_name(places[0], ImportedName(name, name), steps - 1)
        return None

    def _find_below(self, package: str, imported: ImportedName) -> ResolvedImport | None:
        below = self._find_python_file(join(package, imported.name))
        return ResolvedImport(imported.alias, "", below) if below else None

    def _find_python_file(self, place: str) -> str | None:
        for ending in (".py", "/__init__.py", ".pyi", "/__init__.pyi"):
            candidate = f"{place}{ending}".lstrip("/")
            if place and self._files.is_file(candidate):
                return candidate
        return None

    def _resolve_go(self, import_: Import) -> Iterator[ResolvedImport]:
        """A package is a folder: each of its files is a target."""
        for folder, module in self._go_modules:
            if import_.module == module or import_.module.startswith(f"{module}/"):
                below = import_.module.removeprefix(module).lstrip("/")
                for target in self._files.files_in(join(folder, below)):
                    if target.endswith(".go") and not target.endswith("_test.go"):
                        yield from _bind(import_, target)
                return

    def _resolve_rust(self, path: str, import_: Import) -> Iterator[ResolvedImport]:
        for imported in import_.names or (ImportedName("", ""),):
            steps = import_.module.split("::")
            if imported.name and imported.name != "*":
                inside = self._rust.find(path, [*steps, imported.name])
                if inside is not None:
                    yield ResolvedImport(imported.alias, "", inside)
                    continue
            target = self._rust.find(path, steps)
            if target is None and imported.name:
                # The last step may be a type in the file: `use crate::shape::Kind::Round`.
                target = self._rust.find(path, steps[:-1])
            if target is not None and target != path:
                yield ResolvedImport(imported.alias, imported.name, target)

    def _resolve_java(self, path: str, import_: Import) -> Iterator[ResolvedImport]:
        folder = import_.module.replace(".", "/")
        for imported in import_.names:
            if imported.name == "*":
                for package in self._files.folders_ending_with(folder):
                    for target in self._files.files_in(package):
                        if target.endswith(".java"):
                            yield ResolvedImport("*", "*", target)
                yield from _bind(import_, self._files.only(f"{folder}.java", near=path))
                continue
            # Of a member, or of a class within one, the file is the outer class's.
            own = self._files.only(f"{folder}/{imported.name}.java", near=path)
            outer = own or self._files.only(f"{folder}.java", near=path)
            if outer is not None:
                yield ResolvedImport(imported.alias, imported.name, outer)

    def _resolve_include(self, path: str, import_: Import) -> Iterator[ResolvedImport]:
        module = import_.module
        if module.startswith("<"):
            yield from _bind(import_, self._files.only(module.strip("<>"), near=path))
        else:
            beside = self._files.first_of(join(parent(path), module))
            yield from _bind(import_, beside or self._files.only(module, near=path))

    def _resolve_by_path(self, path: str, import_: Import) -> Iterator[ResolvedImport]:
        """Ruby, PHP and shell scripts: a path from the file, or from a folder above it."""
        module = import_.module
        if module.startswith("."):
            place: str | None = join(parent(path), module)
        else:
            place = None
        endings = ("", ".rb", ".php", ".sh")
        if place is not None:
            yield from _bind(import_, self._files.first_of(*(f"{place}{it}" for it in endings)))
            return
        for folder in (parent(path), "lib", ""):
            found = self._files.first_of(*(f"{join(folder, module)}{it}" for it in endings))
            if found is not None:
                yield from _bind(import_, found)
                return

    def _resolve_php(self, path: str, import_: Import) -> Iterator[ResolvedImport]:
        if import_.names and import_.names[0].name == "*":
            yield from self._resolve_by_path(path, import_)
            return
        for imported in import_.names:
            # By PSR-4 the folders below a vendor's prefix are named like the namespace.
            steps = [*import_.module.split("\\"), imported.name]
            for skipped in range(len(steps)):
                target = self._files.only(f"{'/'.join(steps[skipped:])}.php", near=path)
                if target is not None and (skipped < len(steps) - 1 or len(steps) == 1):
                    yield ResolvedImport(imported.alias, imported.name, target)
                    break


def _bind(import_: Import, target: str | None) -> Iterator[ResolvedImport]:
    if target is None:
        return
    for imported in import_.names or (ImportedName("", ""),):
        yield ResolvedImport(imported.alias, imported.name, target)


def _read_go_modules(settings: Mapping[str, str]) -> list[tuple[str, str]]:
    """Folder and name of each module, the longest name first."""
    modules = []
    for path, text in settings.items():
        if path.rpartition("/")[2] == "go.mod":
            for line in text.splitlines():
                words = line.partition("//")[0].split()
                if words[:1] == ["module"] and len(words) == 2:  # noqa: PLR2004
                    modules.append((parent(path), words[1].strip('"`')))
                    break
    return sorted(modules, key=lambda module: -len(module[1]))
