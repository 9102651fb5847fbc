"""The demo's second act: a method moved out of its class, by the code action that an editor lists."""

from __future__ import annotations

import time
from pathlib import Path

from lsprotocol import types
from rich.console import Console

from lsp_server.demo.difference import difference
from lsp_server.session import EditorSession

FILE = "shelf/books.py"
# What the sample's author has left in the class, and what is found to belong elsewhere.
METHOD = '''
    def _shelf_mark(self, book: Book) -> str:
        """The first letters of author and title, as on the spine."""
        return f"{book.author[:3]}-{book.title[:3]}".upper()

    def label(self, book_id: int) -> str:
        """What is printed on the label of a book."""
        return self._shelf_mark(self.get(book_id))
'''


async def refactor(console: Console, session: EditorSession, folder: Path) -> None:
    """Moves a method, and shows what becomes of the file. Raises `LookupError` if it is not offered."""
    text = (folder / FILE).read_text(encoding="utf-8") + METHOD
    document = session.open(folder / FILE, "python", text)
    line = next(i for i, it in enumerate(document.lines) if "def _shelf_mark" in it)
    place = types.Position(line, document.lines[line].index("_shelf_mark"))
    listed_at = time.perf_counter()
    actions = await session.code_actions(document, types.Range(place, place))
    asked_at = time.perf_counter()
    action = next((it for it in actions if it.kind == "refactor.move.function"), None)
    if action is None:
        raise LookupError(f"no move is offered: {[it.title for it in actions]}")
    resolved = await session.resolve(action)
    done_at = time.perf_counter()
    session.apply(document, resolved)
    console.print(
        f"\n[bold]{action.title}[/], a refactor without a model: listed in "
        f"{(asked_at - listed_at) * 1000:.0f} ms, done and verified in "
        f"{(done_at - asked_at) * 1000:.0f} ms."
    )
    console.print(difference(text, document.text, FILE))
