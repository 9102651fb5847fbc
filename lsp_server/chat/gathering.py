"""What a turn shows a model: gathered, counted in the model's own tokens, and fitted to its context.

Gathered for the chips while the user types, and once more when the question is sent; in between the
model counts, and so has read in what will be sent. Nothing waits for a count when a question is sent:
what is not counted is estimated.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.client import InferenceClient
from inference.errors import InferenceError
from lsp_server.chat.blocks import Piece, fit, pack
from lsp_server.chat.prompt import SYSTEM
from lsp_server.chat.sources import PINNED, Asked, Sources
from lsp_server.chat.token_counts import TokenCounts
from lsp_server.chat.transcript import ChatRefused, Chip, Conversation, Mention, PromptLog

logger = logging.getLogger(__name__)

COUNT_TIMEOUT_S = 2.0
UNKNOWN_CONTEXT_TOKENS = 32_768  # of a model that is not loaded, or does not say
MAX_ANSWER_TOKENS = 32_768
_RESERVED_TOKENS = 8_192  # for the answer and what tools say; of a small context, a quarter
_TEMPLATE_TOKENS = 1_024  # tools' definitions and marks around messages
_AUTOMATIC_TOKENS = 6_000
_EARLIER_SHARE = 4  # of the context, what was said before has one part in so many
_REPOSITORY_SHARE = 0.8
# So many characters for a token: what is taken of a repository must not depend on what was counted
# last, since each file more would be shown behind the others.
_CHARACTERS_PER_TOKEN = 3


@dataclass(frozen=True, slots=True)
class Gathered:
    """`log` is what the turn is appended to: an empty one where the conversation is compacted.

    `limit_tokens` is 0 where there is no budget to be told.
    """

    log: PromptLog
    pieces: tuple[Piece, ...]
    chips: tuple[Chip, ...]
    used_tokens: int
    limit_tokens: int
    is_exact: bool
    is_compacted: bool
    earlier_characters: int


class Gathering:
    """The client that a call names is that of the model that will answer."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._counts = TokenCounts()

    def max_answer_tokens(self, client: InferenceClient, used_tokens: int) -> int:
        """What of the context is left for an answer behind a prompt."""
        left = _context(client) - used_tokens - _TEMPLATE_TOKENS
        return max(min(MAX_ANSWER_TOKENS, left), 256)

    async def gather(
        self,
        client: InferenceClient,
        conversation: Conversation,
        asked: Asked,
        *,
        is_sent: bool,
        anew: bool = False,
    ) -> Gathered:
        """`is_sent`: raises `ChatRefused` for what may not be shown, and waits for no count.

        Else that stands on a chip. `anew` has the conversation compacted in any case, to half of the
        context.
        """
        self._counts.switch(client.endpoint.model)
        limit = limit_tokens(client) // (2 if anew else 1)
        pieces, refused = await self._pieces(conversation, asked, limit, is_sent=is_sent)
        if not is_sent:
            await self._count(client, pieces)
        log = PromptLog() if anew else conversation.log
        question = self._counts.of_text(len(asked.text))
        held = self._tokens_of_log(log)
        new = _unseen(pieces, log)
        needed = sum(self._cost(it) for it in new if not it.is_automatic)
        is_compacted = anew or (bool(log.messages) and held + needed + question > limit)
        earlier = 0
        if is_compacted:
            log, new = PromptLog(), _unseen(pieces, PromptLog())
        if not log.messages:
            held = self._counts.of_text(len(SYSTEM)) + _TEMPLATE_TOKENS
            if conversation.transcript:
                earlier = limit // _EARLIER_SHARE * _CHARACTERS_PER_TOKEN
                held += limit // _EARLIER_SHARE if is_compacted else 0
        shown, dropped = fit(new, limit - held - question, self._cost)
        chips = [*map(self._chip, shown), *refused]
        chips += (
            replace(self._chip(it), tokens=0, is_trimmed=True)
            for it in dropped
            if not it.is_automatic
        )
        return Gathered(
            log,
            tuple(shown),
            tuple(chips),
            held + question + sum(it.tokens for it in chips),
            limit,
            all(self._counts.is_exact(pack(it.blocks)) for it in shown),
            is_compacted,
            earlier,
        )

    async def _pieces(
        self, conversation: Conversation, asked: Asked, limit: int, *, is_sent: bool
    ) -> tuple[list[Piece], list[Chip]]:
        """All that is to be shown, also what has been, and chips for what must not be."""
        repository = int(limit * _REPOSITORY_SHARE) * _CHARACTERS_PER_TOKEN
        pieces = await self._sources.rules(asked)
        refused: list[Chip] = []
        named = {(it.kind, it.ref) for it in asked.mentions}
        earlier = _pinned_mentions(conversation)
        for mention in asked.mentions:
            try:
                pieces.append(await self._sources.mentioned(mention, repository))
            except ChatRefused as error:
                if is_sent:
                    raise
                refused.append(_refused(mention, str(error)))
        for mention in earlier:
            if (mention.kind, mention.ref) in named or mention.ref in asked.without:
                continue
            with contextlib.suppress(ChatRefused):  # it went since, and was shown as it was
                pieces.append(await self._sources.mentioned(mention, repository))
        automatic = min(_AUTOMATIC_TOKENS, limit // 4) * _CHARACTERS_PER_TOKEN
        pointed = replace(asked, mentions=(*asked.mentions, *earlier))
        pieces += await self._sources.automatic(pointed, automatic)
        return _distinct(pieces), refused

    async def _count(self, client: InferenceClient, pieces: Sequence[Piece]) -> None:
        """Has the model count what it has not, where it is ready, for a moment."""
        layout = self._counts.ask_for(chunk for it in pieces for chunk in pack(it.blocks))
        if layout is None or client.capabilities is None:
            return
        try:
            async with asyncio.timeout(COUNT_TIMEOUT_S):
                self._counts.learn(layout, await client.count(layout))
        except TimeoutError:
            logger.info("the context is estimated: to count it takes too long")
        except InferenceError as error:
            logger.info("the context is estimated, not counted: %s", error)

    def _tokens_of_log(self, log: PromptLog) -> int:
        if log.tokens:
            return log.tokens
        chunks = [chunk for message in log.messages for chunk in message.content]
        return self._counts.tokens(chunks) + (_TEMPLATE_TOKENS if chunks else 0)

    def _cost(self, piece: Piece) -> int:
        return self._counts.tokens(pack(piece.blocks))

    def _chip(self, piece: Piece) -> Chip:
        it = piece.mention
        return Chip(
            *(it.kind, it.ref, it.label, it.detail),
            *(self._cost(piece), piece.is_automatic, piece.is_trimmed),
        )


def limit_tokens(client: InferenceClient) -> int:
    """What a prompt may have, with room left for the answer."""
    context = _context(client)
    return context - min(_RESERVED_TOKENS, context // 4) - _TEMPLATE_TOKENS


def _context(client: InferenceClient) -> int:
    capabilities = client.capabilities
    tokens = capabilities.context_tokens if capabilities is not None else None
    return max(tokens or UNKNOWN_CONTEXT_TOKENS, 2 * _TEMPLATE_TOKENS)


def _unseen(pieces: Sequence[Piece], log: PromptLog) -> list[Piece]:
    new = (it.without(log.shown) for it in pieces)
    return [it for it in new if it.blocks]


def _pinned_mentions(conversation: Conversation) -> list[Mention]:
    """What the user has pointed at before and is kept in the conversation, each once."""
    found: dict[tuple[str, str], Mention] = {}
    for entry in conversation.transcript:
        for it in entry.mentions:
            if it.kind in PINNED:
                found[it.kind, it.ref] = it
    return list(found.values())


def _distinct(pieces: Sequence[Piece]) -> list[Piece]:
    """Each block in the first piece that has it."""
    seen: set[bytes] = set()
    found = []
    for piece in pieces:
        new = piece.without(seen)
        if new.blocks:
            found.append(new)
        seen.update(block.name for block in new.blocks)
    return found


def _refused(mention: Mention, why: str) -> Chip:
    return Chip(
        *(mention.kind, mention.ref, mention.label, why), 0, is_automatic=False, is_trimmed=True
    )
