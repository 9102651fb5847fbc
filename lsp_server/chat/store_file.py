"""The chats on disk: a SQLite file in the user's data folder, for all windows. Blocking.

Invariants
- A change is written whole or not at all (a transaction, WAL); windows wait for one another.
- What a model was shown is kept by content, so that a file in ten turns is kept once.
- A file that is damaged is set aside, never deleted, and a new one begun; one that a newer Sparrow
  wrote is left alone.
- The file is the user's alone (0600): it holds their code and questions.
- `is_open` of an entry is 0, or the id of the `Writer` of an answer that is under way.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from inference.content import Message, TextChunk
from lsp_server.chat.store_rows import pack_calls, pack_entry, unpack_entry, unpack_message
from lsp_server.chat.transcript import Conversation, Entry, PromptLog, Summary
from lsp_server.shared_database import keep_write_ahead_log

FORMAT_VERSION = 1
_BUSY_TIMEOUT_S = 5.0
_SCHEMA = """
CREATE TABLE conversation (
    id TEXT PRIMARY KEY, workspace TEXT NOT NULL, title TEXT NOT NULL, updated_ms INTEGER NOT NULL,
    revision INTEGER NOT NULL, starts TEXT NOT NULL, tokens INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversation_age ON conversation (workspace, updated_ms);
CREATE TABLE entry (
    conversation TEXT NOT NULL REFERENCES conversation ON DELETE CASCADE, number INTEGER NOT NULL,
    body TEXT NOT NULL, is_open INTEGER NOT NULL, touched_ms INTEGER NOT NULL,
    PRIMARY KEY (conversation, number)
) WITHOUT ROWID;
CREATE TABLE prompt (
    conversation TEXT NOT NULL REFERENCES conversation ON DELETE CASCADE, number INTEGER NOT NULL,
    role TEXT NOT NULL, calls TEXT NOT NULL, call_id TEXT NOT NULL, shown BLOB NOT NULL,
    PRIMARY KEY (conversation, number)
) WITHOUT ROWID;
CREATE TABLE part (
    conversation TEXT NOT NULL, prompt INTEGER NOT NULL, place INTEGER NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (conversation, prompt, place),
    FOREIGN KEY (conversation, prompt) REFERENCES prompt (conversation, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX part_digest ON part (digest);
CREATE TABLE chunk (digest BLOB PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
"""
_DIGEST_BYTES = 16


class NewerFormat(Exception):
    """A newer Sparrow wrote the file: it is left alone."""


class ChatFile:
    """One connection, for one thread. What it raises is a `sqlite3.Error`, or `NewerFormat`.

    `sqlite3.DatabaseError` that is no `OperationalError` says that the file is damaged.
    """

    def __init__(self, file: Path | None) -> None:
        """Opens or makes the file; None keeps all in memory."""
        if file is not None:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(
            file or ":memory:",
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,  # opened and closed by one thread, used by one at a time
        )
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        run = self._connection.execute
        keep_write_ahead_log(self._connection, _BUSY_TIMEOUT_S)
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA trusted_schema = OFF")
        run("PRAGMA foreign_keys = ON")
        with self._writing():
            (version,) = run("PRAGMA user_version").fetchone()
            (tables,) = run("SELECT count(*) FROM sqlite_master").fetchone()
            if not version and not tables:
                for statement in _SCHEMA.split(";\n"):
                    run(statement)
                run(f"PRAGMA user_version = {FORMAT_VERSION}")
            elif version > FORMAT_VERSION:
                raise NewerFormat(
                    f"it has format {version}, and this Sparrow knows {FORMAT_VERSION}"
                )
            elif version != FORMAT_VERSION:
                raise sqlite3.DatabaseError(f"it has format {version}, which there never was")
        for table in ("conversation", "entry", "prompt", "part", "chunk"):
            run(f"SELECT * FROM {table} LIMIT 1").fetchone()  # noqa: S608 - our own names

    def close(self) -> None:
        self._connection.close()

    def summaries(self, workspace: str) -> list[Summary]:
        """The conversations of a workspace, the newest first."""
        rows = self._connection.execute(
            "SELECT id, title, updated_ms, (SELECT count(*) FROM entry WHERE conversation = id)"
            " FROM conversation WHERE workspace = ? ORDER BY updated_ms DESC, id",
            (workspace,),
        )
        return [Summary(*row) for row in rows]

    def revision(self, name: str) -> int | None:
        """How often a conversation was changed; None of one that is not there."""
        row = self._connection.execute(
            "SELECT revision FROM conversation WHERE id = ?", (name,)
        ).fetchone()
        return row[0] if row else None

    def load(self, name: str) -> tuple[Conversation, dict[str, int]] | None:
        """A conversation, and by the ids of answers under way who writes them."""
        row = self._connection.execute(
            "SELECT title, updated_ms, revision, starts, tokens FROM conversation WHERE id = ?",
            (name,),
        ).fetchone()
        if row is None:
            return None
        title, updated_ms, revision, starts, tokens = row
        try:
            entries, under_way = self._entries(name)
            messages, shown = self._prompts(name)
            log = PromptLog(tuple(messages), dict(json.loads(starts)), shown, tokens)
        except (ValueError, TypeError, KeyError) as error:
            raise sqlite3.DatabaseError(f"a conversation cannot be read: {error}") from error
        return Conversation(name, title, updated_ms, tuple(entries), log, revision), under_way

    def _entries(self, name: str) -> tuple[list[Entry], dict[str, int]]:
        entries: list[Entry] = []
        under_way: dict[str, int] = {}
        for body, writer in self._connection.execute(
            "SELECT body, is_open FROM entry WHERE conversation = ? ORDER BY number",
            (name,),
        ):
            entries.append(unpack_entry(body))
            if writer:
                under_way[entries[-1].id] = writer
        return entries, under_way

    def _prompts(self, name: str) -> tuple[list[Message], dict[bytes, int]]:
        texts: dict[int, list[TextChunk]] = {}
        for prompt, digest, text in self._connection.execute(
            "SELECT prompt, part.digest, text FROM part JOIN chunk ON chunk.digest = part.digest"
            " WHERE conversation = ? ORDER BY prompt, place",
            (name,),
        ):
            chunk = TextChunk.of(text)
            if chunk.id != digest:
                raise ValueError("a text is not what was written")
            texts.setdefault(prompt, []).append(chunk)
        messages: list[Message] = []
        shown: dict[bytes, int] = {}
        for number, role, calls, call_id, names in self._connection.execute(
            "SELECT number, role, calls, call_id, shown FROM prompt WHERE conversation = ?"
            " ORDER BY number",
            (name,),
        ):
            messages.append(unpack_message(role, texts.get(number, []), calls, call_id))
            for at in range(0, len(names), _DIGEST_BYTES):
                shown[names[at : at + _DIGEST_BYTES]] = number
        return messages, shown

    def save(
        self,
        workspace: str,
        conversation: Conversation,
        *,
        first_entry: int,
        first_message: int,
        writer: int,
        is_new: bool,
    ) -> int | None:
        """Writes a conversation from an entry and a message of its log on; gives its new revision.

        `writer` is that of its last entry, an answer under way, or 0. One that is not new, and not there
        any more, was deleted in another window: it stays so, and None is given.
        """
        name, log = conversation.id, conversation.log
        with self._writing() as run:
            known = self.revision(name)
            if known is None and not is_new:
                return None
            revision = (known or 0) + 1
            starts = json.dumps(dict(log.starts))
            values = (
                conversation.title,
                conversation.updated_ms,
                revision,
                starts,
                log.tokens,
                name,
            )
            if known is None:
                run(
                    "INSERT INTO conversation (title, updated_ms, revision, starts, tokens, id,"
                    " workspace) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*values, workspace),
                )
                first_entry = first_message = 0
            else:
                run(
                    "UPDATE conversation SET title = ?, updated_ms = ?, revision = ?, starts = ?,"
                    " tokens = ? WHERE id = ?",
                    values,
                )
            run("DELETE FROM entry WHERE conversation = ? AND number >= ?", (name, first_entry))
            last = len(conversation.transcript) - 1
            for number, entry in list(enumerate(conversation.transcript))[first_entry:]:
                self._put_entry(name, number, entry, writer if number == last else 0)
            dropped = run(
                "DELETE FROM prompt WHERE conversation = ? AND number >= ?", (name, first_message)
            ).rowcount
            self._put_messages(name, log, first_message)
            if dropped:
                self._drop_unused()
        return revision

    def touch(self, name: str, number: int, entry: Entry, writer: int) -> None:
        """Writes how far an answer has come."""
        with self._writing():
            self._put_entry(name, number, entry, writer)

    def rename(self, name: str, title: str) -> None:
        with self._writing() as run:
            run(
                "UPDATE conversation SET title = ?, revision = revision + 1 WHERE id = ?",
                (title, name),
            )

    def delete(self, name: str) -> None:
        with self._writing() as run:
            run("DELETE FROM conversation WHERE id = ?", (name,))
            self._drop_unused()

    def _put_entry(self, name: str, number: int, entry: Entry, writer: int) -> None:
        # One that was deleted meanwhile, in another window, stays so.
        self._connection.execute(
            "INSERT OR REPLACE INTO entry SELECT id, ?, ?, ?, ? FROM conversation WHERE id = ?",
            (number, pack_entry(entry), writer, int(time.time() * 1000), name),
        )

    def _put_messages(self, name: str, log: PromptLog, first: int) -> None:
        names: dict[int, list[bytes]] = {}
        for block, number in log.shown.items():
            names.setdefault(number, []).append(block)
        for number, message in list(enumerate(log.messages))[first:]:
            self._connection.execute(
                "INSERT INTO prompt VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(name, number, str(message.role), pack_calls(message), message.call_id),
                    b"".join(names.get(number, ())),
                ),
            )
            parts: Sequence[TextChunk] = message.content
            self._connection.executemany(
                "INSERT OR IGNORE INTO chunk VALUES (?, ?)", [(it.id, it.text) for it in parts]
            )
            self._connection.executemany(
                "INSERT INTO part VALUES (?, ?, ?, ?)",
                [(name, number, place, it.id) for place, it in enumerate(parts)],
            )

    def _drop_unused(self) -> None:
        self._connection.execute(
            "DELETE FROM chunk WHERE NOT EXISTS"
            " (SELECT 1 FROM part WHERE part.digest = chunk.digest)"
        )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection.execute
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
