"""Whether there is a model to chat with, how it is, and what to set up where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from inference.client import ClientStatus
from inference.proposal import Proposal, propose_chat_model
from lsp_server import chat_protocol as protocol

NONE_SET_UP = "No chat model is set up: questions are answered with the code that matches them."


class ChatState:
    """`notify` tells each change; the hardware is looked at once, and only where it matters."""

    def __init__(
        self,
        *,
        chats: Callable[[], bool | None],
        status: Callable[[], ClientStatus],
        notify: Callable[[protocol.State], None],
        propose: Callable[[], Proposal | str] = propose_chat_model,
    ) -> None:
        self._chats = chats
        self._status = status
        self._notify = notify
        self._propose = propose
        self._proposed: Proposal | str | None = None
        self._last: protocol.State | None = None
        self._is_asked = False

    async def now(self) -> protocol.State:
        """As it is, with a proposal where no model chats."""
        self._is_asked = True
        if self._chats() is False and self._proposed is None:
            self._proposed = await asyncio.to_thread(self._propose)
        self._last = self._state()
        return self._last

    def changed(self) -> None:
        """The model for chat, or how it is, may be another: tells who has asked once."""
        if self._is_asked and (state := self._state()) != self._last:
            self._last = state
            self._notify(state)

    def _state(self) -> protocol.State:
        status = self._status()
        has_model = self._chats() is not False
        message, proposal = status.message, None
        if not has_model:
            message = NONE_SET_UP
            if isinstance(self._proposed, Proposal):
                it = self._proposed
                proposal = protocol.Proposal(model=it.model, why=it.why, command=it.command)
            elif self._proposed:
                message = f"{NONE_SET_UP} {self._proposed}"
        return protocol.State(
            hasChatModel=has_model,
            model=status.model,
            state=status.state.value,
            message=message,
            proposal=proposal,
        )
