"""Other ways to go on, for who asks by hand: drawn rather than the likeliest, of one prompt.

An engine that gives several answers at once reads the prompt once; any other is asked one by one,
and finds it in its cache. One that says the same again is not asked any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable

from inference.client import InferenceClient
from inference.content import Layout
from inference.errors import InferenceError
from inference.protocol import Delta, Priority, Tail
from inference.sampling import Sampling
from lsp_server.completions.stop import Filter
from lsp_server.context.budget import ANSWER_TOKENS

logger = logging.getLogger(__name__)

ALTERNATIVES = 3
# Who asks by hand waits a moment; what is there by then is shown.
PATIENCE_S = 2.5
_DRAWN = Sampling(max_tokens=ANSWER_TOKENS, temperature=0.8, top_p=0.95)


async def draw(
    client: InferenceClient, shown: tuple[Layout, Tail], new_filter: Callable[[], Filter]
) -> tuple[list[str], int]:
    """Texts that differ, each through a filter of its own, and how many tokens all of them took."""
    texts: list[str] = []
    tokens = 0
    capabilities = client.capabilities
    at_once = capabilities is not None and capabilities.samples
    samples = ALTERNATIVES if at_once else 1
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(ALTERNATIVES // samples):
                filters = [new_filter() for _ in range(samples)]
                sampling = dataclasses.replace(_DRAWN, samples=samples)
                stream = client.generate(*shown, sampling, Priority.COMPLETION)
                try:
                    async with contextlib.aclosing(stream):
                        async for message in stream:
                            if isinstance(message, Delta):
                                filters[message.sample].feed(message.text)
                                tokens += message.tokens
                                if all(it.passed.stop is not None for it in filters):
                                    break
                except InferenceError as error:  # there is one completion all the same
                    logger.info("there are no alternatives: %s", error)
                finally:
                    written = dict.fromkeys(it.finish().text for it in filters)
                    new = [it for it in written if it.strip() and it not in texts]
                    texts += new
                if not new:
                    break
    return texts, tokens
