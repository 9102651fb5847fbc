"""The chat: conversations, and their answers under way.

An answer is a task of its own, so that several conversations are answered at once, and cancelling one
ends its request and frees its slot at once. What it has said so far is kept as it comes. Each ends
with one `done` event, whatever happens: a model's process that dies, a refusal and an error of our
own are said in the answer's place, with what to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference.client import ClientState, InferenceClient
from inference.errors import (
    HostUnavailable,
    InferenceError,
    NotReady,
    PromptTooLong,
    RequestRefused,
)
from lsp_server.chat.answering import Answering, Limits
from lsp_server.chat.codebase import Codebase
from lsp_server.chat.export import to_markdown
from lsp_server.chat.finding import FOUND, NOTHING, find_code
from lsp_server.chat.gathering import Gathered, Gathering
from lsp_server.chat.live_answer import Event, LiveAnswer
from lsp_server.chat.prompt import begin_turn, end_turn
from lsp_server.chat.sources import Asked
from lsp_server.chat.store import CUT_OFF, CUT_OFF_HINT, ELSEWHERE, ChatStore
from lsp_server.chat.suggesting import suggest
from lsp_server.chat.tools import Tools
from lsp_server.chat.transcript import (
    AnswerState,
    ChatRefused,
    Conversation,
    Entry,
    Mention,
    PromptLog,
    Step,
    Summary,
    title_of,
)

if TYPE_CHECKING:
    from lsp_server.chat.applying import Applied, Applying

logger = logging.getLogger(__name__)

LOAD_TIMEOUT_S = 600.0
MAX_QUESTION_CHARACTERS = 200_000
_KEEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Sent:
    id: str
    message_id: str
    answer_id: str


@dataclass(slots=True)
class _Running:
    """An answer under way, as the last entry of its conversation."""

    conversation: Conversation
    asked: Asked
    thinking: bool | None
    live: LiveAnswer
    log: PromptLog  # before the question
    kept_entries: int  # how many of the transcript, and of the log's messages, are written down
    kept_messages: int
    task: asyncio.Task[None] | None = None

    def so_far(self) -> Conversation:
        *before, _ = self.conversation.transcript
        return replace(self.conversation, transcript=(*before, self.live.entry()))


class Chat:
    """`client` starts the chat's model; `chats` says whether it chats, None where it is not known.

    `workspace` names the folders whose conversations these are; `log` tells the user.
    """

    def __init__(
        self,
        *,
        code: Codebase,
        gathering: Gathering,
        store: ChatStore,
        client: Callable[[], InferenceClient],
        chats: Callable[[], bool | None],
        workspace: Callable[[], str],
        notify: Callable[[Event], None],
        log: Callable[[str], None],
        applying: Callable[[], Applying],
    ) -> None:
        self._code = code
        self._gathering = gathering
        self._store = store
        self._client = client
        self._chats = chats
        self._workspace = workspace
        self._notify = notify
        self._log = log
        self._applying = applying
        self._running: dict[str, _Running] = {}
        self._is_closing = False
        self._without_tools: set[str] = set()  # the models that were found to take none

    async def summaries(self) -> list[tuple[Summary, bool]]:
        """The conversations of these folders, the newest first, and whether they are answering."""
        found = await self._store.summaries(self._workspace())
        kept = {it.id for it in found}
        begun = [it.conversation for it in self._running.values() if it.conversation.id not in kept]
        found = [*(it.summary() for it in begun), *found]
        return [(it, it.id in self._running) for it in found]

    async def open(self, name: str) -> tuple[Conversation, bool]:
        """A conversation with all that was said so far, and whether it is answering."""
        running = self._running.get(name)
        if running is not None:
            return running.so_far(), True
        return await self._store.load(name), False

    async def send(
        self, name: str | None, asked: Asked, *, thinking: bool | None, replaces: str | None
    ) -> Sent:
        """Asks a question; once it is written down the answer comes as events.

        Raises `ChatRefused`.
        """
        if not asked.text.strip():
            raise ChatRefused("the question is empty", "Write what you want to know.")
        if len(asked.text) > MAX_QUESTION_CHARACTERS:
            raise ChatRefused(
                f"the question has over {MAX_QUESTION_CHARACTERS:,} characters",
                "Put what it is about into a file, and mention that.",
            )
        conversation = await self._at_rest(name, stops=replaces is not None)
        if replaces is not None:
            conversation = conversation.before(replaces)
        question = asked.question(_new_id())
        return await self._start(conversation, question, asked, thinking=thinking)

    async def regenerate(self, name: str) -> Sent:
        """Has the last question answered again. Raises `ChatRefused`."""
        conversation = await self._at_rest(name, stops=True)
        question = next((it for it in reversed(conversation.transcript) if it.role == "user"), None)
        if question is None:
            raise ChatRefused("there is no question to answer again", "Ask one.")
        asked = Asked.again(question)
        before = conversation.before(question.id)
        return await self._start(before, question, asked, thinking=None)

    async def stop(self, name: str) -> None:
        """Ends the answer under way, and waits until it has ended; what was said stays."""
        running = self._running.get(name)
        if running is not None and running.task is not None:
            running.task.cancel()
            await asyncio.wait([running.task])

    async def delete(self, name: str) -> None:
        await self.stop(name)
        await self._store.delete(name)

    async def rename(self, name: str, title: str) -> None:
        title = title_of(title)
        running = self._running.get(name)
        if running is not None:
            running.conversation = replace(running.conversation, title=title)
        await self._store.rename(name, title)

    async def export(self, name: str) -> str:
        return to_markdown((await self.open(name))[0])

    def suggest(self, query: str, near: str | None) -> list[Mention]:
        return suggest(self._code, query, near)

    async def context(self, name: str | None, asked: Asked) -> Gathered:
        """What a question would be asked with, and what it costs: nothing where no model chats."""
        conversation = (await self.open(name))[0] if name else _new_conversation()
        gathered = await self._gathering.gather(self._client(), conversation, asked, is_sent=False)
        return replace(gathered, limit_tokens=0) if self._chats() is False else gathered

    async def apply(self, name: str, answer_id: str, block: int, active: str | None) -> Applied:
        """The verified change of a code block. Raises `ChatRefused`."""
        answer = (await self.open(name))[0].entry(answer_id)
        if answer is None or answer.role != "assistant":
            raise ChatRefused("the answer is not there any more", "Open the conversation again.")
        return await self._applying().apply(answer.text, block, active)

    async def close(self) -> None:
        """Ends all answers, and writes down what they said."""
        self._is_closing = True
        for name in list(self._running):
            await self.stop(name)
        await self._store.close()

    async def _at_rest(self, name: str | None, *, stops: bool) -> Conversation:
        """A conversation that is not answering, a new one where it has no name."""
        if name is None:
            return _new_conversation()
        if name in self._running:
            if not stops:
                raise ChatRefused("the last question is still being answered", "Stop it first.")
            await self.stop(name)
        conversation = await self._store.load(name)
        if conversation.transcript and conversation.transcript[-1].error == ELSEWHERE:
            raise ChatRefused(
                "another window is answering in this conversation", "Wait, or begin a new one."
            )
        return conversation

    async def _start(
        self, conversation: Conversation, question: Entry, asked: Asked, *, thinking: bool | None
    ) -> Sent:
        if conversation.id in self._running:  # sent twice at once
            raise ChatRefused("the last question is still being answered", "Stop it first.")
        live = LiveAnswer(conversation.id, _new_id(), self._notify)
        is_new = not conversation.transcript
        kept = len(conversation.transcript), len(conversation.log.messages)
        answer = live.entry()
        conversation = replace(
            conversation,
            title=title_of(question.text) if is_new else conversation.title,
            updated_ms=_now_ms(),
            transcript=(*conversation.transcript, question, answer),
        )
        running = _Running(conversation, asked, thinking, live, conversation.log, *kept)
        self._running[conversation.id] = running
        opening = asyncio.create_task(self._save(running, is_open=True))
        running.task = asyncio.create_task(self._answer(running, opening, is_new=is_new))
        await asyncio.shield(opening)
        return Sent(conversation.id, question.id, answer.id)

    async def _answer(
        self, running: _Running, opening: asyncio.Task[None], *, is_new: bool
    ) -> None:
        """Answers, and keeps what comes. Never raises but when it is cancelled."""
        live = running.live
        state: AnswerState = "failed"
        error = hint = ""
        keeping: asyncio.Task[None] | None = None
        try:
            keeping = asyncio.create_task(self._keep(running))
            if is_new:
                live.title(running.conversation.title)
            hint = await self._reply(running)
            state = "done"
        except asyncio.CancelledError:
            state = "stopped"
            if self._is_closing:  # else the user has stopped it
                error, hint = CUT_OFF, CUT_OFF_HINT
            raise
        except HostUnavailable as failure:
            error, hint = failure.message, failure.hint or "It is started anew: ask again."
        except (ChatRefused, InferenceError) as failure:
            error, hint = failure.message, failure.hint
        except Exception:
            logger.exception("an answer failed")
            error, hint = "Sparrow met an error of its own", "Its log says more. Ask again."
        finally:
            if keeping is not None:
                keeping.cancel()
            answer = live.close(state, error, hint)
            *before, _ = running.conversation.transcript
            running.conversation = replace(
                running.conversation, transcript=(*before, answer), updated_ms=_now_ms()
            )
            try:
                await opening
                await self._save(running, is_open=False)
            finally:
                del self._running[running.conversation.id]
                live.tell_end()

    async def _reply(self, running: _Running) -> str:
        """Fills the live answer; gives a remark for the user, or nothing."""
        while True:
            client = self._client()
            try:
                return await self._reply_by(client, running)
            except (HostUnavailable, NotReady) as error:
                if self._client() is client:
                    raise
                if running.live.is_begun:
                    raise HostUnavailable(
                        "the model was changed while it answered", hint="Ask again."
                    ) from error

    async def _reply_by(self, client: InferenceClient, running: _Running) -> str:
        if client.status.state is ClientState.ERROR:
            client.restart()  # it waits before it tries again, and somebody asks now
        chats = self._chats()
        if chats is None:
            await client.wait_ready(LOAD_TIMEOUT_S)
            chats = client.capabilities is not None and client.capabilities.chat
        if not chats:
            found = find_code(self._code, running.asked)
            running.live.say(FOUND if found else NOTHING)
            running.live.found(found)
            return ""
        await client.wait_ready(LOAD_TIMEOUT_S)
        try:
            return await self._ask(client, running)
        except PromptTooLong:
            if running.live.text:
                raise
            return await self._ask(client, running, anew=True)
        except RequestRefused as refusal:
            # Servers say in their own words that a model, or its template, takes no tools.
            model = client.endpoint.model
            is_of_tools = "tool" in refusal.message.lower() and model not in self._without_tools
            if running.live.text or not is_of_tools:
                raise
            self._without_tools.add(model)
            return await self._ask(client, running)

    async def _ask(self, client: InferenceClient, running: _Running, *, anew: bool = False) -> str:
        """Asks the model; what it was shown and said is in the log, also where this fails."""
        *earlier, question, _ = running.conversation.transcript
        before = replace(running.conversation, transcript=tuple(earlier), log=running.log)
        gathered = await self._gathering.gather(
            client, before, running.asked, is_sent=True, anew=anew
        )
        if gathered.is_compacted:
            running.kept_messages = 0
            told = "The conversation was long: earlier turns are told to the model in short."
            running.live.step(Step(f"compact-{_new_id()}", "compact", told, "done"))
        running.live.context(gathered.chips)
        turn = begin_turn(
            gathered.log,
            question.id,
            question.text,
            gathered.pieces,
            earlier=earlier,
            max_earlier_characters=gathered.earlier_characters,
        )
        takes_tools = client.endpoint.model not in self._without_tools
        tools = Tools(self._code, running.asked.uri) if takes_tools else None
        answering = Answering(client, running.live, tools)
        limits = Limits(self._gathering.max_answer_tokens(client, gathered.used_tokens))
        try:
            await answering.run(turn.log.messages, limits, thinking=running.thinking)
        finally:
            log = end_turn(turn.log, answering.appended, answering.tokens)
            running.conversation = replace(running.conversation, log=log)
        return answering.hint

    async def _keep(self, running: _Running) -> None:
        """Writes down, now and then, how far the answer has come."""
        number = len(running.conversation.transcript) - 1
        changes = -1
        while True:
            await asyncio.sleep(_KEEP_S)
            if running.live.changes == changes:
                continue
            changes = running.live.changes
            with contextlib.suppress(ChatRefused):  # told when the answer is saved
                await self._store.touch(running.conversation.id, number, running.live.entry())

    async def _save(self, running: _Running, *, is_open: bool) -> None:
        try:
            saved = await self._store.save(
                self._workspace(),
                running.conversation,
                first_entry=running.kept_entries,
                first_message=running.kept_messages,
                is_open=is_open,
            )
        except ChatRefused as error:
            self._log(f"A chat is not kept: {error}")
            return
        running.conversation = replace(running.conversation, revision=saved.revision)


def _new_conversation() -> Conversation:
    return Conversation(_new_id(), "New chat", _now_ms(), log=PromptLog())


def _new_id() -> str:
    return uuid.uuid4().hex


def _now_ms() -> int:
    return int(time.time() * 1000)
