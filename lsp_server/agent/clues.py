"""What the text of an issue says of where its cause may be: frames, paths, names, code, words. Pure.

The text is untrusted: it is read by patterns of bounded size, names files and names at most, and is
never obeyed. Lines count from 0.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from lsp_server.workspace.words import words

MAX_CHARACTERS = 60_000  # of an issue; the rest is output that somebody pasted
_MAX_NAMES = 120
_MAX_CODE_BLOCKS = 8
_AS_CODE = 3.0  # the weight of a name that is quoted as code, or stands in a traceback
_LEAST_CHARACTERS = 3  # of a word

# One frame a line, the innermost last or first as the language prints it.
_PYTHON_FRAME = re.compile(r'File "([^"\n]{1,300})", line (\d{1,7})(?:, in ([^\s\n]{1,120}))?')
_OTHER_FRAMES = (
    # node: `at name (/path/file.js:3:7)`, or without the name
    re.compile(
        r"\bat (?:async )?(?:([\w.$<>\[\] ]{1,120}) \()?([^\s()]{1,300}?):(\d{1,7}):\d{1,7}"
    ),
    # java: `at a.b.Class.method(File.java:12)`
    re.compile(r"\bat ([\w.$]{1,200})\(([\w]{1,80}\.(?:java|kt|scala)):(\d{1,7})\)"),
    # rust: `--> src/main.rs:3:7`, `panicked at src/main.rs:3:7`, a backtrace's `at ./src/main.rs:3`
    re.compile(r"(?:-->|panicked at|\bat)()\s+'?(\.?[\w./\\-]{1,300}\.rs):(\d{1,7})"),
    # go: a tab, the path, the line; and pytest, ruff, mypy, gcc: `path:line:`
    re.compile(r"^\s*()([\w./\\-]{1,300}\.\w{1,8}):(\d{1,7})(?=[\s:])", re.MULTILINE),
)
_PATH = re.compile(r"(?<![\w/.-])((?:[\w.-]{1,80}[/\\]){0,12}[\w-]{1,80}\.[a-z]{1,5})(?![\w/])")
_DOTTED = re.compile(r"(?<![\w./])([A-Za-z_]\w{0,80}(?:\.[A-Za-z_]\w{0,80}){1,8})(?!\w)")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w{2,80}")
_NAME_LIKE = re.compile(r"_|[a-z\d][A-Z]|^[A-Z]{2,}$|\d")
_QUOTED = re.compile(r"``?([^`\n]{1,200})``?")
_ROLE = re.compile(r":\w{1,12}:`~?([^`\n]{1,120})`")
_CALLED = re.compile(r"\b([A-Za-z_]\w{2,80})\(")
_FENCE = re.compile(r"^(```|~~~)[^\n]*\n(.*?)^\1", re.MULTILINE | re.DOTALL)
_INTERPRETER = re.compile(r"^ {0,8}(?:>>>|\.\.\.|In \[\d+\]:) ?(.*)$", re.MULTILINE)
_ERROR = re.compile(r"\b([A-Z]\w{1,60}(?:Error|Exception|Warning|Exit|Interrupt|Fault))\b")
_URL = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Frame:
    path: str  # as it was printed, with forward slashes
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Clues:
    """`frames` are in the order of the text; `names` and `words` have weights, higher counts more."""

    title: str
    frames: tuple[Frame, ...]
    paths: tuple[str, ...]
    dotted: tuple[str, ...]
    names: dict[str, float]
    words: dict[str, float]
    errors: tuple[str, ...]
    code: tuple[str, ...]


def read_clues(text: str) -> Clues:
    """What stands in an issue, of which the first line is the title."""
    text = text[:MAX_CHARACTERS].replace("\r\n", "\n")
    title, _, body = text.strip().partition("\n")
    plain = _URL.sub(" ", text)
    frames = tuple(_frames(plain))
    return Clues(
        title=title.strip("# "),
        frames=frames,
        paths=tuple(dict.fromkeys(it.replace("\\", "/") for it in _PATH.findall(plain))),
        dotted=tuple(dict.fromkeys(_DOTTED.findall(plain)))[:_MAX_NAMES],
        names=_names(title, _URL.sub(" ", body), frames),
        words=_words(title, _URL.sub(" ", body)),
        errors=tuple(dict.fromkeys(_ERROR.findall(plain))),
        code=tuple(_code(text)),
    )


def _frames(text: str) -> Iterator[Frame]:
    found: list[tuple[int, Frame]] = []
    for match in _PYTHON_FRAME.finditer(text):
        path, line, function = match.groups()
        found.append((match.start(), Frame(_slashes(path), int(line) - 1, function or "")))
    taken = {at for at, _ in found}
    for pattern in _OTHER_FRAMES:
        for match in pattern.finditer(text):
            function, path, line = match.groups()
            if match.start() not in taken and "." in path:
                taken.add(match.start())
                name = (function or "").strip().rpartition(".")[2]
                found.append((match.start(), Frame(_slashes(path), max(int(line) - 1, 0), name)))
    found.sort(key=lambda it: it[0])
    yield from dict.fromkeys(frame for _, frame in found)


def _slashes(path: str) -> str:
    return path.replace("\\", "/").removeprefix("file://")


def _names(title: str, body: str, frames: tuple[Frame, ...]) -> dict[str, float]:
    """Identifiers: what is written as code counts most, and so does the title."""
    weights: defaultdict[str, float] = defaultdict(float)
    for text, factor in ((title, 2.0), (body, 1.0)):
        best: dict[str, float] = {}
        for name, weight in _mentions(text):
            if _IDENTIFIER.fullmatch(name):
                best[name] = max(best.get(name, 0.0), weight)
        for name, weight in best.items():
            weights[name] += factor * weight
    for frame in frames:
        if _IDENTIFIER.fullmatch(frame.function):
            weights[frame.function] += _AS_CODE
    chosen = sorted(weights, key=lambda it: -weights[it])[:_MAX_NAMES]
    return {name: weights[name] for name in chosen}


def _mentions(text: str) -> Iterator[tuple[str, float]]:
    for quoted in (*_ROLE.findall(text), *_QUOTED.findall(text)):
        for name in _IDENTIFIER.findall(quoted):
            yield name, _AS_CODE
    for name in _CALLED.findall(text):
        yield name, 2.0
    for dotted in _DOTTED.findall(text):
        for name in dotted.split("."):
            yield name, 1.5
    for name in _IDENTIFIER.findall(text):
        yield name, 1.5 if _NAME_LIKE.search(name) else 0.25


def _words(title: str, body: str) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for word in words(title):
        counts[word] += 3
    for word in words(body):
        counts[word] += 1
    # What is said again and again is not that much more telling.
    return {
        word: float(min(count, 8)) ** 0.5
        for word, count in counts.items()
        if len(word) >= _LEAST_CHARACTERS
    }


def _code(text: str) -> Iterator[str]:
    """Code that the issue shows: fenced blocks, and what was typed at a prompt."""
    count = 0
    outside = text
    for match in _FENCE.finditer(text):
        block = match[2]
        outside = outside.replace(match[0], "")
        typed = _INTERPRETER.findall(block)
        if count < _MAX_CODE_BLOCKS:
            count += 1
            yield "\n".join(typed) + "\n" if typed else block
    typed = _INTERPRETER.findall(outside)
    if typed and count < _MAX_CODE_BLOCKS:
        yield "\n".join(typed) + "\n"
