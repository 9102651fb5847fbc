"""What completions did, as an editor and the command line are told by a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.lsp_session import serving
from tests.integration.place import place

SPARROW = Path(sys.executable).with_name("sparrow")
LINE = "total = "


def run(where: Any, *arguments: str) -> str:
    told = subprocess.run(
        [SPARROW, *arguments],
        env=where.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout


def test_an_accept_is_counted_traced_and_exported() -> None:
    async def use() -> None:
        rules = [
            {"when": {"prefix_ends_with": "sum(values)"}, "reply": ["\nprint(total)"]},
            {"when": {"prefix_ends_with": LINE}, "reply": ["sum(", "values)"]},
        ]
        settings = {"completion": {"model": where.script(*rules)}}
        async with serving(where, settings) as server:
            await server.ready()
            uri = (where.folder / "private.py").as_uri()
            server.open(uri, f"values = [1]\n{LINE}\n")
            assert await server.complete(uri, 1, 8) == "sum(values)"
            server.change(uri, 2, (1, 8, 1, 8, "sum(values)"))
            assert await server.complete(uri, 1, 19) == "\nprint(total)"

            page = await server.request("sparrow/statistics", {})
            assert "<dt>Accepted</dt><dd>1 (" in page.html
            counted = json.loads(run(where, "stats", "--json"))["total"]
            assert counted["accepted_whole"] == 1
            assert counted["accepted_characters"] == len("sum(values)")
            assert counted["requests"] == counted["returned"] >= 2

            traced = [json.loads(line) for line in run(where, "trace", "--json").splitlines()]
            assert {it["path"] for it in traced} == {"private.py"}
            assert not any("values" in json.dumps(it) for it in traced)
            exported = await server.request("sparrow/exportTrace", {})
            first = json.loads(exported.json)["traces"][0]
            assert first["generated"] == "sum(values)"
            assert "values = [1]" in json.dumps(first["shown_to_model"]) + first["tail"]["prefix"]
            assert await server.stop() == 0
        assert list(where.runtime.glob("traces-*")) == []
        stored = b"".join(it.read_bytes() for it in (where.runtime / "data").iterdir())
        assert b"accepted_whole" in stored
        assert b"private" not in stored
        assert b"sum(" not in stored
        run(where, "stats", "--clear")
        assert json.loads(run(where, "stats", "--json"))["total"]["requests"] == 0

    with place() as where:
        asyncio.run(use())


def test_switched_off_nothing_is_counted() -> None:
    async def use() -> None:
        settings = {
            "completion": {"model": where.script({"reply": ["pass"]})},
            "statistics": {"enable": False},
        }
        async with serving(where, settings) as server:
            await server.ready()
            uri = server.open((where.folder / "a.py").as_uri(), "x = 1\n\n")
            assert await server.complete(uri, 1, 0) == "pass"
            page = await server.request("sparrow/statistics", {})
            assert "sparrow.statistics.enable" in page.html
        assert not (where.runtime / "data").exists()

    with place() as where:
        asyncio.run(use())
