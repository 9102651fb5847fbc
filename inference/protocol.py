"""The wire between a language server and an inference host: messages, versions, limits.

A frame is a 4-byte big-endian length and a msgpack array `[tag, field, ...]`. Every message is a
frozen dataclass whose fields stand in the array in the order of their declaration; a nested
structure is an array of its own. Decoding checks every type: what comes out of `decode` is what
the annotations say, whatever the peer sent.

This module is pure: it neither reads nor writes, and knows nothing of engines or processes.

Invariants
- The client speaks first (`Hello`), and only `Welcome` or `Refused` answers it.
- A chunk is named by the hash of its text, a layout by the hash of its sections: neither side
  can hold another content under the same name than its peer.
- Messages of one connection are handled in order, so a client may send `PutChunk`, `PutLayout`
  and `Generate` in one write without waiting for an answer.
- Each `Generate` is ended by exactly one `Done` or `Refused` that carries its request number.
"""

from __future__ import annotations

import enum
import hashlib
import struct
import typing
from dataclasses import dataclass

from inference.codec import Reader, pack, plain, plain_fields, structure, unpack
from inference.errors import FrameTooLarge, MalformedMessage
from inference.sampling import Sampling, TokenLogprob

PROTOCOL_VERSION = 4
MAX_FRAME_BYTES = 16 * 1024 * 1024
MAX_HELLO_BYTES = 64 * 1024  # of the first frame, whose sender has shown no token yet
FRAME_HEADER = struct.Struct(">I")
DIGEST_BYTES = 16


class Priority(enum.IntEnum):
    """Who is served first: the lower number."""

    COMPLETION = 0
    EDIT = 1
    CHAT = 2
    AGENT = 3
    WARM_UP = 4


class Role(enum.StrEnum):
    """What the text of a section is to the document being completed."""

    CONTEXT = "context"  # another file of the workspace
    SUFFIX = "suffix"  # the current file, from behind the tail to its end
    PREFIX = "prefix"  # the current file, from its start to the tail
    REFERENCE = "reference"  # text for an engine to search, which no model is shown


class ChatRole(enum.StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class HostState(enum.StrEnum):
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class FinishReason(enum.StrEnum):
    STOP = "stop"  # the engine came to an end of its own, or met a stop string
    LENGTH = "length"  # max_tokens
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Section:
    role: Role
    path: str  # relative to the workspace, with forward slashes
    chunks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Tail:
    """What changed since the layout: the text around the cursor that no chunk holds yet."""

    prefix: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    fim: bool
    chat: bool
    exact_token_counts: bool
    context_tokens: int | None  # None: bounded by memory alone
    cache_block_tokens: int  # 1: nothing is cached that a warm-up could bring there
    parallel_requests: int
    # What `Sampling` may ask for; the host refuses the rest.
    samples: bool = False
    logprobs: bool = False
    constraints: bool = False
    seeds: bool = True  # the same seed draws the same answer
    queues: bool = False  # the engine itself orders what waits by priority
    # The suffix stands behind the prefix, so that each key typed computes it anew.
    prefix_first: bool = False
    references: bool = False  # sections of that role are of use to it; they are not encoded
    # An answer whose tokens' chances together are below that is likelier wrong than right; 0: unknown.
    least_chance: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int


@dataclass(frozen=True, slots=True)
class Timings:
    queued_ms: float
    first_token_ms: float
    total_ms: float


# Client to host


@dataclass(frozen=True, slots=True)
class Hello:
    version: int
    token: str
    client: str


@dataclass(frozen=True, slots=True)
class PutChunk:
    text: str


@dataclass(frozen=True, slots=True)
class PutLayout:
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Generate:
    request: int
    layout: bytes
    tail: Tail
    sampling: Sampling
    priority: Priority


@dataclass(frozen=True, slots=True)
class CallText:
    """A tool call that the model made before; `arguments` is a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message of a conversation, its content given by the names of chunks."""

    role: ChatRole
    chunks: tuple[bytes, ...]
    calls: tuple[CallText, ...]  # of the assistant
    call_id: str  # of a tool's answer: the call that it answers


@dataclass(frozen=True, slots=True)
class Chat:
    """Asks for the next message of a conversation.

    `tools` is a JSON array of tools as chat templates take them, or empty. `thinking` leaves it to
    the model's template where it is None.
    """

    request: int
    messages: tuple[ChatMessage, ...]
    tools: str
    thinking: bool | None
    sampling: Sampling
    priority: Priority


@dataclass(frozen=True, slots=True)
class Cancel:
    request: int


@dataclass(frozen=True, slots=True)
class GetStatus:
    pass


@dataclass(frozen=True, slots=True)
class GetStats:
    pass


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Ends the host for all of its clients: the user asked for a restart."""


# Host to client


@dataclass(frozen=True, slots=True)
class Status:
    """Sent on each change of state, and in answer to `GetStatus`."""

    state: HostState
    engine: str
    model: str
    message: str
    progress: float | None  # 0 to 1 while loading, where it is known
    capabilities: Capabilities | None  # once it is ready


@dataclass(frozen=True, slots=True)
class Welcome:
    version: int
    host_version: str
    pid: int
    status: Status


@dataclass(frozen=True, slots=True)
class LayoutReady:
    layout: bytes
    token_counts: tuple[int, ...]  # by section
    exact: bool


@dataclass(frozen=True, slots=True)
class Delta:
    """`sample` counts from 0. `logprobs` are there where they were asked for, for each token."""

    request: int
    text: str
    tokens: int
    sample: int = 0
    thinking: bool = False  # the model reasons; this is no part of its answer
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool to be run; nothing has been."""

    request: int
    sample: int
    call: CallText


@dataclass(frozen=True, slots=True)
class MalformedCall:
    """The model meant to call a tool, and `raw` cannot be read; `reason` can be shown to it."""

    request: int
    sample: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class SampleEnd:
    finish: FinishReason
    cached_tokens: int  # of the prompt, which all samples share


@dataclass(frozen=True, slots=True)
class Done:
    """`finish` and what was cached are of the first sample, what was generated of all."""

    request: int
    finish: FinishReason
    usage: Usage
    timings: Timings
    others: tuple[SampleEnd, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """`request` is None where no request is concerned; a `WireError`'s code closes the connection."""

    request: int | None
    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The host ends: why, and what the user can do."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Stats:
    uptime_s: float
    connections: int
    bytes_received: int  # since the host's start, of all connections, headers included
    bytes_sent: int
    requests: int
    cancelled: int
    running: int
    queued: int
    generated_tokens: int
    chunks: int
    chunk_bytes: int
    layouts: int


ClientMessage = (
    Hello | PutChunk | PutLayout | Generate | Chat | Cancel | GetStatus | GetStats | Shutdown
)
Answer = Delta | ToolCall | MalformedCall | Done
HostMessage = Welcome | Status | LayoutReady | Answer | Refused | Goodbye | Stats
Message = ClientMessage | HostMessage


def chunk_id(text: str) -> bytes:
    """The name of a chunk: BLAKE2b over its UTF-8 text, 16 bytes."""
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()


def layout_id(sections: tuple[Section, ...]) -> bytes:
    """The name of a layout: BLAKE2b over its sections as they are packed, 16 bytes."""
    return hashlib.blake2b(pack(plain(sections)), digest_size=DIGEST_BYTES).digest()


def encode(message: Message) -> bytes:
    """The frame of a message, its length included.

    Raises `FrameTooLarge` over `MAX_FRAME_BYTES`, `MalformedMessage` for text that UTF-8 cannot
    hold (a lone surrogate).
    """
    body = pack([_TAGS[type(message)], *plain_fields(message)])
    if len(body) > MAX_FRAME_BYTES:
        raise FrameTooLarge(_too_large(len(body), MAX_FRAME_BYTES))
    return FRAME_HEADER.pack(len(body)) + body


def frame_length(header: bytes, max_bytes: int = MAX_FRAME_BYTES) -> int:
    """The body's length in bytes from a frame's 4-byte header. Raises `FrameTooLarge`."""
    (length,) = FRAME_HEADER.unpack(header)
    if length > max_bytes:
        raise FrameTooLarge(_too_large(length, max_bytes))
    return int(length)


def decode(body: bytes) -> Message:
    """The message in a frame's body. Raises `MalformedMessage` for anything but one."""
    fields = unpack(body)
    if not isinstance(fields, tuple) or not fields or not isinstance(fields[0], str):
        raise MalformedMessage("a frame is not an array that starts with a message's name")
    read = _READERS.get(fields[0])
    if read is None:
        raise MalformedMessage(f"unknown message {fields[0][:40]!r}")
    try:
        message: Message = read(fields[1:])
    except (TypeError, ValueError) as error:
        raise MalformedMessage(f"{fields[0]}: {error}") from error
    return message


def _too_large(length: int, max_bytes: int) -> str:
    return f"a frame of {length} bytes is over the limit of {max_bytes}"


_TAGS: dict[type, str] = {cls: cls.__name__ for cls in typing.get_args(Message)}
_READERS: dict[str, Reader] = {tag: structure(cls) for cls, tag in _TAGS.items()}
