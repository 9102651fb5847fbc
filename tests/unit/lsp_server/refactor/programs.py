"""Programs with a part that is marked, and what they do."""

from __future__ import annotations

from typing import Any

from lsp_server.refactor.source import Source


def selected(marked: str) -> tuple[Source, int, int]:
    """The source, and the offsets of what stands between the brackets."""
    start = marked.index("⟦")
    bare = marked.replace("⟦", "")
    end = bare.index("⟧")
    return Source(bare.replace("⟧", "")), start, end


def result(text: str, n: int) -> Any:
    """What `f` of a program says of a number, or how it fails."""
    names: dict[str, Any] = {}
    exec(compile(text, "program", "exec"), names)  # noqa: S102 - the programs above
    try:
        return names["f"](n)
    except (NameError, TypeError, AttributeError):
        raise
    except Exception as error:  # noqa: BLE001 - what a program raises it is to raise then, too
        return repr(error)
