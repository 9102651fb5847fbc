"""A set of paths, asked as a file system would be. Paths are relative, with `/`; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class FileTree:
    def __init__(self, paths: Iterable[str]) -> None:
        self._files = frozenset(paths)
        self._in_folder: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        self._folders = {""}
        for path in sorted(self._files):
            folder, _, name = path.rpartition("/")
            self._in_folder.setdefault(folder, []).append(path)
            self._by_name.setdefault(name, []).append(path)
            while folder not in self._folders:
                self._folders.add(folder)
                folder = parent(folder)

    def is_file(self, path: str) -> bool:
        return path in self._files

    def is_folder(self, path: str) -> bool:
        return path in self._folders

    def files_in(self, folder: str) -> Sequence[str]:
        """The files directly in a folder, sorted."""
        return self._in_folder.get(folder, ())

    def first_of(self, *paths: str) -> str | None:
        return next((path for path in paths if path in self._files), None)

    def folders_ending_with(self, suffix: str) -> list[str]:
        """The folders whose last steps these are, sorted."""
        return sorted(
            folder for folder in self._folders if folder == suffix or folder.endswith(f"/{suffix}")
        )

    def only(self, suffix: str, near: str) -> str | None:
        """The file whose path ends with these steps: the only one, or the one nearest to a path."""
        name = suffix.rpartition("/")[2]
        found = [
            path
            for path in self._by_name.get(name, ())
            if path == suffix or path.endswith(f"/{suffix}")
        ]
        if len(found) <= 1:
            return found[0] if found else None
        shared = [_count_shared_steps(path, near) for path in found]
        best = max(shared)
        return found[shared.index(best)] if shared.count(best) == 1 else None


def parent(path: str) -> str:
    """The folder of a path; the workspace's own folder is the empty path."""
    return path.rpartition("/")[0]


def join(folder: str, path: str) -> str:
    """A path from a folder, with `.` and `..` resolved. One that leaves the workspace is no file's."""
    steps = folder.split("/") if folder else []
    for step in path.split("/"):
        if step == "..":
            if not steps or steps[-1] == "..":
                steps.append("..")
            else:
                steps.pop()
        elif step not in {"", "."}:
            steps.append(step)
    return "/".join(steps)


def _count_shared_steps(one: str, other: str) -> int:
    count = 0
    for step, other_step in zip(one.split("/"), other.split("/"), strict=False):
        if step != other_step:
            break
        count += 1
    return count
