"""Methods that become functions, by what the code does then. Layouts are golden files."""

from __future__ import annotations

import pytest

from lsp_server.refactor.method_to_function import move_method
from lsp_server.refactor.refusal import RefactorRefused
from tests.unit.lsp_server.refactor.programs import result

SHOP = """
class Shop:
    factor = 2
    def total(self, numbers):
        return self.factor * sum(numbers)
    def doubled(self, n):
        return self.total(i for i in range(n))
def f(n):
    return Shop().doubled(n)
"""


@pytest.mark.parametrize(
    "text",
    [SHOP, SHOP.replace("def total(self", "@classmethod\n    def total(self")],
)
def test_a_generator_that_is_the_only_argument_is_one_beside_the_instance(text: str) -> None:
    line = next(n for n, it in enumerate(text.split("\n")) if "def total" in it)
    after = move_method(text, line, {}).text
    assert "self, (i for i in range(n)))" in after or "type(self), (i for i in range(n)))" in after
    assert result(after, 3) == result(text, 3)


def test_a_method_without_a_parameter_for_its_instance_stays() -> None:
    text = "class Shop:\n    def total(*numbers):\n        return numbers[1]\n"
    with pytest.raises(RefactorRefused, match="no parameter for its instance"):
        move_method(text, 1, {})
