"""The suffix engine: what it continues, and what it shows nothing for."""

import asyncio

import pytest

from inference.engines.suffix import SuffixEngine
from inference.prompt import Prompt, PromptLayout
from inference.protocol import FinishReason, Role, Tail
from tests.unit.inference.suffix_prompts import (
    BOILERPLATE,
    LEDGER,
    POOL,
    QUEUE_RS,
    SERVER_TS,
    STORE_GO,
    USUAL,
    at_cursor,
    complete,
    context,
    pieces,
    section,
)


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
