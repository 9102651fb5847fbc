"""A workspace that chats are about, and what a scripted model says of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .chat_session import chat_place
from .place import Place

FEES = '''\
def total_fee(days):
    """What so many days cost, in cents."""
    return days * 20


def label(fee):
    return f"{fee} cents"
'''
SHOP = "from fees import total_fee\n\n\ndef bill(days):\n    return total_fee(days) + 1\n"
ANSWERS = {"when": {"message_ends_with": "why?"}, "think": ["Hm. "], "reply": ["Be", "cause."]}


@contextlib.contextmanager
def shop() -> Iterator[Place]:
    """A workspace with some code, and secrets in it and beside it."""
    files = {
        "fees.py": FEES,
        "shop.py": SHOP,
        ".env": "KEY=hunter2\n",
        "../secret.txt": "hunter2\n",
    }
    with chat_place(files) as made:
        yield made


def settings(where: Place, *rules: Any, **options: Any) -> dict[str, Any]:
    return {
        "completion": {"model": where.script({"reply": ["x"]})},
        "chat": {"model": where.script(*rules, **options)},
    }


def uri(where: Place, name: str) -> str:
    return (where.folder / name).as_uri()


def file(where: Place, name: str) -> dict[str, str]:
    return {"kind": "file", "ref": uri(where, name), "label": name, "detail": ""}


def all_bytes(database: Any) -> bytes:
    return b"".join(it.read_bytes() for it in database.parent.glob(f"{database.name}*"))
