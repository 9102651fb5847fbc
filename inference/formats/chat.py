"""Chat prompts by the model's own template, with the contents' ids taken from a cache.

A template turns messages into one text. To encode that text at each request would be to encode all
files in it again, and to let what they spell become special tokens. So the messages are rendered
with a placeholder for each content, and the result is split around the placeholders: the template's
own text is encoded with special tokens, and rarely differs; each content is encoded without.

Templates may do more than put contents in place: Qwen3.5 and its successors strip white space around
them, and Qwen3's read `<think>` in an assistant's. So the split counts only if its pieces, joined,
are what the template makes of the real messages; contents that were stripped are found out and told.
Otherwise the whole text is one literal piece, and says why. As that is encoded with special tokens,
those that contents spell are broken up first.

Invariant: the pieces' texts, joined, are a rendering by the template of the messages; of these very
messages unless a special token's text had to be broken up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

Message = Mapping[str, Any]
"""`role`, `content`, and what else the template knows. A content that is no string is left alone."""


class Apply(Protocol):
    """A tokenizer's template: `apply_chat_template(messages, tokenize=False, ...)` for one."""

    def __call__(self, messages: Sequence[Message], /, **kwargs: Any) -> str: ...


@dataclass(frozen=True, slots=True)
class Literal:
    """Text of the template: to be encoded with special tokens."""

    text: str


@dataclass(frozen=True, slots=True)
class Content:
    """The content of `messages[index]`, which is `text` here: to be encoded without them.

    The text differs from the message's where the template strips it.
    """

    index: int
    text: str


Piece = Literal | Content


@dataclass(frozen=True, slots=True)
class Rendering:
    pieces: tuple[Piece, ...]
    whole_because: str = ""  # why all is one literal piece; empty where the contents stand apart

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


def render(
    apply: Apply,
    messages: Sequence[Message],
    special_texts: Collection[str],
    *,
    enable_thinking: bool | None = None,
    **kwargs: Any,
) -> Rendering:
    """The messages as the template puts them, in pieces.

    `special_texts` are the names of the model's special tokens that no content may become; leave
    out those that the template itself reads in contents (`<think>`). `enable_thinking` is passed on
    unless it is None; further keywords (`add_generation_prompt`, `tools`) are passed on. What the
    template raises passes through. It is applied twice, three times for a whole text.
    """
    if enable_thinking is not None:
        kwargs["enable_thinking"] = enable_thinking
    safe = [_broken_up(message, special_texts, but="content") for message in messages]
    contents = {
        index: message["content"]
        for index, message in enumerate(messages)
        if isinstance(message.get("content"), str) and message["content"].strip()
    }
    stem = _absent_from(contents.values())
    marks = {index: f"{stem}{index}{stem}" for index in contents}
    marked = [
        {**message, "content": marks[index]} if index in marks else message
        for index, message in enumerate(safe)
    ]
    rendered = apply(marked, **kwargs)
    counts = {index: rendered.count(mark) for index, mark in marks.items()}
    problem = next((_miscounted(index, count) for index, count in counts.items() if count != 1), "")
    if not problem:
        pieces = _pieces(rendered, marks, contents, apply(safe, **kwargs))
        if pieces is not None:
            return Rendering(pieces)
        problem = "the template does more with a content than to put it in its place"
    broken_up = [_broken_up(message, special_texts) for message in messages]
    return Rendering((Literal(apply(broken_up, **kwargs)),), problem)


def prompt_ids(
    rendering: Rendering,
    encode_literal: Callable[[str], Sequence[int]],
    encode_content: Callable[[Content], Sequence[int]],
) -> list[int]:
    """The prompt's ids.

    Neither encoder puts anything around a text. The one for literals knows special tokens, the one
    for contents does not; it may answer from a cache where the text is that of cached chunks.
    """
    ids: list[int] = []
    for piece in rendering.pieces:
        ids += encode_literal(piece.text) if isinstance(piece, Literal) else encode_content(piece)
    return ids


def _pieces(
    rendered: str, marks: Mapping[int, str], contents: Mapping[int, str], plain: str
) -> tuple[Piece, ...] | None:
    """The pieces of which `plain` consists, or None where the marked text does not lead to them."""
    order = sorted(marks, key=lambda index: rendered.index(marks[index]))
    literals: list[str] = []
    for index in order:
        literal, _, rendered = rendered.partition(marks[index])
        literals.append(literal)
    literals.append(rendered)
    if not plain.startswith(literals[0]):
        return None
    pieces: list[Piece] = [Literal(literals[0])]
    at = len(literals[0])
    for index, following in zip(order, literals[1:], strict=True):
        text = next(
            (text for text in _forms(contents[index]) if plain.startswith(text + following, at)),
            None,
        )
        if text is None:
            return None
        pieces += Content(index, text), Literal(following)
        at += len(text) + len(following)
    return tuple(piece for piece in pieces if piece.text) if at == len(plain) else None


def _forms(content: str) -> Iterator[str]:
    """What a template that strips may leave of a content."""
    yield content
    yield content.strip()
    yield content.strip("\n")
    yield content.lstrip()
    yield content.rstrip()


def _miscounted(index: int, count: int) -> str:
    how = "leaves out" if not count else f"repeats {count} times"
    return f"the template {how} or alters the content of message {index}"


def _absent_from(texts: Collection[str]) -> str:
    """A word that stands in none of the texts, and means nothing to a template."""
    number = 0
    while any(f"qz{number}sparrow" in text for text in texts):
        number += 1
    return f"qz{number}sparrow"


def _broken_up(value: Any, special_texts: Collection[str], but: str = "") -> Any:
    """The value with a space inside each special token's text, in all strings but that entry."""
    if isinstance(value, str):
        for text in sorted(special_texts, key=len, reverse=True):
            value = value.replace(text, f"{text[:1]} {text[1:]}")
        return value
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        return {
            key: inner
            if key == but and isinstance(inner, str)
            else _broken_up(inner, special_texts)
            for key, inner in entries.items()
        }
    if isinstance(value, list | tuple):
        return [_broken_up(inner, special_texts) for inner in cast("Sequence[Any]", value)]
    return value
