"""Other ways to go on, for who asks by hand: drawn rather than the likeliest, of one prompt.

An engine that gives several answers at once reads the prompt once; any other is asked one by one,
and finds it in its cache. One that always says the same is not asked a third time.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses

from inference.client import InferenceClient
from inference.content import Layout
from inference.protocol import Delta, Priority, Tail
from inference.sampling import Sampling
from lsp_server.context.budget import ANSWER_TOKENS

ALTERNATIVES = 3
# Who asks by hand waits a moment; what is there by then is shown.
PATIENCE_S = 2.5
_DRAWN = Sampling(max_tokens=ANSWER_TOKENS, temperature=0.8, top_p=0.95)


async def draw(
    client: InferenceClient, layout: Layout, tail: Tail, max_lines: int
) -> tuple[list[str], int]:
    """Texts that differ, and how many tokens they took. Raises `InferenceError`."""
    texts: list[str] = []
    tokens = 0
    capabilities = client.capabilities
    at_once = capabilities is not None and capabilities.samples
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(1 if at_once else ALTERNATIVES):
                samples = ALTERNATIVES if at_once else 1
                written = [""] * samples
                sampling = dataclasses.replace(_DRAWN, samples=samples)
                stream = client.generate(layout, tail, sampling, Priority.COMPLETION)
                try:
                    async with contextlib.aclosing(stream):
                        async for message in stream:
                            if isinstance(message, Delta):
                                written[message.sample] += message.text
                                tokens += message.tokens
                                if all(it.count("\n") >= max_lines for it in written):
                                    break
                finally:
                    new = [it for it in dict.fromkeys(written) if it and it not in texts]
                    texts += new
                if not new:
                    break
    return texts, tokens
