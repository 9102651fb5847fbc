"""`sparrow ask`: one question to a model that chats, its answer as it comes.

It asks the host that the editor's windows use, which it starts where there is none. What the model
thinks is dimmed, and left out where the answer goes to a file or another program.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Any

import click

from inference.cli import DEFAULT_IDLE_MINUTES, engine_args_option
from inference.surrogates import whole_characters

if TYPE_CHECKING:
    from inference.client import ClientStatus

LOAD_TIMEOUT_S = 1800.0
MAX_TOKENS = 4096
TEMPERATURE = 0.7
# A model's answer must not steer the terminal: no control characters but those of text.
_UNPRINTED = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {*b"\t\n"})


@click.command()
@click.argument("question", nargs=-1, required=True)
@click.option("--model", help="The model to ask: a name of `sparrow models`, say, or openai:URL.")
@click.option(
    "--think/--no-think", default=None, help="Let the model reason first, or not; else it decides."
)
@click.option(
    "--max-tokens",
    type=click.IntRange(min=1),
    default=MAX_TOKENS,
    show_default=True,
    help="The most tokens of the answer, thinking included.",
)
@engine_args_option
def ask(
    question: tuple[str, ...],
    model: str | None,
    think: bool | None,  # noqa: FBT001 - click's way
    max_tokens: int,
    engine_args: dict[str, Any],
) -> None:
    """Ask a model that chats: `sparrow ask --model NAME Why is the sky blue`.

    What comes on standard input is put behind the question: `git diff | sparrow ask ... Explain`.
    """
    from inference.errors import InferenceError

    if not model:
        raise click.ClickException(
            "it is not said which model is to answer. Name one: sparrow ask --model NAME QUESTION."
            " `sparrow models` lists those that chat; openai:URL is one behind a server of yours."
        )
    logging.basicConfig(handlers=[logging.NullHandler()])  # the error says it
    text = whole_characters(" ".join(question))
    if (piped := _piped()).strip():
        text = f"{text}\n\n{piped}"
    try:
        cut = asyncio.run(_ask(text, whole_characters(model), max_tokens, engine_args, think=think))
    except InferenceError as error:
        raise click.ClickException(" ".join(filter(None, (f"{error}.", error.hint)))) from error
    except KeyboardInterrupt:
        click.echo(err=True)
        sys.exit(130)
    if cut:
        click.secho(f"(The answer was cut at {max_tokens} tokens.)", dim=True, err=True)


def _piped() -> str:
    """What comes on standard input, which may be closed, or hold what is no text."""
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    return sys.stdin.buffer.read().decode(errors="replace").replace("\r\n", "\n")


async def _ask(
    text: str, model: str, max_tokens: int, engine_args: dict[str, Any], *, think: bool | None
) -> bool:
    """Prints the answer; whether it ended at its limit."""
    from inference.client import InferenceClient
    from inference.content import Message
    from inference.protocol import ChatRole, Delta, Done, FinishReason, Priority
    from inference.sampling import Sampling

    client = InferenceClient(
        model,
        name="sparrow ask",
        idle_minutes=DEFAULT_IDLE_MINUTES,
        engine_args=engine_args,
        on_status=_progress(),
    )
    client.start()
    try:
        await client.wait_ready(LOAD_TIMEOUT_S)
        answer = client.chat(
            [Message.of(ChatRole.USER, text)],
            Sampling(max_tokens, TEMPERATURE),
            Priority.CHAT,
            thinking=think,
        )
        was_thinking = False
        async with contextlib.aclosing(answer):
            async for message in answer:
                if isinstance(message, Delta):
                    if was_thinking and not message.thinking and sys.stdout.isatty():
                        click.echo("\n")
                    was_thinking = message.thinking
                    _print(message.text, thinking=message.thinking)
                elif isinstance(message, Done):
                    click.echo()
                    return message.finish is FinishReason.LENGTH
    finally:
        await client.close()
    return False


def _print(text: str, *, thinking: bool) -> None:
    text = text.translate(_UNPRINTED)
    if not thinking:
        click.echo(text, nl=False)
    elif sys.stdout.isatty():
        click.secho(text, dim=True, nl=False)
    sys.stdout.flush()


def _progress() -> Any:
    """Tells on standard error what is waited for, each thing once."""
    from inference.client import ClientState

    told = ""

    def tell(status: ClientStatus) -> None:
        nonlocal told
        if status.state in (ClientState.STARTING, ClientState.LOADING) and status.message != told:
            told = status.message
            click.secho(f"{told} …", dim=True, err=True)

    return tell
