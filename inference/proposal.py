"""Which model that chats suits this machine, for who has none: the planner's proposal in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proposal:
    """A model that chats and suits this machine; `command` downloads it."""

    model: str
    why: str
    command: str


def propose_chat_model() -> Proposal | str:
    """What the planner proposes for the hardware found, or in words why nothing.

    Asks the tools of GPUs, which may take a second: call it in a thread.
    """
    from inference.hardware import described, detect
    from inference.variants import choose_variant

    hardware = detect()
    choice = choose_variant(hardware)
    if choice.preset is None or not choice.preset.chat:
        return (
            f"No model that chats and that Sparrow knows suits this machine ({described(hardware)})."
            " A server of your own can serve one: name it in sparrow.chat.model, as openai:URL."
        )
    why = " ".join((f"It suits this machine: {described(hardware)}.", *choice.notes))
    return Proposal(choice.model, why, f"sparrow download {choice.model}")
