"""A model with a proposer before it: who is asked, who answers, and what each is shown."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from inference.engines.base import LoadProgress, Piece
from inference.engines.proposing import ProposingEngine
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import Capabilities, FinishReason, Priority, Role, Tail
from inference.sampling import Constraint, ConstraintKind, Sampling, TokenLogprob


class Speaker:
    """An engine that says the same to everything, and remembers what it was asked."""

    def __init__(
        self, name: str, *texts: str, tells: bool = False, sure: float = 1.0, least: float = 0.0
    ) -> None:
        self.name = name
        self.texts = texts
        self.tells = tells
        self.sure = sure  # of its first token that is not blank, where it tells
        self.least = least
        self.asked: list[Prompt[str]] = []
        self.encoded: list[str] = []
        self.released = 0
        self.is_closed = False

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            fim=True,
            chat=False,
            exact_token_counts=True,
            context_tokens=100,
            cache_block_tokens=2,
            parallel_requests=2,
            samples=True,
            logprobs=self.tells,
            least_chance=self.least,
        )

    async def load(self, report: LoadProgress) -> None:
        report(f"loading {self.name}", None)

    def encode(self, text: str) -> Sequence[str]:
        self.encoded.append(text)
        return text.split()

    async def generate(
        self, prompt: Prompt[str], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        del sampling, priority
        self.asked.append(prompt)
        try:
            for text in self.texts:
                chance = self.sure if text == next(filter(str.strip, self.texts), None) else 1.0
                told = (TokenLogprob(text, math.log(chance), ()),) if self.tells else ()
                yield Piece(text, 1, cached_tokens=9, prompt_tokens=10, logprobs=told)
                await asyncio.sleep(0)
            yield Piece("", 0, FinishReason.STOP, cached_tokens=9, prompt_tokens=10)
        finally:
            self.released += 1

    async def close(self) -> None:
        self.is_closed = True


def section(role: Role, path: str, *texts: str) -> PromptSection[Any]:
    return PromptSection(role, path, tuple(Chunk(text, text.split()) for text in texts))


LAYOUT = PromptLayout(
    (
        section(Role.CONTEXT, "pkg/other.py", "other\n"),
        section(Role.SUFFIX, "pkg/own.py", "behind\n"),
        section(Role.PREFIX, "pkg/own.py", "before\n"),
    )
)


def prompt(layout: PromptLayout[Any] = LAYOUT) -> Prompt[Any]:
    return Prompt(layout, Tail("x", "y"))


def ask(
    engine: ProposingEngine,
    sampling: Sampling | None = None,
    priority: Priority = Priority.COMPLETION,
    layout: PromptLayout[Any] = LAYOUT,
) -> list[Piece]:
    async def collect() -> list[Piece]:
        pieces = engine.generate(prompt(layout), sampling or Sampling(10), priority)
        return [piece async for piece in pieces]

    return asyncio.run(collect())


def text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def test_a_proposal_is_the_answer() -> None:
    proposer, model = Speaker("proposer", "", "  ", "cop", "ied"), Speaker("model", "made up")
    pieces = ask(ProposingEngine(proposer, model))
    assert text(pieces) == "  copied"
    assert sum(piece.token_count for piece in pieces) == 4
    assert [piece.finish for piece in pieces][-1] is FinishReason.STOP
    # The host counts the prompt by the layout: the model has read nothing.
    assert {(piece.cached_tokens, piece.prompt_tokens) for piece in pieces} == {(0, None)}
    assert not model.asked


@pytest.mark.parametrize("texts", [(), ("",), (" ", "\n")])
def test_where_nothing_is_proposed_the_model_answers(texts: tuple[str, ...]) -> None:
    proposer, model = Speaker("proposer", *texts), Speaker("model", "made ", "up")
    pieces = ask(ProposingEngine(proposer, model))
    assert text(pieces) == "made up"
    assert pieces[-1].prompt_tokens == 10
    assert proposer.released == model.released == 1


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(10, samples=2),
        Sampling(10, temperature=0.5),
        Sampling(10, logprobs=1),
        Sampling(10, constraint=Constraint(ConstraintKind.REGEX, ("a",))),
    ],
)
def test_what_a_proposer_cannot_give_is_the_models_alone(sampling: Sampling) -> None:
    proposer, model = Speaker("proposer", "copied"), Speaker("model", "made up")
    assert text(ask(ProposingEngine(proposer, model), sampling)) == "made up"
    assert not proposer.asked


@pytest.mark.parametrize(("tells", "answer"), [(True, "copied"), (False, "made up")])
def test_who_asks_how_sure_it_is_gets_a_proposal_that_tells(tells: bool, answer: str) -> None:  # noqa: FBT001
    proposer, model = Speaker("proposer", "copied", tells=tells), Speaker("model", "made up")
    assert text(ask(ProposingEngine(proposer, model), Sampling(10, logprobs=0))) == answer
    assert bool(proposer.asked) == tells


@pytest.mark.parametrize(
    ("sure", "least", "logprobs", "answer"),
    [
        (0.5, 0.4, 0, "  copied"),
        (0.3, 0.4, 0, "made up"),
        (0.3, 0.0, 0, "  copied"),
        (0.3, 0.4, None, "  copied"),  # who does not ask how sure it is takes what there is
    ],
)
def test_a_proposal_that_would_not_be_shown_is_none(
    sure: float, least: float, logprobs: int | None, answer: str
) -> None:
    proposer = Speaker("proposer", "  ", "cop", "ied", tells=logprobs is not None, sure=sure)
    model = Speaker("model", "made up", least=least)
    assert text(ask(ProposingEngine(proposer, model), Sampling(10, logprobs=logprobs))) == answer
    assert proposer.released == 1


def test_a_warm_up_is_for_both_and_answers_as_the_model() -> None:
    proposer, model = Speaker("proposer", "copied"), Speaker("model", "made up")
    assert text(ask(ProposingEngine(proposer, model), priority=Priority.WARM_UP)) == "made up"
    assert len(proposer.asked) == len(model.asked) == 1


def test_the_proposer_searches_references_in_place_of_the_context() -> None:
    proposer, model = Speaker("proposer"), Speaker("model", "x")
    referring = PromptLayout(
        (
            *LAYOUT.sections,
            section(Role.REFERENCE, "pkg/whole.py", "whole ", "file\n"),
            section(Role.REFERENCE, "pkg/own.py", "hidden\n"),
        )
    )
    engine = ProposingEngine(proposer, model)
    ask(engine)
    ask(engine, layout=referring)
    seen = [[(it.role, it.path) for it in asked.layout.sections] for asked in proposer.asked]
    current = [(Role.SUFFIX, "pkg/own.py"), (Role.PREFIX, "pkg/own.py")]
    assert seen == [
        [(Role.CONTEXT, "pkg/other.py"), *current],
        [(Role.CONTEXT, "pkg/whole.py"), (Role.CONTEXT, "pkg/own.py"), *current],
    ]
    assert [asked.layout for asked in model.asked] == [LAYOUT, referring]


def test_a_chunk_is_encoded_for_the_proposer_once() -> None:
    proposer, model = Speaker("proposer"), Speaker("model", "x")
    engine = ProposingEngine(proposer, model)
    ask(engine)
    ask(engine)
    longer = PromptLayout((*LAYOUT.sections, section(Role.PREFIX, "pkg/own.py", "more\n")))
    ask(engine, layout=longer)
    assert proposer.encoded == ["other\n", "behind\n", "before\n", "more\n"]
    assert proposer.asked[0].layout is proposer.asked[1].layout
    assert not model.encoded


@pytest.mark.parametrize("texts", [("copied", "further"), ()])
def test_who_is_speaking_is_ended_with_the_request(texts: tuple[str, ...]) -> None:
    proposer, model = Speaker("proposer", *texts), Speaker("model", "made", "up")

    async def body() -> None:
        pieces = ProposingEngine(proposer, model).generate(
            prompt(), Sampling(10), Priority.COMPLETION
        )
        async with aclosing(pieces):
            await anext(pieces)
        assert proposer.released == 1
        assert model.released == len(model.asked) == int(not texts)

    asyncio.run(body())


def test_it_is_the_model_to_the_host() -> None:
    proposer, model = Speaker("proposer"), Speaker("model")
    engine = ProposingEngine(proposer, model)
    reported: list[str] = []

    async def body() -> None:
        await engine.load(lambda what, _share: reported.append(what))
        await engine.close()

    asyncio.run(body())
    assert engine.name == "model"
    assert reported == ["loading model"]
    assert engine.capabilities.references
    assert not model.capabilities.references
    assert engine.capabilities.samples
    assert engine.encode("a b") == ["a", "b"] and model.encoded == ["a b"]  # noqa: PT018
    assert proposer.is_closed
    assert model.is_closed
