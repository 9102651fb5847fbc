"""Fill-in-the-middle prompts as text, for servers that have the tokenizer: one family's, in one order.

The counterpart of `formats.fim`, which makes token ids. A server turns the names of special tokens
in a text into these tokens, the user's own text included; so in that they are broken up by a space.
A family's first token is left out: servers put it before a text themselves.

This module is pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from inference.formats.fim import FAMILIES, FimFamily, FimOrder, Slot
from inference.prompt import PromptLayout, PromptSection
from inference.protocol import Role, Tail


class SpecialTexts:
    """The names of special tokens, which the text of a file must not spell."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._names)))

    def broken_up(self, text: str) -> str:
        """The text with a space inside each such name, so that it means nothing to a tokenizer."""
        if not any(name in text for name in self._names):  # many times faster than the pattern
            return text
        return self._pattern.sub(lambda name: f"{name[0][:2]} {name[0][2:]}", text)


def all_special_texts() -> SpecialTexts:
    """Those of all families: for a prompt whose template is the server's."""
    return SpecialTexts(name for family in FAMILIES for name in family.names)


@dataclass(frozen=True, slots=True)
class TextLayout:
    """A layout as text around its two gaps, ready for any tail. Make it with `TextFormat.layout`."""

    texts: SpecialTexts
    order: FimOrder
    before: str
    between: str
    behind: str
    line_before: str  # of the layout's prefix: what its last line has, if that is not ended
    line_behind: str  # of the layout's suffix: its first line

    def with_tail(self, tail: Tail) -> str:
        """The whole prompt; all but the tail is only copied."""
        prefix = self.texts.broken_up(self.line_before + tail.prefix)
        suffix = self.texts.broken_up(tail.suffix + self.line_behind)
        first, second = (
            (prefix, suffix) if self.order is FimOrder.PREFIX_FIRST else (suffix, prefix)
        )
        return f"{self.before}{first}{self.between}{second}{self.behind}"


class TextFormat:
    def __init__(self, family: FimFamily, order: FimOrder) -> None:
        self.family = family
        self.order = order
        self._texts = SpecialTexts(family.names)

    @property
    def stops(self) -> tuple[str, ...]:
        """The special texts that end a completion, where a server writes them out."""
        return tuple(sorted(self.family.names - {self.family.begin}))

    def layout(self, layout: PromptLayout[int]) -> TextLayout:
        """The part of a prompt that depends on the layout alone; cache it as long as the layout."""
        current = [section for section in layout.sections if section.role is not Role.CONTEXT]
        path = next((section.path for section in current if section.path), "")
        prefix, line_before = _without_last_line(layout.text(Role.PREFIX))
        line_behind, suffix = _first_line(layout.text(Role.SUFFIX))
        parts = [""]
        for item in self.family.orders[self.order]:
            match item:
                case Slot.CONTEXT:
                    parts[-1] += self._context(layout.by_role(Role.CONTEXT))
                case Slot.FILE:
                    parts[-1] += self.family.file if path else ""
                case Slot.PATH:
                    parts[-1] += self._path_line(path) if path else ""
                case Slot.PREFIX:
                    parts[-1] += self._texts.broken_up(prefix)
                    parts.append("")
                case Slot.SUFFIX:
                    parts.append(self._texts.broken_up(suffix))
                case str():
                    parts[-1] += item
        before, between, behind = parts
        return TextLayout(
            self._texts, self.order, before, between, behind, line_before, line_behind
        )

    def _context(self, sections: Iterable[PromptSection[int]]) -> str:
        text = ""
        for section in sections:
            content = "".join(chunk.text for chunk in section.chunks)
            text += self.family.file + self._path_line(section.path)
            text += self._texts.broken_up(content)
            if self.family.lines_between and content and not content.endswith(("\n", "\r")):
                text += "\n"
        return text

    def _path_line(self, path: str) -> str:
        in_one_line = " ".join(path.splitlines())
        return self.family.path_line.format(path=self._texts.broken_up(in_one_line))


def _without_last_line(text: str) -> tuple[str, str]:
    border = text.rfind("\n") + 1
    return text[:border], text[border:]


def _first_line(text: str) -> tuple[str, str]:
    border = text.find("\n") + 1 or len(text)
    return text[:border], text[border:]
