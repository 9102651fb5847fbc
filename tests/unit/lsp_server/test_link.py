"""Which files imports mean, kept up to date round by round."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lsp_server.workspace.build import build
from lsp_server.workspace.exclusions import Exclusions
from lsp_server.workspace.link import Links
from lsp_server.workspace.store import Store

Round = Callable[[], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    files = {
        "shop/__init__.py": "from .cart import Cart\n",
        "shop/cart.py": "class Cart: ...\n",
        "main.py": "from shop import Cart\nimport late\n",
        "web/app.ts": 'import { view } from "@/view";\n',
        "web/src/view.ts": "export const view = 1;\n",
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def targets(store: Store, path: str) -> list[str]:
    return [target for _, _, target in store.links(path)]


def test_links_follow_what_comes_and_goes(folder: Path, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store.sqlite")
    links = Links(folder, store)

    def round_() -> None:
        links.update(build(folder, store, Exclusions([folder]), workers=1))

    round_()
    assert store.links("main.py") == [("Cart", "Cart", "shop/cart.py")]
    assert store.importers("shop/cart.py") == ["main.py", "shop/__init__.py"]
    assert targets(store, "web/app.ts") == []
    # A file that was missing.
    (folder / "late.py").write_text("x = 1\n")
    round_()
    assert targets(store, "main.py") == ["shop/cart.py", "late.py"]
    assert store.importers("late.py") == ["main.py"]
    # What a package passes on.
    (folder / "shop" / "basket.py").write_text("class Cart: ...\n")
    (folder / "shop" / "__init__.py").write_text("from .basket import Cart  # now here\n")
    round_()
    assert targets(store, "main.py") == ["shop/basket.py", "late.py"]
    assert store.importers("shop/cart.py") == []
    # Settings.
    (folder / "web" / "tsconfig.json").write_text(
        '{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}'
    )
    round_()
    assert targets(store, "web/app.ts") == ["web/src/view.ts"]
    # A file that is gone.
    (folder / "late.py").unlink()
    round_()
    assert targets(store, "main.py") == ["shop/basket.py"]
    assert store.importers("late.py") == []
    # A file whose imports changed, and another process that goes on where this one ended.
    (folder / "main.py").write_text("import shop.cart as c\n")
    Links(folder, store).update(build(folder, store, Exclusions([folder]), workers=1))
    assert store.links("main.py") == [("c", "", "shop/cart.py")]
    store.close()
