"""Rules for the whole suite: GPU tests run where a GPU is, and nothing else is left out in CI."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Generator

import pytest
from hypothesis import settings

# The same examples each time, and no limit of time for one: how busy a machine is proves nothing.
settings.register_profile("sparrow", deadline=None, derandomize=True)
settings.load_profile("sparrow")

FORBID_SKIPS = "SPARROW_FORBID_SKIPS"
LEFT_OUT = pytest.StashKey[str]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects GPU tests where they cannot run; the end of the run says why."""
    needs_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if needs_gpu and (reason := _why_no_gpu()):
        config.hook.pytest_deselected(items=needs_gpu)
        items[:] = [item for item in items if item not in needs_gpu]
        config.stash[LEFT_OUT] = f"left out {len(needs_gpu)} tests on a GPU: {reason}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if LEFT_OUT in config.stash:
        terminalreporter.write_line(config.stash[LEFT_OUT])


def _why_no_gpu() -> str:
    """Why tests on a GPU cannot run here, or nothing."""
    if not shutil.which("nvidia-smi"):
        return "there is no nvidia-smi here"
    if not importlib.util.find_spec("vllm"):
        return "this environment holds no vLLM"
    import torch

    return "" if torch.cuda.is_available() else "this environment's PyTorch sees no GPU"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skipped test into a failed one where the environment asks for it."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get(FORBID_SKIPS):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, where nothing may be: {report.longrepr}"
    return report
