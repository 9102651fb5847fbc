"""Which files no fix may touch: what judges it, what runs by itself, and what steers other tools. Pure.

A fix that changes a test, its configuration, the CI or a lock file could pass by that alone.
"""

from __future__ import annotations

from lsp_server.edits.tests_of import is_test

_FOLDERS = {
    ".git": "git's own files",
    ".hg": "the repository's own files",
    ".svn": "the repository's own files",
    ".githooks": "hooks",
    ".husky": "hooks",
    ".github": "the CI",
    ".gitlab": "the CI",
    ".circleci": "the CI",
    ".buildkite": "the CI",
    ".ci": "the CI",
    ".vscode": "the editor's settings",
    ".idea": "the editor's settings",
    ".devcontainer": "the editor's settings",
    ".cursor": "rules for an assistant",
    ".claude": "rules for an assistant",
    ".continue": "rules for an assistant",
    ".venv": "installed packages",
    "node_modules": "installed packages",
    "__pycache__": "what was compiled",
}
_NAMES = {
    **dict.fromkeys(
        ("conftest.py", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml"),
        "the configuration of the tests",
    ),
    **dict.fromkeys(
        ("noxfile.py", ".coveragerc", "package.json", "makefile", "setup.py", "build.rs"),
        "the configuration of the build",
    ),
    **dict.fromkeys(
        (
            *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"),
            *("poetry.lock", "pdm.lock", "uv.lock", "pipfile.lock", "cargo.lock", "go.sum"),
            *("gemfile.lock", "composer.lock", "bun.lockb", "bun.lock"),
        ),
        "a lock file",
    ),
    **dict.fromkeys(
        (".gitlab-ci.yml", ".travis.yml", "azure-pipelines.yml", "jenkinsfile", "appveyor.yml"),
        "the CI",
    ),
    **dict.fromkeys((".pre-commit-config.yaml", "lefthook.yml"), "hooks"),
    **dict.fromkeys(
        (
            *("agents.md", "claude.md", "gemini.md", ".cursorrules", ".windsurfrules"),
            *(".clinerules", "copilot-instructions.md"),
        ),
        "rules for an assistant",
    ),
    **dict.fromkeys(("sitecustomize.py", "usercustomize.py"), "what Python runs by itself"),
    **dict.fromkeys((".gitignore", ".gitattributes", ".gitmodules"), "git's own files"),
    ".sparrowignore": "what Sparrow may see",
}


def find_denied(path: str) -> str:
    """What a file is that no fix may touch, or nothing; its path with forward slashes."""
    *folders, name = path.lower().split("/")
    for folder in folders:
        if said := _FOLDERS.get(folder):
            return said
    if said := _NAMES.get(name) or _FOLDERS.get(name):
        return said
    if name.endswith((".pth", ".pyc")):
        return "what Python runs by itself"
    if name.startswith(("vitest.config.", "jest.config.", "requirements")) and "." in name:
        return "the configuration of the tests"
    return "a test" if is_test(path) or is_test(path.lower()) else ""
