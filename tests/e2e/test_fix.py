"""A fix of a failing test as a user meets it: asked for, allowed, and shown for review with its evidence."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .workbench import LaunchEditor

pytestmark = pytest.mark.e2e

FEES = '''\
"""What a late book costs."""

FREE_DAYS = 3


def fee(days):
    if days < FREE_DAYS:
        return 0
    return 10 * (days - FREE_DAYS)


def label(days):
    return f"{fee(days)} cents" if days >= FREE_DAYS else "free"
'''
TESTS = """\
from fees import fee, label


def test_the_first_days_are_free():
    assert [label(1), label(3)] == ["free", "free"]


def test_each_further_day_costs_as_much():
    assert [fee(3), fee(4), label(5)] == [0, 10, "20 cents"]
"""
FIX_LIMIT_MS = 240_000  # a bound for machines under load


def test_a_fix_is_shown_for_review_with_no_chat_model(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "fees.py").write_text(FEES)
    (workspace / "test_fees.py").write_text(TESTS)
    (workspace / ".venv").symlink_to(sys.prefix)  # the environment of these tests has pytest
    editor = launch_editor(workspace, {"sparrow.server.path": str(sparrow)})
    page = editor.page
    editor.open_file("test_fees.py")
    editor.wait_for_status("ready")
    editor.wait_for_index("2 files")

    editor.run_command("Sparrow: Fix Issue…")
    issue = page.locator(".quick-input-widget:visible input[type=text]")
    expect(issue).to_be_focused()
    editor.screenshot("issue")
    issue.press("Enter")
    consent = page.locator(".monaco-dialog-box")
    expect(consent).to_contain_text("May Sparrow run this workspace's tests?")
    editor.screenshot("consent")
    consent.get_by_role("button", name="Run Tests").click()
    progress = editor.notification("Sparrow: looking for a fix")
    # What it does, for how long already, of how long at most, and a way to end it.
    expect(progress).to_contain_text(re.compile(r"\w+: .+ \(0:\d\d of 10:00\)"))
    expect(progress.get_by_role("button", name="Cancel")).to_be_visible()
    editor.screenshot("progress")

    apply = page.get_by_role("button", name=re.compile("^Apply"))
    expect(apply).to_be_visible(timeout=FIX_LIMIT_MS)
    # What failed before and passes now stands beside the change, none of which is taken unasked.
    evidence = editor.webview()
    expect(evidence).to_contain_text("Verified")
    expect(evidence).to_contain_text("test_fees.py::test_the_first_days_are_free")
    changed = page.get_by_role("checkbox", name=re.compile(r"^fees\.py"))
    expect(changed).not_to_be_checked()
    expect(page.locator(".panel .monaco-list-row")).to_have_count(2)  # the file, and its one hunk
    editor.screenshot("review")
    assert editor.file_text("fees.py") == FEES
    assert editor.notifications() == []

    # Applied with nothing ticked it would be gone, and nobody told.
    apply.click()
    told = editor.notification("Nothing of the fix was applied.")
    expect(told).to_be_visible()
    editor.screenshot("nothing-ticked")
    told.get_by_role("button", name="Show It Again").click()
    expect(apply).to_be_visible()
    expect(changed).not_to_be_checked()
    editor.screenshot("again")
    assert editor.file_text("fees.py") == FEES
