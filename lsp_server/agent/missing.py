"""What tests need and the interpreter does not have: no change of the code can mend that. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ERROR = re.compile(
    r"^(?:E\s+)?(?:(?P<error>[\w.]+(?:Error|Exception))(?=:|$)|assert\b)", re.MULTILINE
)
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_OF_IMPORTS = frozenset({"ModuleNotFoundError", "ImportError"})


def find_missing_package(output: str, paths: Iterable[str]) -> str:
    """The package without which none of the failing tests could be imported, or an empty string.

    `output` is what the failing tests printed, `paths` are the workspace's: that what is
    there cannot be imported is a fault of the code.
    """
    errors = {found["error"] for found in _ERROR.finditer(output)}
    if not errors or not errors <= _OF_IMPORTS:
        return ""
    # Of a chain the last is what the others led to.
    packages = [name.partition(".")[0] for name in _MISSING.findall(output)]
    steps = {step.partition(".")[0] for path in paths for step in path.split("/")}
    return packages[-1] if packages and steps.isdisjoint(packages) else ""
