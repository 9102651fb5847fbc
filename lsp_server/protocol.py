"""The messages beside the language server protocol; extension/src/protocol.ts mirrors this file.

| message | direction | parameters | result |
| --- | --- | --- | --- |
| `sparrow/status` | notification to the client | `StatusParams` | |
| `sparrow/indexStatus` | notification to the client | `IndexStatusParams` | |
| `sparrow/setApiKeys` | notification to the server | `ApiKeysParams` | |
| `sparrow/setProblems` | notification to the server | `ProblemsParams` | |
| `sparrow/restartHost` | request to the server | `{}` | `{}` |
| `sparrow/explainCompletion` | request to the server | `{}` | `{"markdown": str}` |
| `sparrow/exportTrace` | request to the server | `{}` | `{"json": str}`: traces with the code that models were shown |
| `sparrow/statistics` | request to the server | `{}` | `{"html": str}`: a page's body, with no script |
| `sparrow/edit` | request to the server | `EditParams` | a `WorkspaceEdit`; or an error that says why not |
| `sparrow/editDraft` | notification to the client | `EditDraftParams` | |
| `sparrow/fix` | request to the server | `FixParams` | `FixResult`; or an error that says why not |
| `sparrow/checkFix` | request to the server | `CheckFixParams` | `FixResult` of what the user took of the last fix, without an edit |

`initializationOptions` holds `settings`, and may hold `apiKeys` as `ApiKeysParams` does, and
`commands`: those that the server may have the editor run behind an edit, of which it knows
`sparrow.renameAt` (a URI and a position: asks the user for another name there) and
`sparrow.fixIssue` (a URI and a text: asks for a fix).
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

STATUS = "sparrow/status"
INDEX_STATUS = "sparrow/indexStatus"
SET_API_KEYS = "sparrow/setApiKeys"
SET_PROBLEMS = "sparrow/setProblems"
RESTART_HOST = "sparrow/restartHost"
EXPLAIN_COMPLETION = "sparrow/explainCompletion"
EXPORT_TRACE = "sparrow/exportTrace"
STATISTICS = "sparrow/statistics"
EDIT = "sparrow/edit"
EDIT_DRAFT = "sparrow/editDraft"
FIX = "sparrow/fix"
CHECK_FIX = "sparrow/checkFix"

# The code actions of refactors, as the language server protocol calls kinds.
REFACTOR_KINDS = (
    "refactor.extract.function",
    "refactor.extract.variable",
    "refactor.inline",
    "refactor.move",
    "refactor.rewrite",
    "source.organizeImports",
)

ModelRole = Literal["completion", "chat"]


class StatusParams(TypedDict):
    """The state of the model that serves `roles`, in place of what was told of them before.

    `idle`: it is started when it is needed. `progress` is 0 to 1, or null where not known.
    """

    roles: list[ModelRole]
    state: Literal["idle", "starting", "loading", "ready", "error"]
    engine: str
    model: str
    message: str
    progress: float | None


class FolderIndex(TypedDict):
    """`isCurrent`: all that the folder held when it was first looked at is in the index."""

    folder: str
    state: str
    isCurrent: bool


class IndexStatusParams(TypedDict):
    """How it is with the index of each folder, in place of what was told before."""

    folders: list[FolderIndex]


class ApiKey(TypedDict):
    """The key of the OpenAI-compatible server at an address; see `api_keys.server_of`."""

    server: str
    key: str


class ApiKeysParams(TypedDict):
    """All keys that there are, in place of those sent before."""

    apiKeys: list[ApiKey]


class Problem(TypedDict):
    """A diagnostic of an error or a warning, of whatever source."""

    line: int
    message: str


class ProblemsParams(TypedDict):
    """All problems of a document that the user sees, in place of those before."""

    uri: str
    problems: list[Problem]


class EditParams(TypedDict):
    """What is to be done to a selection, or at a cursor, in the user's own words.

    The places are the protocol's own, in a document of that version. `draft` is how the drafts that
    are told meanwhile are to be called; empty where none are wanted.
    """

    uri: str
    version: int
    startLine: int
    startCharacter: int
    endLine: int
    endCharacter: int
    instruction: str
    draft: str


class EditDraftParams(TypedDict):
    """Lines of the document, from 0 and without the last, and what the model writes for them so far.

    Nothing of it is verified: it is to be looked at, in place of the draft that was told before.
    """

    draft: str
    startLine: int
    endLine: int
    text: str


class FixParams(TypedDict):
    """An issue of the folder that a file is in. Without a text, the tests that fail are meant.

    `interpreter` is the one that the user has selected, or empty; `mayRun`: the user lets code of
    this workspace be run. `workDoneToken` is one for the progress of the request, as the language
    server protocol has it: a client that sends none is asked to make a progress bar.
    """

    uri: str
    issue: str
    interpreter: str
    mayRun: bool
    workDoneToken: NotRequired[str]


class CheckFixParams(TypedDict):
    workDoneToken: NotRequired[str]


class FixResult(TypedDict):
    """`edit` is a `WorkspaceEdit`, or null where no change was found; `markdown` is the evidence.

    Of a fix that is checked `markdown` is empty where nothing had to be run for it.
    """

    verdict: str
    reason: str
    markdown: str
    edit: Any


class Explanation(TypedDict):
    markdown: str


class TraceExport(TypedDict):
    json: str


class StatisticsPage(TypedDict):
    """The body of a page, and its style sheet; colours are the editor's own variables."""

    html: str
    css: str
