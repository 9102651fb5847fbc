"""What Python itself says to a change: errors that no grammar knows. Pure.

`await` outside of a coroutine, `return` outside of a function, a `nonlocal` of nothing. Only the
statements at the module's level that a change touches are compiled, and nothing is run.
"""

from __future__ import annotations

import ast
import warnings

from lsp_server.edits.python_source import changed_lines, parse_python, statements_at
from lsp_server.workspace.documents import split_lines


def find_new_error(before: str, after: str) -> tuple[int, str] | None:
    """The line, from 0, and the message of an error that is new. None where there is none.

    Where Python refuses the text before, which may be of a newer Python, it is not asked.
    """
    first, last = changed_lines(split_lines(before), split_lines(after))
    error = _compile(after, first, last)
    if error is None or _compile(before, 0, before.count("\n") + 1) is not None:
        return None
    return max((error.lineno or 1) - 1, 0), error.msg


def _compile(source: str, first: int, last: int) -> SyntaxError | None:
    tree = parse_python(source)
    if isinstance(tree, SyntaxError):
        return tree
    changed = statements_at(tree, first, last)
    body = [*(it for it in tree.body if _is_future(it) and it not in changed), *changed]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(ast.Module(body, []), "<change>", "exec", dont_inherit=True)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError) as error:
            return SyntaxError(f"it cannot be compiled: {error}")
    return None


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
