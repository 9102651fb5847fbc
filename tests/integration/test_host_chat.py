"""Conversations with a host: what travels, how they end, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from inference.client import InferenceClient
from inference.content import Layout, LayoutSection, Message, TextChunk
from inference.errors import UnsupportedRequest
from inference.protocol import (
    Answer,
    CallText,
    ChatRole,
    Delta,
    Done,
    FinishReason,
    Priority,
    Role,
    Tail,
    ToolCall,
)
from inference.sampling import Constraint, ConstraintKind, Sampling

from .hosts import ClientOf, Eventually, Script

YES = {"when": {"message_ends_with": "?"}, "think": ["Well."], "reply": ["Yes", "."]}
HANG = {"when": {"message_ends_with": "wait"}, "reply": ["first"], "then": "hang"}
READ = {
    "when": {"message_ends_with": "a.py"},
    "reply": [],
    "call": [{"name": "read", "arguments": {"path": "a.py"}}],
}
COMPLETES = {"reply": ["1"]}


def user(text: str) -> Message:
    return Message.of(ChatRole.USER, text)


async def answers(
    client: InferenceClient, messages: Sequence[Message], sampling: Sampling | None = None
) -> list[Answer]:
    stream = client.chat(messages, sampling or Sampling(50), Priority.CHAT)
    async with aclosing(stream):
        return [message async for message in stream]


async def test_thinking_and_answer_are_told_apart(client_of: ClientOf, script: Script) -> None:
    async with client_of(script(YES)) as client:
        await client.wait_ready(60)
        *deltas, done = await answers(client, [user("Is it?")])
        assert [(it.text, it.thinking) for it in deltas if isinstance(it, Delta)] == [
            ("Well.", True),
            ("Yes", False),
            (".", False),
        ]
        assert isinstance(done, Done)
        assert done.finish is FinishReason.STOP
        assert done.usage.prompt_tokens == 2
        assert done.usage.generated_tokens == 3


async def test_a_tool_is_asked_for(client_of: ClientOf, script: Script) -> None:
    async with client_of(script(READ)) as client:
        await client.wait_ready(60)
        called, done = await answers(client, [user("Read a.py")])
        assert isinstance(called, ToolCall)
        assert called.call == CallText("call-0", "read", '{"path": "a.py"}')
        assert isinstance(done, Done)


async def test_a_second_turn_sends_what_is_new(client_of: ClientOf, script: Script) -> None:
    async with client_of(script(YES)) as client:
        await client.wait_ready(60)
        long = Message.of(ChatRole.SYSTEM, "x = 1\n" * 10_000)
        await answers(client, [long, user("Is it?")])
        before = (await client.stats()).bytes_received
        await answers(
            client, [long, user("Is it?"), Message.of(ChatRole.ASSISTANT, "Yes."), user("And?")]
        )
        assert (await client.stats()).bytes_received - before < 400


async def test_contents_that_the_host_has_let_go_are_sent_again(
    client_of: ClientOf, script: Script
) -> None:
    async with client_of(script(YES)) as client:
        await client.wait_ready(60)
        asked = [Message.of(ChatRole.SYSTEM, "Be brief.\n"), user("Is it?")]
        await answers(client, asked)
        # More than a host keeps: 256 MiB of chunks.
        for number in range(28):
            text = f"{number}\n" + "y" * (10 * 1024 * 1024)
            await answers(client, [Message.of(ChatRole.SYSTEM, text), user("Is it?")])
        assert isinstance((await answers(client, asked))[-1], Done)


async def test_closing_the_stream_frees_the_slot(
    client_of: ClientOf, script: Script, eventually: Eventually
) -> None:
    async with client_of(script(HANG)) as client:
        await client.wait_ready(60)
        stream = client.chat([user("wait")], Sampling(50), Priority.CHAT)
        async with aclosing(stream):
            assert isinstance(await anext(stream), Delta)

        async def is_free() -> bool:
            stats = await client.stats()
            return stats.running == 0 and stats.cancelled == 1

        await eventually(is_free)


@pytest.mark.parametrize(
    ("sampling", "problem"),
    [
        (Sampling(5, samples=2), "several answers"),
        (Sampling(5, logprobs=0), "log-probabilities"),
        (Sampling(5, constraint=Constraint(ConstraintKind.CHOICE, ("a",))), "form of the answer"),
    ],
)
async def test_what_an_engine_cannot_do_is_refused_and_not_left_out(
    client_of: ClientOf, script: Script, sampling: Sampling, problem: str
) -> None:
    async with client_of(script(YES, COMPLETES)) as client:
        await client.wait_ready(60)
        with pytest.raises(UnsupportedRequest, match=problem):
            await answers(client, [user("Is it?")], sampling)
        layout = Layout.of([LayoutSection(Role.PREFIX, "a.py", (TextChunk.of("x = 1\n"),))])
        stream = client.generate(layout, Tail("y = ", ""), sampling, Priority.COMPLETION)
        with pytest.raises(UnsupportedRequest, match=problem):
            async with aclosing(stream):
                await anext(stream)


async def test_a_model_that_only_completes_says_so(client_of: ClientOf, script: Script) -> None:
    async with client_of(script(COMPLETES)) as client:
        await client.wait_ready(60)
        with pytest.raises(UnsupportedRequest, match="cannot chat"):
            await answers(client, [user("Is it?")])


@pytest.fixture
def ask(runtime: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `sparrow ask` as a user does, with its output into a pipe."""

    def run(*arguments: str, piped: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "lsp_server", "ask", *arguments],
            input=piped,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=runtime,
            env=dict(os.environ),
        )

    return run


def test_ask_prints_the_answer_alone(ask: Any, script: Script) -> None:
    asked = ask("--model", script(YES), "Is", "it?")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout == "Yes.\n"


def test_ask_lets_no_answer_steer_the_terminal(ask: Any, script: Script) -> None:
    steering = {**YES, "reply": ["\x1b[2J\x9b1mYes\r", "\tor\nno\x07"]}
    assert ask("--model", script(steering), "Is it?").stdout == "[2J1mYes\tor\nno\n"


def test_ask_puts_what_is_piped_behind_the_question(ask: Any, script: Script) -> None:
    asked = ask("--model", script(YES), "Explain:", piped="is this right?")
    assert asked.stdout == "Yes.\n"


@pytest.mark.parametrize(
    ("question", "piped"), [(b"Explain:", b"\xff\xfe is this right?"), (b"Is \xff it?", b"")]
)
def test_ask_takes_what_is_no_text_for_marks(
    runtime: Path, script: Script, question: bytes, piped: bytes
) -> None:
    ask = [sys.executable, "-P", "-m", "lsp_server", "ask", "--model", script(YES)]
    command: list[str | bytes] = [*ask, question]
    asked = subprocess.run(command, input=piped, capture_output=True, check=False, cwd=runtime)
    assert (asked.returncode, asked.stdout) == (0, b"Yes.\n"), asked.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there a program cannot be started so")
def test_ask_needs_no_standard_input(runtime: Path, script: Script) -> None:
    command = [sys.executable, "-P", "-m", "lsp_server", "ask", "--model", script(YES), "Is it?"]
    closed = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    asked = subprocess.run(closed, capture_output=True, text=True, check=False, cwd=runtime)
    assert (asked.returncode, asked.stdout) == (0, "Yes.\n"), asked.stderr


@pytest.mark.parametrize(
    ("rules", "arguments", "problem"),
    [
        ([COMPLETES], [], "cannot chat"),
        ([YES], ["--engine-args", "["], "not JSON"),
        ([YES], ["--max-tokens", "0"], "max-tokens"),
    ],
)
def test_ask_says_what_is_wrong(
    ask: Any, script: Script, rules: list[Any], arguments: list[str], problem: str
) -> None:
    asked = ask("--model", script(*rules), *arguments, "Is it?")
    assert asked.returncode != 0
    assert problem in asked.stderr
    assert "Traceback" not in asked.stderr
    assert asked.stdout == ""


def test_ask_without_a_model_says_how_to_name_one(ask: Any) -> None:
    asked = ask("Is it?")
    assert asked.returncode == 1
    assert "sparrow ask --model NAME" in asked.stderr
    assert "`sparrow models` lists" in asked.stderr


def test_ask_says_an_error_once(ask: Any) -> None:
    asked = ask("--model", "nope", "Is it?")
    assert asked.returncode == 1
    assert asked.stderr.count("there is no model named 'nope'") == 1
    assert asked.stderr.splitlines()[-1] == (
        "Error: there is no model named 'nope'. `sparrow models` lists all of them."
    )


def test_ask_says_where_an_answer_was_cut(ask: Any, script: Script) -> None:
    asked = ask("--model", script(YES), "--max-tokens", "2", "Is it?")
    assert asked.stdout == "Yes\n"
    assert "cut at 2 tokens" in asked.stderr
