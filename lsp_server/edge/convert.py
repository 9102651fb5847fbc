"""Between the editor and us: positions in its units and in code points, and edits of a workspace.

This is the one place that knows of UTF-16.

The unit is what `initialize` agreed on. A position inside a character moves to its start; one
behind the end of its line stays behind it, so that the caller can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from lsp_server.workspace.documents import Edit, Position

if TYPE_CHECKING:
    from lsp_server.edits.workspace_edit import (
        AnnotatedEdit,
        Annotation,
        FileEdit,
        WorkspaceChange,
    )

_UNITS_BY_ENCODING = {
    types.PositionEncodingKind.Utf8: "utf-8",
    types.PositionEncodingKind.Utf16: "utf-16-le",
    types.PositionEncodingKind.Utf32: "utf-32-le",
}
_BYTES_BY_UNIT = {"utf-8": 1, "utf-16-le": 2, "utf-32-le": 4}


class PositionConverter:
    def __init__(self, encoding: types.PositionEncodingKind | str) -> None:
        kind = types.PositionEncodingKind(encoding)
        self._codec = _UNITS_BY_ENCODING[kind]
        self._unit_bytes = _BYTES_BY_UNIT[self._codec]

    def from_client(self, position: types.Position, lines: Sequence[str]) -> Position:
        """A position in code points; lines that do not exist are taken as empty."""
        line = lines[position.line] if 0 <= position.line < len(lines) else ""
        if line.isascii():
            return Position(position.line, position.character)
        data = line.encode(self._codec, errors="surrogatepass")
        end = min(position.character * self._unit_bytes, len(data))
        beyond = max(0, position.character - len(data) // self._unit_bytes)
        while self._is_inside_character(data, end):
            end -= self._unit_bytes
        before = data[:end].decode(self._codec, errors="surrogatepass")
        return Position(position.line, len(before) + beyond)

    def to_client(self, position: Position, lines: Sequence[str]) -> types.Position:
        line = lines[position.line] if 0 <= position.line < len(lines) else ""
        before = line[: position.column]
        if before.isascii():
            return types.Position(position.line, position.column)
        beyond = max(0, position.column - len(line))
        units = len(before.encode(self._codec, errors="surrogatepass")) // self._unit_bytes
        return types.Position(position.line, units + beyond)

    def _is_inside_character(self, data: bytes, end: int) -> bool:
        """Whether the unit at `end` goes on with the character before it."""
        if not 0 < end < len(data):
            return False
        if self._codec == "utf-8":
            return data[end] & 0xC0 == 0x80  # noqa: PLR2004 - a continuation byte
        if self._codec == "utf-16-le":
            # The second half of a pair behind the first one.
            return data[end + 1] & 0xFC == 0xDC and data[end - 1] & 0xFC == 0xD8  # noqa: PLR2004
        return False

    def edit(self, change: types.TextDocumentContentChangePartial, lines: Sequence[str]) -> Edit:
        return Edit(
            self.from_client(change.range.start, lines),
            self.from_client(change.range.end, lines),
            change.text,
        )

    def workspace_edit(
        self, change: WorkspaceChange, *, annotated: bool = True
    ) -> types.WorkspaceEdit:
        """The edit of a workspace: versioned, with an annotation for each hunk where that is wanted.

        For clients that know `documentChanges`, `changeAnnotationSupport` and, where files come, go
        or move, `resourceOperations`; for others `fitted_edit.py` makes one that they can take.
        """
        annotations: dict[str, types.ChangeAnnotation] = {}

        def name(annotation: Annotation) -> str | None:
            if not annotated:
                return None
            annotation_id = str(len(annotations))
            annotations[annotation_id] = types.ChangeAnnotation(
                annotation.label, annotation.needs_confirmation, annotation.description
            )
            return annotation_id

        operations: list[Any] = []
        for file in change.files:
            if file.operation is not None:
                operations.append(_file_operation(file, name(file.operation)))
            if file.edits:
                edits = [self._text_edit(it, file.lines, name(it.annotation)) for it in file.edits]
                document = types.OptionalVersionedTextDocumentIdentifier(file.uri, file.version)
                operations.append(types.TextDocumentEdit(document, edits))
        return types.WorkspaceEdit(
            document_changes=operations, change_annotations=annotations or None
        )

    def _text_edit(
        self, annotated: AnnotatedEdit, lines: Sequence[str], annotation_id: str | None
    ) -> types.TextEdit | types.AnnotatedTextEdit:
        edit = annotated.edit
        place = types.Range(self.to_client(edit.start, lines), self.to_client(edit.end, lines))
        if annotation_id is None:
            return types.TextEdit(place, edit.text)
        return types.AnnotatedTextEdit(annotation_id, place, edit.text)


def _file_operation(file: FileEdit, annotation_id: str | None) -> Any:
    """What is done to a file as a whole. One that is there already is never overwritten."""
    if file.is_deleted:
        return types.DeleteFile(file.uri, annotation_id=annotation_id)
    if file.renamed_from is not None:
        options = types.RenameFileOptions(overwrite=False)
        return types.RenameFile(
            file.renamed_from, file.uri, options=options, annotation_id=annotation_id
        )
    return types.CreateFile(
        file.uri, options=types.CreateFileOptions(overwrite=False), annotation_id=annotation_id
    )
