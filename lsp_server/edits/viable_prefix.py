"""Whether some code begins with a text, by the parser of its language.

A parser that reads from left to right stops at the first token that nothing valid has there, whatever
came behind it. tree-sitter goes on from such an error as well as it can, and a tree does not tell where
that was; its log does. To listen to the log takes ten times as long as to parse, so it is listened to
from where the text begins. Only where an error is heard it is made sure that none came before.
"""

from __future__ import annotations

import re
from functools import cache

import tree_sitter

from lsp_server.workspace.languages import load_language
from lsp_server.workspace.pieces import reading

MAX_BYTES = 16 * 1024  # what is longer is not judged
# Tokens that end with one of these become no other by what is typed behind them.
_FINAL = (b")", b"]", b"}", b";", b",")
_PROCESS = re.compile(r"process version:(\d+), .*row:(\d+), col:(\d+)")
_TOKEN = re.compile(r"lexed_lookahead .*size:(\d+)")


def is_dead_end(language: str, head: str, text: str, rest_of_line: str) -> bool:
    """Whether no code begins with `head` and `text`, though some does with `head`.

    A last token that typing on may change is no error yet: one that no line ends behind. What stands
    behind the text in its line says where its last token ends, too, and is not judged.

    Raises KeyError for a language that is not in `languages.LANGUAGES`.
    """
    start = len(head.encode("utf-8", "replace"))
    told = f"{head}{text.rstrip()}".encode("utf-8", "replace")
    source = told + rest_of_line.encode("utf-8", "replace")
    if len(source) > MAX_BYTES:
        return False
    is_final = text.endswith("\n") or rest_of_line.strip() or told.endswith(_FINAL)
    last = len(told) if is_final else len(told) - 1

    def is_in_text(error: tuple[int, int] | None) -> bool:
        return error is not None and start <= error[0] < error[1] <= last

    # From within the token before the text on, so that where that ends is heard, too.
    near = max(len(source[:start].rstrip()) - 1, 0)
    return is_in_text(_first_error(language, source, near)) and is_in_text(
        _first_error(language, source, 0)
    )


def _first_error(language: str, source: bytes, listen_from: int) -> tuple[int, int] | None:
    """The token that the parser first stopped at: its start and end in bytes."""
    parser = _parser(language)
    log = _Log()
    text = memoryview(source)

    def cut(offset: int) -> memoryview:
        if offset < listen_from:
            return text[offset:listen_from]
        if parser.logger is None:
            parser.logger = log
        return text[offset:]

    try:
        with reading(cut) as read:
            parser.parse(read, progress_callback=lambda _offset, _has_error: log.is_over)
    except ValueError:  # it was told to stop
        parser.reset()
    finally:
        del parser.logger
    if (error := log.error) is None:
        return None
    row, column, size = error
    before = sum(len(line) + 1 for line in source.split(b"\n")[:row]) + column
    end = before + size
    return end - len(source[before:end].lstrip()), end


@cache
def _parser(language: str) -> tree_sitter.Parser:
    return tree_sitter.Parser(load_language(language))


class _Log:
    """Hears a parse up to where it first goes on from an error.

    Where a grammar leaves a choice the parser follows several versions; one that stops is given up,
    and an error is where the last of them stopped.
    """

    def __init__(self) -> None:
        self._heard: list[str] = []
        self._resumed = ""

    def __call__(self, kind: tree_sitter.LogType, message: str) -> None:
        if kind is not tree_sitter.LogType.PARSE or self._resumed:
            return
        if message.startswith(("process ", "lexed_lookahead ")):
            self._heard.append(message)
        elif message.startswith("resume "):
            self._resumed = message

    @property
    def is_over(self) -> bool:
        return bool(self._resumed)

    @property
    def error(self) -> tuple[int, int, int] | None:
        """Row, column in bytes, and the size with the blanks before it, of the token that it is at."""
        if not self._resumed:
            return None
        version = self._resumed.removeprefix("resume version:")
        place = (0, 0)
        places: dict[str, tuple[int, int]] = {}
        sizes: dict[tuple[int, int], int] = {}
        for message in self._heard:
            if found := _PROCESS.match(message):
                place = places[found[1]] = int(found[2]), int(found[3])
            elif found := _TOKEN.match(message):
                sizes[place] = int(found[1])
        place = places.get(version, (0, 0))
        return (*place, sizes.get(place, 0))
