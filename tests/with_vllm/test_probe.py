"""The order of filling in is asked of real models, which were trained on one order or on none."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re

import pytest

from inference.client import InferenceClient
from inference.content import Layout, LayoutSection, TextChunk
from inference.endpoint import Endpoint
from inference.errors import UnsupportedRequest
from inference.formats.fim import FimOrder
from inference.formats.probe import ACCEPTED, MARGIN, MAX_TOKENS
from inference.protocol import Delta, Priority, Role, Tail
from inference.sampling import Sampling
from tests.with_vllm.conftest import Served
from tests.with_vllm.toy_language import Document, documents
from tests.with_vllm.toy_model import SEED, share_expected

DOCUMENTS = 60
SCORES = re.compile(r"(prefix|suffix) first (\d+)%", re.IGNORECASE)
PSM, SPM = FimOrder.PREFIX_FIRST, FimOrder.SUFFIX_FIRST
NAMES = {"prefix": PSM, "suffix": SPM}


async def fill_in(client: InferenceClient, document: Document) -> str:
    """What the model completes where the document's middle stood."""
    sections = [
        LayoutSection(Role.SUFFIX, document.path, (TextChunk.of(document.suffix),)),
        LayoutSection(Role.PREFIX, document.path, ()),
    ]
    stream = client.generate(
        Layout.of(sections),
        Tail(document.prefix, ""),
        Sampling(max_tokens=MAX_TOKENS),
        Priority.COMPLETION,
    )
    async with contextlib.aclosing(stream):
        return "".join([message.text async for message in stream if isinstance(message, Delta)])


def scores(served: Served) -> dict[FimOrder, float]:
    """What the host's log says of the probe: the scores of the orders, 0 to 1."""
    log = Endpoint.of(served.model, served.engine_args).log_file.read_text()
    (verdict,) = filter(None, map(SCORES.findall, log.splitlines()))
    return {NAMES[name.lower()]: int(share) / 100 for name, share in verdict}


@pytest.mark.parametrize(("toy", "order"), [("psm", PSM), ("spm", SPM)], indirect=["toy"])
def test_a_model_is_asked_in_the_order_that_it_was_trained_on(toy: Served, order: FimOrder) -> None:
    """The tasks are not in the training, nor are these documents."""

    async def test(client: InferenceClient) -> None:
        assert client.capabilities is not None
        assert client.capabilities.fim
        found = scores(toy)
        assert found[order] >= ACCEPTED + MARGIN
        assert min(found.values()) < ACCEPTED - MARGIN
        asked = list(itertools.islice(documents(seed=SEED + 1), DOCUMENTS))
        answers = await asyncio.gather(*(fill_in(client, document) for document in asked))
        right = sum(map(Document.is_filled_by, asked, answers))
        assert right >= 0.8 * DOCUMENTS

    toy.run(test)


@pytest.mark.parametrize("toy", ["none"], indirect=True)
def test_a_model_that_was_trained_on_none_is_not_asked_to_fill_in(toy: Served) -> None:
    """It has the tokens for it, and knows the language."""
    asked = list(itertools.islice(documents(seed=SEED + 1), DOCUMENTS))
    assert share_expected(toy.checkpoint, asked) >= 0.6

    async def test(client: InferenceClient) -> None:
        assert client.capabilities is not None
        assert not client.capabilities.fim
        assert max(scores(toy).values()) < ACCEPTED - MARGIN
        with pytest.raises(UnsupportedRequest, match="neither fill in the middle nor chat"):
            await fill_in(client, asked[0])

    toy.run(test)
