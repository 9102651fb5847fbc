"""Samples of a model that chats: what becomes of those that cannot be mended."""

from __future__ import annotations

from typing import cast

from inference.client import InferenceClient
from inference.errors import PromptTooLong
from lsp_server.agent.sample_proposer import SampleProposer
from lsp_server.agent.task import Request, Task
from tests.unit.lsp_server.agent.fake_chat import FakeChat
from tests.unit.lsp_server.on_loop import on_loop

TEXT = "def fee(days):\n    return days - 1\n"
RIGHT = """\
<<<<<<< SEARCH
    return days - 1
=======
    return days
>>>>>>> REPLACE
"""
BROKEN = RIGHT.replace("days - 1", "days - 2")


@on_loop
async def test_what_is_too_long_to_be_mended_leaves_the_others() -> None:
    told: list[str] = []
    refused = [PromptTooLong("the prompt has 5,000 tokens", hint="") for _ in range(3)]
    chat = FakeChat([BROKEN, RIGHT, BROKEN, BROKEN, *refused])
    proposer = SampleProposer(cast("InferenceClient", chat), on_problem=told.append)
    rounds = proposer.rounds(Task(Request("fee"), {"fee.py": TEXT}, ()), (), 30.0)
    (found,) = await anext(rounds)
    await rounds.aclose()
    assert found.files == {"fee.py": TEXT.replace("days - 1", "days")}
    assert found.origin == "model sample 2"
    assert "model sample 1: the prompt has 5,000 tokens" in told
