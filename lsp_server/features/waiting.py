"""A request that waits for what a generation says: one of its own, or one that may still fit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from inference.errors import HostUnavailable, InferenceError, NotReady, Overloaded
from lsp_server.features.generation import Generation
from lsp_server.features.writing import report
from lsp_server.trace import Trace, Verdict

logger = logging.getLogger(__name__)

_REFUSED: dict[type[InferenceError], Verdict] = {Overloaded: Verdict.BUSY}


@dataclass(frozen=True, slots=True)
class Waiter:
    """`is_newest` is set to false by a newer request; `deadline` is of the loop's time."""

    trace: Trace
    on_text: Callable[[str], None]
    deadline: float
    is_newest: asyncio.Future[bool]

    async def text_of(self, generation: Generation, typed: str = "") -> str | None:
        """What it says behind what was typed of it; it may end the trace.

        None as soon as it says something else than what was typed: it is of no use then.
        """

        def listen(text: str) -> None:
            if generation.fits(typed):
                self.on_text(text[len(typed) :])
            else:
                self._wake()

        generation.generated.listen(listen)
        generation.task.add_done_callback(lambda _: self._wake())
        await self._wait(generation)
        text = generation.generated.text
        if self.trace.ended:
            return ""
        if text.startswith(typed):
            return text[len(typed) :]
        return "" if self.trace.late else None

    async def _wait(self, generation: Generation) -> None:
        try:
            async with asyncio.timeout_at(self.deadline):
                is_newest = await self.is_newest
            if not is_newest:
                self.trace.end(Verdict.SUPERSEDED)
            elif generation.task.done():
                generation.task.result()
        except TimeoutError:
            self.trace.late = True  # it goes on, for the next request
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            self.trace.end(Verdict.SUPERSEDED)  # it is: the typing has parted from it
        except (HostUnavailable, NotReady) as error:
            self.trace.end(Verdict.NOT_READY, error.message)
        except InferenceError as error:
            logger.warning("a completion was refused: %s", error)
            self.trace.end(_REFUSED.get(type(error), Verdict.FAILED), error.message)
        finally:
            report(generation.generated, self.trace)

    def _wake(self) -> None:
        if not self.is_newest.done():
            self.is_newest.set_result(True)


def _is_cancelled() -> bool:
    """Whether who runs is cancelled, rather than what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
