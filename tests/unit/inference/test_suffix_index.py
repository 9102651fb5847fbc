"""The suffix engine's tokens, and the search for the longest match, as properties of any text."""

from collections.abc import Generator, Iterable
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from inference.engines import suffix_index, suffix_lexer
from inference.engines.suffix import SuffixEngine
from inference.engines.suffix_index import (
    SHORTEST_MATCH,
    Corpus,
    Followers,
    IndexedChunk,
    IndexedFile,
)
from inference.engines.suffix_vocabulary import SEPARATOR, Vocabulary

ResultT = TypeVar("ResultT")
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet=" \t\r\n\f\v\0\x85\u2028ab_1é.='\"(-"),
    st.lists(st.sampled_from(["\n", "\r\n", "\r", "    ", "\t", "foo", "(", "->", " ", ""])).map(
        "".join
    ),
)


def text_of(tokens: Iterable[str]) -> str:
    """The text that tokens were made of: each indentation is made of the one before it."""
    parts: list[str] = []
    indentation = ""
    for token in tokens:
        if suffix_lexer.is_indentation(token):
            moved = suffix_lexer.transfer(token, indentation, "", "")
            indentation = token[len(suffix_lexer.REPLACED) :] if moved is None else moved
        parts.append(indentation if suffix_lexer.is_indentation(token) else token)
    return "".join(parts)


@given(TEXTS)
def test_tokens_give_their_text_back(text: str) -> None:
    tokens = SuffixEngine().encode(text)
    assert text_of(tokens) == text
    assert all(tokens)


@given(TEXTS)
def test_finished_and_unfinished_tokens_are_the_text_before_the_cursor(text: str) -> None:
    finished, unfinished = suffix_lexer.at_cursor(text)
    assert text_of(finished) + unfinished.text == text


@given(st.integers(1, 8), st.sampled_from(["    ", "\t", "  "]))
def test_tokens_do_not_depend_on_the_nesting_level(level: int, unit: str) -> None:
    lines = [f"{unit * level}{line}" for line in ("if a:", f"{unit}b()", "", "c()")]
    keys = [suffix_lexer.match_key(token) for token in suffix_lexer.encode("\n".join(lines))]
    flat = "\n".join(line.removeprefix(unit * level) for line in lines)
    assert keys[1:] == [suffix_lexer.match_key(token) for token in suffix_lexer.encode(flat)][1:]


def corpus_of(text: str, vocabulary: Vocabulary) -> Corpus:
    tokens = suffix_lexer.encode(text)
    index = run(suffix_index.index_chunk(text, tokens, vocabulary))
    return suffix_index.join((IndexedFile((IndexedChunk(tokens, index),), 0),), vocabulary)


def run(steps: Generator[None, None, ResultT]) -> ResultT:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: ResultT = end.value
            return result


CODE = st.lists(st.sampled_from(["a", "b", ".", "(", "\n", "\n    "]), max_size=60).map("".join)


@given(CODE, CODE)
def test_search_finds_the_longest_match(text: str, before: str) -> None:
    vocabulary = Vocabulary()
    corpus = corpus_of(text, vocabulary)
    context = "".join(vocabulary[token] for token in suffix_lexer.encode(before))
    lengths = [
        suffix_index.match_length(corpus.symbols, position, context)
        for position in range(1, len(corpus.symbols))
        if corpus.symbols[position] != SEPARATOR
    ]
    longest = max(lengths, default=0)
    found = run(suffix_index.search(corpus, context, Followers()))
    if longest < SHORTEST_MATCH:
        assert found == []
    else:
        assert found[0].length == longest
