"""Refactors as a user meets them: by the light bulb, by F2 with its preview, and undone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from . import scenes
from .waiting import wait_until
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e

SHOP = '''\
"""A shop. Its prices are added up by `add_prices`."""


def add_prices(prices, factor):
    total = 0
    for price in prices:
        total += price * factor
    print(total)
    return total
'''
TILL = """\
from shop import add_prices

print(add_prices([1, 2], 3))
"""
FILES = {"shop.py": SHOP, "till.py": TILL}


def launch(
    launch_editor: LaunchEditor,
    sparrow: Path,
    workspace: Path,
    files: Mapping[str, str] = FILES,
    indexed: str = "2 files",
) -> Workbench:
    for name, text in files.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(text)
    editor = launch_editor(workspace, {"sparrow.server.path": str(sparrow)})
    editor.open_file("shop.py")
    editor.wait_for_status("ready")
    editor.wait_for_index(indexed)
    return editor


def go_to(editor: Workbench, line: int, character: int = 0) -> None:
    editor.press("Control+Home")
    for _ in range(line - 1):
        editor.press("ArrowDown")
    for _ in range(character):
        editor.press("ArrowRight")


def offered(editor: Workbench, keys: str, text: str) -> Locator:
    """An entry of the menu that the keys open.

    The bulb says that this place has been looked at: the menu then has all that is to be had.
    """
    editor.page.locator(".codicon-gutter-lightbulb, .lightBulbWidget").first.wait_for()
    editor.press(keys)
    entry = editor.page.locator(".action-widget .monaco-list-row.action").filter(has_text=text)
    expect(entry).to_be_visible()
    return entry


def rename(editor: Workbench, old: str, new: str) -> None:
    editor.press("F2")
    box = editor.page.locator(".rename-box input")
    expect(box).to_be_focused()
    expect(box).to_have_value(old)
    editor.page.keyboard.type(new)
    editor.press("Enter")


def preview(editor: Workbench) -> None:
    expect(editor.page.get_by_role("button", name=re.compile("^Apply"))).to_be_visible()


def apply(editor: Workbench, name: str) -> None:
    """Apply what is ticked in the preview, and save all files."""
    editor.page.get_by_role("button", name=re.compile("^Apply")).click()
    expect(editor.page.locator(".view-lines").first).to_contain_text(name)
    editor.run_command("File: Save All Files")
    wait_until(lambda: name in editor.file_text("till.py"), f"{name} in till.py", 60)


def test_no_completion_stands_beside_the_box_that_asks_for_a_name(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    model = scenes.scripted_model(tmp_path / "script.json", scenes.rule("total += ", "factor."))
    settings = {"sparrow.server.path": str(sparrow), "sparrow.completion.model": model}
    editor = launch_editor(tmp_path, settings)
    editor.open_file("shop.py")
    editor.wait_for_status("^Sparrow: ready")
    go_to(editor, 7)
    editor.press("End")
    for _ in "price * factor":
        editor.press("Shift+ArrowLeft")
    offered(editor, "Control+.", "Extract function").click()
    box = editor.page.locator(".rename-box input")
    expect(box).to_be_focused()
    editor.stays_without_ghost_text()
    editor.screenshot("name")
    editor.press("Escape")
    expect(box).to_be_hidden()
    editor.run_command("Trigger Inline Suggestion")
    assert editor.wait_for_ghost_text() == "factor."


def test_a_function_is_extracted_by_the_light_bulb_named_and_undone(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch(launch_editor, sparrow, tmp_path / "workspace")
    go_to(editor, 5)
    for _ in range(3):
        editor.press("Shift+ArrowDown")
    choice = offered(editor, "Control+.", "Extract function")
    editor.screenshot("light-bulb")
    choice.click()

    box = editor.page.locator(".rename-box input")
    expect(box).to_be_focused()
    expect(box).to_have_value("extracted")
    editor.screenshot("name")
    editor.page.keyboard.type("sum_up")
    editor.press("Enter")
    expect(box).not_to_be_visible()
    expect(editor.page.locator(".view-lines")).to_contain_text(re.compile(r"def\ssum_up"))
    editor.save()
    assert editor.file_text("shop.py") == SHOP.replace(
        "    total = 0\n    for price in prices:\n        total += price * factor\n",
        "    total = sum_up(prices, factor)\n",
    ) + (
        "\n\ndef sum_up(prices, factor):\n    total = 0\n    for price in prices:\n"
        "        total += price * factor\n    return total\n"
    )
    editor.screenshot("extracted")

    editor.press("Control+z")  # the name
    editor.press("Control+z")  # the function
    expect(editor.page.locator(".view-lines")).not_to_contain_text("extracted")
    editor.save()
    assert editor.file_text("shop.py") == SHOP
    assert editor.notifications() == []


def test_a_rename_shows_what_is_doubtful_and_applies_what_is_ticked(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch(launch_editor, sparrow, tmp_path / "workspace")
    go_to(editor, 4, 5)
    rename(editor, "add_prices", "total_of")
    preview(editor)
    editor.screenshot("preview")
    apply(editor, "total_of")
    assert editor.file_text("till.py") == TILL.replace("add_prices", "total_of")
    assert editor.file_text("shop.py") == SHOP.replace("def add_prices", "def total_of")

    rename(editor, "total_of", "sum_of")  # of which nothing is doubtful
    preview(editor)
    editor.screenshot("preview-without-doubts")
    apply(editor, "sum_of")
    assert editor.file_text("till.py") == TILL.replace("add_prices", "sum_of")
    assert editor.file_text("shop.py") == SHOP.replace("def add_prices", "def sum_of")


def test_what_cannot_be_done_is_said(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch(launch_editor, sparrow, tmp_path / "workspace")
    go_to(editor, 4, 15)
    offered(editor, "Control+Shift+r", "Remove parameter 'prices'").click()
    expect(editor.notification("prices is used on line 6: remove that first")).to_be_visible()
    editor.screenshot("refusal")
    assert editor.file_text("shop.py") == SHOP


MOVED = """\
class Basket:
    def __init__(self):
        self.things = []


basket = Basket()


def fill(thing):
    basket.things.append(thing)
"""


def test_a_class_is_moved_to_a_file_that_is_chosen(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    files = {
        "shop.py": MOVED,
        "things.py": '"""What can be bought."""\n',
        "tests/test_shop.py": "from shop import Basket\n\nBasket()\n",
        ".venv/lib/not_ours.py": "",
        ".venv/pyvenv.cfg": "",
    }
    editor = launch(launch_editor, sparrow, tmp_path / "workspace", files, "3 files")
    go_to(editor, 1, 8)
    choice = offered(editor, "Control+Shift+r", "Move 'Basket' to another file")
    editor.screenshot("menu")
    choice.click()

    picker = editor.page.locator(".quick-input-widget:visible")
    expect(picker).to_contain_text("Move 'Basket' to another file")
    expect(picker.locator(".monaco-list-row .label-name")).to_have_text(
        ["things.py", "test_shop.py"]
    )
    editor.screenshot("files")
    editor.press("Escape")
    expect(picker).not_to_be_visible()
    expect(editor.page.locator(".editor-instance .monaco-editor.focused")).to_be_visible()
    assert editor.notifications() == []

    editor.press("Control+Shift+r")
    choice.click()
    expect(picker.locator("input[type=text]")).to_be_focused()
    editor.page.keyboard.type("things")
    expect(picker.locator(".monaco-list-row .label-name")).to_have_text(["things.py"])
    editor.press("Enter")
    preview(editor)
    editor.screenshot("preview")
    editor.page.get_by_role("button", name=re.compile("^Apply")).click()
    expect(editor.page.locator(".view-lines").first).to_contain_text("import")
    editor.run_command("File: Save All Files")
    wait_until(lambda: "class Basket" in editor.file_text("things.py"), "Basket in things.py", 60)
    rest = MOVED.partition("basket = ")[2]
    assert editor.file_text("shop.py") == f"from things import Basket\n\nbasket = {rest}"
    assert editor.file_text("tests/test_shop.py") == "from things import Basket\n\nBasket()\n"
    editor.screenshot("moved")
