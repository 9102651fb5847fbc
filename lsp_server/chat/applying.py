"""From a code block of an answer to a verified change: never more than what the user looks at.

A block holds search/replace blocks; or the whole of a file whose path it names; or the whole of one
definition, which takes the place of the one that is there. What cannot be placed without a guess is
refused with what would help, and so is what the gates of the edits refuse, by the gate's name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp_server.chat.code_blocks import CodeBlock, bare_lines, code_blocks
from lsp_server.chat.codebase import Codebase, FileText, Place
from lsp_server.chat.transcript import ChatRefused
from lsp_server.edits.blocks import BlockProblem, apply_blocks, parse_blocks
from lsp_server.edits.change import Change, EditKind, FileChange
from lsp_server.model_edits.answers import read_whole
from lsp_server.workspace.outline import Symbol, SymbolKind

if TYPE_CHECKING:
    from lsp_server.edits.imports import Modules
    from lsp_server.edits.verification import Evidence, Finding

TITLE = "Apply from the chat"
_KINDS = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.CLASS, SymbolKind.INTERFACE})
_MAY_LOSE = 0.5  # of a file's definitions, when it is written anew


@dataclass(frozen=True, slots=True)
class Applied:
    change: Change
    evidence: Evidence


class Applying:
    def __init__(
        self,
        code: Codebase,
        *,
        modules: Callable[[str], Modules | None],
        type_check: Callable[[Change], Awaitable[Sequence[Finding]]],
    ) -> None:
        """`modules` says what a file, by its URI, may import; `type_check` asks the user's checker."""
        self._code = code
        self._modules = modules
        self._type_check = type_check

    async def apply(self, answer: str, number: int, active: str | None) -> Applied:
        """The change that a block of an answer comes to. Raises `ChatRefused`.

        `active` is the URI of the editor that is looked at: a block that names no file is about it.
        """
        blocks = code_blocks(answer)
        if not 0 <= number < len(blocks):
            raise ChatRefused("the answer has no such code block", "Open the conversation again.")
        block = blocks[number]
        default = self._place(block.path) if block.path else self._active(active)
        texts = (
            await self._edited(block, default)
            if block.has_edits
            else await self._whole(block, default)
        )
        return await self._verified(texts)

    def _place(self, name: str) -> Place:
        place = self._code.named(name)
        if place is None:
            raise ChatRefused(f"{name} must not be edited: it lies outside of the workspace")
        if reason := self._code.edit_refusal(place.uri):
            raise ChatRefused(f"{place.name} must not be edited: {reason}")
        return place

    def _active(self, uri: str | None) -> Place | None:
        place = self._code.place_of(uri) if uri else None
        return self._place(place.name) if place is not None else None

    async def _edited(
        self, block: CodeBlock, default: Place | None
    ) -> dict[Place, tuple[FileText | None, str]]:
        """The texts that search/replace blocks come to."""
        parsed = parse_blocks(block.code, (), default.name if default is not None else "")
        _refuse_problems(parsed.problems)
        if any(not it.path for it in parsed.blocks):
            raise ChatRefused(
                "the block does not say which file it is about",
                "Open that file and try again, or ask for the path before the block.",
            )
        places = {it.path: self._place(it.path) for it in parsed.blocks}
        files = {path: await self._code.text_of(place) for path, place in places.items()}
        texts = {path: _text(file) for path, file in files.items()}
        applied = apply_blocks(parsed.blocks, texts)
        _refuse_problems(applied.problems)
        return {places[path]: (files[path], text) for path, text in applied.texts.items()}

    async def _whole(
        self, block: CodeBlock, place: Place | None
    ) -> dict[Place, tuple[FileText | None, str]]:
        """The text with a file, or one definition of it, written anew."""
        if place is None:
            raise ChatRefused(
                "the block does not say which file it is about",
                "Open that file and try again, or insert the block at the cursor.",
            )
        if block.leaves_out:
            raise ChatRefused(
                "the block leaves out code where it says so in a remark",
                "Ask for search/replace blocks, or for the whole.",
            )
        file = await self._code.text_of(place)
        if file is None:
            return {place: (None, block.code)}
        old = _symbols(file, "".join(file.lines))
        own = [it for it in _symbols(file, block.code) if it.parent is None]
        target = _find_target(own, block.code, old)
        if target is not None:
            text = read_whole(
                f"{_FENCE}\n{block.code}{_FENCE}\n", file.lines, target.start_line, target.end_line
            )
            if isinstance(text, BlockProblem):
                raise ChatRefused(text.message.rstrip("."))
            return {place: (file, text)}
        if not block.path:
            raise ChatRefused(
                f"the block names no file, and is not one definition of {place.name} written anew",
                "Insert it at the cursor, or ask for search/replace blocks.",
            )
        lost = {it.name for it in old if it.parent is None} - {it.name for it in own}
        top = {it.name for it in old if it.parent is None}
        if top and len(lost) > _MAY_LOSE * len(top):
            raise ChatRefused(
                f"the block would take {len(lost)} of {len(top)} definitions out of {place.name}"
                f" ({', '.join(sorted(lost)[:5])})",
                "Ask for search/replace blocks.",
            )
        return {place: (file, _with_endings(block.code, file))}

    async def _verified(self, texts: Mapping[Place, tuple[FileText | None, str]]) -> Applied:
        from lsp_server.edits.verification import verify, verify_imports

        files = tuple(
            FileChange(place.uri, _text(file), after, file.version if file is not None else None)
            for place, (file, after) in texts.items()
        )
        change = Change(TITLE, files)
        evidence = await asyncio.to_thread(verify, change, EditKind.REWRITE)
        modules = self._modules(files[0].uri)
        if modules is not None:
            evidence = evidence.also(*verify_imports(change, modules))
        if evidence.passed:
            evidence = evidence.also(*await self._type_check(change))
        if not evidence.passed:
            told = evidence.refusal.replace("\n", "; ")
            raise ChatRefused(
                f"nothing was changed, since a check refused it ({told})",
                "Tell the model, and apply what it answers.",
            )
        return Applied(change, evidence)


_FENCE = "`" * 12  # longer than any that stands in code


def _text(file: FileText | None) -> str | None:
    return None if file is None else "".join(file.lines)


def _refuse_problems(problems: Sequence[BlockProblem]) -> None:
    if problems:
        raise ChatRefused(
            problems[0].message.partition("\n")[0].rstrip("."),
            "The file may have changed since: ask again, or edit by hand.",
        )


def _symbols(file: FileText, text: str) -> Sequence[Symbol]:
    from lsp_server.workspace.languages import LANGUAGES
    from lsp_server.workspace.parse import ParseGivenUp, outline

    if file.language not in LANGUAGES:
        return ()
    try:
        return outline(text.encode(), file.language).symbols
    except ParseGivenUp:
        return ()


def _find_target(own: Sequence[Symbol], code: str, old: Sequence[Symbol]) -> Symbol | None:
    """The one definition of a file that a block writes anew; None where it is more, or another."""
    if len(own) != 1 or own[0].kind not in _KINDS:
        return None
    lines = bare_lines(code)
    around = [*lines[: own[0].start_line], *lines[own[0].end_line :]]
    if any(line.strip() for line in around):
        return None
    named = [it for it in old if it.name == own[0].name and it.kind in _KINDS]
    return named[0] if len(named) == 1 else None


def _with_endings(code: str, file: FileText) -> str:
    """The code with the file's own line endings."""
    return code.replace("\n", "\r\n") if file.lines and file.lines[0].endswith("\r\n") else code
