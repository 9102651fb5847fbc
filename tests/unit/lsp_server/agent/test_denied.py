from __future__ import annotations

import pytest

from lsp_server.agent.denied import find_denied


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/shop/cart.py", ""),
        ("src/github/hooks.py", ""),
        ("contest.py", ""),
        ("attest/lock.py", ""),
        ("tests/test_cart.py", "a test"),
        ("src/cart.test.ts", "a test"),
        ("src/Cart.TEST.ts", "a test"),
        ("cart_test.go", "a test"),
        ("tests/data/cart.json", "a test"),
        ("conftest.py", "the configuration of the tests"),
        ("src/shop/conftest.py", "the configuration of the tests"),
        ("pyproject.toml", "the configuration of the tests"),
        ("requirements-dev.txt", "the configuration of the tests"),
        ("package.json", "the configuration of the build"),
        ("Makefile", "the configuration of the build"),
        ("Cargo.lock", "a lock file"),
        (".github/workflows/ci.yml", "the CI"),
        (".git/hooks/pre-commit", "git's own files"),
        (".GIT/config", "git's own files"),
        (".gitattributes", "git's own files"),
        (".husky/pre-push", "hooks"),
        (".vscode/tasks.json", "the editor's settings"),
        ("AGENTS.md", "rules for an assistant"),
        ("docs/.cursor/rules/a.md", "rules for an assistant"),
        ("sitecustomize.py", "what Python runs by itself"),
        ("src/shop/a.pth", "what Python runs by itself"),
        ("src/__pycache__/cart.cpython-312.pyc", "what was compiled"),
    ],
)
def test_what_no_fix_may_touch(path: str, expected: str) -> None:
    assert find_denied(path) == expected
