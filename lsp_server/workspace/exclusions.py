"""Which files are never shown to a model: what git ignores, `.sparrowignore` names, or secrets.

Rules are read from the workspace's own ignore files, the nested ones included, and read again when
their time of change moved. Git's rule holds that a file cannot be taken back in when a folder above
it is left out.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from lsp_server.workspace.ignore_rules import Rule, parse, verdict

# By who has a say; of one's files the first that has a word on a path decides.
IGNORE_FILES = ((".gitignore", ".git/info/exclude"), (".sparrowignore",))

_SECRET_NAME = re.compile(
    r"""
      \.env | \.env\.(?!example$|sample$|template$|dist$).+ | .+\.env
    | .+\.(pem|key|p12|pfx|keystore|jks|kdbx|ppk|tfvars|tfstate)
    | id_(rsa|dsa|ecdsa|ed25519)
    | \.(netrc|pgpass|npmrc|pypirc|htpasswd|git-credentials)
    | (secrets?|credentials?)(\.(ya?ml|json|toml|ini|txt|xml))?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SECRET_FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".kube", ".docker"})


@dataclass(frozen=True, slots=True)
class _Rules:
    changed_ns: int
    rules: list[Rule]


class Exclusions:
    """The rules of one or several workspace folders, and of the repositories around them."""

    def __init__(self, roots: list[Path], user_file: Callable[[], Path] | None = None) -> None:
        """`user_file` names an ignore file that counts everywhere, where no other has a word.

        It is asked once, when there is need.
        """
        self.roots = roots
        self._user_file = functools.cache(user_file) if user_file is not None else None
        self._rules: dict[Path, _Rules] = {}

    def reason(self, path: Path) -> str:
        """Why a file is left out, or nothing. Reads the ignore files above it."""
        if looks_secret(path):
            return "the file looks like it holds secrets"
        top = self._top(path)
        if top is None:
            return ""
        parts = path.relative_to(top).parts
        for depth in range(1, len(parts) + 1):
            if source := self._excluded_by(top, parts[:depth], is_folder=depth < len(parts)):
                return f"{source} leaves the file out"
        return ""

    def _top(self, path: Path) -> Path | None:
        """The outermost folder whose rules count: a workspace folder's, or the repository's."""
        tops = [root for root in self.roots if root != path and path.is_relative_to(root)]
        repository = next((it for it in path.parents if (it / ".git").exists()), None)
        if repository is not None:
            tops.append(repository)
        return min(tops, key=lambda it: len(it.parts), default=None)

    def _excluded_by(self, top: Path, parts: Sequence[str], *, is_folder: bool) -> str:
        """The ignore file that has the last word on a path and leaves it out, or nothing."""
        if parts[-1] == ".git":
            return "git"
        for names in IGNORE_FILES:
            # The nearest file that has a word on it decides.
            decided = None
            for name, depth in itertools.product(names, range(len(parts) - 1, -1, -1)):
                rules = self._read(top.joinpath(*parts[:depth], name))
                decided = verdict(rules, parts[depth:], is_folder=is_folder)
                if decided:
                    return "/".join([*parts[:depth], name])
                if decided is False:
                    break
            if decided is None and names == IGNORE_FILES[0] and self._user_file is not None:
                file = self._user_file()
                if verdict(self._read(file), parts, is_folder=is_folder):
                    return str(file)
        return ""

    def _read(self, file: Path) -> list[Rule]:
        try:
            changed_ns = file.stat().st_mtime_ns
            held = self._rules.get(file)
            if held is None or held.changed_ns != changed_ns:
                text = file.read_text(encoding="utf-8", errors="replace")
                held = self._rules[file] = _Rules(changed_ns, parse(text))
        except OSError:
            self._rules.pop(file, None)
            return []
        return held.rules


def looks_secret(path: PurePath) -> bool:
    """Whether a file's name, or a folder above it, is one that secrets are kept under."""
    return _SECRET_NAME.fullmatch(path.name) is not None or not _SECRET_FOLDERS.isdisjoint(
        path.parts[:-1]
    )
