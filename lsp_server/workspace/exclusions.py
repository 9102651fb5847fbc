"""Which files are never shown to a model: what git ignores, `.sparrowignore` names, or secrets.

Nor are packages that were installed into the workspace, unless one of these files takes them back in.

Rules are read from the workspace's own ignore files, the nested ones included, and read again when
their time of change moved. Git's rule holds that a file cannot be taken back in when a folder above
it is left out.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
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
_PACKAGES = frozenset({"node_modules", "site-packages", "__pycache__"})
_ENVIRONMENT = "pyvenv.cfg"  # which a virtual environment of Python has, whatever its name
_SECRET_FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".kube", ".docker"})


@dataclass(frozen=True, slots=True)
class _Rules:
    changed_ns: int
    rules: list[Rule]


HOLDS_PACKAGES = "the folder holds installed packages"
LOOKS_SECRET = "the file looks like it holds secrets"  # noqa: S105


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
        top = self._top(path)
        if top is None:
            return LOOKS_SECRET if looks_secret(path) else ""
        folder = FolderRules(self, top)
        *above, name = path.relative_to(top).parts
        for part in above:
            if reason := folder.reason(part, is_folder=True):
                return reason
            folder = folder.enter(part)
        if looks_secret(path):
            return LOOKS_SECRET
        return folder.reason(name, is_folder=False)

    def folder(self, path: Path) -> FolderRules | None:
        """The rules in a workspace folder, to walk down from; None where it is left out itself."""
        top = self._top(path / "file") or path
        folder = FolderRules(self, top)
        for part in path.relative_to(top).parts:
            if folder.reason(part, is_folder=True):
                return None
            folder = folder.enter(part)
        return folder

    def _top(self, path: Path) -> Path | None:
        """The outermost folder whose rules count: a workspace folder's, or the repository's."""
        tops = [root for root in self.roots if root != path and path.is_relative_to(root)]
        repository = next((it for it in path.parents if (it / ".git").exists()), None)
        if repository is not None:
            tops.append(repository)
        return min(tops, key=lambda it: len(it.parts), default=None)

    def user_rules(self) -> tuple[str, list[Rule]]:
        """The user's own ignore file, and its rules."""
        if self._user_file is None:
            return "", []
        file = self._user_file()
        return str(file), self.read(file)

    def read(self, file: Path) -> list[Rule]:
        """The rules of an ignore file, read again where it changed."""
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


class FolderRules:
    """The rules that hold in one folder: its own ignore files', and those of the folders above."""

    def __init__(
        self,
        exclusions: Exclusions,
        top: Path,
        parts: tuple[str, ...] = (),
        above: Mapping[str, Sequence[tuple[int, list[Rule]]]] | None = None,
    ) -> None:
        self._exclusions = exclusions
        self._top = top
        self._parts = parts
        # By the ignore file's name: at which depth there are which rules, the nearest first.
        self._rules: dict[str, list[tuple[int, list[Rule]]]] = {}
        for name in itertools.chain(*IGNORE_FILES):
            own = exclusions.read(top.joinpath(*parts, name))
            held = list(above.get(name, ())) if above else []
            self._rules[name] = [(len(parts), own), *held] if own else held

    def enter(self, name: str) -> FolderRules:
        """The rules in a folder of this one that is not left out."""
        return FolderRules(self._exclusions, self._top, (*self._parts, name), self._rules)

    def reason(self, name: str, *, is_folder: bool) -> str:
        """Why the rules leave out what bears that name in this folder, or nothing."""
        if name == ".git":
            return "git leaves the file out"
        parts = (*self._parts, name)
        is_taken_in = False
        for names in IGNORE_FILES:
            decided = None
            for file, (depth, rules) in ((it, held) for it in names for held in self._rules[it]):
                # The nearest file that has a word on it decides.
                decided = verdict(rules, parts[depth:], is_folder=is_folder)
                if decided:
                    return f"{'/'.join([*parts[:depth], file])} leaves the file out"
                if decided is False:
                    is_taken_in = True
                    break
            if decided is None and names == IGNORE_FILES[0]:
                file, rules = self._exclusions.user_rules()
                if verdict(rules, parts, is_folder=is_folder):
                    return f"{file} leaves the file out"
        if is_folder and not is_taken_in and self._holds_packages(parts):
            return HOLDS_PACKAGES
        return ""

    def _holds_packages(self, parts: Sequence[str]) -> bool:
        return parts[-1] in _PACKAGES or self._top.joinpath(*parts, _ENVIRONMENT).is_file()


def looks_secret(path: PurePath) -> bool:
    """Whether a file's name, or a folder above it, is one that secrets are kept under."""
    return _SECRET_NAME.fullmatch(path.name) is not None or not _SECRET_FOLDERS.isdisjoint(
        path.parts[:-1]
    )
