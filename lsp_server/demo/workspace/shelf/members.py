"""The members who borrow books."""

from __future__ import annotations

from dataclasses import dataclass

from shelf.storage import NotFoundError, Storage


@dataclass(frozen=True)
class Member:
    """A row of the table of members."""

    id: int
    name: str
    email: str


class Members:
    """Adds, finds and removes members."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def add(self, name: str, email: str) -> Member:
        """Adds a member and returns it with its id."""
        with self._storage.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO members (name, email) VALUES (?, ?)", (name, email)
            )
        return Member(cursor.lastrowid or 0, name, email)

    def get(self, member_id: int) -> Member:
        """The member with that id. Raises `NotFoundError`."""
        row = self._storage.connection.execute(
            "SELECT id, name, email FROM members WHERE id = ?", (member_id,)
        ).fetchone()
        if row is None:
            raise NotFoundError(f"no member has the id {member_id}")
        return Member(*row)
