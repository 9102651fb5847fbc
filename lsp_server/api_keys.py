"""The keys of OpenAI-compatible servers, as the editor's own store of secrets keeps them.

They are held in memory, go to a host by its environment, and are never written: not into settings,
logs or traces, nor on a command line. A key belongs to the address that it was stored for: naming
another server sends it nowhere. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_KIND = "openai:"


def server_of(model: str) -> str | None:
    """The address in `openai:URL[#MODEL]`, as keys are stored for it; None for any other model.

    The extension's `core/apiKeys.ts` has the same rule.
    """
    if not model.startswith(_KIND):
        return None
    return model.removeprefix(_KIND).partition("#")[0].rstrip("/") or None


class ApiKeys:
    """Keys by server. What it shows of itself holds none of them."""

    def __init__(self, by_server: Mapping[str, str] | None = None) -> None:
        self._by_server = dict(by_server or {})

    @classmethod
    def parse(cls, value: Any) -> ApiKeys:
        """Reads `[{"server": URL, "key": KEY}, …]`, of dicts or of objects. Never raises.

        What is no such entry is left out in silence: to complain would be to show it.
        """
        entries = value if isinstance(value, list | tuple) else ()
        pairs = [(_field(entry, "server"), _field(entry, "key")) for entry in entries]
        return cls({server: key for server, key in pairs if server and key})

    def of(self, model: str, models: Iterable[str]) -> str | None:
        """What the host of a model is started with; `models` are all in use, completion's first.

        That is the key of its server; where none is stored, None, which stands for the variable in
        the environment, but for the first of several servers alone: the variable does not say whose
        key it is. A model that is behind no server gets an empty one, which stands for none.
        """
        server = server_of(model)
        if server is None:
            return ""
        if key := self._by_server.get(server):
            return key
        servers = [it for it in map(server_of, models) if it is not None]
        return None if server == servers[0] else ""

    def __repr__(self) -> str:
        return f"<keys of {len(self._by_server)} servers>"


def _field(entry: Any, name: str) -> str:
    value = entry.get(name) if isinstance(entry, Mapping) else getattr(entry, name, None)
    return value if isinstance(value, str) else ""
