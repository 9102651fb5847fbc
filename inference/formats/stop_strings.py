"""Stop strings in a text that arrives in pieces: what may be passed on, and where it ends."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Ends a text before the first stop string.

    What could be the start of one is held back until more text tells; no text but that is.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        """Empty strings stop nothing."""
        self._stop = tuple(filter(None, stop))
        self._held = ""
        self.met = False

    def feed(self, text: str) -> str:
        """What of the text so far may be passed on now. Nothing, once a stop string was met."""
        if self.met:
            return ""
        text = self._held + text
        places = [place for stop in self._stop if (place := text.find(stop)) >= 0]
        if places:
            self.met = True
            self._held = ""
            return text[: min(places)]
        kept = self._length_of_start(text)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def flush(self) -> str:
        """What was held back, as the text has ended without going on to be a stop string."""
        held, self._held = self._held, ""
        return held

    def _length_of_start(self, text: str) -> int:
        """Of the longest end of the text that a stop string may start with."""
        longest = min(len(text), max(map(len, self._stop), default=1) - 1)
        for length in range(longest, 0, -1):
            end = text[-length:]
            if any(stop.startswith(end) for stop in self._stop):
                return length
        return 0
