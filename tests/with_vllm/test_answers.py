"""What a request may ask of an answer, and conversations: on real vLLM, for both shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from inference.client import InferenceClient
from inference.content import Message
from inference.errors import PromptTooLong, UnsupportedRequest
from inference.protocol import (
    CallText,
    ChatRole,
    Delta,
    Done,
    FinishReason,
    Priority,
    Tail,
    ToolCall,
)
from inference.sampling import Constraint, ConstraintKind, Sampling
from tests.with_vllm.completing import layout_of, lines
from tests.with_vllm.conftest import Served

READ = {
    "type": "function",
    "function": {
        "name": "read",
        "description": "Reads a file.",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}
CALL = '<tool_call>\n{"name": "read", "arguments": {"path": "a.py"}}\n</tool_call>'


async def deltas(client: InferenceClient, sampling: Sampling) -> tuple[list[Delta], Done]:
    found: list[Delta] = []
    stream = client.generate(
        layout_of(lines(0, 20)), Tail("value = ", "\n"), sampling, Priority.EDIT
    )
    async with aclosing(stream):
        async for message in stream:
            if isinstance(message, Done):
                return found, message
            found.append(message)
    raise AssertionError("the stream ended without Done")


async def chat(
    client: InferenceClient,
    messages: Sequence[Message],
    sampling: Sampling,
    *,
    tools: str = "",
    thinking: bool | None = None,
) -> tuple[str, str, list[ToolCall], Done]:
    """The answer, the thinking, the calls and the end."""
    texts = {False: "", True: ""}
    calls: list[ToolCall] = []
    stream = client.chat(messages, sampling, Priority.CHAT, tools=tools, thinking=thinking)
    async with aclosing(stream):
        async for message in stream:
            match message:
                case Delta():
                    texts[message.thinking] += message.text
                case ToolCall():
                    calls.append(message)
                case Done():
                    return texts[False], texts[True], calls, message
                case _:
                    raise AssertionError(message)
    raise AssertionError("the stream ended without Done")


def choice(*texts: str) -> Constraint:
    return Constraint(ConstraintKind.CHOICE, texts)


def test_log_probabilities_come_with_the_likeliest_tokens(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        found, _ = await deltas(client, Sampling(max_tokens=6, logprobs=3))
        tokens = [token for delta in found for token in delta.logprobs]
        assert len(tokens) == 6
        for token in tokens:
            assert len(token.alternatives) == 3
            assert token.alternatives[0].token == token.token  # nothing was left to chance
            assert token.logprob == token.alternatives[0].logprob <= 0
            assert token.logprob >= token.alternatives[1].logprob >= token.alternatives[2].logprob

    served.run(test)


def test_samples_share_one_prompt(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        sampling = Sampling(max_tokens=8, temperature=1.5, samples=3)
        found, done = await deltas(client, sampling)
        texts = ["".join(it.text for it in found if it.sample == number) for number in range(3)]
        assert all(texts)
        assert len(set(texts)) == 3
        assert done.usage.generated_tokens == 24
        assert (done.finish, *(it.finish for it in done.others)) == (FinishReason.LENGTH,) * 3

    served.run(test)


@pytest.mark.parametrize(
    ("constraint", "pattern"),
    [
        (Constraint(ConstraintKind.REGEX, ("[0-9]{4}-[ab]",)), "[0-9]{4}-[ab]"),
        (choice("yes", "no"), "yes|no"),
        (Constraint(ConstraintKind.GRAMMAR, ('root ::= "a" | "b" root',)), "b*a?"),
    ],
)
def test_an_answer_is_held_to_its_form(
    served: Served, constraint: Constraint, pattern: str
) -> None:
    async def test(client: InferenceClient) -> None:
        found, _ = await deltas(client, Sampling(max_tokens=20, constraint=constraint))
        assert re.fullmatch(pattern, "".join(delta.text for delta in found))

    served.run(test)


def test_an_answer_is_held_to_a_schema(served: Served) -> None:
    # A schema that leaves no room for white space, of which random weights may be fond.
    constraint = Constraint(ConstraintKind.JSON_SCHEMA, ('{"enum": ["red", {"green": true}]}',))

    async def test(client: InferenceClient) -> None:
        found, _ = await deltas(client, Sampling(max_tokens=60, constraint=constraint))
        assert json.loads("".join(delta.text for delta in found)) in ("red", {"green": True})

    served.run(test)


def test_a_seed_is_refused_where_it_would_end_the_engine(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        with pytest.raises(UnsupportedRequest, match="seed"):
            await deltas(client, Sampling(max_tokens=4, temperature=1.0, seed=3))
        assert (await deltas(client, Sampling(max_tokens=2, seed=3)))[0]  # nothing is drawn

    served.run(test)


def test_a_form_that_is_none_is_refused(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        broken = Constraint(ConstraintKind.REGEX, ("[",))
        with pytest.raises(UnsupportedRequest, match="vLLM refuses"):
            await deltas(client, Sampling(max_tokens=4, constraint=broken))
        assert (await deltas(client, Sampling(max_tokens=2)))[0]

    served.run(test)


def test_a_conversation_is_answered(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        question = [Message.of(ChatRole.USER, "What is a list?")]
        letters = Constraint(ConstraintKind.REGEX, ("[a-z]{40}",))  # not white space alone
        sampling = Sampling(max_tokens=8, constraint=letters)
        for thinking in (None, True):
            answer, thought, _, done = await chat(client, question, sampling, thinking=thinking)
            assert thought
            assert not answer
            assert done.finish is FinishReason.LENGTH
            assert done.usage.generated_tokens == 8
        answer, thought, *_ = await chat(client, question, sampling, thinking=False)
        assert answer
        assert not thought

    served.run(test)


def test_thinking_ends_where_the_model_says_so(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        sampling = Sampling(max_tokens=40, constraint=choice("Well.\n</think>\n\nYes."))
        question = [Message.of(ChatRole.USER, "Is it?")]
        answer, thought, *_ = await chat(client, question, sampling, thinking=True)
        assert thought.strip() == "Well."
        assert answer == "Yes."

    served.run(test)


def test_a_second_turn_sends_and_reads_what_is_new(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        first = [
            Message.of(ChatRole.SYSTEM, lines(500, 100)),
            Message.of(ChatRole.USER, "And now?"),
        ]
        answer, _, _, done = await chat(client, first, Sampling(max_tokens=4), thinking=False)
        before = (await client.stats()).bytes_received
        second = [
            *first,
            Message.of(ChatRole.ASSISTANT, answer),
            Message.of(ChatRole.USER, "And then?"),
        ]
        *_, again = await chat(client, second, Sampling(max_tokens=4), thinking=False)
        assert (await client.stats()).bytes_received - before < 500
        assert client.capabilities is not None
        block = client.capabilities.cache_block_tokens
        assert again.usage.prompt_tokens > done.usage.prompt_tokens
        assert again.usage.cached_tokens > done.usage.prompt_tokens - 2 * block
        assert again.usage.cached_tokens > 0

    served.run(test)


def test_a_tool_is_called_and_its_answer_read(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        messages = [Message.of(ChatRole.USER, "What does a.py hold?")]
        answer, _, calls, _ = await chat(
            client,
            messages,
            Sampling(max_tokens=80, constraint=choice(CALL)),
            tools=json.dumps([READ]),
            thinking=False,
        )
        (called,) = calls
        assert not answer
        assert called.call == CallText(called.call.id, "read", '{"path": "a.py"}')
        messages += [
            Message(ChatRole.ASSISTANT, (), (called.call,)),
            Message(
                ChatRole.TOOL, Message.of(ChatRole.TOOL, "x = 1\n").content, (), called.call.id
            ),
        ]
        answer, *_ = await chat(
            client,
            messages,
            Sampling(max_tokens=8, constraint=choice("x is 1")),
            tools=json.dumps([READ]),
            thinking=False,
        )
        assert answer == "x is 1"

    served.run(test)


@pytest.mark.parametrize("tools", ["{", "{}", "[1]", '[{"function": {}}]', '[{"function": 1}]'])
def test_tools_that_are_none_are_refused(served: Served, tools: str) -> None:
    async def test(client: InferenceClient) -> None:
        with pytest.raises(UnsupportedRequest, match="tool"):
            await chat(
                client, [Message.of(ChatRole.USER, "?")], Sampling(max_tokens=1), tools=tools
            )

    served.run(test)


def test_a_conversation_that_is_too_long_is_refused(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        with pytest.raises(PromptTooLong):
            await chat(client, [Message.of(ChatRole.USER, lines(0, 2000))], Sampling(max_tokens=1))

    served.run(test)
