import asyncio
import gc
import math
from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engines import suffix_index, suffix_lexer
from inference.engines.base import Piece
from inference.engines.suffix import SuffixEngine
from inference.engines.suffix_draft import FIRST_LINE
from inference.engines.suffix_index import (
    SHORTEST_MATCH,
    Corpus,
    Followers,
    IndexedChunk,
    IndexedFile,
)
from inference.engines.suffix_vocabulary import SEPARATOR, Vocabulary
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import FinishReason, Priority, Role, Tail
from inference.sampling import Sampling

ResultT = TypeVar("ResultT")

POOL = """\
class Pool:
    def connect(self, host, port):
        self.connection = open_connection(host, port)
        self.connection.settimeout(self.timeout)
        return self.connection
"""

SERVER_TS = """\
export class Server {
  private readonly sockets = new Map<string, Socket>();

  close(reason: string): void {
    for (const socket of this.sockets.values()) {
      socket.terminate(reason);
    }
  }
}
"""

STORE_GO = """\
func (s *Store) Get(key string) (*Entry, error) {
\tentry, err := s.backend.Lookup(key)
\tif err != nil {
\t\treturn nil, fmt.Errorf("lookup %q: %w", key, err)
\t}
\treturn entry, nil
}
"""

QUEUE_RS = """\
impl Queue {
    pub fn push(&mut self, task: Task) -> Result<(), QueueError> {
        let mut guard = self.inner.lock().map_err(QueueError::poisoned)?;
        guard.push_back(task);
        Ok(())
    }
}
"""

USUAL = 4  # so often does a text stand in the workspace that its lines are shown
BOILERPLATE = 24  # so often, that its blocks are

LEDGER = """\
def audit(ledger):
    for account in ledger.accounts:
        account.verify_balance(strict=True)
        account.write_audit_entry(ledger.period)
        account.close_period(ledger.period)
    ledger.finish_audit()
"""


def chunk(engine: SuffixEngine, text: str) -> Chunk[str]:
    return Chunk(text, engine.encode(text))


def section(engine: SuffixEngine, role: Role, path: str, *texts: str) -> PromptSection[str]:
    return PromptSection(role, path, tuple(chunk(engine, text) for text in texts))


def context(engine: SuffixEngine, *files: str) -> PromptLayout[str]:
    return PromptLayout(
        tuple(
            section(engine, Role.CONTEXT, f"src/{number}", text)
            for number, text in enumerate(files)
        )
    )


def at_cursor(layout: PromptLayout[str], marked: str) -> Prompt[str]:
    prefix, suffix = marked.split("|")
    return Prompt(layout, Tail(prefix, suffix))


async def pieces(
    engine: SuffixEngine, prompt: Prompt[str], sampling: Sampling | None = None
) -> list[Piece]:
    stream = engine.generate(prompt, sampling or Sampling(max_tokens=128), Priority.COMPLETION)
    return [piece async for piece in stream]


def complete(marked: str, *files: str, sampling: Sampling | None = None) -> str:
    engine = SuffixEngine()
    prompt = at_cursor(context(engine, *files), marked)
    return "".join(piece.text for piece in asyncio.run(pieces(engine, prompt, sampling)))


@pytest.mark.parametrize(
    ("file", "marked", "expected"),
    [
        pytest.param(
            POOL,
            "class Proxy:\n    def connect(self, host, port):\n        self.connection =|\n",
            " open_connection(host, port)",
            id="rest of a line",
        ),
        pytest.param(
            POOL,
            "class Proxy:\n    def connect(self, host, port):\n        self.conn|\n",
            "ection = open_connection(host, port)",
            id="partial identifier",
        ),
        pytest.param(
            POOL,
            "class Proxy:\n    def connect(self, host, port):\n        self.connection = |\n",
            "open_connection(host, port)",
            id="blank already typed",
        ),
        pytest.param(
            POOL,
            "class Proxy:\n    def connect(self, host, port):\n        |\n",
            "self.connection = open_connection(host, port)",
            id="indentation already typed",
        ),
        pytest.param(
            POOL,
            "class Proxy:\n    def connect(self, host, port):\n    |\n",
            "    self.connection = open_connection(host, port)",
            id="indentation partly typed",
        ),
        pytest.param(
            POOL,
            "def connect(self, host, port):\n|\n",
            "    self.connection = open_connection(host, port)",
            id="indented from another level",
        ),
        pytest.param(
            POOL,
            "class Proxy:\n\tdef connect(self, host, port):\n|\n",
            "\t\tself.connection = open_connection(host, port)",
            id="tabs follow the current file",
        ),
        pytest.param(
            POOL,
            "class Proxy:\n  def connect(self, host, port):\n|\n",
            "    self.connection = open_connection(host, port)",
            id="two blanks follow the current file",
        ),
        pytest.param(
            POOL.replace("\n", "\r\n"),
            "class Proxy:\n    def connect(self, host, port):\n        self.conn|\n",
            "ection = open_connection(host, port)",
            id="from CRLF",
        ),
        pytest.param(
            POOL,
            "class Proxy:\r\n    def connect(self, host, port):\r\n        self.conn|\r\n",
            "ection = open_connection(host, port)",
            id="into CRLF",
        ),
        pytest.param(
            POOL,
            "class Proxy:\n    def connect(self, host, port):\n"
            "        self.connection = open_connection(|)\n",
            "host, port",
            id="up to the bracket that is there",
        ),
        pytest.param(
            SERVER_TS,
            "class Client {\n  close(reason: string): void {\n    for (const socket of |\n  }\n}\n",
            "this.sockets.values()) {\n      socket.terminate(reason);",
            id="TypeScript",
        ),
        pytest.param(
            STORE_GO,
            "func (c *Cache) Get(key string) (*Entry, error) {\n\tentry, err := |\n\treturn entry, nil\n}\n",
            "s.backend.Lookup(key)",
            id="Go",
        ),
        pytest.param(
            QUEUE_RS,
            "    pub fn drain(&mut self, task: Task) -> Result<(), QueueError> {\n"
            "        let mut guard = self.|\n    }\n",
            "inner.lock().map_err(QueueError::poisoned)?;\n"
            "        guard.push_back(task);\n        Ok(())",
            id="Rust",
        ),
    ],
)
def test_continues_by_the_longest_match(file: str, marked: str, expected: str) -> None:
    assert complete(marked, *[file] * USUAL) == expected


@pytest.mark.parametrize(
    ("file", "marked"),
    [
        pytest.param("", "|", id="nothing at all"),
        pytest.param(POOL, "|", id="empty file"),
        pytest.param(POOL, "import quaternion\nspin = quaternion.|\n", id="no match"),
        pytest.param(POOL, "x = (|\n", id="only punctuation matches"),
        pytest.param(POOL, "x = 1\n\n|\n", id="only line ends match"),
        pytest.param(
            POOL,
            "    def connect(self, host, port):\n        |\n"
            "        self.connection = open_connection(host, port)\n",
            id="what follows the cursor",
        ),
        pytest.param(
            "retry(task, delay)\nretry(task, delay)\nretry(task, delay)\n",
            "retry(task, delay)\nretry(|\n",
            id="a copy of the line above",
        ),
        pytest.param(
            POOL,
            "    def connect(self, host, port):\n        self.con|nection = 1\n",
            id="inside a word",
        ),
        pytest.param(
            POOL,
            "    def connect(self, host, port):\n        self.connection = | + 1\n",
            id="what stands on the line does not follow",
        ),
    ],
)
def test_shows_nothing_rather_than_nonsense(file: str, marked: str) -> None:
    engine = SuffixEngine()
    prompt = at_cursor(context(engine, file), marked)
    (piece,) = asyncio.run(pieces(engine, prompt))
    assert (piece.text, piece.token_count, piece.finish) == ("", 0, FinishReason.STOP)


def test_drafts_further_lines_to_the_end_of_the_block() -> None:
    marked = "class Bank:\n\tdef audit(self, ledger):\n\t\tfor account in ledger.|\n"
    assert complete(marked, *[LEDGER] * BOILERPLATE) == (
        "accounts:\n\t\t\taccount.verify_balance(strict=True)\n"
        "\t\t\taccount.write_audit_entry(ledger.period)\n"
        "\t\t\taccount.close_period(ledger.period)"
    )


def test_drafts_no_second_line_into_a_block_that_goes_on() -> None:
    marked = "def audit(ledger):\n    for account in ledger.|\n        account.verify()\n"
    assert complete(marked, *[LEDGER] * BOILERPLATE) == "accounts:"


def test_keeps_the_line_end_of_the_current_file() -> None:
    marked = "def audit(ledger):\r\n    for account in ledger.|\r\n"
    assert "accounts:\r\n        account.verify" in complete(marked, *[LEDGER] * BOILERPLATE)


def test_finds_matches_in_the_current_file_on_both_sides_of_the_cursor() -> None:
    engine = SuffixEngine()
    for role in (Role.PREFIX, Role.SUFFIX):
        layout = PromptLayout((section(engine, role, "pool.py", POOL),))
        prompt = at_cursor(layout, "\n\n    def connect(self, host, port):\n        self.conn|\n\n")
        text = "".join(piece.text for piece in asyncio.run(pieces(engine, prompt)))
        assert text == "ection = open_connection(host, port)"
    assert complete(f"{POOL}\n    def connect(self, host, port):\n        self.conn|\n") == (
        "ection = open_connection(host, port)"
    )


@pytest.mark.parametrize("line", range(1, POOL.count("\n")))
def test_a_match_crosses_chunk_boundaries(line: int) -> None:
    engine = SuffixEngine()
    lines = POOL.splitlines(keepends=True)
    layout = PromptLayout(
        (section(engine, Role.CONTEXT, "pool.py", "".join(lines[:line]), "".join(lines[line:])),)
    )
    prompt = at_cursor(
        layout, "class Proxy:\n\tdef connect(self, host, port):\n\t\tself.connection =|"
    )
    text = "".join(piece.text for piece in asyncio.run(pieces(engine, prompt)))
    assert text == " open_connection(host, port)"


def test_the_context_reaches_back_over_chunk_boundaries() -> None:
    engine = SuffixEngine()
    layout = PromptLayout(
        (
            *[section(engine, Role.CONTEXT, "pool.py", POOL)] * USUAL,
            section(engine, Role.PREFIX, "proxy.py", "x = 1\n", "def connect(self, host, port):\n"),
        )
    )
    text = "".join(p.text for p in asyncio.run(pieces(engine, Prompt(layout, Tail("", "")))))
    assert text == "    self.connection = open_connection(host, port)"


LINE = "def connect(self, host, port):\n    self.conn|\n"


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (("(host",), "ection = open_connection"),
        (("_connection(", "port"), "ection = open"),
        (("e",), ""),
        (("port)X",), "ection = open_connection(host, port)"),
        (("\n",), "ection = open_connection(host, port)"),
    ],
)
def test_never_emits_a_stop_string(stop: tuple[str, ...], expected: str) -> None:
    assert complete(LINE, POOL, sampling=Sampling(max_tokens=64, stop=stop)) == expected


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_ends_at_the_token_limit(limit: int) -> None:
    engine = SuffixEngine()
    prompt = at_cursor(context(engine, POOL), LINE)
    *streamed, last = asyncio.run(pieces(engine, prompt, Sampling(max_tokens=limit)))
    assert [piece.text for piece in streamed] == ["ection", " =", " open_connection"][:limit]
    assert sum(piece.token_count for piece in (*streamed, last)) == limit
    assert last.finish is FinishReason.LENGTH


def test_streams_a_piece_for_each_token() -> None:
    engine = SuffixEngine()
    *streamed, last = asyncio.run(pieces(engine, at_cursor(context(engine, POOL), LINE)))
    assert [piece.text for piece in streamed] == [
        *("ection", " =", " open_connection", "(", "host", ",", " port", ")")
    ]
    assert all(piece.token_count == 1 and piece.finish is None for piece in streamed)
    assert (last.text, last.finish) == ("", FinishReason.STOP)


def test_tells_how_sure_it_is_of_each_piece() -> None:
    engine = SuffixEngine()
    prompt = at_cursor(context(engine, POOL), LINE)
    *streamed, last = asyncio.run(pieces(engine, prompt, Sampling(max_tokens=128, logprobs=0)))
    told = [piece.logprobs[0] for piece in streamed]
    assert [it.token for it in told] == [piece.text for piece in streamed]
    assert all(it.logprob < 0 and it.alternatives == () for it in told)
    assert math.exp(sum(it.logprob for it in told)) >= FIRST_LINE
    assert last.logprobs == ()


def test_is_deterministic_whatever_the_sampling() -> None:
    expected = complete(LINE, POOL, LEDGER, LEDGER)
    sampling = Sampling(max_tokens=64, temperature=1.5, top_p=0.3, seed=7)
    assert complete(LINE, POOL, LEDGER, LEDGER, sampling=sampling) == expected != ""


def test_says_what_was_indexed_before() -> None:
    engine = SuffixEngine()
    layout = context(engine, POOL, LEDGER)
    prompt = at_cursor(layout, LINE)
    cached = [asyncio.run(pieces(engine, prompt))[-1].cached_tokens for _ in range(2)]
    assert cached == [0, layout.token_count]


def test_an_index_goes_with_its_chunk() -> None:
    engine = SuffixEngine()
    prompt: Prompt[str] | None = at_cursor(context(engine, POOL), LINE)
    assert prompt is not None
    asyncio.run(pieces(engine, prompt))
    assert (len(engine._chunks), len(engine._layouts)) == (1, 1)
    prompt = None
    gc.collect()
    assert (len(engine._chunks), len(engine._layouts)) == (0, 0)


def test_ends_when_closed_between_tokens() -> None:
    async def scenario() -> list[str]:
        engine = SuffixEngine()
        prompt = at_cursor(context(engine, POOL), LINE)
        stream = engine.generate(prompt, Sampling(max_tokens=64), Priority.COMPLETION)
        first = await anext(stream)
        await stream.aclose()
        return [first.text, *[piece.text async for piece in stream]]

    assert asyncio.run(scenario()) == ["ection"]


def test_a_cancelled_request_leaves_the_engine_usable() -> None:
    async def scenario() -> str:
        engine = SuffixEngine()
        large = "".join(f"value_{number} = compute({number})\n" for number in range(5_000))
        prompt = at_cursor(context(engine, large, POOL), LINE)
        task = asyncio.create_task(pieces(engine, prompt))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return "".join(piece.text for piece in await pieces(engine, prompt))

    assert asyncio.run(scenario()) == "ection = open_connection(host, port)"


def test_lets_the_loop_run_while_it_indexes() -> None:
    async def scenario() -> tuple[int, int]:
        engine = SuffixEngine()
        large = "".join(f"value_{number} = compute({number})\n" for number in range(5_000))
        layout = context(engine, large)
        task = asyncio.create_task(pieces(engine, at_cursor(layout, "x|")))
        turns = 0
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        return turns, layout.token_count

    turns, token_count = asyncio.run(scenario())
    assert turns > 2 * token_count / suffix_index.BLOCK_TOKENS


def test_requests_at_once_answer_as_alone() -> None:
    async def scenario() -> list[str]:
        engine = SuffixEngine()
        layout = context(engine, POOL, *[LEDGER] * USUAL)
        marked = [LINE, "def audit(ledger):\n    for account in ledger.acc|\n"] * 2
        answers = await asyncio.gather(
            *(pieces(engine, at_cursor(layout, each)) for each in marked)
        )
        return ["".join(piece.text for piece in answer) for answer in answers]

    first, second, third, fourth = asyncio.run(scenario())
    assert first == third == complete(LINE, POOL, *[LEDGER] * USUAL)
    assert second == fourth == "ounts:"


TEXTS = st.one_of(
    st.text(),
    st.text(alphabet=" \t\r\n\f\v\0\x85\u2028ab_1é.='\"(-"),
    st.lists(st.sampled_from(["\n", "\r\n", "\r", "    ", "\t", "foo", "(", "->", " ", ""])).map(
        "".join
    ),
)


@given(TEXTS)
def test_tokens_give_their_text_back(text: str) -> None:
    tokens = SuffixEngine().encode(text)
    assert suffix_lexer.decode(tokens) == text
    assert all(tokens)


@given(TEXTS)
def test_finished_and_unfinished_tokens_are_the_text_before_the_cursor(text: str) -> None:
    finished, unfinished = suffix_lexer.at_cursor(text)
    assert suffix_lexer.decode(finished) + unfinished.text == text


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
