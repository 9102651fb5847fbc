"""What of a folder a completion's prompt holds, of files that nobody has opened."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

from .lsp_session import Server, on_loop, serving
from .place import PATIENCE_S, Place, place
from .played_server import PlayedServer, events, playing, said, vllm

SHELF = "class Shelf:\n    def lend_book(self, title: str) -> None: ...\n"
CLOUD = "class Cloud:\n    def let_it_rain(self, hours: int) -> None: ...\n"
NEW = "def f(shelf: Shelf) -> None:\n    shelf.\n"


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as made:
        (made.folder / "shelf.py").write_text(SHELF)
        (made.folder / "sky.py").write_text(CLOUD)
        (made.folder / "new.py").write_text(NEW)
        yield made


class Editor:
    """A server with the folder's `new.py` open, and a model that answers `x` to all it is shown."""

    def __init__(self, server: Server, model: PlayedServer, uri: str) -> None:
        self.server = server
        self.uri = uri
        self._model = model

    async def prompt(self, line: int = 1, column: int = 10) -> str:
        """Of a completion there."""
        asked = self._model.asked("/v1/completions")
        assert await self.server.complete(self.uri, line, column, by_hand=True) == "x"
        *_, last = self._model.asked("/v1/completions")[len(asked) :]
        return str(last.body["prompt"])

    async def until_shown(self, text: str, line: int = 1, column: int = 10) -> str:
        """Asks until the prompt holds it, as files are read while the user types."""
        prompt = ""
        async with asyncio.timeout(PATIENCE_S):
            while text not in prompt:
                prompt = await self.prompt(line, column)
        return prompt


@contextlib.asynccontextmanager
async def editing(where: Place) -> AsyncIterator[Editor]:
    async with playing(vllm(events(said("x"), "[DONE]"))) as model:
        name = f"openai:{model.url}"
        environment = where.environment(**{CACHE_DIR_VARIABLE: str(where.runtime / "cache")})
        settings = {"completion": {"model": name}}
        async with serving(where, settings, environment=environment) as server:
            await server.ready()
            yield Editor(server, model, server.open((where.folder / "new.py").as_uri(), NEW))


@on_loop
async def test_a_prompt_holds_signatures_of_files_that_are_not_open(where: Place) -> None:
    async with editing(where) as editor:
        prompt = await editor.until_shown("    def lend_book(self, title: str) -> None:\n")
        assert prompt.index("lend_book") < prompt.rindex("shelf.")
        (where.folder / "shelf.py").write_text(SHELF.replace("title: str", "title: str, days: int"))
        prompt = await editor.until_shown("def lend_book(self, title: str, days: int) -> None:")
        assert "def lend_book(self, title: str) -> None:" not in prompt


@on_loop
async def test_what_a_problem_names_is_shown(where: Place) -> None:
    async with editing(where) as editor:
        await editor.until_shown("lend_book")
        assert "let_it_rain" not in await editor.prompt()
        problem = {"line": 1, "message": '"Cloud" is not defined'}
        editor.server.client.protocol.notify(
            "sparrow/setProblems", {"uri": editor.uri, "problems": [problem, {"line": None}]}
        )
        editor.server.save(editor.uri)  # which is when excerpts are looked for anew
        await editor.until_shown("def let_it_rain(self, hours: int) -> None:")


@on_loop
async def test_what_is_left_out_is_in_no_prompt(where: Place) -> None:
    async with editing(where) as editor:
        await editor.until_shown("lend_book")
        ignore = where.folder / ".sparrowignore"
        ignore.write_text("shelf.py\n")
        editor.server.save(ignore.as_uri())
        assert "lend_book" not in await editor.prompt()
