"""Programs with a part that is marked, and what they do."""

from __future__ import annotations

from typing import Any

from lsp_server.refactor.extract import extract_function
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


def check_extracted_function(marked: str) -> None:
    """That the program does the same where a function is made of what stands between the brackets."""
    source, start, end = selected(marked)
    after = extract_function(source, start, end, "extracted")
    assert "extracted" in after
    for n in (0, 1, 2):
        assert result(after, n) == result(source.text, n)
