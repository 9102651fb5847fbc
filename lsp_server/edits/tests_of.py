"""Which files hold tests, and in which those of a file belong. By paths, with forward slashes. Pure."""

from __future__ import annotations

from collections.abc import Collection

_FOLDERS = frozenset({"test", "tests", "__tests__", "spec"})


def is_test(path: str) -> bool:
    """Whether a path is one that tests lie under, or bear."""
    *folders, name = path.split("/")
    stem, *endings = name.split(".")
    return (
        stem.lower().startswith("test")
        or stem.endswith(("_test", "_tests", "_spec", "Test", "Tests", "Spec"))
        or not {"test", "spec"}.isdisjoint(endings)
        or not _FOLDERS.isdisjoint(folders)
    )


def find_test_path(path: str, language: str, paths: Collection[str]) -> str:
    """Where the tests of a file are; or, where there are none, where they would be looked for."""
    folder, slash, name = path.rpartition("/")
    names = _names(name, language)
    having = [it for it in paths if it.rpartition("/")[2] in names]
    if having:
        return min(having, key=lambda it: (-_shared(it, path), it))
    folders = {it.rpartition("/")[0] for it in paths}
    if language == "python":
        root = next((it for it in ("tests", "test") if it in folders or _above(it, folders)), "")
        if root:
            return f"{root}/{names[0]}"
    return f"{folder}{slash}{names[0]}"


def _names(name: str, language: str) -> list[str]:
    """What the tests of a file of that name are called, the most usual way first."""
    stem, dot, ending = name.rpartition(".")
    stem, suffix = (stem, dot + ending) if stem else (name, "")
    match language:
        case "python" | "shellscript":
            return [f"test_{stem}{suffix}", f"{stem}_test{suffix}"]
        case "javascript" | "javascriptreact" | "typescript" | "typescriptreact":
            return [f"{stem}.test{suffix}", f"{stem}.spec{suffix}"]
        case "java" | "csharp" | "php":
            return [f"{stem}Test{suffix}", f"{stem}Tests{suffix}"]
        case "ruby":
            return [f"{stem}_spec{suffix}", f"{stem}_test{suffix}", f"test_{stem}{suffix}"]
    return [f"{stem}_test{suffix}", f"test_{stem}{suffix}"]


def _shared(one: str, other: str) -> int:
    """How many folders two paths have in common."""
    return len(set(one.split("/")[:-1]) & set(other.split("/")[:-1]))


def _above(folder: str, folders: Collection[str]) -> bool:
    return any(it.startswith(f"{folder}/") for it in folders)
