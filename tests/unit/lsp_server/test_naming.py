"""Names by a model whose answers a test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inference.client import InferenceClient
from inference.content import Message
from inference.errors import HostUnavailable
from inference.protocol import Answer, Delta, Priority
from inference.sampling import Sampling
from lsp_server.features import naming
from lsp_server.features.naming import MAX_CODE_CHARACTERS, Naming
from lsp_server.refactor import names
from lsp_server.refactor.job import Outcome, Rewritten
from tests.unit.lsp_server.on_loop import on_loop

CODE = "total = 0\nfor it in prices:\n    total += it\n"


class FakeChat:
    """Says one thing, or nothing at all."""

    def __init__(self, said: str | None, *, is_bound: bool = True) -> None:
        self.said = said
        self.capabilities = SimpleNamespace(constraints=is_bound)
        self.asked: list[tuple[Sequence[Message], Sampling]] = []
        self.closed = 0

    async def chat(
        self, messages: Sequence[Message], sampling: Sampling, priority: Priority, **more: Any
    ) -> AsyncGenerator[Answer, None]:
        assert (priority, more) == (Priority.EDIT, {"thinking": False})
        self.asked.append((messages, sampling))
        try:
            if self.said is None:
                await asyncio.Event().wait()
            elif not self.said:
                raise HostUnavailable("it is gone")
            else:
                yield Delta(1, "hm", 1, thinking=True)
                yield Delta(1, self.said, 1)
        finally:
            self.closed += 1


async def proposed(chat: FakeChat | None, around: str = "", code: str = CODE) -> str:
    made = Naming(lambda: cast("InferenceClient | None", chat))
    return await made.propose("function", code, around)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("sum_prices", "sum_prices"),
        (" `sum_prices`\n", "sum_prices"),
        ("Sum prices", ""),
        ("sum_prices(prices)", ""),
        ("import", ""),
        ("match", ""),
        ("taken_name", ""),
        ("", ""),
    ],
)
@on_loop
async def test_one_identifier_that_is_free_is_taken_and_nothing_else(
    said: str, expected: str
) -> None:
    chat = FakeChat(said)
    assert await proposed(chat, "x = taken_name\n") == expected
    ((messages, sampling),) = chat.asked
    assert CODE in messages[1].content[0].text
    assert sampling.constraint is not None


@on_loop
async def test_a_model_that_takes_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "LIMIT_S", 0.05)
    chat = FakeChat(None)
    assert await proposed(chat) == ""
    assert chat.closed == 1


@on_loop
async def test_one_that_cannot_be_held_to_a_form_is_asked_all_the_same() -> None:
    chat = FakeChat("sum_prices", is_bound=False)
    assert await proposed(chat) == "sum_prices"
    assert chat.asked[0][1].constraint is None


@on_loop
async def test_without_a_model_or_of_long_code_there_is_none() -> None:
    assert await proposed(None) == ""
    chat = FakeChat("sum_prices")
    assert await proposed(chat, code="x" * (MAX_CODE_CHARACTERS + 1)) == ""
    assert chat.asked == []


def test_what_was_extracted_gets_the_name_wherever_it_stands() -> None:
    after = "def f():\n    a = extracted(1)\n\n\ndef extracted(b):\n    return b, 'unextracted'\n"
    outcome = Outcome((Rewritten("a.py", "", after),), "a.py", (1, 8))
    renamed = names.renamed(outcome, "pair")
    expected = "def f():\n    a = pair(1)\n\n\ndef pair(b):\n    return b, 'unextracted'\n"
    assert renamed.files[0].after == expected
    assert renamed.name_at == (1, 8)
