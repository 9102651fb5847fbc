"""What a conversation consists of, as it is kept and as the user sees it. Values alone, pure.

Their fields are those of `chat_protocol.py` in our own spelling. What the model was shown is kept
apart, in a `PromptLog`: it is never rewritten behind what a model has read, but by a compaction or
where the user sends an earlier question again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from inference.content import Message

MentionKind = Literal[
    "file", "folder", "symbol", "selection", "diagnostics", "changes", "issue", "repo"
]
Role = Literal["user", "assistant"]
AnswerState = Literal["streaming", "done", "stopped", "failed"]
StepState = Literal["running", "done", "failed"]
MENTION_KINDS: tuple[MentionKind, ...] = (
    "file",
    "folder",
    "symbol",
    "selection",
    "diagnostics",
    "changes",
    "issue",
    "repo",
)
MAX_TITLE_CHARACTERS = 60


class ChatRefused(Exception):
    """Why something that the user asked for is not done, and what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}. {hint}".strip() if hint else f"{message}.")
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Mention:
    kind: MentionKind
    ref: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """Something that the model is shown, and what it costs."""

    kind: MentionKind
    ref: str
    label: str
    detail: str
    tokens: int
    is_automatic: bool
    is_trimmed: bool


@dataclass(frozen=True, slots=True)
class Step:
    id: str
    tool: str
    summary: str
    state: StepState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    uri: str
    line: int
    label: str
    snippet: str
    language: str
    why: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Of all requests that an answer took; the times are since the question was sent."""

    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    first_token_ms: float | None
    total_ms: float


@dataclass(frozen=True, slots=True)
class Origin:
    """From where a question was asked, and which automatic context it was to do without.

    `selection` are lines of `uri`, from 0, the end exclusive.
    """

    without: tuple[str, ...] = ()
    uri: str | None = None
    selection: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A question or an answer. `origin` is a question's; `seq` is an answer's next event's number."""

    id: str
    role: Role
    text: str = ""
    thinking: str = ""
    mentions: tuple[Mention, ...] = ()
    origin: Origin | None = None
    context: tuple[Chip, ...] = ()
    steps: tuple[Step, ...] = ()
    found: tuple[Found, ...] = ()
    usage: Usage | None = None
    state: AnswerState = "done"
    error: str = ""
    hint: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class PromptLog:
    """What the model was shown, and how much of it is known to be in its cache.

    `starts` says of a question, by its id, with which message its turn begins; `shown` of the blocks
    of context, by their names, in which message they stand. `tokens` is what the last prompt and its
    answer came to, 0 where that is not known.
    """

    messages: tuple[Message, ...] = ()
    starts: Mapping[str, int] = field(default_factory=dict)
    shown: Mapping[bytes, int] = field(default_factory=dict)
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    id: str
    title: str
    updated_ms: int
    messages: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """`revision` counts its changes in the store, whichever window made them."""

    id: str
    title: str
    updated_ms: int
    transcript: tuple[Entry, ...] = ()
    log: PromptLog = field(default_factory=PromptLog)
    revision: int = 0

    def summary(self) -> Summary:
        return Summary(self.id, self.title, self.updated_ms, len(self.transcript))

    def entry(self, entry_id: str) -> Entry | None:
        return next((it for it in self.transcript if it.id == entry_id), None)

    def before(self, entry_id: str) -> Conversation:
        """The conversation up to a question, and the log of what the model had been shown by then.

        Where that was the first turn since the log began, or since a compaction, none of it is left.
        """
        at = next((n for n, it in enumerate(self.transcript) if it.id == entry_id), None)
        if at is None:
            raise ChatRefused("the message is not there any more", "Open the conversation again.")
        kept, dropped = self.transcript[:at], self.transcript[at:]
        # A turn that was refused is not in the log: what follows it begins where it would have.
        starts = [self.log.starts[it.id] for it in dropped if it.id in self.log.starts]
        start = min(starts, default=len(self.log.messages))
        if start <= 1:
            return replace(self, transcript=kept, log=PromptLog())
        log = PromptLog(
            self.log.messages[:start],
            {name: n for name, n in self.log.starts.items() if n < start},
            {name: n for name, n in self.log.shown.items() if n < start},
        )
        return replace(self, transcript=kept, log=log)


def title_of(text: str) -> str:
    """What a conversation is called after its first question."""
    first = " ".join(text.strip().split("\n", 1)[0].split())
    if len(first) > MAX_TITLE_CHARACTERS:
        first = first[: MAX_TITLE_CHARACTERS - 1].rstrip() + "…"
    return first or "New chat"
