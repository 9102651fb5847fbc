"""What the tokens of one request to vLLM say: text, log-probabilities, thinking and tool calls.

Each sample is a request of its own. vLLM itself is asked for tokens alone, see `detokenizer.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inference.engines.answer_pieces import piece_of
from inference.engines.base import Piece
from inference.engines.detokenizer import Detokenizer
from inference.formats.tool_calls import Event, Text, ToolCallParser
from inference.protocol import FinishReason
from inference.sampling import Alternative, Sampling, TokenLogprob

_FINISH = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


class RequestOutput:
    def __init__(
        self,
        tokenizer: Any,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        sample: int,
        parser: ToolCallParser | None = None,
    ) -> None:
        """`parser` reads the sample's text; without one all of it is the answer."""
        self._tokenizer = tokenizer
        self._prompt_tokens = len(prompt_ids)
        self._wants_logprobs = sampling.logprobs
        self._sample = sample
        self._detokenizer = Detokenizer(tokenizer, prompt_ids, sampling.stop)
        self._parser = parser
        self.has_ended = False

    def pieces(self, output: Any) -> Iterator[Piece]:
        """What one output of vLLM's adds; tokens behind a stop string are left out."""
        (step,) = output.outputs
        reason = step.finish_reason
        finish = _FINISH.get(reason, FinishReason.STOP) if reason is not None else None
        events, finish = self._read(step.token_ids, finish)
        parts = [piece_of(event, self._sample) for event in events] or [Piece("", 0)]
        for number, part in enumerate(parts):
            is_first, is_last = number == 0, number == len(parts) - 1
            yield Piece(
                part.text,
                len(step.token_ids) if is_first else 0,
                finish if is_last else None,
                output.num_cached_tokens or 0,
                self._prompt_tokens,
                self._sample,
                part.thinking,
                self._logprobs(step) if is_first else (),
                part.calls,
            )

    def _read(
        self, token_ids: Sequence[int], finish: FinishReason | None
    ) -> tuple[list[Event], FinishReason | None]:
        """The events that these tokens add, and how the sample ended if it has."""
        text = self._detokenizer.feed(token_ids)
        if self._detokenizer.stopped:
            finish = FinishReason.STOP
        elif finish is not None:
            text += self._detokenizer.flush()
        self.has_ended = finish is not None
        if self._parser is None:
            return ([Text(text)] if text else []), finish
        events = self._parser.feed(text)
        if self.has_ended:
            events += self._parser.finish()
        return events, finish

    def _logprobs(self, step: Any) -> tuple[TokenLogprob, ...]:
        if self._wants_logprobs is None or step.logprobs is None:
            return ()
        return tuple(
            self._logprob(token_id, candidates)
            for token_id, candidates in zip(step.token_ids, step.logprobs, strict=True)
        )

    def _logprob(self, token_id: int, candidates: Mapping[int, Any]) -> TokenLogprob:
        # Beside the asked-for likeliest there is the chosen one, whatever its rank.
        likeliest = sorted(candidates.items(), key=lambda item: item[1].rank)
        return TokenLogprob(
            self._text(token_id),
            candidates[token_id].logprob,
            tuple(
                Alternative(self._text(other), candidate.logprob)
                for other, candidate in likeliest[: self._wants_logprobs]
            ),
        )

    def _text(self, token_id: int) -> str:
        text: str = self._tokenizer.decode([token_id], skip_special_tokens=False)
        return text
