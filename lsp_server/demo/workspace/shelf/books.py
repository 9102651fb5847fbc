"""The books that the library owns."""

from __future__ import annotations

from dataclasses import dataclass

from shelf.storage import NotFoundError, Storage


@dataclass(frozen=True)
class Book:
    """A row of the table of books."""

    id: int
    title: str
    author: str


class Books:
    """Adds, finds and removes books."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def add(self, title: str, author: str) -> Book:
        """Adds a book and returns it with its id."""
        with self._storage.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO books (title, author) VALUES (?, ?)", (title, author)
            )
        return Book(cursor.lastrowid or 0, title, author)

    def get(self, book_id: int) -> Book:
        """The book with that id. Raises `NotFoundError`."""
        row = self._storage.connection.execute(
            "SELECT id, title, author FROM books WHERE id = ?", (book_id,)
        ).fetchone()
        if row is None:
            raise NotFoundError(f"no book has the id {book_id}")
        return Book(*row)

    def remove(self, book_id: int) -> None:
        """Removes a book. Raises `NotFoundError`."""
        with self._storage.transaction() as connection:
            cursor = connection.execute("DELETE FROM books WHERE id = ?", (book_id,))
        if cursor.rowcount == 0:
            raise NotFoundError(f"no book has the id {book_id}")
