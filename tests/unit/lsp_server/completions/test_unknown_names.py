"""Names that nothing explains: a text in Python, what is said, and the first unknown name in it."""

from __future__ import annotations

import pytest

from lsp_server.completions.display import Displayed, Refusal, UnknownNames, display
from lsp_server.completions.place import Surroundings
from lsp_server.completions.unknown_names import find_unknown
from lsp_server.edits.completed_line import breaks_syntax
from lsp_server.edits.python_names import Use
from lsp_server.workspace.documents import split_lines

CODE = """\
import os
from a import parse as read

LIMIT = 3

def first(path, *, depth=LIMIT):
    local = path
    return local

class Thing:
    size = 1

    def grow(self, by):
        |

    def other(self, also):
        inner = also
        later = inner

AFTER = 4
"""
TOP = "import os\n\n|\n\ndef f(x):\n    y = x\n"


def look(marked: str, said: str, importable: str = "", language: str = "python") -> Use | None:
    before, _, behind = marked.partition("|")
    around = Surroundings(language, split_lines(before), split_lines(behind))
    lines = split_lines(before + behind)
    return find_unknown(
        around, said, lines, len(around.before) - 1, lambda it: it in importable.split()
    )


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        (CODE, "return os.path.join(by, str(LIMIT))"),
        (CODE, "self.anything.at_all(by)"),
        (CODE, "return first(by, depth=2)"),
        (CODE, "return read(by) + AFTER"),
        (CODE, "return [it for it in by if it]"),
        (CODE, "new = Thing()\n        return new"),
        (CODE, "with open(by) as file:\n            return file.read()"),
        (CODE, "try:\n            pass\n        except OSError as error:\n            raise error"),
        (CODE, "return lambda a, b: a + b"),
        (CODE, "for a, (b, c) in by:\n            print(a, b, c)"),
        (CODE, "if (n := len(by)) > 1:\n            return n"),
        (CODE, "import json\n        return json.dumps(by)"),
        (CODE, "def inner(x: int) -> int:\n            return inner(x)"),
        (CODE, 'return f"{by!r} {self}"'),
        (CODE, "return super().grow(by)"),
        (CODE, "return by(unheard_of=1)"),
        (CODE, "match by:\n            case [a, *b]:\n                return a, b"),
        (CODE, '"unheard_of"'),
        (CODE, "return self.size  # unheard_of"),
        (TOP, "def g(a, b=os):\n    return a, b"),
        (TOP, "class A(Exception):\n    b: int = 1\n    c = b"),
        ("from a import *\n|\n", "unheard_of()"),
        ("def f():\n    global total\n    total = 1\n\n|\n", "print(total)"),
        ("xs = []\nfor it in xs:\n    |\n", "print(it)"),
        ("def f(x):\n    return x + ZERO\n\ndef g(y):\n    return |\n", "y + ZERO"),
        ("class A:\n    def f(self):\n        ZERO()\n\n    def g(self):\n        |\n", "ZERO()"),
        ("x = ) + |\n", "unheard_of"),  # what cannot be parsed is not judged
    ],
)
def test_what_is_known(marked: str, said: str) -> None:
    assert look(marked, said) is None


@pytest.mark.parametrize(
    ("marked", "said", "line", "name"),
    [
        (CODE, "return unheard_of(by)", 0, "unheard_of"),
        (CODE, "a = by\n        return unheard_of(a)", 1, "unheard_of"),
        (CODE, "return other(self)", 0, "other"),  # a method, which is an attribute
        ("x = un|\n", "heard_of", 0, "unheard_of"),
        (CODE, "return local", 0, "local"),  # of another function
        (CODE, "return also", 0, "also"),  # a parameter of another
        (CODE, "return size", 0, "size"),  # of the class, which its methods do not see
        (CODE, "return by + [unheard_of for it in by]", 0, "unheard_of"),
        (CODE, 'return f"{unheard_of}"', 0, "unheard_of"),
        (CODE, "return unheard_of.path", 0, "unheard_of"),
        (TOP, "z = y", 0, "y"),
        (TOP, "@unheard_of\ndef g():\n    pass", 0, "unheard_of"),
        (TOP, "def g(a: Unheard):\n    pass", 0, "Unheard"),
    ],
)
def test_what_is_not(marked: str, said: str, line: int, name: str) -> None:
    found = look(marked, said)
    assert found is not None
    assert (found.line, found.name) == (line, name)
    assert look(marked, said, importable=name) is None
    assert look(marked, said, language="typescript") is None


SAID = "a = by\n        return unheard_of(a)"


@pytest.mark.parametrize(
    ("said", "unknown_names", "shown"),
    [
        (SAID, UnknownNames.SHOW, Displayed(SAID)),
        (SAID, UnknownNames.DROP, Displayed("", (), Refusal.UNKNOWN_NAME, "unheard_of")),
        (
            SAID,
            UnknownNames.TRIM,
            Displayed("a = by", ("29 characters from the line on that names unheard_of",)),
        ),
        (
            "unheard_of(by)",
            UnknownNames.TRIM,
            Displayed("", (), Refusal.UNKNOWN_NAME, "unheard_of"),
        ),
        # Without the line with the name a block would stand empty before more code.
        (
            "if by:\n            unheard_of(by)",
            UnknownNames.TRIM,
            Displayed("if by:", ("27 characters from the line on that names unheard_of",)),
        ),
    ],
)
def test_what_becomes_of_it(said: str, unknown_names: UnknownNames, shown: Displayed) -> None:
    before, _, behind = CODE.partition("|")
    around = Surroundings("python", split_lines(before), split_lines(behind))
    lines = split_lines(before + behind)

    def find(text: str) -> Use | None:
        return find_unknown(around, text, lines, len(around.before) - 1, lambda _: False)

    def breaks(text: str) -> bool:
        return breaks_syntax(around.before, text, around.behind)

    assert (
        display(around, said, 10, unknown_names, breaks_syntax=breaks, find_unknown=find) == shown
    )
