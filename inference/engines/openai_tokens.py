"""Prompts as token ids for a vLLM server: by its own tokenizer, where that is on this machine too.

The server says what it was started with: a folder, which is here if the server is, or a repository
of the hub, which may be in the cache. What is found there is used only where it gives the ids that
the server gives. With ids the server encodes nothing at a keystroke, tokens are counted exactly, and
no text of a file can pass for a special token. Elsewhere, and without the library `tokenizers`, which
comes with vLLM, prompts are text.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from inference import checkpoints
from inference.engines.openai_server import Address, ServedModel, ServerKind
from inference.engines.openai_stream import fields_of, items_of
from inference.engines.token_prompts import TokenPrompts
from inference.errors import EngineFailed
from inference.formats.fim import FimTokens
from inference.formats.tokens import SAMPLES
from inference.hardware import model_cache

logger = logging.getLogger(__name__)

Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]
_TOKENIZER = "tokenizer.json"


async def find_prompts(
    served: ServedModel, address: Address, tokens: FimTokens, ask: Ask
) -> TokenPrompts | None:
    """What makes prompts of ids for that server, or None where they are to be text.

    `tokens` are the special ones as the server knows them; `ask` asks it below its root.
    """
    file = _tokenizer_file(served, address, os.environ)
    if file is None:
        return None
    prompts = await asyncio.to_thread(_read, file)
    if prompts is None or prompts.fim is None or prompts.fim.ids != tokens.ids:
        return None
    for text in SAMPLES:
        body = {"model": served.name, "prompt": text, "add_special_tokens": False}
        answer = fields_of(await ask("/tokenize", body))
        if list(items_of(answer.get("tokens"))) != list(prompts.encode(text)):
            logger.warning("%s is not the tokenizer of %s", file, served.name)
            return None
    logger.info("prompts are sent as token ids, by %s", file)
    return prompts


def _tokenizer_file(
    served: ServedModel, address: Address, environment: Mapping[str, str]
) -> Path | None:
    if served.kind is not ServerKind.VLLM or not served.root:
        return None
    if Path(served.root).is_absolute():
        # Another machine's folder says nothing of ours.
        file = Path(served.root) / _TOKENIZER if address.is_loopback else None
    elif checkpoints.is_repository(served.root):
        snapshot = checkpoints.find(model_cache(environment), served.root)
        file = snapshot / _TOKENIZER if snapshot is not None else None
    else:
        return None
    return file if file is not None and file.is_file() else None


def _read(file: Path) -> TokenPrompts | None:
    """May take a second: a vocabulary has some 150,000 entries."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    try:
        return TokenPrompts(_Bare(Tokenizer.from_file(str(file))))
    except EngineFailed as error:
        logger.warning("%s: %s", file, error)
    except Exception as error:  # noqa: BLE001 - the library raises no other
        logger.warning("%s cannot be read: %s", file, error)
    return None


class _Bare:
    """A tokenizer as `TokenPrompts` takes it, with no template: conversations are the server's."""

    chat_template = None

    def __init__(self, tokenizer: Any) -> None:
        self.backend_tokenizer = tokenizer
        self.get_vocab = tokenizer.get_vocab
