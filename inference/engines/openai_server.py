"""The server behind an OpenAI-compatible address: where it is, what it is, and which model it serves.

This module is pure: it reads addresses, environments and answers that others fetched. What comes
from a server is checked here, whatever it says.

What is known of the servers, and read from where
- vLLM lists its models with `owned_by: vllm` and `max_model_len` (observed with 0.32).
- llama.cpp's server lists `owned_by: llamacpp`; `/props` has the context of one slot, which is what
  a request can use, and the number of slots (its README).
- Ollama answers `/api/version`; `/api/ps` has the context length that a running model was given,
  where the version tells it (its API documentation).
- Others: some list `context_length`, `context_window` or `max_context_length`.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from inference.endpoint import API_KEY_VARIABLE
from inference.engines.openai_stream import MAX_COUNT, fields_of, items_of
from inference.errors import EngineFailed, UnknownModel
from inference.formats.fim import (
    CODE_GEMMA,
    CODE_LLAMA,
    CODESTRAL,
    DEEP_SEEK,
    QWEN,
    STAR_CODER,
    FimFamily,
)

KEY_VARIABLE = API_KEY_VARIABLE
OLLAMA_CONTEXT_TOKENS = 4096
"""What Ollama gives a model unless it is told otherwise; of a longer prompt it drops the start."""

_CONTEXT_KEYS = ("max_model_len", "context_length", "context_window", "max_context_length")
_MAX_NAMED = 8
_FAMILY_NAMES = (
    (re.compile("codegemma|code-gemma"), CODE_GEMMA),
    (re.compile("codestral"), CODESTRAL),
    (re.compile("starcoder"), STAR_CODER),
    (re.compile("codellama|code-llama"), CODE_LLAMA),
    (re.compile("deepseek"), DEEP_SEEK),
    (re.compile("qwen"), QWEN),
)


class ServerKind(enum.Enum):
    VLLM = "vLLM"
    LLAMA_CPP = "llama.cpp"
    OLLAMA = "Ollama"
    OTHER = "an OpenAI-compatible server"


@dataclass(frozen=True, slots=True)
class Address:
    """`URL[#MODEL]`, taken apart. Make it with `parse`."""

    base_url: str  # of the API, which most servers have under /v1; no slash at its end
    host: str
    is_encrypted: bool
    model: str  # empty: the only one that is served

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `UnknownModel`, which is not tried again, for what is no address."""
        url, _, model = text.partition("#")
        if "@" in url:  # before anything that would show it
            raise _no_address(
                "the address of a server holds no user name or password",
                hint=f"Give the key by `Sparrow: Set API Key…`, or in the environment as {KEY_VARIABLE}.",
            )
        try:
            parts = urlsplit(url)
            _ = parts.port  # raises where it is no number
        except ValueError as error:
            raise _no_address(f"{url!r} is not an address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _no_address(f"{url!r} is not an address that starts with http:// or https://")
        if parts.query:
            raise _no_address(f"the address of a server has no query: {parts.query!r}")
        if not url.isprintable() or " " in url:
            raise _no_address(f"{url!r} is not an address")
        path = parts.path.rstrip("/") or "/v1"
        base_url = f"{parts.scheme}://{parts.netloc}{path}"
        return cls(base_url, parts.hostname, parts.scheme == "https", model.strip())

    @property
    def root_url(self) -> str:
        """Where servers have what is their own, beside the API."""
        return self.base_url.removesuffix("/v1")

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine; so is 0.0.0.0, as servers write where they listen."""
        if self.host == "localhost":
            return True
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return address.is_loopback or address.is_unspecified


def api_key(environment: Mapping[str, str], address: Address) -> str | None:
    """The key to show to the server, or None.

    Raises `EngineFailed` rather than let a key cross a network in the clear.
    """
    key = environment.get(KEY_VARIABLE, "").strip()
    if not key:
        return None
    if not key.isascii() or not key.isprintable() or " " in key:
        raise EngineFailed(
            f"{KEY_VARIABLE} holds characters that no key has",
            hint="Set it to the key alone, without quotes and line breaks.",
        )
    if not address.is_encrypted and not address.is_loopback:
        raise EngineFailed(
            f"the key of {address.host} would cross the network unencrypted",
            hint=f"Use an https:// address, or unset {KEY_VARIABLE} if the server needs no key.",
        )
    return key


@dataclass(frozen=True, slots=True)
class ServedModel:
    name: str
    kind: ServerKind  # Ollama is told from others by an answer of its own
    context_tokens: int | None
    root: str = ""  # what vLLM was started with: a folder of its machine, or a repository


def served_model(listing: Any, address: Address) -> ServedModel:
    """The model to use, of those that `GET /models` lists. Raises `EngineFailed`."""
    entries = fields_of(listing).get("data")
    if not isinstance(entries, list):
        raise not_openai(address)
    by_name = {
        name: entry
        for entry in map(fields_of, items_of(entries))
        if isinstance(name := entry.get("id"), str)
    }
    if not by_name:
        raise EngineFailed(
            f"the server at {address.base_url} serves no model", hint="Load a model into it first."
        )
    name = _choose(address, by_name)
    entry = by_name[name]
    root = entry.get("root")
    return ServedModel(
        name, _kind(entry), _context_tokens(entry), root if isinstance(root, str) else ""
    )


def not_openai(address: Address) -> EngineFailed:
    return EngineFailed(
        f"what answers at {address.base_url} is not an OpenAI-compatible server",
        hint="The address is the one of the API, which usually ends in /v1.",
    )


def slots_of(props: Any) -> tuple[int | None, int | None]:
    """The context of one slot, and the number of slots, that llama.cpp's `/props` tells."""
    settings = fields_of(fields_of(props).get("default_generation_settings"))
    return _positive(settings.get("n_ctx")), _positive(fields_of(props).get("total_slots"))


def running_context_tokens(running: Any, name: str) -> int:
    """The context that Ollama has given a model, by its `/api/ps`."""
    for model in map(fields_of, items_of(fields_of(running).get("models"))):
        if name in (model.get("name"), model.get("model")):
            return _positive(model.get("context_length")) or OLLAMA_CONTEXT_TOKENS
    return OLLAMA_CONTEXT_TOKENS


def special_token_ids(answer: Any, names: Iterable[str]) -> dict[str, int]:
    """The ids of those names that are tokens, by the server's own tokenization of them all.

    vLLM answers with `tokens` and `token_strs`, llama.cpp with `tokens` of `id` and `piece`.
    """
    tokens = items_of(fields_of(answer).get("tokens"))
    texts = items_of(fields_of(answer).get("token_strs"))
    if len(texts) == len(tokens):
        pairs = list(zip(texts, tokens, strict=True))
    else:
        pairs = [(each.get("piece"), each.get("id")) for each in map(fields_of, tokens)]
    wanted = frozenset(names)
    return {
        text: number
        for text, number in pairs
        if isinstance(text, str) and text in wanted and type(number) is int
    }


def family_by_name(model: str) -> FimFamily | None:
    """The family that a model's name speaks of: a guess, for servers that show no vocabulary."""
    name = model.replace("\\", "/").rpartition("/")[2].lower()
    return next((family for pattern, family in _FAMILY_NAMES if pattern.search(name)), None)


def _choose(address: Address, served: Iterable[str]) -> str:
    names = sorted(served)
    if not address.model:
        if len(names) == 1:
            return names[0]
        raise EngineFailed(
            f"the server at {address.base_url} serves several models, and none is named",
            hint=f"Put a name behind the address, as in #{names[0]}. It serves {_listed(names)}.",
        )
    for name in (address.model, f"{address.model}:latest"):  # so Ollama calls what has no tag
        if name in names:
            return name
    raise EngineFailed(
        f"the server at {address.base_url} does not serve {address.model!r}",
        hint=f"It serves {_listed(names)}.",
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def _kind(entry: Mapping[str, Any]) -> ServerKind:
    owner = entry.get("owned_by")
    return {"vllm": ServerKind.VLLM, "llamacpp": ServerKind.LLAMA_CPP}.get(
        owner if isinstance(owner, str) else "", ServerKind.OTHER
    )


def _context_tokens(entry: Mapping[str, Any]) -> int | None:
    trained = fields_of(entry.get("meta")).get("n_ctx_train")
    candidates = [_positive(entry.get(key)) for key in _CONTEXT_KEYS] + [_positive(trained)]
    return next(filter(None, candidates), None)


def _positive(value: Any) -> int | None:
    """A number of tokens or slots; one that cannot be stands for `no limit`, as 10**30 does."""
    return value if type(value) is int and 0 < value <= MAX_COUNT else None


def _no_address(
    problem: str, hint: str = "Use openai:http://127.0.0.1:8000/v1#MODEL."
) -> UnknownModel:
    return UnknownModel(problem, hint)
