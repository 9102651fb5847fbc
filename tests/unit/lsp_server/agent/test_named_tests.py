"""Tests as users name them: one, all of a file or a class, and what cannot be imported."""

from __future__ import annotations

import pytest

from lsp_server.agent.data import Outcome, TestRun
from lsp_server.agent.missing import find_missing_package

PYTEST = (
    "tests/test_cart.py::test_count",
    "tests/test_cart.py::TestCart::test_total[1]",
    "tests/test_cart.py::TestCart::test_total[2]",
    "tests/test_cart_more.py::test_count",
)
UNITTEST = ("tests.test_cart.Cart.test_total", "tests.test_carts.Cart.test_total")
NODE = ("cart.test.js::cart > total", "cart.test.js::carts")


def run(outcomes: dict[str, Outcome]) -> TestRun:
    return TestRun(outcomes, 1, "", 0.0)


@pytest.mark.parametrize(
    ("ids", "named", "expected"),
    [
        (PYTEST, "tests/test_cart.py::test_count", (0,)),
        (PYTEST, "tests/test_cart.py", (0, 1, 2)),
        (PYTEST, "./tests/test_cart.py", (0, 1, 2)),
        (PYTEST, "tests/", (0, 1, 2, 3)),
        (PYTEST, "tests/test_cart.py::TestCart", (1, 2)),
        (PYTEST, "tests/test_cart.py::TestCart::test_total", (1, 2)),
        (PYTEST, "tests/test_car", ()),
        (UNITTEST, "tests.test_cart", (0,)),
        (UNITTEST, "tests/test_cart.py", (0,)),
        (NODE, "cart.test.js::cart", (0,)),
        (NODE, "cart.test.js", (0, 1)),
    ],
)
def test_what_a_name_means(ids: tuple[str, ...], named: str, expected: tuple[int, ...]) -> None:
    found = run(dict.fromkeys(ids, Outcome.PASSED)).tests_of(named)
    assert found == tuple(ids[at] for at in expected)


CHAIN = """\
    import unidecode
E   ModuleNotFoundError: No module named 'unidecode'

During handling of the above exception, another exception occurred:
E   ModuleNotFoundError: No module named 'text_unidecode.impl'
"""


@pytest.mark.parametrize(
    ("output", "paths", "expected"),
    [
        (CHAIN, ("slugify/slugify.py",), "text_unidecode"),
        ("ModuleNotFoundError: No module named 'yaml'\n", ("a.py",), "yaml"),
        # What is in the workspace is not to be installed.
        ("E   ModuleNotFoundError: No module named 'shop.cart'\n", ("shop/till.py",), ""),
        ("E   ModuleNotFoundError: No module named 'cart'\n", ("src/cart.py",), ""),
        ("E   ImportError: cannot import name 'total' from 'cart'\n", ("cart.py",), ""),
        # Other tests fail for other reasons, which may be mended.
        (f"{CHAIN}E       assert 1 == 2\n", ("a.py",), ""),
        (f"{CHAIN}E   ValueError\n", ("a.py",), ""),
        ("all is well\n", ("a.py",), ""),
    ],
)
def test_a_missing_package(output: str, paths: tuple[str, ...], expected: str) -> None:
    assert find_missing_package(output, paths) == expected
