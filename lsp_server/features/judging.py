"""What of a generated text is shown at a place: by the settings, and judged once for all keys along it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lsp_server.completions.display import Displayed, UnknownNames, display
from lsp_server.completions.enclosing import enclosing_code
from lsp_server.completions.extent import Surround, surround
from lsp_server.completions.grammar_limits import JUDGED, is_beyond_grammar
from lsp_server.completions.place import Place
from lsp_server.completions.stop import Stop
from lsp_server.completions.unknown_names import find_unknown
from lsp_server.config import Config
from lsp_server.edits.completed_line import breaks_syntax
from lsp_server.edits.python_names import Use
from lsp_server.features.generation import Generated
from lsp_server.workspace.documents import Document, Position

if TYPE_CHECKING:
    from lsp_server.workspace.parse import ParsedText


def judge(
    place: Place,
    generated: Generated,
    text: str,
    config: Config,
    *,
    is_importable: Callable[[Document, str], bool],
    parsed_text: Callable[[Document], ParsedText | None],
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

    def breaks(shown: str) -> bool:
        # What the model was unsure of would have come behind its last line.
        is_last = not shown.endswith("\n") and shown.count("\n") == text.count("\n")
        is_cut = is_last and generated.passed.stop is Stop.UNSURE
        return _breaks(place, shown, parsed_text, is_whole=not is_cut)

    return generated.judge(
        text,
        (max_lines, unknown),
        lambda: display(
            place.around, text, max_lines, unknown, breaks_syntax=breaks, find_unknown=find
        ),
    )


def _breaks(
    place: Place,
    text: str,
    parsed_text: Callable[[Document], ParsedText | None],
    *,
    is_whole: bool,
) -> bool:
    """Whether nothing that is typed behind `text` could make it valid there."""
    around = place.around
    if around.language == "python":
        return breaks_syntax(around.before, text, around.behind, is_whole=is_whole)
    if around.language not in JUDGED or is_beyond_grammar(around, text):
        return False
    lines = [*place.document.lines[: place.cursor.line], around.own]
    enclosing = enclosing_code(around.language, lines, text)
    if enclosing is None:
        return False
    from lsp_server.edits.viable_prefix import is_dead_end

    if not is_dead_end(around.language, enclosing.code, text, around.rest):
        return False
    # A string over many lines may look like code: the document's tree knows.
    parsed = parsed_text(place.document)
    first = lines[enclosing.start]
    blank = first[: len(first) - len(first.lstrip())]
    return Surround.TEXT not in (
        surround(parsed, Position(enclosing.start, len(blank)), blank),
        surround(parsed, place.cursor, around.own),
    )
