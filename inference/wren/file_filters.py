"""Which files of a repository are worth learning from: written by people, and no secrets. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

LANGUAGES = {
    **dict.fromkeys((".py", ".pyi"), "python"),
    **dict.fromkeys((".ts", ".tsx"), "typescript"),
    **dict.fromkeys((".js", ".jsx", ".mjs"), "javascript"),
}
MIN_CHARACTERS = 200
MAX_CHARACTERS = 200_000

_VENDORED_NAMES = (
    "_vendor vendor vendored vendors _vendored_packages third_party thirdparty 3rdparty extern "
    "externals node_modules site-packages dist build bundled _bundled bower_components"
)
_VENDORED = frozenset(_VENDORED_NAMES.split())
_NO_SOURCES = frozenset(
    {"fixtures", "testdata", "__snapshots__", "snapshots", "migrations", "locale"}
)
_GENERATED_NAMES = re.compile(r"(_pb2(_grpc)?\.pyi?|\.min\.m?js|\.bundle\.js|[-.]generated\.\w+)$")
_GENERATED = re.compile(
    r"(?i)\b(auto-?generated|generated (by|from|with|code|file)|do not (edit|modify)|@generated)\b"
)
_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{35}|\bsk-[A-Za-z0-9]{32,}"
    r"|\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}"
)
# What a file says of itself counts more than the licence of its repository.
_OTHER_LICENCE = re.compile(
    r"(?i)\bGNU (Lesser |Library |Affero )?General Public License|\b[AL]?GPL-?[23v]"
    r"|\bMozilla Public License|\bCC[- ]BY|\bCreative Commons|\bBusiness Source License"
    r"|\bServer Side Public License"
)
_HEAD_CHARACTERS = 1_000
_LONGEST_LINE = 1_000
_MEAN_LINE = 100
_LEAST_LETTERS = 0.25
_MOST_DIGITS = 0.2


def language_of(path: str) -> str | None:
    """The language to learn from a file of that name, or None where it is to be left out."""
    file = PurePosixPath(path)
    folders = {part.lower() for part in file.parts[:-1]}
    if folders & (_VENDORED | _NO_SOURCES) or _GENERATED_NAMES.search(file.name):
        return None
    return LANGUAGES.get(file.suffix)


def fault(text: str) -> str | None:
    """Why a file is left out, in a word or two, or None where it is taken."""
    found = {
        "size": not MIN_CHARACTERS <= len(text) <= MAX_CHARACTERS,
        "no text": "\0" in text or "\ufffd" in text,
        "generated": _GENERATED.search(text[:_HEAD_CHARACTERS]) is not None,
        "another licence": _OTHER_LICENCE.search(text[:_HEAD_CHARACTERS]) is not None,
        "secret": _SECRETS.search(text) is not None,
        "minified": _is_minified(text),
        "data": _is_data(text),
    }
    return next((reason for reason, holds in found.items() if holds), None)


def _is_minified(text: str) -> bool:
    lines = text.splitlines() or [""]
    return max(map(len, lines)) > _LONGEST_LINE or len(text) > _MEAN_LINE * len(lines)


def _is_data(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    digits = sum(map(str.isdigit, text))
    return letters < _LEAST_LETTERS * len(text) or digits > _MOST_DIGITS * len(text)
