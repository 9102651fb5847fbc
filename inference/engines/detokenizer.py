"""Text from the tokens of one answer, as they are generated.

vLLM can do this, but decodes the whole prompt again for the first token of each answer: 8 ms at
16,000 tokens, all of it while the user waits. The end of the prompt is all that matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference.formats.stop_strings import StopStrings

# A token may end within a character, which has at most four bytes, and some tokenizers drop a space
# that a text starts with.
_PROMPT_TOKENS = 8
_INCOMPLETE = "\ufffd"


class Detokenizer:
    def __init__(
        self,
        tokenizer: Any,
        prompt_ids: Sequence[int],
        stop: Sequence[str] = (),
        begun: int = 0,
    ) -> None:
        """`tokenizer` is a `tokenizers.Tokenizer`; special tokens leave no text.

        The first `begun` characters that the tokens spell are no news, and are not passed on.
        """
        self._tokenizer = tokenizer
        # What was last passed on, and behind it what has not been: decoded together, since a
        # token's text may depend on the one before.
        self._ids = list(prompt_ids[-_PROMPT_TOKENS:])
        self._passed_on = len(self._ids)
        self._stop = StopStrings(stop)
        self._begun = begun

    @property
    def stopped(self) -> bool:
        """Whether a stop string was met: what is generated from here on is of no use."""
        return self._stop.met

    def feed(self, token_ids: Sequence[int]) -> str:
        """The text that these tokens add; a character that is not whole comes with a later one."""
        text = "".join(map(self._step, token_ids))
        known, self._begun = self._begun, max(0, self._begun - len(text))
        return self._stop.feed(text[known:])

    def flush(self) -> str:
        """The text that a stop string might have started with, at the answer's end."""
        return self._stop.flush()

    def _step(self, token_id: int) -> str:
        before = self._decode(self._ids[: self._passed_on])
        self._ids.append(token_id)
        now = self._decode(self._ids)
        if now.endswith(_INCOMPLETE):
            return ""
        del self._ids[: self._passed_on]
        self._passed_on = len(self._ids)
        # A prompt that ends within a character leaves the whole character to the answer.
        return now[len(before if now.startswith(before) else before.rstrip(_INCOMPLETE)) :]

    def _decode(self, token_ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(token_ids, skip_special_tokens=True)
        return text
