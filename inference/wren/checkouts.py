"""The files of a repository at one commit, from a git clone or an exported folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from inference.wren.licences import permissive_licence
from inference.wren.manifest import Repository

_LICENCE_NAMES = ("license", "licence", "copying", "license-mit", "license-apache")
_OBJECT_LENGTHS = (40, 64)


class UnusableCheckout(ValueError):
    """Why a repository's files cannot be taken, in words."""


class Checkout:
    """Reads files; holds no process open, and writes nothing."""

    def __init__(self, folder: Path, commit: str) -> None:
        """Raises `UnusableCheckout` where there is no such folder, or not that commit."""
        self._folder = folder
        self._commit = commit
        if not folder.is_dir():
            raise UnusableCheckout(f"{folder} is not there")
        self._is_git = (folder / ".git").exists() or (folder / "objects").is_dir()
        self.paths = tuple(self._list())

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The content of each file; what a partial clone lacks is left out."""
        if not self._is_git:
            for path in paths:
                yield path, (self._folder / path).read_bytes()
            return
        wanted = list(paths)
        request = "".join(f"{self._commit}:{path}\n" for path in wanted if "\n" not in path)
        # All of it at once, rather than two pipes that may wait for one another.
        answer = self._git("cat-file", "--batch", input=request.encode())
        at = 0
        for path in (path for path in wanted if "\n" not in path):
            end = answer.index(b"\n", at)
            header = answer[at:end].split()
            at = end + 1
            if header[-1] == b"missing" or len(header[0]) not in _OBJECT_LENGTHS:
                continue
            size = int(header[2])
            yield path, answer[at : at + size]
            at += size + 1

    def licence(self) -> str:
        """Of the files at the root that hold one, by SPDX name. Raises `UnusableCheckout`."""
        named = [
            path
            for path in self.paths
            if "/" not in path and PurePosixPath(path).stem.lower() in _LICENCE_NAMES
        ]
        texts = [content.decode("utf-8", "replace") for _, content in self.read(named)]
        found = [name for text in texts if (name := permissive_licence(text))]
        if not found:
            where = ", ".join(named) or "no file at its root"
            raise UnusableCheckout(f"{self._folder} has no permissive licence ({where})")
        return " OR ".join(dict.fromkeys(found))

    def _list(self) -> Iterator[str]:
        if self._is_git:
            listed = self._git("ls-tree", "-r", "-z", "--name-only", self._commit)
            yield from (name.decode("utf-8", "replace") for name in listed.split(b"\0") if name)
        else:
            for path in sorted(self._folder.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    yield path.relative_to(self._folder).as_posix()

    def _git(self, *arguments: str, input: bytes | None = None) -> bytes:  # noqa: A002
        command = ["git", "-C", str(self._folder), *arguments]
        done = subprocess.run(command, input=input, capture_output=True, check=False)  # noqa: S603
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise UnusableCheckout(f"git cannot read {self._folder} at {self._commit}: {said}")
        return done.stdout


def open_checkout(clones: Path, repository: Repository) -> Checkout:
    """Raises `UnusableCheckout`, also where the licence is not the one that is listed."""
    found = Checkout(clones / repository.name, repository.commit)
    if not set(found.licence().split(" OR ")) & set(repository.licence.split(" OR ")):
        raise UnusableCheckout(
            f"{repository.name} is listed under {repository.licence}, "
            f"but its licence file reads as {found.licence()}"
        )
    return found
