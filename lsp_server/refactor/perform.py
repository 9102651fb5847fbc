"""Performs one job: by rope where rope does it well, else by what is in this folder."""

from __future__ import annotations

import difflib
import keyword
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from rope.base import evaluate, pyobjects
from rope.base.change import ChangeContents
from rope.base.exceptions import ModuleSyntaxError, RopeError
from rope.refactor.inline import InlineMethod, create_inline

from lsp_server.refactor import names, renaming
from lsp_server.refactor.extract import extract_function
from lsp_server.refactor.extract_variable import extract_variable
from lsp_server.refactor.inline import inline_variable
from lsp_server.refactor.inline_function import check_imports, check_inlining, check_left
from lsp_server.refactor.job import Doubt, Job, Outcome, Rewritten, Task
from lsp_server.refactor.method_to_function import move_method
from lsp_server.refactor.mirror import Mirror, mirror_of
from lsp_server.refactor.move_global import move_global, place_for
from lsp_server.refactor.moved_code import find_moving
from lsp_server.refactor.offers import assigned_name, name_at
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.signature import NEW_PARAMETER
from lsp_server.refactor.signatures import change_signature, place_of_new
from lsp_server.refactor.source import Source

_TOLD = {
    "Inline refactoring should be performed on": "it is no function that can be inlined: a property, "
    "or something else of that name",
    "Cannot inline functions with statements after return": "it returns before its end in some cases",
    "Cannot inline functions with list and keyword": "it takes `*` or `**` parameters, or some by "
    "their names alone",
    "Cannot inline functions that reference themselves": "it calls itself",
    "Reference to inlining function other than function call": "it is also passed on without being "
    "called: what calls it there is not known",
    "Cannot resolve the identifier": "what it means here is not known",
}


def perform(job: Job, scratch: Path) -> Outcome:
    """Raises `RefactorRefused`."""
    with warnings.catch_warnings(action="ignore"), mirror_of(job, scratch) as mirror:  # rope's own
        source = Source(mirror.texts[job.path], job.path)
        try:
            outcome = _TASKS[job.task](job, mirror, source)
        except ModuleSyntaxError as error:
            raise RefactorRefused(
                f"{error.filename} has a syntax error on line {error.lineno}. Mend it first"
            ) from error
        except RopeError as error:
            raise RefactorRefused(_told(error)) from error
        return replace(
            outcome,
            files=tuple(
                replace(
                    it,
                    before=None if it.before is None else _with_line_ends(mirror, it, it.before),
                    after=_with_line_ends(mirror, it, it.after),
                )
                for it in outcome.files
                if it.before != it.after or it.moved_from
            ),
        )


def _with_line_ends(mirror: Mirror, file: Rewritten, text: str) -> str:
    return mirror.with_line_ends(file.moved_from or file.path, text)


def _told(error: RopeError) -> str:
    """What rope says, in words for who reads it; where there are none for it, as rope says it."""
    told = " ".join(str(error).split()).rstrip(".")
    return next((ours for theirs, ours in _TOLD.items() if told.startswith(theirs)), told)


def _offset(source: Source, place: tuple[int, int]) -> int:
    line = min(place[0], len(source.lines) - 1)
    return source.line_start(line + 1) + min(place[1], len(source.lines[line]))


def _selection(job: Job, source: Source) -> tuple[int, int]:
    """The offsets of what is selected, without white space at its ends."""
    start, end = _offset(source, job.start), _offset(source, job.end)
    selected = source.text[start:end]
    if not selected.strip():
        raise RefactorRefused("nothing is selected: select the code that is to be extracted")
    start += len(selected) - len(selected.lstrip())
    return start, end - (len(selected) - len(selected.rstrip()))


def _extract_function(job: Job, _: Mirror, source: Source) -> Outcome:
    name = names.unused("extracted", source.text)
    after = extract_function(source, *_selection(job, source), name)
    at = names.first_place(after, name, is_use=True)
    return Outcome((Rewritten(job.path, source.text, after),), job.path, at)


def _extract_variable(job: Job, _: Mirror, source: Source) -> Outcome:
    start, end = _selection(job, source)
    name = names.unused(names.of_expression(source.text[start:end]), source.text)
    after, doubt = extract_variable(source, start, end, name)
    at = names.first_place(after, name, is_use=False)
    file = Rewritten(job.path, source.text, after)
    if doubt:
        file = replace(file, doubts=tuple(Doubt(line, doubt) for line in _changed_lines(file)))
    return Outcome((file,), job.path, at)


def _inline(job: Job, mirror: Mirror, source: Source) -> Outcome:
    line, column = job.start
    span = name_at(source.lines[line], column)
    name = source.lines[line][slice(*span)] if span is not None else ""
    if assigned_name(source.lines[line]) == name:
        return Outcome((inline_variable(source, line, name),), job.path)
    _check_given_by_name(mirror, job, _offset(source, job.start))
    engine = create_inline(mirror.project, mirror.resource(job.path), _offset(source, job.start))
    if not isinstance(engine, InlineMethod):
        raise RefactorRefused("a variable is inlined where it is assigned: put the cursor there")
    function: Any = engine.pyfunction
    check_inlining(mirror.texts, function.get_module().get_resource().path, function.get_ast())
    files = _files(engine.get_changes(resources=mirror.resources()), mirror)
    after = mirror.texts | {it.path: it.after for it in files}
    if isinstance(function.parent, pyobjects.PyClass):
        check_left(after, name)
    else:
        check_imports(mirror.texts, after, function.get_module().get_resource().path, name)
    reason = "look at what is evaluated now, and in which order"
    return Outcome(
        tuple(
            replace(it, doubts=tuple(Doubt(line, reason) for line in _changed_lines(it)))
            for it in files
        ),
        job.path,
    )


def _check_given_by_name(mirror: Mirror, job: Job, offset: int) -> None:
    """Before rope reads the head, which fails at parameters without a default behind a `*`."""
    pymodule: Any = mirror.project.get_pymodule(mirror.resource(job.path))
    pyname: Any = evaluate.eval_location(pymodule, offset)
    meant = pyname.get_object() if pyname is not None else None
    if isinstance(meant, pyobjects.PyFunction) and meant.get_ast().args.kwonlyargs:
        raise RefactorRefused(_TOLD["Cannot inline functions with list and keyword"])


def _changed_lines(file: Rewritten) -> list[int]:
    before = (file.before or "").split("\n")
    matcher = difflib.SequenceMatcher(None, before, file.after.split("\n"), autojunk=False)
    return [
        line
        for tag, first, last, _, _ in matcher.get_opcodes()
        if tag != "equal"
        for line in range(first, max(last, first + 1))
    ]


def _rename(job: Job, mirror: Mirror, source: Source) -> Outcome:
    return renaming.rename(mirror, job.path, _offset(source, job.start), job.argument)


def _move_method(job: Job, mirror: Mirror, source: Source) -> Outcome:
    others = {path: text for path, text in mirror.texts.items() if path != job.path}
    moved = move_method(source.text, job.start[0], others, job.path)
    note = f"A method stays that calls the function, since {moved.kept}." if moved.kept else ""
    return Outcome((Rewritten(job.path, source.text, moved.text),), job.path, note=note)


def _move_to_new_file(job: Job, mirror: Mirror, source: Source) -> Outcome:
    name = find_moving(source, job.start[0]).name
    target = place_for(mirror.texts, job.path, name)
    package = PurePosixPath(target).with_suffix("") / "__init__.py"
    for it in (target, str(package)):
        if it in mirror.texts or Path(job.folder, it).exists():
            raise RefactorRefused(f"{it} is there already: move or rename it first")
    return _moved_global(job, mirror, target)


def _move_to_file(job: Job, mirror: Mirror, _: Source) -> Outcome:
    target = job.argument
    if target not in mirror.texts or target == job.path:
        raise RefactorRefused(f"{target or 'nothing'} is no other file of Python in the workspace")
    stem = PurePosixPath(target).stem
    if not stem.isidentifier() or keyword.iskeyword(stem):
        raise RefactorRefused(f"no import can name {target}: rename that file first")
    return _moved_global(job, mirror, target)


def _moved_global(job: Job, mirror: Mirror, target: str) -> Outcome:
    files = move_global(mirror.texts, job.path, job.start[0], target, mirror.read)
    return Outcome(files, target)


def _change_signature(job: Job, mirror: Mirror, source: Source) -> Outcome:
    what = job.task.partition("_")[0]
    parameters = tuple(job.argument.split(","))
    if what == "add":
        parameters = (names.unused(NEW_PARAMETER, source.text),)
    files = change_signature(mirror, job.path, job.start, what, parameters)
    at = place_of_new(files, job.path, parameters[0]) if what == "add" else None
    return Outcome(files, job.path, at)


def _files(changes: Any, mirror: Mirror) -> list[Rewritten]:
    found = []
    for change in changes.changes:
        if not isinstance(change, ChangeContents):
            raise RefactorRefused("files would have to be moved, which is left to the editor")
        path = change.resource.path
        found.append(Rewritten(path, mirror.texts[path], change.new_contents))
    if not found:
        raise RefactorRefused("nothing would change")
    return found


_TASKS: dict[Task, Callable[[Job, Mirror, Source], Outcome]] = {
    "extract_function": _extract_function,
    "extract_variable": _extract_variable,
    "inline": _inline,
    "rename": _rename,
    "move_method": _move_method,
    "move_to_new_file": _move_to_new_file,
    "move_to_file": _move_to_file,
    "remove_parameter": _change_signature,
    "swap_parameters": _change_signature,
    "add_parameter": _change_signature,
}
