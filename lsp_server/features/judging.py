"""What of a generated text is shown at a place: by the settings, and judged once for all keys along it."""

from __future__ import annotations

from collections.abc import Callable

from lsp_server.completions.display import Displayed, UnknownNames, display
from lsp_server.completions.place import Place
from lsp_server.completions.unknown_names import find_unknown
from lsp_server.config import Config
from lsp_server.edits.python_names import Use
from lsp_server.features.generation import Generated
from lsp_server.workspace.documents import Document


def judge(
    place: Place,
    generated: Generated,
    text: str,
    config: Config,
    is_importable: Callable[[Document, str], bool],
) -> Displayed:
    """What is shown of a text, which is the rest of what was generated."""
    document = place.document
    # Names of a notebook's other cells are not known here.
    unknown = UnknownNames("show" if document.is_cell else config.completion_unknown_names)
    max_lines = config.completion_max_lines

    def find(text: str) -> Use | None:
        return find_unknown(
            place.around,
            text,
            document.lines,
            place.cursor.line,
            lambda name: is_importable(document, name),
        )

    return generated.judge(
        text, (max_lines, unknown), lambda: display(place.around, text, max_lines, unknown, find)
    )
