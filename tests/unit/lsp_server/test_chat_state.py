"""What the chat says of its model, and what it proposes where there is none."""

from __future__ import annotations

from inference.client import ClientState, ClientStatus
from inference.proposal import Proposal
from lsp_server import chat_protocol as protocol
from lsp_server.features.chat_state import ChatState
from tests.unit.lsp_server.on_loop import on_loop


class Window:
    def __init__(self, proposed: Proposal | str) -> None:
        self.chats: bool | None = False
        self.status = ClientStatus(ClientState.READY, "wren", "wren")
        self.told: list[protocol.State] = []
        self.looked = 0
        self.proposed = proposed
        self.state = ChatState(
            chats=lambda: self.chats,
            status=lambda: self.status,
            notify=self.told.append,
            propose=self.propose,
        )

    def propose(self) -> Proposal | str:
        self.looked += 1
        return self.proposed


@on_loop
async def test_a_model_is_proposed_where_none_chats() -> None:
    window = Window(Proposal("big", "It fits.", "sparrow download big"))
    state = await window.state.now()
    assert (state["hasChatModel"], state["model"], state["state"]) == (False, "wren", "ready")
    assert state["proposal"] == {
        "model": "big",
        "why": "It fits.",
        "command": "sparrow download big",
    }
    await window.state.now()
    assert window.looked == 1  # the hardware stays


@on_loop
async def test_a_machine_that_none_suits_is_told_so() -> None:
    window = Window("No model suits this machine.")
    state = await window.state.now()
    assert state["proposal"] is None
    assert state["message"].endswith("No model suits this machine.")


@on_loop
async def test_changes_are_told_once_to_who_has_asked() -> None:
    window = Window("None.")
    window.state.changed()
    assert window.told == []
    await window.state.now()
    window.state.changed()
    assert window.told == []
    window.chats = None
    window.status = ClientStatus(ClientState.LOADING, "vllm", "big", "reading")
    window.state.changed()
    window.state.changed()
    (told,) = window.told
    assert (told["hasChatModel"], told["state"], told["message"]) == (True, "loading", "reading")
    assert told["proposal"] is None
