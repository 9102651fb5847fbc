"""Renames by rope's findings, with what is not certain set apart.

Certain are occurrences that rope resolves to the renamed thing. Doubtful are attributes of that name
of objects of a type that is not known, of a parameter arguments of that name in calls that may be of its
function, and the name in strings and comments.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from rope.base import evaluate, pynames, pynamesdef, pyobjects
from rope.refactor import occurrences
from rope.refactor.rename import _is_local

from lsp_server.edits.whole_word import whole_word
from lsp_server.refactor import global_names
from lsp_server.refactor.hierarchy import find_namesake
from lsp_server.refactor.job import Doubt, Outcome, Rewritten
from lsp_server.refactor.local_names import Local, find_local, is_name_used, keyword_places
from lsp_server.refactor.mirror import Mirror
from lsp_server.refactor.offers import name_at
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import TextEdit, apply_edits, strings_and_comments

OF_UNKNOWN_TYPE = "the type of the object is not known"
IN_TEXT = "in a string or a comment"
_OF_MODULES = frozenset(
    {
        "__all__",
        "__dir__",
        "__doc__",
        "__file__",
        "__getattr__",
        "__name__",
        "__path__",
        "__slots__",
    }
)


def rename(mirror: Mirror, path: str, offset: int, new_name: str) -> Outcome:
    """Raises `RefactorRefused`."""
    if not new_name.isidentifier() or keyword.iskeyword(new_name):
        raise RefactorRefused(f"{new_name!r} is no name that Python allows")
    old_name, start = _name_at(mirror.texts[path], offset)
    if new_name == old_name:
        raise RefactorRefused("the new name is the old one")
    is_global = global_names.is_global_at(path, mirror.texts[path], old_name, start)
    if _is_special(old_name) and (not is_global or old_name in _OF_MODULES):
        raise RefactorRefused(f"{old_name} is special to Python, which looks for it by this name")
    if is_global:
        return Outcome(tuple(_rename_global(mirror, path, old_name, new_name)), path)
    if (local := find_local(mirror.texts[path], old_name, start)) is not None:
        return _rename_local(mirror, path, path, local, (old_name, new_name))
    resource = mirror.resource(path)
    found: tuple[Any, Any] = evaluate.eval_location2(mirror.project.get_pymodule(resource), offset)
    instance, pyname = found
    if _is_module(pyname):
        return Outcome(tuple(_rename_module(mirror, pyname, old_name, new_name)), path)
    _check(mirror, pyname, old_name)
    module, line = pyname.get_definition_location()
    home = module.get_resource().path
    if line is not None and global_names.is_global(mirror.texts[home], old_name, line - 1):
        return Outcome(tuple(_rename_global(mirror, home, old_name, new_name)), path)
    if isinstance(pyname, pynamesdef.ParameterName):
        return _rename_parameter(mirror, path, pyname, (old_name, new_name))
    is_local = _is_local(pyname)
    resources = [resource] if is_local else mirror.resources()
    finder = finder_of(mirror, old_name, pyname, instance)

    def in_texts(_path: str, text: str) -> list[int]:
        return [] if is_local else mentions(text, old_name)

    files = _rename_found(mirror, resources, finder, new_name, in_texts)
    return Outcome(tuple(files), path, is_local=is_local)


def _rename_parameter(mirror: Mirror, path: str, pyname: Any, names: tuple[str, str]) -> Outcome:
    """Of a function that is called at the place at which it was asked for."""
    old_name, _ = names
    home = pyname.pyfunction.get_module().get_resource().path
    text = mirror.texts[home]
    head = pyname.pyfunction.arguments
    given = [*head.posonlyargs, *head.args, *head.kwonlyargs, head.vararg, head.kwarg]
    node = next(it for it in given if it is not None and it.arg == old_name)
    before = text.split("\n")[: node.lineno]
    column = len(before[-1].encode()[: node.col_offset].decode())
    offset = sum(len(it) + 1 for it in before[:-1]) + column
    local = find_local(text, old_name, offset)
    if local is None:
        raise RefactorRefused(f"where {old_name} is used in {home} cannot be told")
    return _rename_local(mirror, path, home, local, names)


def _rename_local(
    mirror: Mirror, path: str, home: str, local: Local, names: tuple[str, str]
) -> Outcome:
    """In its own function, and where a parameter is passed by its name."""
    old_name, new_name = names
    text = mirror.texts[home]
    if is_name_used(text, new_name, local.span):
        raise RefactorRefused(f"the name {new_name} is taken in the same function")
    passed = _find_passed(mirror, home, local, old_name) if local.is_passed_by_name else {}
    line = text.count("\n", 0, local.places[0]) + 1
    other = find_namesake(mirror.texts, home, line, old_name) if local.is_passed_by_name else ""
    of_type = f"{other}, and what is called here may be that" if other else OF_UNKNOWN_TYPE
    files = []
    for at, (certain, doubtful) in {home: (set[int](), set[int]()), **passed}.items():
        written = mirror.texts[at]
        doubts = dict.fromkeys(doubtful | certain if other else doubtful, of_type)
        if at == home:
            if other:
                doubts[local.places[0]] = other
            certain.update(local.places)
            if local.is_parameter:
                said = mentions(text[slice(*local.span)], old_name)
                doubts.update((local.span[0] + it, IN_TEXT) for it in said)
        edits = [TextEdit(it, it + len(old_name), new_name) for it in sorted({*certain, *doubts})]
        told = tuple(
            Doubt(written.count("\n", 0, it), reason) for it, reason in sorted(doubts.items())
        )
        files.append(Rewritten(at, written, apply_edits(written, edits), told))
    return Outcome(tuple(files), path, is_local=not local.is_passed_by_name)


def _find_passed(
    mirror: Mirror, home: str, local: Local, name: str
) -> dict[str, tuple[set[int], set[int]]]:
    """By file where calls pass a parameter by its name: certainly, and perhaps."""
    module: Any = mirror.project.get_pymodule(mirror.resource(home))
    scope = module.get_scope().get_inner_scope_for_offset(local.places[0])
    pyname = scope.get_names().get(name)
    if not isinstance(pyname, pynamesdef.ParameterName):
        return {}
    finder, unsure = finder_of(mirror, name, pyname, None)
    found = {}
    for resource in mirror.resources():
        text = mirror.texts[resource.path]
        if name not in text or not (passed := keyword_places(text, name)):
            continue
        unsure.clear()
        places = {it.get_word_range()[0] for it in finder.find_occurrences(resource)} & passed
        if places:
            found[resource.path] = (places - unsure, places & unsure)
    return found


def _rename_found(
    mirror: Mirror,
    resources: Iterable[Any],
    found: tuple[Any, set[int]],
    new_name: str,
    in_texts: Callable[[str, str], list[int]],
) -> Iterator[Rewritten]:
    """What a finder finds, and in files where some of it is certain the name in texts as well.

    `in_texts` says of a path and its text where the name stands in strings and comments.
    """
    finder, unsure = found
    for resource in resources:
        text = mirror.texts[resource.path]
        if finder.name not in text:
            continue
        unsure.clear()
        ranges = [it.get_word_range() for it in finder.find_occurrences(resource)]
        edits = [TextEdit(start, end, new_name) for start, end in ranges]
        doubtful = dict.fromkeys(unsure, OF_UNKNOWN_TYPE)
        if len(edits) > len(doubtful):
            for start in in_texts(resource.path, text):
                doubtful.setdefault(start, IN_TEXT)
                edits.append(TextEdit(start, start + len(finder.name), new_name))
        if edits:
            doubts = tuple(
                Doubt(text.count("\n", 0, start), reason)
                for start, reason in sorted(doubtful.items())
            )
            yield Rewritten(resource.path, text, apply_edits(text, edits), doubts)


def _is_special(name: str) -> bool:
    return len(name) > len("____") and name.startswith("__") and name.endswith("__")


def _name_at(text: str, offset: int) -> tuple[str, int]:
    """The name that an offset is in, or right behind, and where it starts."""
    first = text.rfind("\n", 0, offset) + 1
    line = text[first:].partition("\n")[0]
    span = name_at(line, offset - first)
    if span is None:
        raise RefactorRefused("there is no name here")
    return line[slice(*span)], first + span[0]


def _is_module(pyname: Any) -> bool:
    return pyname is not None and isinstance(pyname.get_object(), pyobjects.AbstractModule)


def _rename_module(
    mirror: Mirror, pyname: Any, old_name: str, new_name: str
) -> Iterator[Rewritten]:
    """The file moves, and what imports it follows."""
    resource = pyname.get_object().get_resource()
    path = resource.path if resource is not None else ""
    if resource is not None and (resource.is_folder() or resource.name == "__init__.py"):
        raise RefactorRefused(f"{old_name} is a package: rename its folder in the editor")
    if path not in mirror.texts:
        raise RefactorRefused(f"{old_name} is no module of the workspace, or its file is not known")
    if PurePosixPath(path).stem != old_name:
        raise RefactorRefused(
            f"{old_name} is another name for {path}: rename it where it is imported"
        )
    moved = str(PurePosixPath(path).with_name(f"{new_name}.py"))
    taken = whole_word(new_name, may_be_attribute=False)
    finder = occurrences.create_finder(mirror.project, old_name, pyname)
    for other in mirror.resources():
        text = mirror.texts[other.path]
        found = [it.get_word_range() for it in finder.find_occurrences(other)]
        edits = [TextEdit(start, end, new_name) for start, end in found]
        if edits and taken.search(text):
            raise RefactorRefused(f"the name {new_name} is taken in {other.path}")
        if other.path == path:
            yield Rewritten(moved, text, apply_edits(text, edits), moved_from=path)
        elif edits:
            yield Rewritten(other.path, text, apply_edits(text, edits))


def _rename_global(mirror: Mirror, home: str, old_name: str, new_name: str) -> Iterator[Rewritten]:
    taken = whole_word(new_name, may_be_attribute=False)
    for path, places in global_names.find_places(mirror.texts, home, old_name).items():
        text = mirror.texts[path]
        if taken.search(text):
            raise RefactorRefused(f"the name {new_name} is taken in {path}")
        data = text.encode("utf-8", "replace")
        doubtful = {it for it in places.in_text if it not in places.certain}
        doubtful = {it for it in doubtful if _is_meant(data, it, old_name)}
        length = len(old_name.encode())
        pieces: list[bytes] = []
        done = 0
        for start in sorted({*places.certain, *doubtful}):
            pieces += data[done:start], new_name.encode()
            done = start + length
        after = b"".join([*pieces, data[done:]]).decode()
        doubts = tuple(Doubt(data.count(b"\n", 0, it), IN_TEXT) for it in sorted(doubtful))
        yield Rewritten(path, text, after, doubts)


def _is_meant(data: bytes, start: int, name: str) -> bool:
    """As `mentions`, for a place in a string or a comment, in bytes."""
    end = start + len(name.encode())
    return (
        _word(name).match(data[max(0, start - 1) : end + 1].decode("latin-1"), min(start, 1))
        is not None
    )


def finder_of(mirror: Mirror, name: str, pyname: Any, instance: Any) -> tuple[Any, set[int]]:
    """A finder of all that is, or may be, the named thing; those that may be end up in the set."""
    unsure: set[int] = set()
    may_be = _may_be_argument if isinstance(pyname, pynames.ParameterName) else _may_be_attribute

    def note(occurrence: Any) -> bool:
        if not may_be(occurrence, pyname):
            return False
        start, _ = occurrence.get_word_range()
        unsure.add(start)
        return True

    finder = occurrences.create_finder(
        mirror.project, name, pyname, unsure=note, instance=instance, in_hierarchy=is_method(pyname)
    )
    return finder, unsure


def _may_be_attribute(occurrence: Any, _: Any) -> bool:
    """Whether it stands behind a dot, and not as what a module from elsewhere has."""
    text = occurrence.tools.source_code
    first, _end = occurrence.get_primary_range()
    start, _end = occurrence.get_word_range()
    receiver = text[first:start].rstrip()
    if not receiver.endswith("."):
        return False
    of, _pyname = occurrence.get_primary_and_pyname() or (None, None)
    name = re.escape(receiver.removesuffix(".").partition(".")[0].rstrip())
    is_imported = re.search(rf"^[ \t]*import [^\n;]*(?<!\w){name}(?!\w)", text, re.MULTILINE)
    return not (isinstance(of, pynames.UnboundName) and is_imported)


def _may_be_argument(occurrence: Any, pyname: Any) -> bool:
    """Whether it names an argument in a call of what is called like the parameter's function."""
    if not occurrence.is_function_keyword_parameter() or not isinstance(
        pyname, pynamesdef.ParameterName
    ):
        return False
    function: Any = pyname.pyfunction
    name = function.get_name()
    if name == "__init__" and isinstance(function.parent, pyobjects.PyClass):
        name = function.parent.get_name()
    words = occurrence.tools.word_finder
    parenthesis = words.find_parens_start_from_inside(occurrence.offset)
    return bool(words.get_word_at(parenthesis - 1) == name)


def is_method(pyname: Any) -> bool:
    if not isinstance(pyname, pynames.DefinedName):
        return False
    thing = pyname.get_object()
    return isinstance(thing, pyobjects.PyFunction) and isinstance(thing.parent, pyobjects.PyClass)


def _check(mirror: Mirror, pyname: Any, old_name: str) -> None:
    if pyname is None:
        raise RefactorRefused(
            f"what {old_name} means here is not known: it is defined outside of the workspace, or in a "
            "way that the code does not tell"
        )
    module, _ = pyname.get_definition_location()
    place = module.get_resource() if module is not None else None
    if place is None or place.path not in mirror.texts:
        raise RefactorRefused(f"{old_name} is not defined in the workspace")


def _word(name: str) -> re.Pattern[str]:
    if "_" not in name.strip("_") and name.lower() == name:
        quoted = rf"(?<=[`'\"]){re.escape(name)}(?=[`'\"])"
        return re.compile(rf"{quoted}|(?<![\w.]){re.escape(name)}(?=\()")
    return whole_word(name, may_be_attribute=False)


def mentions(text: str, name: str) -> list[int]:
    """Where a name stands in strings and comments as what a reader takes for it.

    A plain word counts in quotes, in backquotes or before a parenthesis alone.
    """
    word = _word(name)
    return [
        at + found.start()
        for at, written in strings_and_comments(text)
        if name in written and not _is_formatted(written)
        for found in word.finditer(written)
    ]


def _is_formatted(literal: str) -> bool:
    """An f-string, in which names are code."""
    return "f" in literal[:3].partition('"')[0].partition("'")[0].lower()
