"""Fill-in-the-middle prompts as token ids: what each model family expects, and its assembly.

Families are data: `FAMILIES` spells their special tokens, and in which order they stand. Ids are
looked up by name in the model's own vocabulary, since they differ between models of one family.

Special tokens enter a prompt as ids alone. So `encode`, and whatever encoded the chunks, must treat
all text as text: a user's file that spells `<|fim_middle|>` is no marker. A tokenizer's own switch
for that does not suffice, since these families register the markers as added tokens that are not
flagged as special; `tokens.without_added_tokens` says how to make such an encoder, and
`tokens.leaking_names` checks it.

Sources of the formats: the model cards and reports of Qwen2.5-Coder (arXiv 2409.12186), StarCoder2
(arXiv 2402.19173), Code Llama (arXiv 2308.12950), CodeGemma (arXiv 2406.11409) and DeepSeek-Coder
(arXiv 2401.14196), and the tokenizer documentation of Codestral. Where a family documents one order,
or no format for files, what stands here is the usual practice: the probe decides whether it works.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from inference.prompt import PromptLayout, PromptSection
from inference.protocol import Role

TokenId = Callable[[str], int | None]
"""The id of the token of that very name, or None. A lookup that answers with the id of an unknown
token does not serve."""

Encode = Callable[[str], Sequence[int]]
"""The ids of a text, of which no part becomes a special token, and to which none is added."""


class FimOrder(enum.Enum):
    PREFIX_FIRST = "psm"
    SUFFIX_FIRST = "spm"


class Slot(enum.Enum):
    """A place in a family's template; what is not a slot is the name of a special token."""

    CONTEXT = "context"  # the repository's name and the other files
    FILE = "file"  # the token that a file starts with, for the current one
    PATH = "path"  # the current file's path line
    PREFIX = "prefix"
    SUFFIX = "suffix"


Template = tuple[Slot | str, ...]


@dataclass(frozen=True, slots=True)
class FimFamily:
    """How a family spells a prompt. An empty name says that it has no such token."""

    name: str
    orders: Mapping[FimOrder, Template]
    stops: tuple[str, ...]  # what ends a completion, besides the tokens of the templates
    begin: str = ""  # precedes every prompt
    repository: str = ""
    file: str = ""  # precedes each file
    path_line: str = "{path}\n"
    lines_between: bool = False  # a newline ends the repository's name and each file
    needs: tuple[str, ...] = ()  # what tells it from a family with the same markers

    @property
    def markers(self) -> frozenset[str]:
        """The special tokens without which the family's prompts cannot be spelled."""
        spelled = (item for template in self.orders.values() for item in template)
        return frozenset(item for item in spelled if isinstance(item, str)) | frozenset(self.needs)

    @property
    def names(self) -> frozenset[str]:
        """Every special token that the family knows of."""
        known = (self.begin, self.repository, self.file, *self.stops)
        return self.markers | frozenset(filter(None, known))


def _file_then_markers(prefix: str, suffix: str, middle: str) -> dict[FimOrder, Template]:
    opening = (Slot.CONTEXT, Slot.FILE, Slot.PATH)
    return {
        FimOrder.PREFIX_FIRST: (*opening, prefix, Slot.PREFIX, suffix, Slot.SUFFIX, middle),
        FimOrder.SUFFIX_FIRST: (*opening, suffix, Slot.SUFFIX, prefix, Slot.PREFIX, middle),
    }


QWEN = FimFamily(
    name="qwen",
    orders=_file_then_markers("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    stops=("<|fim_pad|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    repository="<|repo_name|>",
    file="<|file_sep|>",
    lines_between=True,
)
CODE_GEMMA = FimFamily(
    name="codegemma",
    orders=_file_then_markers("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    stops=("<eos>",),
    begin="<bos>",
    file="<|file_separator|>",
    lines_between=True,
    needs=("<|file_separator|>",),
)
STAR_CODER = FimFamily(  # the path stands inside the prefix, and suffix-first appends to it
    name="starcoder2",
    orders={
        FimOrder.PREFIX_FIRST: (
            *(Slot.CONTEXT, Slot.FILE, "<fim_prefix>", Slot.PATH, Slot.PREFIX),
            *("<fim_suffix>", Slot.SUFFIX, "<fim_middle>"),
        ),
        FimOrder.SUFFIX_FIRST: (
            *(Slot.CONTEXT, Slot.FILE, "<fim_prefix>", "<fim_suffix>", Slot.SUFFIX),
            *("<fim_middle>", Slot.PATH, Slot.PREFIX),
        ),
    },
    stops=("<fim_pad>", "<|endoftext|>"),
    repository="<repo_name>",
    file="<file_sep>",
)
CODE_LLAMA = FimFamily(
    name="codellama",
    orders={
        FimOrder.PREFIX_FIRST: (
            *(Slot.CONTEXT, "▁<PRE>", Slot.PATH, Slot.PREFIX),
            *("▁<SUF>", Slot.SUFFIX, "▁<MID>"),
        ),
        FimOrder.SUFFIX_FIRST: (
            *(Slot.CONTEXT, "▁<PRE>", "▁<SUF>", Slot.SUFFIX),
            *("▁<MID>", Slot.PATH, Slot.PREFIX),
        ),
    },
    stops=("▁<EOT>", "</s>"),
    begin="<s>",
    path_line="# {path}\n",
    lines_between=True,
)
_DEEP_SEEK = ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>")  # noqa: RUF001  # so they are spelled
DEEP_SEEK = FimFamily(
    name="deepseek-coder",
    orders={
        FimOrder.PREFIX_FIRST: (
            *(Slot.CONTEXT, _DEEP_SEEK[0], Slot.PATH, Slot.PREFIX),
            *(_DEEP_SEEK[1], Slot.SUFFIX, _DEEP_SEEK[2]),
        ),
    },
    stops=("<｜end▁of▁sentence｜>", "<|EOT|>"),  # noqa: RUF001
    begin="<｜begin▁of▁sentence｜>",  # noqa: RUF001
    path_line="#{path}\n",
    lines_between=True,
)
CODESTRAL = FimFamily(  # trained suffix-first alone; the prefix, context included, stands last
    name="codestral",
    orders={
        FimOrder.SUFFIX_FIRST: (
            *("[SUFFIX]", Slot.SUFFIX, "[PREFIX]", Slot.CONTEXT, Slot.PATH, Slot.PREFIX),
        ),
    },
    stops=("[MIDDLE]", "</s>"),
    begin="<s>",
    path_line="+++++ {path}\n",
    lines_between=True,
)

FAMILIES = (CODE_GEMMA, QWEN, STAR_CODER, DEEP_SEEK, CODE_LLAMA, CODESTRAL)
"""In the order in which a vocabulary is compared with them."""


@dataclass(frozen=True, slots=True)
class FimTokens:
    """A family's special tokens in one model's vocabulary. Make it with `find`."""

    family: FimFamily
    ids: Mapping[str, int]  # of those names that the vocabulary has
    stop_ids: frozenset[int]  # any of them ends a completion

    @classmethod
    def find(cls, token_id: TokenId, families: Iterable[FimFamily] = FAMILIES) -> Self | None:
        """The first family all of whose markers the vocabulary has, each with an id of its own."""
        for family in families:
            found = {name: token_id(name) for name in family.names}
            uses = Counter(found.values())
            ids = {
                name: number
                for name, number in found.items()
                if number is not None and uses[number] == 1
            }
            if family.markers <= ids.keys():
                return cls(family, ids, frozenset(ids.values()))
        return None

    @property
    def orders(self) -> tuple[FimOrder, ...]:
        """The orders that the family's tokens can spell; the first is the better documented one."""
        return tuple(self.family.orders)

    def optional(self, name: str) -> tuple[int, ...]:
        """The id of that token, or nothing where family or vocabulary lacks it."""
        return (self.ids[name],) if name in self.ids else ()


@dataclass(frozen=True, slots=True, eq=False)
class FimLayout:
    """A layout's ids, ready for any tail. Make it with `fim_layout`, once for each layout.

    For all tails, `with_tail(order, prefix, suffix)` starts with `stable_ids(order)`, and with
    `stable_ids(order, suffix)`.
    """

    tokens: FimTokens
    head_ids: tuple[int, ...]  # what precedes the family's template
    context_ids: Sequence[int]
    file_ids: Sequence[int]
    path_ids: Sequence[int]
    prefix_ids: Sequence[int]  # from the current file's start to the tail
    suffix_ids: Sequence[int]  # from behind the tail to its end
    closing_ids: tuple[int, ...]  # what follows the template

    def with_tail(
        self, order: FimOrder, tail_prefix_ids: Sequence[int], tail_suffix_ids: Sequence[int]
    ) -> list[int]:
        """The whole prompt. Its cost is a copy; raises KeyError for an order that is not known."""
        ids = list(self.head_ids)
        for item in self.tokens.family.orders[order]:
            if item is Slot.PREFIX:
                ids += self.prefix_ids
                ids += tail_prefix_ids
            elif item is Slot.SUFFIX:
                ids += tail_suffix_ids
                ids += self.suffix_ids
            else:
                ids += self._fixed(item)
        ids += self.closing_ids
        return ids

    def stable_ids(
        self, order: FimOrder, tail_suffix_ids: Sequence[int] | None = None
    ) -> list[int]:
        """What a prompt of this layout starts with, whatever is typed: the part to warm up.

        With the suffix's tail it reaches further in the suffix-first order: the text behind the
        cursor does not change while typing, and the suffix starts with it.
        """
        ids = list(self.head_ids)
        for item in self.tokens.family.orders[order]:
            if item is Slot.PREFIX:
                ids += self.prefix_ids
                break
            if item is Slot.SUFFIX:
                if tail_suffix_ids is None:
                    break
                ids += tail_suffix_ids
                ids += self.suffix_ids
            else:
                ids += self._fixed(item)
        return ids

    def _fixed(self, item: Slot | str) -> Sequence[int]:
        """The ids of an item that no tail changes."""
        if isinstance(item, str):
            return (self.tokens.ids[item],)
        return {
            Slot.CONTEXT: self.context_ids,
            Slot.FILE: self.file_ids,
            Slot.PATH: self.path_ids,
        }[item]


def fim_layout(
    tokens: FimTokens,
    layout: PromptLayout[int],
    encode: Encode,
    repository: str = "",
    frame: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> FimLayout:
    """The part of a prompt that depends on the layout alone; cache it as long as the layout.

    Context files come in the layout's order, the current file last. `frame` stands around the whole
    prompt: the ids of a chat template before and behind a user's message, for models that expect
    fill-in-the-middle inside one. A family's own first token is left out of a framed prompt, since
    the template brings it.
    """
    family = tokens.family
    opening, closing = frame
    file_ids = tokens.optional(family.file)
    context: list[int] = []
    if repository and family.repository in tokens.ids:
        context.append(tokens.ids[family.repository])
        context += encode(repository + "\n" * family.lines_between)
    for section in layout.by_role(Role.CONTEXT):
        context += file_ids
        context += encode(family.path_line.format(path=section.path))
        context += _content(section)
        if family.lines_between and not _ends_a_line(section):
            context += encode("\n")
    current = [section for section in layout.sections if section.role is not Role.CONTEXT]
    path = next((section.path for section in current if section.path), "")
    return FimLayout(
        tokens=tokens,
        head_ids=tuple(opening) or tokens.optional(family.begin),
        context_ids=context,
        file_ids=file_ids if path else (),
        path_ids=encode(family.path_line.format(path=path)) if path else (),
        prefix_ids=[number for part in layout.by_role(Role.PREFIX) for number in _content(part)],
        suffix_ids=[number for part in layout.by_role(Role.SUFFIX) for number in _content(part)],
        closing_ids=tuple(closing),
    )


def _content(section: PromptSection[int]) -> list[int]:
    return [number for chunk in section.chunks for number in chunk.tokens]


def _ends_a_line(section: PromptSection[int]) -> bool:
    return not section.chunks or section.chunks[-1].text.endswith(("\n", "\r"))
