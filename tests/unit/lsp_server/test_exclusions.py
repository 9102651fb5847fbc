"""Which files no model sees; git itself is the reference for its rules."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
from pathlib import Path

import pytest

from lsp_server.workspace.documents import Document
from lsp_server.workspace.exclusions import HOLDS_PACKAGES, Exclusions, looks_secret
from lsp_server.workspace.folders import Folders, path_of_uri
from lsp_server.workspace.user_excludes import user_excludes


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())


RULES: list[tuple[dict[str, str | bytes], str, str]] = [
    # the ignore files, a file, and which of them leaves it out
    ({}, "a.py", ""),
    ({".gitignore": "a.py\n"}, "a.py", ".gitignore"),
    ({".gitignore": "a.py\n"}, "src/a.py", ".gitignore"),
    ({".gitignore": "/a.py\n"}, "a.py", ".gitignore"),
    ({".gitignore": "/a.py\n"}, "src/a.py", ""),
    ({".gitignore": "src/a.py\n"}, "src/a.py", ".gitignore"),
    ({".gitignore": "src/a.py\n"}, "more/src/a.py", ""),
    ({".gitignore": "*.py\n!a.py\n"}, "a.py", ""),
    ({".gitignore": "*.py\n!a.py\n"}, "b.py", ".gitignore"),
    ({".gitignore": "!a.py\n*.py\n"}, "a.py", ".gitignore"),
    ({".gitignore": "src/\n"}, "src/a.py", ".gitignore"),
    ({".gitignore": "src/\n"}, "src", ""),
    ({".gitignore": "src/\n!src/a.py\n"}, "src/a.py", ".gitignore"),
    ({".gitignore": "src/\n", "src/.gitignore": "!a.py\n"}, "src/a.py", ".gitignore"),
    ({".gitignore": "src/*\n!src/a.py\n"}, "src/a.py", ""),
    ({".gitignore": "*.log\n", "src/.gitignore": "!a.log\n"}, "src/a.log", ""),
    ({".gitignore": "*.log\n!keep/\n"}, "keep/a.log", ".gitignore"),
    ({".gitignore": "*\n!*/\n!*.py\n"}, "src/a.py", ""),
    ({".gitignore": "*\n!*/\n!*.py\n"}, "src/a.txt", ".gitignore"),
    ({".gitignore": "a/**/b.py\n"}, "a/x/y/b.py", ".gitignore"),
    ({".gitignore": "# a.py\n\n\\#b.py\n"}, "a.py", ""),
    ({".gitignore": "# a.py\n\n\\#b.py\n"}, "#b.py", ".gitignore"),
    ({".gitignore": b"a.py\r\n"}, "a.py", ".gitignore"),
    ({".gitignore": b"\xef\xbb\xbfa.py\n"}, "a.py", ".gitignore"),
    ({".gitignore": b"\xff\xfe\na.py\n"}, "a.py", ".gitignore"),
    ({"src/.gitignore": "a.py\n"}, "src/a.py", "src/.gitignore"),
    ({"src/.gitignore": "a.py\n"}, "a.py", ""),
    ({"src/.gitignore": "/a.py\n"}, "src/x/a.py", ""),
    ({".sparrowignore": "a.py\n"}, "a.py", ".sparrowignore"),
    ({".sparrowignore": "src/\n"}, "src/x/a.py", ".sparrowignore"),
    ({"src/.sparrowignore": "*.py\n"}, "src/a.py", "src/.sparrowignore"),
    ({".gitignore": "a.py\n", ".sparrowignore": "!a.py\n"}, "a.py", ".gitignore"),
    ({}, ".git/config", "git"),
]


@pytest.mark.parametrize(("rules", "name", "source"), RULES)
def test_rules(tmp_path: Path, rules: dict[str, str | bytes], name: str, source: str) -> None:
    write(tmp_path, rules)
    reason = Exclusions([tmp_path]).reason(tmp_path / name)
    assert reason == (f"{source} leaves the file out" if source else "")


@pytest.mark.parametrize(
    ("files", "name", "is_left_out"),
    [
        ({}, "web/node_modules/left/index.js", True),
        ({}, "node_modules", False),  # a file
        ({}, "lib/site-packages/a.py", True),
        ({}, "own/lib/a.py", False),
        ({"own/pyvenv.cfg": ""}, "own/lib/a.py", True),
        ({".gitignore": "!node_modules/\n"}, "node_modules/a.js", False),
        ({".sparrowignore": "!/own\n", "own/pyvenv.cfg": ""}, "own/a.py", False),
    ],
)
def test_installed_packages_are_left_out(
    tmp_path: Path, files: dict[str, str | bytes], name: str, *, is_left_out: bool
) -> None:
    write(tmp_path, files)
    reason = Exclusions([tmp_path]).reason(tmp_path / name)
    assert reason == (HOLDS_PACKAGES if is_left_out else "")


@pytest.mark.parametrize("line", ["!", "\\", "a\\", "[z-a]", "[", "[]", "//", "!!", "\0"])
def test_a_line_that_is_no_rule_spoils_no_other(tmp_path: Path, line: str) -> None:
    write(tmp_path, {".gitignore": f"{line}\nsecret.py\n"})
    exclusions = Exclusions([tmp_path])
    assert exclusions.reason(tmp_path / "secret.py")
    assert exclusions.reason(tmp_path / "src" / "open.py") == ""


def test_a_change_of_the_rules_is_seen(tmp_path: Path) -> None:
    exclusions = Exclusions([tmp_path])
    file, rules = tmp_path / "a.py", tmp_path / ".gitignore"
    assert not exclusions.reason(file)
    for number, (lines, out) in enumerate([("a.py\n", True), ("b.py\n", False), ("*\n", True)]):
        rules.write_text(lines)
        os.utime(rules, ns=(0, number))
        assert bool(exclusions.reason(file)) is out
    rules.unlink()
    assert not exclusions.reason(file)


@pytest.mark.parametrize(
    "roots", [["", "inner"], ["inner", ""]], ids=["outer first", "inner first"]
)
def test_of_nested_workspace_folders_the_rules_of_all_hold(
    tmp_path: Path, roots: list[str]
) -> None:
    write(tmp_path, {".gitignore": "a.py\n", "inner/.gitignore": "b.py\n"})
    exclusions = Exclusions([tmp_path / root for root in roots])
    assert exclusions.reason(tmp_path / "inner" / "a.py")
    assert exclusions.reason(tmp_path / "inner" / "b.py")


def test_rules_of_the_repository_hold_in_a_folder_of_it(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": "", ".gitignore": "src/made/\n", "src/made/a.py": ""})
    assert Exclusions([tmp_path / "src"]).reason(tmp_path / "src" / "made" / "a.py")


def test_rules_hold_for_a_file_outside_the_workspace(tmp_path: Path) -> None:
    write(tmp_path, {"other/.git/HEAD": "", "other/.gitignore": "a.py\n", "other/a.py": ""})
    assert Exclusions([tmp_path / "workspace"]).reason(tmp_path / "other" / "a.py")
    assert Exclusions([]).reason(tmp_path / "other" / "a.py")


def test_rules_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").mkdir()
    assert Exclusions([tmp_path]).reason(tmp_path / "a.py") == ""


_RULES = (
    "a b /a a/ *.py !*.py !a !a/ /a/b a/b a/* !a/b **/b a/** a/**/c.py * !*/ /* !/a b/c.py "
    "!c.py *.t?t [ab] build/ !build/ !/a/b/ a/**/ ** !**/c.py !a/** ? */ **/a/ !b/ [!a] [^b]"
)


def test_what_git_ignores_of_random_rules(tmp_path: Path) -> None:
    """Many workspaces in one repository, each with rules of its own."""
    chance = random.Random(7)  # noqa: S311 - no secret
    rules = _RULES.split()
    folders = [
        "/".join(parts)
        for depth in range(3)
        for parts in itertools.product(["a", "b", "build"], repeat=depth)
    ]
    files = [f"{folder}/{name}".lstrip("/") for folder in folders for name in ("c.py", "d.txt")]
    names, written = [], {}
    for number in range(150):
        written[number] = {
            f"{number}/{folder}/.gitignore".replace("//", "/"): "\n".join(
                chance.choices(rules, k=chance.randint(1, 4))
            )
            for folder in ("", "a", "a/b")
            if not folder or chance.random() < 0.4
        }
        write(tmp_path, dict(written[number]))
        for folder in folders:
            (tmp_path / str(number) / folder).mkdir(parents=True, exist_ok=True)
        names += [f"{number}/{file}" for file in files]
    theirs = ignored_by_git(tmp_path, names)
    exclusions = Exclusions([tmp_path])
    ours = {name for name in names if exclusions.reason(tmp_path / name)}
    for name in ours ^ theirs:
        assert not name, written[int(name.partition("/")[0])]


def ignored_by_git(root: Path, names: list[str], settings: Path = Path(os.devnull)) -> set[str]:
    nothing = {"GIT_CONFIG_GLOBAL": str(settings), "GIT_CONFIG_SYSTEM": os.devnull}
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), **nothing}
    subprocess.run(["git", "init", "-q", root], check=True, env=environment)
    result = subprocess.run(
        ["git", "-C", root, "check-ignore", "--no-index", "--stdin"],
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    return set(result.stdout.splitlines())


def test_what_is_ignored_in_this_clone_alone_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {".git/info/exclude": "notes.py\n/src/a.py\n", ".gitignore": "!kept.py\n"})
    exclusions = Exclusions([tmp_path / "src"])
    assert exclusions.reason(tmp_path / "src" / "notes.py")
    assert exclusions.reason(tmp_path / "src" / "a.py")
    assert not exclusions.reason(tmp_path / "src" / "b.py")


USER_RULES = [
    # the user's own rules, the repository's, and what of a.py, b.log, src/a.py, src/c.log is left out
    ("*.log\n", {}, {"b.log", "src/c.log"}),
    ("/a.py\n", {}, {"a.py"}),
    ("src/\n", {}, {"src/a.py", "src/c.log"}),
    ("*.log\n", {".gitignore": "!b.log\n"}, {"src/c.log"}),
    ("*.log\n", {"src/.gitignore": "!c.log\n"}, {"b.log"}),
    ("*.log\n", {".git/info/exclude": "!c.log\n"}, {"b.log"}),
    ("!*.log\n", {".gitignore": "*.log\n"}, {"b.log", "src/c.log"}),
]


@pytest.mark.parametrize(("user_rules", "rules", "left_out"), USER_RULES)
def test_what_the_user_ignores_in_all_repositories(
    tmp_path: Path, user_rules: str, rules: dict[str, str | bytes], left_out: set[str]
) -> None:
    names = ["a.py", "b.log", "src/a.py", "src/c.log"]
    root, user_file = tmp_path / "repository", tmp_path / "ignore"
    user_file.write_text(user_rules)
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\n\texcludesFile = {user_file}\n")
    write(root, {**dict.fromkeys(names, ""), **rules})
    assert ignored_by_git(root, names, settings) == left_out
    exclusions = Exclusions([root], lambda: user_file)
    assert {name for name in names if exclusions.reason(root / name)} == left_out


def test_where_the_ignore_file_of_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_excludes() == tmp_path / ".config" / "git" / "ignore"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    assert user_excludes() == tmp_path / "settings" / "git" / "ignore"
    (tmp_path / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
    assert user_excludes() == tmp_path / "mine"
    monkeypatch.setenv("PATH", "")
    assert user_excludes() == tmp_path / "settings" / "git" / "ignore"


_SECRETS = (
    ".env .env.local .ENV prod.env .env.production key.pem server.key store.p12 id_rsa id_ed25519 "
    ".netrc .npmrc .pypirc .pgpass credentials credentials.json secrets.yaml secret.toml "
    "SECRETS.YML x.tfvars x.tfstate my.kdbx .ssh/config home/.aws/x .kube/config .gnupg/a"
)
_OPEN = (
    ".env.example .env.sample .env.template .env.dist env.py environment.env.py key.py pem "
    "secrets.py credentials.py id_rsa.md my_secret.py .envrc.md tokens.json package.json .gitignore"
)


@pytest.mark.parametrize("name", _SECRETS.split())
def test_secrets_are_known_by_their_names(name: str) -> None:
    assert looks_secret(Path("/project") / name)


@pytest.mark.parametrize("name", _OPEN.split())
def test_other_names_are_open(name: str) -> None:
    assert not looks_secret(Path("/project") / name)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///project/a.py", "/project/a.py"),
        ("file:///project/a%20b%23.py", "/project/a b#.py"),
        ("file:///project/%C3%BC.py", "/project/ü.py"),
        ("file:///project/x/../a.py", "/project/a.py"),
        ("file:///project/./a.py", "/project/a.py"),
        ("untitled:Untitled-1", None),
        ("vscode-remote://ssh/a.py", None),
        ("", None),
    ],
)
def test_paths_of_uris(uri: str, path: str | None) -> None:
    assert path_of_uri(uri) == (None if path is None else Path(path))


STRANGE = [
    "file://[x/a.py",
    "file:///project/a%00b/c.py",
    "file:///project/\ud800/c.py",
    "file:///project/" + "x" * 5000,
    "file:",
    "",
    ":",
    "untitled:\ud800",
]


@pytest.mark.parametrize("uri", STRANGE, ids=ascii)
def test_no_uri_is_too_strange(uri: str) -> None:
    folders = Folders()
    folders.set_roots(["file:///project"])
    document = Document(uri, "python", 1, "")
    assert isinstance(folders.exclusion(document), str)
    folders.path_of(document).encode()


@pytest.mark.parametrize("uri", STRANGE, ids=ascii)
def test_no_root_is_too_strange(uri: str) -> None:
    folders = Folders()
    folders.set_roots([uri])
    assert folders.exclusion(Document("file:///project/a.py", "python", 1, "")) == ""


@pytest.mark.parametrize(
    "uri", ["git:/project/.env", "untitled:.env", "vscode-vfs://github/x/.env"]
)
def test_a_secret_is_one_whatever_shows_it(uri: str) -> None:
    assert Folders().exclusion(Document(uri, "dotenv", 1, ""))


def test_paths_are_below_their_workspace_folder() -> None:
    folders = Folders()
    folders.set_roots(["file:///project/one", "file:///project/two"])

    def path(uri: str) -> str:
        return folders.path_of(Document(uri, "python", 1, ""))

    assert path("file:///project/one/src/a.py") == "src/a.py"
    assert path("file:///project/two/a.py") == "a.py"
    assert path("file:///elsewhere/src/a.py") == "a.py"
    assert path("untitled:Untitled-1") == "Untitled-1"
    assert path("vscode-notebook-cell:/project/one/a%20b.ipynb#W0s") == "a b.ipynb#W0s"
    assert path("vscode-notebook-cell:Untitled-1.ipynb#W0s") == "Untitled-1.ipynb"
    folders.set_roots(["file:///project"])
    assert path("file:///project/one/src/a.py") == "one/src/a.py"


def test_the_cells_of_a_notebook_are_left_out_with_it(tmp_path: Path) -> None:
    folders = Folders()
    folders.set_roots([tmp_path.as_uri()])
    (tmp_path / ".gitignore").write_text("private.ipynb\n")

    def reason(name: str) -> str:
        uri = (tmp_path / name).as_uri().replace("file:", "vscode-notebook-cell:") + "#W0s"
        return folders.exclusion(Document(uri, "python", 1, ""))

    assert reason("private.ipynb")
    assert reason("open.ipynb") == ""


def test_what_is_left_out_is_looked_up_again_when_asked_to(tmp_path: Path) -> None:
    folders = Folders()
    folders.set_roots([tmp_path.as_uri()])
    document = Document((tmp_path / "a.py").as_uri(), "python", 1, "")
    assert folders.exclusion(document) == ""
    (tmp_path / ".gitignore").write_text("a.py\n")
    folders.refresh()
    assert folders.exclusion(document) == ".gitignore leaves the file out"


def test_another_file_of_a_documents_folder_is_left_out_as_soon_as_a_rule_says_so(
    tmp_path: Path,
) -> None:
    folders = Folders(lambda: tmp_path / "none")
    folders.set_roots([tmp_path.as_uri(), (tmp_path / "inner").as_uri()])
    document = Document((tmp_path / "inner" / "a.py").as_uri(), "python", 1, "")
    assert [folders.hides(document, it) for it in ("b.py", "c/d.py", ".env")] == [
        False,
        False,
        True,
    ]
    write(tmp_path, {"inner/.sparrowignore": "b.py\n", ".gitignore": "/inner/c/\n"})
    assert [folders.hides(document, it) for it in ("b.py", "c/d.py", "e.py")] == [True, True, False]
    assert not folders.hides(Document("untitled:x", "python", 1, ""), ".env")
