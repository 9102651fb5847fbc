"""A program with mistakes and its tests, and candidates for it that are validated in a sandbox."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from lsp_server.agent.copies import Copies
from lsp_server.agent.data import Candidate, Evidence, TestCommand
from lsp_server.agent.sandbox import Sandbox
from lsp_server.agent.snapshot import Snapshot
from lsp_server.agent.toolchain import find_toolchain
from lsp_server.agent.validate import Validator

CART = """\
import os


def total(prices):
    result = 0
    for price in prices[1:]:
        result += price
    return result


def count(prices):
    return len(prices)


def is_sorted(prices):
    return sorted(prices) != prices
"""
FIXED = CART.replace("prices[1:]", "prices")
TESTS = """\
import unittest
from cart import count, is_sorted, total

class Cart(unittest.TestCase):
    def test_total(self):
        self.assertEqual(total([1, 2, 3]), 6)

    def test_total_of_one(self):
        self.assertEqual(total([1]), 1)

    def test_count(self):
        for n in (1, 2):
            with self.subTest(n=n):
                self.assertEqual(count([0] * n), n)

    def test_nothing(self):
        self.assertEqual(total([]), 0)

    def test_sorted(self):
        self.assertTrue(is_sorted([1, 2]))

    @unittest.skip("later")
    def test_later(self):
        pass
"""
NAME = "tests.test_cart.Cart."
TOTALS = (f"{NAME}test_total", f"{NAME}test_total_of_one")
COUNT = f"{NAME}test_count"
SORTED = f"{NAME}test_sorted"
OTHER = "tests.test_other.Other.test_other"
FILES = {
    "cart.py": CART,
    "tests/__init__.py": "",
    "tests/test_cart.py": TESTS,
    "tests/test_other.py": (
        "import unittest\nclass Other(unittest.TestCase):\n    def test_other(self): pass\n"
    ),
    "conftest.py": "",
    "pytest.ini": "[pytest]\n",
}


async def validator_of(
    files: Mapping[str, str],
    copies: Copies,
    folder: Path,
    command: tuple[str, ...] = ("unittest", sys.executable, "-m", "unittest"),
) -> Validator:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    snapshot = await Snapshot.take(folder, copies=copies)
    toolchain = await find_toolchain(folder, sys.executable)
    # Where there is no sandbox, what is judged here is the same without it.
    sandbox = Sandbox(folder, toolchain, is_unsandboxed_allowed=True)
    return Validator(snapshot, sandbox, TestCommand(command[0], command[1:]))


async def tried(validator: Validator, *texts: str, path: str = "cart.py") -> list[Evidence]:
    """What becomes of texts of a file, in the order in which they are given."""
    candidates = [Candidate({path: it}, f"{at}", -at) for at, it in enumerate(texts)]
    found = [it async for it in validator.validate(candidates)]
    return sorted(found, key=lambda it: int(it.candidate.origin))
