"""What the engine benchmark asks for: one scene as a layout, as plain text and as token ids.

A scene is a file under a cursor and the files beside it, taken from the standard library of the
Python that runs. Its layout is the one that the language server would lay. Nothing here talks to an
engine; the tokenizer is read from the checkpoint.

A host completes in one order of prefix and suffix. What the other would cost is seen with a layout
that stands in for it: the same tokens in the other order, but for one marker that comes behind what
is typed rather than before it. It is no prompt that a model would understand.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.content import Layout, LayoutSection
from inference.formats.fim import FimFamily, FimLayout, FimOrder, FimTokens, Slot, fim_layout
from inference.formats.tokens import without_added_tokens
from inference.prompt import Chunk, PromptLayout, PromptSection
from inference.protocol import Role, Tail
from lsp_server.bench.measure import CouldNotRun
from lsp_server.context.chunks import cut
from lsp_server.context.layout import ContextFile, lay

CURRENT_FILE = "package/current.py"
TYPED = "    total = sum(value for value in values if value.is_known) "[:60]
_BLANK = "    \n"
_SUFFIX_TOKENS = 256  # short, since prefix-first reads it again at each key
_PREFIX_TOKENS = 1024
_OTHER_FILE_TOKENS = 4096

Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A cursor in a file, on a line of its own, and the files beside it."""

    others: tuple[tuple[str, tuple[str, ...]], ...]  # a path, and its lines
    before: tuple[str, ...]
    after: tuple[str, ...]

    def lines(self, typed: str) -> list[str]:
        """The current file with `typed` in the cursor's line."""
        return [*self.before, f"{typed}\n" if typed else _BLANK, *self.after]


@dataclass(frozen=True, slots=True)
class Request:
    """A scene as it is asked for in one order: of a host, and of a server that takes text."""

    order: FimOrder
    layout: Layout  # what the host is sent once
    tail: Callable[[str], Tail]  # and with each key
    plain_text: Callable[[str], str]
    ids: Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A checkpoint's tokenizer: for text that is text throughout, and with its special tokens."""

    encode: Encode
    encode_with_markers: Encode
    fim: FimTokens

    @classmethod
    def of(cls, checkpoint: Path) -> Vocabulary:
        from tokenizers import Tokenizer

        described = (checkpoint / "tokenizer.json").read_text(encoding="utf-8")
        whole = Tokenizer.from_str(described)
        text_only = Tokenizer.from_str(without_added_tokens(described))
        fim = FimTokens.find(whole.get_vocab().get)
        if fim is None:
            raise CouldNotRun(f"{checkpoint} has no tokens for filling in the middle")
        return cls(
            lambda text: text_only.encode(text, add_special_tokens=False).ids,
            lambda text: whole.encode(text, add_special_tokens=False).ids,
            fim,
        )


def source_lines(folder: Path | None = None) -> Iterator[str]:
    """The lines of the standard library, file by file; ends with them."""
    sources = sorted((folder or Path(os.__file__).parent).glob("*.py"))
    for path in sources:
        yield from path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)


def scene(lines: Iterable[str], encode: Encode, tokens: int, mark: str) -> Scene:
    """A scene of about so many tokens; with another `mark`, one that shares no start with it.

    Raises `CouldNotRun` where there are not enough lines.
    """
    source = iter(lines)
    after = _take(source, encode, _SUFFIX_TOKENS)
    before = _take(source, encode, min(_PREFIX_TOKENS, tokens // 2))
    others: list[tuple[str, tuple[str, ...]]] = []
    left = tokens - min(_PREFIX_TOKENS, tokens // 2) - _SUFFIX_TOKENS
    while left > 0:
        content = _take(source, encode, min(left, _OTHER_FILE_TOKENS))
        others.append((f"package/other_{len(others)}.py", content))
        left -= _OTHER_FILE_TOKENS
    marked = (f"# {mark}\n",)
    if not others:
        return Scene((), marked + before, after)
    (path, content), *rest = others
    return Scene(((path, marked + content), *rest), before, after)


def request(scene: Scene, order: FimOrder, vocabulary: Vocabulary) -> Request:
    """How a scene is asked for in that order."""
    others = [ContextFile(path, tuple(cut(lines))) for path, lines in scene.others]
    epoch = lay(CURRENT_FILE, scene.lines(""), len(scene.before), others)

    def tail(typed: str) -> Tail:
        return epoch.tail(scene.lines(typed), len(scene.before), len(typed))

    def plain(typed: str) -> str:
        return plain_text(vocabulary.fim.family, epoch.layout, tail(typed), order)

    prepared: list[FimLayout] = []

    def ids(typed: str) -> list[int]:
        if not prepared:
            prepared.append(prepare(epoch.layout, vocabulary))
        return with_tail(prepared[0], order, tail(typed), vocabulary.encode)

    if order is vocabulary.fim.orders[0]:
        return Request(order, epoch.layout, tail, plain, ids)
    stand_in, stand_in_tail = suffix_first_stand_in(epoch.layout)
    return Request(order, stand_in, lambda typed: stand_in_tail(tail(typed)), plain, ids)


def suffix_first_stand_in(layout: Layout) -> tuple[Layout, Callable[[Tail], Tail]]:
    """A layout that costs a prefix-first host what suffix-first would, and its tails."""
    others = [section for section in layout.sections if section.role is Role.CONTEXT]
    ordered = [
        chunk
        for role in (Role.SUFFIX, Role.PREFIX)
        for section in layout.sections
        if section.role is role
        for chunk in section.chunks
    ]
    whole = LayoutSection(Role.PREFIX, CURRENT_FILE, tuple(ordered))
    return Layout.of([*others, whole]), lambda tail: Tail(tail.prefix, "")


def plain_text(family: FimFamily, layout: Layout, tail: Tail, order: FimOrder) -> str:
    """The prompt as a client without Sparrow spells it: markers in the text, all of it each time."""
    context = "".join(
        f"{family.file}{family.path_line.format(path=section.path)}{_text(section)}"
        for section in layout.sections
        if section.role is Role.CONTEXT
    )
    prefix, suffix = (
        "".join(_text(section) for section in layout.sections if section.role is role)
        for role in (Role.PREFIX, Role.SUFFIX)
    )
    spelled = {
        Slot.CONTEXT: context,
        Slot.FILE: family.file,
        Slot.PATH: family.path_line.format(path=CURRENT_FILE),
        Slot.PREFIX: prefix + tail.prefix,
        Slot.SUFFIX: tail.suffix + suffix,
    }
    parts = (item if isinstance(item, str) else spelled[item] for item in family.orders[order])
    return family.begin + "".join(parts)


def prepare(layout: Layout, vocabulary: Vocabulary) -> FimLayout:
    """The layout as the host keeps it between keys."""
    sections = tuple(
        PromptSection(
            section.role,
            section.path,
            tuple(Chunk(chunk.text, vocabulary.encode(chunk.text)) for chunk in section.chunks),
        )
        for section in layout.sections
    )
    return fim_layout(vocabulary.fim, PromptLayout(sections), vocabulary.encode)


def with_tail(prepared: FimLayout, order: FimOrder, tail: Tail, encode: Encode) -> list[int]:
    """What the host does for a key: it encodes the tail, and joins it to the rest."""
    return prepared.with_tail(order, encode(tail.prefix), encode(tail.suffix))


@dataclass(frozen=True, slots=True)
class Tokenization:
    """Medians in ms of CPU time per key at one size of context: what else runs disturbs it least."""

    tokens: int
    all_ms: float  # the tail's ids, joined to the rest of the prompt
    encode_ms: float  # of which: the tail's ids
    whole_text_ms: float  # the floor's way: the whole prompt's text
    prepare_ms: float  # once for each layout, its chunks encoded


def measure_tokenization(scene: Scene, vocabulary: Vocabulary, repeats: int) -> Tokenization:
    """Types in the scene `repeats` times over; the whole text is encoded at a few keys alone."""
    order = vocabulary.fim.orders[0]
    asked = request(scene, order, vocabulary)
    started = time.thread_time()
    prepared = prepare(asked.layout, vocabulary)
    prepare_ms = (time.thread_time() - started) * 1000
    all_ms: list[float] = []
    encode_ms: list[float] = []
    whole_ms: list[float] = []
    ids: list[int] = []
    for _, length in itertools.product(range(repeats), range(1, len(TYPED) + 1)):
        tail = asked.tail(TYPED[:length])
        started = time.thread_time()
        before, after = vocabulary.encode(tail.prefix), vocabulary.encode(tail.suffix)
        encoded = time.thread_time()
        ids = prepared.with_tail(order, before, after)
        all_ms.append((time.thread_time() - started) * 1000)
        encode_ms.append((encoded - started) * 1000)
    for length in (1, 20, 40):
        text = asked.plain_text(TYPED[:length])
        started = time.thread_time()
        vocabulary.encode_with_markers(text)
        whole_ms.append((time.thread_time() - started) * 1000)
    return Tokenization(
        len(ids),
        statistics.median(all_ms),
        statistics.median(encode_ms),
        statistics.median(whole_ms),
        prepare_ms,
    )


def _take(lines: Iterator[str], encode: Encode, tokens: int) -> tuple[str, ...]:
    """The next lines, of so many tokens or a line's more; they start and end with one not blank."""
    taken: list[str] = []
    count = 0
    for line in lines:
        if not line.strip() and (not taken or count >= tokens):
            continue
        taken.append(line if line.endswith("\n") else f"{line}\n")
        count += len(encode(taken[-1]))
        if count >= tokens and line.strip():
            return tuple(taken)
    raise CouldNotRun("the standard library's sources are not there, or too short")


def _text(section: LayoutSection) -> str:
    return "".join(chunk.text for chunk in section.chunks)
