"""Runs inside vLLM's own server, as its middleware: drives the engine there with no server between.

So one process is both of Sparrow's peers, the plain server over HTTP and a bare AsyncLLM, and both
have the arguments, the loop and the prefix cache that vLLM gives them. Every other path goes
through to vLLM. It imports nothing of vLLM before it is asked.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

PATH = "/sparrow/bare"
_OK = 200

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Bare:
    """Generates for `{"prompts": [[id, ...], ...], "clients", "max_tokens", "stop_ids"}`.

    Each client takes every so many-th prompt, one after the other. Answers with the wall time, the
    CPU time of this process, how many tokens came, and each request's time to its first one.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app
        self._numbers = itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer = json.dumps(await self._run(scope["app"].state.engine_client, json.loads(body)))
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": _OK, "headers": headers})
        await send({"type": "http.response.body", "body": answer.encode()})

    async def _run(self, engine: Any, asked: dict[str, Any]) -> dict[str, Any]:
        prompts, clients = asked["prompts"], asked["clients"]
        started, cpu_started = time.perf_counter(), time.process_time()
        first_ms: list[float] = []
        counts = await asyncio.gather(
            *(
                self._client(engine, prompts[client::clients], asked, first_ms)
                for client in range(clients)
            )
        )
        return {
            "wall_s": time.perf_counter() - started,
            "cpu_s": time.process_time() - cpu_started,
            "tokens": sum(counts),
            "first_token_ms": first_ms,
        }

    async def _client(
        self, engine: Any, prompts: list[list[int]], asked: dict[str, Any], first_ms: list[float]
    ) -> int:
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        count = 0
        for ids in prompts:
            parameters = SamplingParams(
                max_tokens=asked["max_tokens"],
                temperature=0.0,
                stop_token_ids=asked["stop_ids"],
                output_kind=RequestOutputKind.DELTA,
            )
            request = f"bare-{next(self._numbers)}"
            started, first = time.perf_counter(), None
            async for output in engine.generate({"prompt_token_ids": ids}, parameters, request):
                if first is None:
                    first = time.perf_counter()
                    first_ms.append((first - started) * 1000)
                count += len(output.outputs[0].token_ids)
        return count
