"""Renames by rope's findings, with what is not certain set apart.

Certain are occurrences that rope resolves to the renamed thing. Doubtful are attributes of that name
of objects of a type that is not known, and the name in strings and comments.
"""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from typing import Any

from rope.base import evaluate, pynames, pyobjects, worder
from rope.refactor import occurrences
from rope.refactor.rename import _is_local

from lsp_server.refactor.job import Doubt, Rewritten
from lsp_server.refactor.mirror import Mirror
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import TextEdit, apply_edits

OF_UNKNOWN_TYPE = "the type of the object is not known"
IN_TEXT = "in a string or a comment"


def rename(mirror: Mirror, path: str, offset: int, new_name: str) -> tuple[Rewritten, ...]:
    """Raises `RefactorRefused`."""
    if not new_name.isidentifier() or keyword.iskeyword(new_name):
        raise RefactorRefused(f"{new_name!r} is no name that Python allows")
    resource = mirror.resource(path)
    old_name = worder.get_name_at(resource, offset)
    instance, pyname = evaluate.eval_location2(mirror.project.get_pymodule(resource), offset)
    _check(mirror, pyname, old_name, new_name)
    finder, unsure = finder_of(mirror, old_name, pyname, instance)
    is_local = _is_local(pyname)
    files = []
    for resource_ in [resource] if is_local else mirror.resources():
        text = mirror.texts[resource_.path]
        if old_name not in text:
            continue
        unsure.clear()
        ranges = [it.get_word_range() for it in finder.find_occurrences(resource_)]
        edits = [TextEdit(start, end, new_name) for start, end in ranges]
        doubtful = dict.fromkeys(unsure, OF_UNKNOWN_TYPE)
        if len(edits) > len(doubtful) and not is_local:
            for start in mentions(text, old_name):
                doubtful.setdefault(start, IN_TEXT)
                edits.append(TextEdit(start, start + len(old_name), new_name))
        if edits:
            doubts = tuple(
                Doubt(text.count("\n", 0, start), reason)
                for start, reason in sorted(doubtful.items())
            )
            files.append(Rewritten(resource_.path, text, apply_edits(text, edits), doubts))
    return tuple(files)


def finder_of(mirror: Mirror, name: str, pyname: Any, instance: Any) -> tuple[Any, set[int]]:
    """A finder of all that is, or may be, the named thing; those that may be end up in the set."""
    unsure: set[int] = set()

    def note(occurrence: Any) -> bool:
        start, _ = occurrence.get_word_range()
        unsure.add(start)
        return True

    finder = occurrences.create_finder(
        mirror.project, name, pyname, unsure=note, instance=instance, in_hierarchy=is_method(pyname)
    )
    return finder, unsure


def is_method(pyname: Any) -> bool:
    if not isinstance(pyname, pynames.DefinedName):
        return False
    thing = pyname.get_object()
    return isinstance(thing, pyobjects.PyFunction) and isinstance(thing.parent, pyobjects.PyClass)


def _check(mirror: Mirror, pyname: Any, old_name: str, new_name: str) -> None:
    if pyname is None:
        raise RefactorRefused(
            f"what {old_name} means here is not known: it is defined outside of the workspace, or in a "
            "way that the code does not tell"
        )
    if isinstance(pyname.get_object(), pyobjects.AbstractModule):
        raise RefactorRefused(f"{old_name} is a module: rename its file")
    module, _ = pyname.get_definition_location()
    place = module.get_resource() if module is not None else None
    if place is None or place.path not in mirror.texts:
        raise RefactorRefused(f"{old_name} is not defined in the workspace")
    if new_name == old_name:
        raise RefactorRefused("the new name is the old one")


def mentions(text: str, name: str) -> list[int]:
    """Where a name stands in strings and comments as what a reader takes for it.

    A plain word counts in quotes, in backquotes or before a parenthesis alone.
    """
    word = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
    if "_" not in name.strip("_") and name.lower() == name:
        quoted = rf"(?<=[`'\"]){re.escape(name)}(?=[`'\"])"
        word = re.compile(rf"{quoted}|(?<![\w.]){re.escape(name)}(?=\()")
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    found: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_text = token.type in (tokenize.STRING, tokenize.COMMENT)
        if is_text and name in token.string and not _is_formatted(token.string):
            at = starts[token.start[0] - 1] + token.start[1]
            found += (at + it.start() for it in word.finditer(token.string))
    return found


def _is_formatted(literal: str) -> bool:
    """An f-string, in which names are code."""
    return "f" in literal[:3].partition('"')[0].partition("'")[0].lower()
