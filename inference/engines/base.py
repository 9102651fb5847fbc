"""What an engine is to the host: it loads, encodes text, and generates."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from inference.prompt import Conversation, Prompt
from inference.protocol import CallText, Capabilities, FinishReason, Priority
from inference.sampling import Sampling, TokenLogprob

TokenT = TypeVar("TokenT")

LoadProgress = Callable[[str, float | None], None]
"""Called with what is being done, and how far it is: 0 to 1, or None where that is not known."""


@dataclass(frozen=True, slots=True)
class UnreadableCall:
    """A tool call that the model meant, and why it cannot be made."""

    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A step of a generation. A sample's last one has `finish` set; its text may be empty."""

    text: str
    token_count: int
    finish: FinishReason | None = None
    cached_tokens: int = 0  # of the prompt, for this sample; read from its last piece
    prompt_tokens: int | None = None  # the same; None where the layout's count is all there is
    sample: int = 0
    thinking: bool = False
    logprobs: tuple[TokenLogprob, ...] = ()
    calls: tuple[CallText | UnreadableCall, ...] = ()


class Engine(Protocol[TokenT]):
    """A model, or what stands in for one.

    Cancelling the task that consumes `generate` cancels the request: the engine frees what it held
    before the iterator's `aclose` returns. Engines run on the host's loop; what takes more than a
    few milliseconds goes to a thread or yields between steps.
    """

    name: str

    @property
    def capabilities(self) -> Capabilities:
        """Valid once `load` has returned."""
        ...

    async def load(self, report: LoadProgress) -> None:
        """Makes the engine ready. Raises `EngineFailed` with what to do about it."""
        ...

    def encode(self, text: str) -> Sequence[TokenT]:
        """The tokens of a chunk or a tail; called once for each chunk."""
        ...

    def generate(
        self, prompt: Prompt[TokenT], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        """Streams a continuation at the cursor, which stands between the tail's two halves.

        Raises `RequestRefused` where the request cannot be served, `EngineFailed` where the engine
        has died.
        """
        ...

    async def close(self) -> None: ...


class ChatEngine(Engine[TokenT], Protocol):
    """An engine whose capabilities say `chat`."""

    def chat(
        self, conversation: Conversation[TokenT], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        """Streams the next message of the assistant; as `generate` in all else."""
        ...
