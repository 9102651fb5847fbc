"""The connection to one OpenAI-compatible server: questions, streamed answers, and what went wrong.

Every failure comes out as one of two kinds
- `EngineFailed`: the server cannot be reached, fails, or does not serve the model any more.
- `RequestRefused` and its kinds: one request failed, and the server, asked once more, is there.

Decided, and why
- Closing a response that is not at its end closes its connection: by that a server knows that nobody
  wants the rest, and frees the request.
- A connection that was idle may be closed by the server just as it is used again; so a request that
  got no answer at all is sent a second time.
- For a loopback address no proxy of the environment is used: it could not reach it, and the request
  is not to leave the machine.
- Redirects are not followed: they could lead code and key elsewhere.

No prompt, completion or key is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from inference import __version__
from inference.engines.base import Piece
from inference.engines.openai_chat import PlainReader
from inference.engines.openai_request import Call
from inference.engines.openai_server import (
    KEY_VARIABLE,
    Address,
    ServedModel,
    not_openai,
    served_model,
)
from inference.engines.openai_stream import (
    EventReader,
    Step,
    TokenUsage,
    detail_of,
    read_step,
    refusal,
)
from inference.errors import (
    EngineFailed,
    InferenceError,
    RequestRefused,
    UnknownModel,
    UnsupportedRequest,
)
from inference.protocol import FinishReason
from inference.surrogates import SplitCharacters

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

_KEPT_CONNECTIONS = 32
_OK = 200
_REDIRECTS = range(300, 400)
_UNAUTHORIZED = (401, 403)
_MISSING = (404, 405)
_BUSY = (429, 503)
_SERVER_ERRORS = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """For how long a server is waited for."""

    connect_s: float = 5.0
    answer_s: float = 10.0  # to a question of `load`
    loading_s: float = 600.0  # to a server that loads its model
    stall_s: float = 60.0  # without a byte, in a queue for instance
    ending_s: float = 2.0  # for the usage, behind the end of the text
    probe_s: float = 15.0


DEFAULT_LIMITS = Limits()


class StepReader(Protocol):
    """Makes pieces of an answer's steps, and of what is left when it has ended."""

    def read(self, step: Step) -> list[Piece]: ...

    def end(self) -> list[Piece]: ...


class Connection:
    """Open it with `open`, which imports httpx."""

    def __init__(
        self,
        address: Address,
        key: str | None,
        limits: Limits,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._address = address
        self._key = key
        self._limits = limits
        self._transport = transport
        # For a balancer that sends a user's requests to the replica whose cache knows them.
        self._session = secrets.token_hex(8)
        self._client: httpx.AsyncClient | None = None

    async def open(self) -> None:
        self._client = await asyncio.to_thread(self._new_client)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def find_model(self) -> ServedModel:
        """The model that is to be used, as the server lists it.

        Raises `EngineFailed`, or `Overloaded` where the server takes no requests now.
        """
        url = f"{self._address.base_url}/models"
        response = await self._get(url, None, self._limits.answer_s)
        status = response.status_code
        if status in _UNAUTHORIZED:
            raise self._unauthorized(status)
        if status in _REDIRECTS:
            raise EngineFailed(
                f"{url} redirects elsewhere, which is not followed",
                hint="Name the address that it redirects to, if you trust it.",
            )
        if status in _BUSY:
            raise refusal(status, detail_of(response.content))
        if status >= _SERVER_ERRORS:
            raise EngineFailed(
                f"the server at {self._address.base_url} fails: it answers {status}",
                hint="See what the server says.",
            )
        if status != _OK:
            raise not_openai(self._address)
        return served_model(_json(response), self._address)

    async def ask(
        self,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        limit_s: float | None = None,
        needs_key: bool = False,
    ) -> Any:
        """What a server answers to a question that it may not know; None where it does not.

        `path` is below the server's root. Raises `EngineFailed` where `needs_key` says that a
        server that knows the question asks for a key, and it is not content with ours.
        """
        url = f"{self._address.root_url}{path}"
        try:
            response = await self._get(url, body, limit_s or self._limits.answer_s)
        except EngineFailed as error:
            logger.warning("asking for %s: %s", path, error)
            return None
        if needs_key and response.status_code in _UNAUTHORIZED:
            raise self._unauthorized(response.status_code)
        return _json(response) if response.status_code == _OK else None

    async def _get(self, url: str, body: dict[str, Any] | None, limit_s: float) -> httpx.Response:
        """The answer to a question, whatever its status. Raises `EngineFailed` where none comes."""
        import httpx

        client = self._opened()
        timeout = httpx.Timeout(limit_s, connect=self._limits.connect_s)
        method = "GET" if body is None else "POST"
        try:
            return await client.request(method, url, json=body, timeout=timeout)
        except httpx.InvalidURL as error:
            raise UnknownModel(f"{url} is not an address: {error}") from error
        except httpx.RequestError as error:
            raise self._unreachable(error) from error

    async def pieces(
        self, call: Call, reader: StepReader | None = None
    ) -> AsyncGenerator[Piece, None]:
        """The answer to a call, as `reader` reads it, or plainly.

        The last piece has the finish, and the tokens that were not counted before.
        """
        reader = reader or PlainReader()
        count = 0
        usage: TokenUsage | None = None
        finish: FinishReason | None = None
        answered = False
        async with contextlib.aclosing(self._steps(call)) as steps:
            async for step in steps:
                answered = True
                usage, finish = step.usage or usage, step.finish
                for piece in reader.read(step):
                    count += piece.token_count
                    yield piece
                if finish is not None:
                    break
            if finish is not None:
                usage = await self._usage_behind(steps) or usage
        if not answered:
            raise RequestRefused("the server ended its answer before it began")
        for piece in reader.end():
            yield piece
        missing = max(usage.generated_tokens - count, 0) if usage else 0
        # A server that ends its answer in order, and says no reason, has come to an end.
        finish = finish or FinishReason.STOP
        cached, prompt_tokens = (usage.cached_tokens, usage.prompt_tokens) if usage else (0, 0)
        yield Piece("", missing, finish, cached, prompt_tokens or None)

    async def _usage_behind(self, steps: AsyncGenerator[Step, None]) -> TokenUsage | None:
        """What follows the text, up to the end, so that the connection can be used again."""
        usage = None
        with contextlib.suppress(TimeoutError, InferenceError):
            async with asyncio.timeout(self._limits.ending_s):
                async for step in steps:
                    usage = step.usage or usage
        return usage

    async def _steps(self, call: Call) -> AsyncGenerator[Step, None]:
        import httpx

        try:
            response = await self._send(call)
            async with contextlib.aclosing(response):
                if response.status_code != _OK:
                    status, detail = response.status_code, detail_of(await response.aread())
                else:
                    text, thinking = SplitCharacters(), SplitCharacters()
                    async with contextlib.aclosing(_events(response)) as events:
                        async for event in events:
                            step = read_step(event)
                            yield replace(
                                step,
                                text=text.feed(step.text),
                                thinking=thinking.feed(step.thinking),
                            )
                    return
        except httpx.RequestError as error:
            await self._explain(error)
        await self._refuse(status, detail)

    async def _send(self, call: Call) -> httpx.Response:
        import httpx

        client = self._opened()
        request = client.build_request("POST", call.url, json=call.body)
        try:
            return await client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return await client.send(request, stream=True)

    async def _refuse(self, status: int, detail: str) -> NoReturn:
        """Raises what a status means, once it is sure that the server is there."""
        if status not in _BUSY and (
            status >= _SERVER_ERRORS or status in _UNAUTHORIZED or status in _MISSING
        ):
            await self.find_model()
        raise refusal(status, detail)

    async def _explain(self, error: httpx.RequestError) -> NoReturn:
        """Raises what a connection's error means, once it is known whether the server is there."""
        import httpx

        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            raise self._unreachable(error) from error
        await self.find_model()
        if isinstance(error, httpx.TimeoutException):
            raise RequestRefused(
                f"the server sent nothing for {self._limits.stall_s:g} s",
                hint="It may have too much to do.",
            ) from error
        raise RequestRefused(
            f"the connection to the server was lost in the middle of a request: {_words(error)}"
        ) from error

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            raise UnsupportedRequest("the engine is closed")
        return self._client

    def _unauthorized(self, status: int) -> EngineFailed:
        given = "does not accept the key" if self._key else "asks for a key"
        return EngineFailed(
            f"the server at {self._address.base_url} {given} ({status})",
            hint="Give it by `Sparrow: Set API Key…`, or set"
            f" {KEY_VARIABLE} in the environment that the editor is started from.",
        )

    def _unreachable(self, error: httpx.RequestError) -> EngineFailed:
        import httpx

        url = self._address.base_url
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLError):
            cause = cause.__cause__ or cause.__context__
        if cause is not None:
            reason = getattr(cause, "verify_message", None) or getattr(cause, "reason", None)
            return EngineFailed(
                f"no secure connection to {url}: {reason or cause}",
                hint="Check that it speaks https. SSL_CERT_FILE names an authority of your own.",
            )
        if isinstance(error, httpx.TimeoutException):
            return EngineFailed(
                f"the server at {url} does not answer in time", hint="See what the server says."
            )
        return EngineFailed(
            f"the server at {url} cannot be reached: {_words(error)}",
            hint="Start it, or correct the address in Sparrow's settings.",
        )

    def _new_client(self) -> httpx.AsyncClient:
        try:
            import httpx
        except ImportError as error:
            raise EngineFailed(
                f"httpx is not installed in this environment: {error}",
                hint="Install it: pip install 'httpx>=0.28'.",
            ) from error
        # At its own level it logs a line for each request, which is for each keystroke.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        headers = {
            "user-agent": f"sparrow/{__version__}",
            "accept-encoding": "identity",  # a compressed stream comes in lumps
            "x-session-id": self._session,
        }
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        limits = self._limits
        try:
            return httpx.AsyncClient(
                headers=headers,
                timeout=httpx.Timeout(limits.stall_s, connect=limits.connect_s, pool=None),
                # The host's scheduler bounds the requests.
                limits=httpx.Limits(
                    max_connections=None, max_keepalive_connections=_KEPT_CONNECTIONS
                ),
                trust_env=not self._address.is_loopback,
                # Without TLS nothing is verified, and reading all authorities takes its time.
                verify=self._address.is_encrypted
                or not self._address.is_loopback
                or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                follow_redirects=False,
                transport=self._transport,
            )
        except (ImportError, ValueError) as error:
            raise EngineFailed(
                f"the proxy that the environment names cannot be used: {_words(error)}",
                hint="Correct HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or unset them.",
            ) from error


async def _events(response: httpx.Response) -> AsyncGenerator[str, None]:
    """The data of the events; of an answer that is no stream, the whole."""
    if response.headers.get("content-type", "").startswith("application/json"):
        yield (await response.aread()).decode(errors="replace")
        return
    reader = EventReader()
    async for received in response.aiter_bytes():
        for event in reader.feed(received):
            yield event
    for event in reader.end():
        yield event


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
