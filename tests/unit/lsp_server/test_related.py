"""Which files are shown whole, where there is room for them."""

from __future__ import annotations

from lsp_server.context.related import related_files
from tests.unit.lsp_server.made_repository import At

FILES = {
    "shop/cart.py": "from shop.price import total\nimport shop.item\n\n\nclass Cart: ...\n",
    "shop/price.py": "def total(): ...\n",
    "shop/item.py": "class Item: ...\n",
    "shop/neighbour.py": "",
    "shop/neighbour.md": "",
    "shop/deeper/other.py": "",
    "app/main.py": "from shop.cart import Cart\n",
    "app/basket.py": "class CartBasket:\n    def total_of_cart(self, cart, item, price): ...\n",
    "web/page.ts": "export const page = 1;\n",
}


def related(files: dict[str, str], path: str) -> list[str]:
    at = At.of(files, path, files[path])
    return related_files(at.snapshot, path, at.lines)


def test_what_a_file_imports_goes_first() -> None:
    found = related(FILES, "shop/cart.py")
    assert set(found[:2]) == {"shop/price.py", "shop/item.py"}
    assert {"app/main.py", "app/basket.py", "shop/neighbour.py"} <= set(found)
    assert found.index("app/main.py") < found.index("shop/neighbour.py")


def test_what_it_has_nothing_to_do_with_is_left_out() -> None:
    found = related(FILES, "shop/cart.py")
    assert not {"shop/cart.py", "web/page.ts", "shop/neighbour.md", "shop/deeper/other.py"} & set(
        found
    )
    assert len(set(found)) == len(found)


def test_neighbours_at_the_top_of_the_folder() -> None:
    assert related({"a.py": "", "b.py": "", "c/d.py": ""}, "a.py") == ["b.py"]


def test_they_are_a_few_dozens_at_most() -> None:
    files = {f"shop/file_{number:03}.py": "" for number in range(600)}
    found = related(files, "shop/file_300.py")
    assert found == sorted(found)
    assert len(found) == 32


def test_files_without_anything() -> None:
    assert related({"a.py": ""}, "a.py") == []
    assert related({"Makefile": "all:\n", "b": ""}, "Makefile") == []
