"""The chat's messages; extension/src/chatProtocol.ts mirrors this file.

| message | direction | parameters | result |
| --- | --- | --- | --- |
| `sparrow/chat/list` | request to the server | `{}` | `{"conversations": list[Summary]}`, newest first |
| `sparrow/chat/open` | request to the server | `{"id": str}` | `Conversation` |
| `sparrow/chat/send` | request to the server | `SendParams` | `Sent`, at once; the answer comes as events |
| `sparrow/chat/regenerate` | request to the server | `{"id": str}` | `Sent` |
| `sparrow/chat/stop` | request to the server | `{"id": str}` | `{}` |
| `sparrow/chat/delete` | request to the server | `{"id": str}` | `{}` |
| `sparrow/chat/rename` | request to the server | `{"id": str, "title": str}` | `{}` |
| `sparrow/chat/export` | request to the server | `{"id": str}` | `{"markdown": str}` |
| `sparrow/chat/suggest` | request to the server | `SuggestParams` | `{"mentions": list[Mention]}` |
| `sparrow/chat/context` | request to the server | `ContextParams` | `ContextResult` |
| `sparrow/chat/apply` | request to the server | `ApplyParams` | a `WorkspaceEdit`; or an error that says why not |
| `sparrow/chat/state` | request to the server | `{}` | `State` |
| `sparrow/chat/event` | notification to the client | `Event` | |
| `sparrow/chat/stateChanged` | notification to the client | `State` | |

A request that is refused is answered with an error that says why and what to do. An event has `id`
of the conversation, `answerId`, `seq` and `kind`; by its kind it has `text`, `step`, `context`,
`found`, `title`, `usage`, or `state`, `error` and `hint`. `seq` counts an answer's events from 0. A
view that was reloaded asks `open`, whose message holds all so far and says in `seq` which event is
next.
"""

from __future__ import annotations

from typing import Literal, TypedDict

LIST = "sparrow/chat/list"
OPEN = "sparrow/chat/open"
SEND = "sparrow/chat/send"
REGENERATE = "sparrow/chat/regenerate"
STOP = "sparrow/chat/stop"
DELETE = "sparrow/chat/delete"
RENAME = "sparrow/chat/rename"
EXPORT = "sparrow/chat/export"
SUGGEST = "sparrow/chat/suggest"
CONTEXT = "sparrow/chat/context"
APPLY = "sparrow/chat/apply"
STATE = "sparrow/chat/state"
EVENT = "sparrow/chat/event"
STATE_CHANGED = "sparrow/chat/stateChanged"

MentionKind = Literal[
    "file", "folder", "symbol", "selection", "diagnostics", "changes", "issue", "repo"
]
Role = Literal["user", "assistant"]
AnswerState = Literal["streaming", "done", "stopped", "failed"]
StepState = Literal["running", "done", "failed"]
ModelState = Literal["idle", "starting", "loading", "ready", "error"]


class Mention(TypedDict):
    """What the user points at. `ref` finds it again.

    That is a URI; a URI with `#L10-L20` (lines from 1) or with `#name` of a symbol; or nothing for
    what there is once. An issue without a URI has its text in `detail`.
    """

    kind: MentionKind
    ref: str
    label: str
    detail: str


class Chip(Mention):
    """Something that the model is shown. Trimmed: it did not fit as a whole."""

    tokens: int
    isAutomatic: bool
    isTrimmed: bool


class Summary(TypedDict):
    """`updatedAt` in milliseconds since the epoch."""

    id: str
    title: str
    updatedAt: int
    messages: int
    isRunning: bool


class Step(TypedDict):
    """Something that was done for an answer: a tool's call, or a compaction."""

    id: str
    tool: str
    summary: str
    state: StepState
    detail: str


class Found(TypedDict):
    """Code that answers a question without a chat model; `line` counts from 0."""

    uri: str
    line: int
    label: str
    snippet: str
    language: str
    why: str


class Usage(TypedDict):
    promptTokens: int
    cachedTokens: int
    generatedTokens: int
    firstTokenMs: float | None
    totalMs: float


class Message(TypedDict):
    id: str
    role: Role
    text: str
    thinking: str
    mentions: list[Mention]
    context: list[Chip]
    steps: list[Step]
    found: list[Found]
    usage: Usage | None
    state: AnswerState
    error: str
    hint: str
    seq: int


class Conversation(Summary):
    transcript: list[Message]


class Proposal(TypedDict):
    """A model that suits this machine; `command` downloads it, in a terminal."""

    model: str
    why: str
    command: str


class State(TypedDict):
    hasChatModel: bool
    model: str
    state: ModelState
    message: str
    proposal: Proposal | None


class Selection(TypedDict):
    """Lines of the active editor, from 0, the end inclusive."""

    startLine: int
    endLine: int


class SendParams(TypedDict):
    """`id` null: a new conversation. `replaces`: the user's message that is sent again, edited.

    `without` are the refs of automatic chips that the user removed; `uri` is the active editor's.
    """

    id: str | None
    text: str
    mentions: list[Mention]
    without: list[str]
    thinking: bool | None
    replaces: str | None
    uri: str | None
    selection: Selection | None


class Sent(TypedDict):
    id: str
    messageId: str
    answerId: str


class SuggestParams(TypedDict):
    """`query` is what stands behind the `@`."""

    query: str
    uri: str | None


class ContextParams(TypedDict):
    id: str | None
    text: str
    mentions: list[Mention]
    without: list[str]
    uri: str | None
    selection: Selection | None


class ContextResult(TypedDict):
    """`isExact`: the model has counted; else the numbers are estimates."""

    chips: list[Chip]
    usedTokens: int
    limitTokens: int
    isExact: bool


class ApplyParams(TypedDict):
    """`block` is the number of the code block in the answer, from 0."""

    id: str
    answerId: str
    block: int
    uri: str | None
