"""The conversations that are kept: read and written in a thread, in order, and off the loop.

The file may be damaged, of a newer Sparrow, or not be writable at all: the user is told so once, and
a chat goes on in memory. An answer that a window was writing when it ended is shown as cut off.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lsp_server.chat.transcript import ChatRefused, Conversation, Entry, Summary
from lsp_server.chat.writers import Writer, is_writing
from lsp_server.damaged_file import identity, set_aside

if TYPE_CHECKING:
    from lsp_server.chat.store_file import ChatFile

logger = logging.getLogger(__name__)

FILE_NAME = "chats.sqlite"
_HELD = 8
_ALONE = 1  # the writer where no other window reads
CUT_OFF = "the answer was cut off when the window or Sparrow's server ended"
CUT_OFF_HINT = "Ask again."
ELSEWHERE = "another window is writing this answer"

ResultT = TypeVar("ResultT")


class ChatStore:
    """Opened with the first use. `folder` gives the user's data folder, `log` tells the user."""

    def __init__(self, folder: Callable[[], Path], log: Callable[[str], None]) -> None:
        self._folder = folder
        self._log = log
        self._thread = ThreadPoolExecutor(1, "chats")
        self._file: ChatFile | None = None
        self._identity = 0  # of the file that is open
        self._was_set_aside = False
        self._is_in_memory = False
        self._held: OrderedDict[str, Conversation] = OrderedDict()
        self._writers: dict[str, Writer] = {}  # of the conversations that are answering
        self._loop: asyncio.AbstractEventLoop | None = None

    async def summaries(self, workspace: str) -> list[Summary]:
        return await self._run(lambda file: file.summaries(workspace))

    async def load(self, name: str) -> Conversation:
        """A conversation as it is now, whichever window changed it last. Raises `ChatRefused`."""
        found = await self._run(lambda file: self._load(file, name))
        if found is None:
            raise ChatRefused("this conversation is not there any more", "Begin a new one.")
        return found

    async def save(
        self,
        workspace: str,
        conversation: Conversation,
        *,
        first_entry: int = 0,
        first_message: int = 0,
        is_open: bool = False,
    ) -> Conversation:
        """Writes a conversation from an entry and a message of its log on; see `ChatFile.save`.

        Raises `ChatRefused` where it was deleted meanwhile, in another window.
        """

        def write(file: ChatFile) -> int | None:
            try:
                return file.save(
                    workspace,
                    conversation,
                    first_entry=first_entry,
                    first_message=first_message,
                    writer=self._begin_writing(conversation.id) if is_open else 0,
                    # What a file held that was set aside is new to the next one.
                    is_new=not conversation.revision or self._was_set_aside,
                )
            finally:
                if not is_open:
                    self._end_writing(conversation.id)

        revision = await self._run(write)
        if revision is None:
            raise ChatRefused("the conversation was deleted in another window")
        saved = replace(conversation, revision=revision)
        if not is_open:
            self._hold(saved)
        return saved

    async def touch(self, name: str, number: int, entry: Entry) -> None:
        """Writes how far an answer has come that was saved as an open one."""
        await self._run(lambda file: file.touch(name, number, entry, self._begin_writing(name)))

    async def rename(self, name: str, title: str) -> None:
        await self._run(lambda file: file.rename(name, title))

    async def delete(self, name: str) -> None:
        self._held.pop(name, None)
        await self._run(lambda file: file.delete(name))

    async def close(self) -> None:
        """Writes what is still to be written."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _hold(self, conversation: Conversation) -> None:
        self._held[conversation.id] = conversation
        self._held.move_to_end(conversation.id)
        while len(self._held) > _HELD:
            self._held.popitem(last=False)

    async def _run(self, do: Callable[[ChatFile], ResultT]) -> ResultT:
        """Does something with the file, in the thread. Raises `ChatRefused` where it cannot."""
        self._loop = asyncio.get_running_loop()
        # What was begun is written, also where nobody waits for it any more.
        return await asyncio.shield(self._loop.run_in_executor(self._thread, self._do, do))

    # In the thread.

    def _do(self, do: Callable[[ChatFile], ResultT]) -> ResultT:
        import sqlite3

        try:
            return do(self._opened())
        except sqlite3.OperationalError as error:
            logger.warning("the chats cannot be read or written: %s", error)
            raise ChatRefused(
                f"the chats cannot be read or written: {error}",
                "Is the disk full, or does another window hold them? Try again.",
            ) from error
        except sqlite3.DatabaseError as error:
            self._set_aside(str(error))
            return do(self._opened())

    def _opened(self) -> ChatFile:
        """The file, opened where it is not."""
        import sqlite3

        from lsp_server.chat.store_file import ChatFile, NewerFormat

        if self._file is None:
            file = self._folder() / FILE_NAME
            self._identity = identity(file)
            try:
                self._file = ChatFile(file)
                self._identity = identity(file)
            except sqlite3.OperationalError as error:
                self._go_on_in_memory(f"{file} cannot be opened: {error}")
            except sqlite3.DatabaseError as error:
                self._set_aside(str(error))
                self._file = ChatFile(file)
                self._identity = identity(file)
            except (NewerFormat, OSError) as error:
                self._go_on_in_memory(f"{file} cannot be used: {error}")
        assert self._file is not None
        return self._file

    def _go_on_in_memory(self, why: str) -> None:
        from lsp_server.chat.store_file import ChatFile

        self._tell(f"The chats of this window are not kept, since {why}.")
        self._file = ChatFile(None)
        self._is_in_memory = True

    def _set_aside(self, why: str) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._held.clear()
        self._was_set_aside = True
        aside = set_aside(self._folder() / FILE_NAME, self._identity)
        if aside is not None:  # else another window has said so
            self._tell(f"The kept chats could not be read ({why}). They were set aside as {aside}.")

    def _begin_writing(self, name: str) -> int:
        """The id of the conversation's writer, made where there is none."""
        if self._is_in_memory:
            return _ALONE
        writer = self._writers.get(name)
        if writer is None:
            try:
                writer = self._writers[name] = Writer(self._folder())
            except OSError as error:
                raise ChatRefused(
                    f"the chats cannot be written: {error}", "Is the disk full? Try again."
                ) from error
        return writer.id

    def _end_writing(self, name: str) -> None:
        if (writer := self._writers.pop(name, None)) is not None:
            writer.close()

    def _load(self, file: ChatFile, name: str) -> Conversation | None:
        revision = file.revision(name)
        held = self._held.get(name)
        if held is not None and held.revision == revision:
            return held
        loaded = file.load(name) if revision is not None else None
        if loaded is None:
            return None
        conversation, under_way = loaded
        if under_way:
            cut = _cut(self._folder(), conversation.transcript, under_way)
            return replace(conversation, transcript=cut)
        self._hold(conversation)
        return conversation

    def _tell(self, message: str) -> None:
        logger.warning("%s", message)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._log, message)

    def _close(self) -> None:
        for name in list(self._writers):
            self._end_writing(name)
        if self._file is not None:
            self._file.close()
            self._file = None


def _cut(folder: Path, entries: Sequence[Entry], under_way: Mapping[str, int]) -> tuple[Entry, ...]:
    """Answers that this window does not write: of another one, or cut off by its end."""
    found: list[Entry] = []
    for entry in entries:
        if (writer := under_way.get(entry.id)) is None:
            found.append(entry)
        elif is_writing(folder, writer):
            hint = "Open it again to see more."
            found.append(replace(entry, state="stopped", error=ELSEWHERE, hint=hint))
        else:
            found.append(replace(entry, state="stopped", error=CUT_OFF, hint=CUT_OFF_HINT))
    return tuple(found)
