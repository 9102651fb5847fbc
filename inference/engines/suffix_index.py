"""Finds where the workspace has the text before the cursor, the longest matches first.

A text is a string of symbols, one for each token. A chunk is indexed by a suffix array over it, read
backwards: its positions are sorted by the symbols before them, so that those which share the most
with a context stand next to it. The arrays are built in blocks, each in about a millisecond, and
belong to the chunk for good; a layout adds the concatenation of its chunks' symbols. An index takes
about 5 bytes for each byte of code, and the tokens it is made from another 4.

This module is pure, and knows neither the loop nor the wire. Invariants
- A position is the number of symbols before it; the symbol at it is what followed there.
- `SEPARATOR` stands between files, and is in no context.
- Matches run across the chunks of a file. Only the first positions of a chunk, whose place in the
  order its own symbols decide, may be passed over beside others that match further.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from inference.engines import suffix_lexer as lexer
from inference.engines.suffix_vocabulary import HIGHEST, SEPARATOR, TailVocabulary, Vocabulary

BLOCK_TOKENS = 4096  # sorted in about 1 ms
SORTED_DEPTH = 16  # symbols compared when sorting: longer matches are told apart by a walk
LONGEST_MATCH = 48  # symbols; the longest match decides, and beyond this all are a copy

SHORTEST_MATCH = 2  # symbols: one says nothing of what follows
BLOCKS_AT_ONCE = 64  # searched in about a millisecond
POSITIONS_ASKED = 64  # on each side of the context's place in a block: the longest stand next to it
MATCHES_TAKEN = 12  # of these, as far as what is typed allows them
MATCHES_GATHERED = 512  # then further files, all less near, are not asked
MATCHES_KEPT = 48  # vote for the next token
WORTHWHILE_SHARE = 0.5  # of the longest match's length; what is shorter has no say beside it


@dataclass(frozen=True, slots=True)
class Block:
    """Positions of a chunk, sorted by the symbols before them, the nearest symbol first."""

    order: array[int]
    heads: str  # the distinct symbols right before the positions, sorted
    starts: array[int]  # where each head's positions start in the order; one more at the end

    def bounds(self, head: str) -> tuple[int, int]:
        """The part of the order whose positions have a symbol right before them."""
        place = bisect_left(self.heads, head)
        if place == len(self.heads) or self.heads[place] != head:
            return 0, 0
        return self.starts[place], self.starts[place + 1]


@dataclass(frozen=True, slots=True)
class ChunkIndex:
    symbols: str
    mirrored: str  # the symbols backwards
    blocks: tuple[Block, ...]
    first_indentation: str
    last_indentation: str
    deeper: Counter[str]  # how often the indentation grew by which blanks

    def preceding(self, position: int) -> str:
        """The symbols before a position, the nearest first."""
        start = len(self.mirrored) - position
        return self.mirrored[start : start + SORTED_DEPTH]


def index_chunk(
    text: str, tokens: Sequence[str], vocabulary: Vocabulary | TailVocabulary
) -> Generator[None, None, ChunkIndex]:
    """Builds a chunk's index, and yields after each step of about a millisecond."""
    pieces: list[str] = []
    for start in range(0, len(tokens), BLOCK_TOKENS):
        pieces.append("".join(map(vocabulary.__getitem__, tokens[start : start + BLOCK_TOKENS])))
        yield
    symbols = "".join(pieces)
    mirrored = symbols[::-1]
    blocks: list[Block] = []
    for start in range(1, len(symbols) + 1, BLOCK_TOKENS):
        blocks.append(_block(mirrored, start, min(start + BLOCK_TOKENS, len(symbols) + 1)))
        yield
    return ChunkIndex(
        symbols=symbols,
        mirrored=mirrored,
        blocks=tuple(blocks),
        first_indentation=lexer.indentation_of(text),
        last_indentation=lexer.indentation_of(lexer.last_line(text)),
        deeper=Counter(
            tokens[place][len(lexer.DEEPER) :]
            for place in _places(symbols, vocabulary[lexer.DEEPER])
        ),
    )


def _block(mirrored: str, first: int, end: int) -> Block:
    length = len(mirrored)

    def preceding(position: int) -> str:
        start = length - position
        return mirrored[start : start + SORTED_DEPTH]

    order = array("I", sorted(range(first, end), key=preceding))
    heads: list[str] = []
    starts = array("I")
    for place, position in enumerate(order):
        head = mirrored[length - position]
        if not heads or heads[-1] != head:
            heads.append(head)
            starts.append(place)
    starts.append(len(order))
    return Block(order, "".join(heads), starts)


def _places(symbols: str, symbol: str) -> Iterator[int]:
    place = symbols.find(symbol)
    while place >= 0:
        yield place
        place = symbols.find(symbol, place + 1)


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    tokens: Sequence[str]
    index: ChunkIndex


@dataclass(frozen=True, slots=True)
class IndexedFile:
    chunks: tuple[IndexedChunk, ...]
    distance: int  # 0 for the current file, 1 for one in its folder, 2 for others


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk's place in a corpus."""

    offset: int
    chunk: IndexedChunk
    unit: str
    distance: int


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Files as one string of symbols, in the order of growing nearness to the cursor."""

    symbols: str
    parts: tuple[Part, ...]
    offsets: tuple[int, ...]
    seam_tokens: dict[int, str]  # indentation tokens at the starts of chunks, as they are there
    seams: dict[str, list[Candidate]]  # by the two symbols before positions near a seam
    deeper: Counter[str]  # how often the current file's indentation grew by which blanks

    def token(self, position: int) -> str:
        """The token at a position."""
        part = self.part(position)
        own = part.chunk.tokens[position - part.offset]
        return self.seam_tokens.get(position, own)

    def part(self, position: int) -> Part:
        """The part that a position lies in."""
        return self.parts[bisect_right(self.offsets, position) - 1]


Candidate = tuple[int, int]
"""A position and its file's distance."""


@dataclass(slots=True)
class Match:
    """A position whose preceding symbols are the context's last ones."""

    corpus: Corpus
    position: int
    length: int  # in symbols, at most LONGEST_MATCH when it is found
    distance: int
    followed: int = 0  # how many of these symbols were drafted by following it


def join(files: Sequence[IndexedFile], vocabulary: Vocabulary | TailVocabulary) -> Corpus:
    """The corpus of files given the nearest last."""
    pieces: list[str] = []
    parts: list[Part] = []
    current: Counter[str] = Counter()
    seam_tokens: dict[int, str] = {}
    offset = 0
    seam_positions: list[Candidate] = []
    for file in files:
        pieces.append(SEPARATOR)
        offset += 1
        deeper: Counter[str] = Counter()
        for chunk in file.chunks:
            deeper.update(chunk.index.deeper)
        if not file.distance:
            current.update(deeper)
        unit = usual_indentation(deeper)
        indentation = ""
        for place, chunk in enumerate(file.chunks):
            symbols = chunk.index.symbols
            if not symbols:
                continue
            if place:
                seam_positions += [(offset, file.distance), (offset + 1, file.distance)]
                if lexer.is_indentation(chunk.tokens[0]):
                    token = lexer.change(indentation, chunk.index.first_indentation)
                    seam_tokens[offset] = token
                    symbols = vocabulary[token] + symbols[1:]
            parts.append(Part(offset, chunk, unit, file.distance))
            pieces.append(symbols)
            offset += len(symbols)
            indentation = chunk.index.last_indentation
    pieces.append(SEPARATOR)
    symbols = "".join(pieces)
    seams: dict[str, list[Candidate]] = {}
    for position, distance in seam_positions:
        seams.setdefault(symbols[position - 2 : position], []).append((position, distance))
    return Corpus(
        symbols=symbols,
        parts=tuple(parts),
        offsets=tuple(part.offset for part in parts),
        seam_tokens=seam_tokens,
        seams=seams,
        deeper=current,
    )


def usual_indentation(deeper: Counter[str]) -> str:
    """One level of indentation: the blanks that indentation grew by most often; else empty."""
    return deeper.most_common(1)[0][0] if deeper else ""


class Followers(dict[str, bool]):
    """Whether a symbol can follow the context, by what is typed of the token at the cursor."""

    def __init__(self, accepts: Callable[[str], bool] | None = None) -> None:
        super().__init__({SEPARATOR: False})
        self._accepts = accepts

    def __missing__(self, symbol: str) -> bool:
        accepted = self[symbol] = self._accepts is None or self._accepts(symbol)
        return accepted


def search(
    corpus: Corpus, context: str, followers: Followers
) -> Generator[None, None, list[Match]]:
    """The longest matches of a context's end in a corpus; shorter ones as far as they have a say.

    Costs a binary search for each block that has the context's last symbol, and then what is
    found; yields now and then.
    """
    if len(context) < SHORTEST_MATCH:
        return []
    matches: list[Match] = []
    for position, distance in corpus.seams.get(context[-SHORTEST_MATCH:], ()):
        if followers[corpus.symbols[position]]:
            length = match_length(corpus.symbols, position, context)
            matches.append(Match(corpus, position, length, distance))
    longest = max((match.length for match in matches), default=0)
    searched = 0
    for part in reversed(corpus.parts):
        for match in _search_part(corpus, part, context, followers, longest=longest):
            matches.append(match)
            longest = max(longest, match.length)
        if len(matches) >= MATCHES_GATHERED:
            break
        searched += len(part.chunk.index.blocks)
        if searched >= BLOCKS_AT_ONCE:
            searched = 0
            yield
    return best_matches(matches)


def search_words(
    corpus: Corpus, context: str, words: Sequence[str]
) -> Generator[None, None, list[Match]]:
    """The matches of a context that one of a few symbols follows, however short; see `search`."""
    matches: list[Match] = []
    searched = 0
    for part in reversed(corpus.parts):
        for block in part.chunk.index.blocks:
            for word in words:
                for behind in block.order[slice(*block.bounds(word))]:
                    position = part.offset + behind - 1
                    length = match_length(corpus.symbols, position, context)
                    matches.append(Match(corpus, position, length, part.distance))
        if len(matches) >= MATCHES_GATHERED:
            break
        searched += len(part.chunk.index.blocks)
        if searched >= BLOCKS_AT_ONCE:
            searched = 0
            yield
    return best_matches(matches)


def _search_part(
    corpus: Corpus, part: Part, context: str, followers: Followers, *, longest: int
) -> Iterator[Match]:
    symbols = corpus.symbols
    query = context[: -SORTED_DEPTH - 1 : -1]
    common = query[:SHORTEST_MATCH]
    preceding = part.chunk.index.preceding
    for block in part.chunk.index.blocks:
        low, high = block.bounds(query[0])
        order = block.order
        low = bisect_left(order, common, low, high, key=preceding)
        high = bisect_left(order, common + HIGHEST, low, high, key=preceding)
        if low == high:
            continue
        middle = bisect_left(order, query, low, high, key=preceding)
        ahead = order[middle : min(high, middle + POSITIONS_ASKED)]
        behind = order[max(low, middle - POSITIONS_ASKED) : middle]
        for walk in (ahead, reversed(behind)):
            taken = 0
            for place in walk:
                position = part.offset + place
                if not followers[symbols[position]]:
                    continue
                length = match_length(symbols, position, context)
                yield Match(corpus, position, length, part.distance)
                longest = max(longest, length)
                taken += 1
                if taken == MATCHES_TAKEN or length < longest * WORTHWHILE_SHARE:
                    break


def best_matches(matches: Iterable[Match]) -> list[Match]:
    """The matches that may vote: the longest, of equal ones the nearest."""
    return sorted(matches, key=lambda match: (-match.length, match.distance))[:MATCHES_KEPT]


def match_length(symbols: str, position: int, context: str) -> int:
    """How many symbols before a position are the context's last ones, up to `LONGEST_MATCH`."""
    length = 0
    limit = min(position, len(context), LONGEST_MATCH)
    while length < limit and symbols[position - 1 - length] == context[-1 - length]:
        length += 1
    return length
