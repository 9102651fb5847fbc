"""What two texts may differ in, and what becomes of a module's public API."""

from __future__ import annotations

import pytest

from lsp_server.edits.api import find_api_delta
from lsp_server.edits.equality import (
    find_lost_comments,
    same_but_annotations,
    same_but_comments,
    same_but_docstrings,
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("def f():\n    return 1\n", 'def f():\n    """One."""\n    return 1\n', True),
        ("def f():\n    'One.'\n    return 1\n", "def f():\n    return 1\n", True),
        ("class A:\n    pass\n", 'class A:\n    """It."""\n', True),
        ("x = 1\n", '"""It."""\nx = 1\n', True),
        ("def f():\n    return 1\n", 'def f():\n    """One."""\n    return 2\n', False),
        ("def f():\n    return 1\n", 'def f():\n    return 1\n    """One."""\n', False),
        ("def f(a):\n    return 1\n", 'def f(b):\n    """One."""\n    return 1\n', False),
        ("def f(:\n", "def f(): ...\n", None),
    ],
)
def test_docstrings_alone_may_differ(before: str, after: str, expected: bool | None) -> None:  # noqa: FBT001
    assert same_but_docstrings(before, after) is expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("def f(a, *b, **c): return a\n", "def f(a: int, *b: int, **c: str) -> int: return a\n", True),
        ("x = 1\n", "x: int = 1\n", True),
        ("def f():\n    x = 1\n", "def f():\n    x: int = 1\n", True),
        ("class A:\n    x = 1\n", "class A:\n    x: int = 1\n", True),
        ("@dataclass\nclass A:\n    x = 1\n", "@dataclass\nclass A:\n    x: int = 1\n", False),
        ("class A(B):\n    x = 1\n", "class A(B):\n    x: int = 1\n", False),
        ("class A(B):\n    def f(self): x = 1\n", "class A(B):\n    def f(self): x: int = 1\n", True),
        ("def f():\n    return x\n", "def f():\n    x: int\n    return x\n", False),
        ("def f(a): pass\n", "from t import A\ndef f(a: A): pass\n", True),
        ("import x\ndef f(a): pass\n", "from t import A\ndef f(a: A): pass\n", False),
        (
            "import x\ndef f(a): pass\n",
            "import typing, x\nif typing.TYPE_CHECKING:\n    from t import A\ndef f(a: 'A'): pass\n",
            True,
        ),
        ("def f(a): pass\n", "def f(a: int = 1): pass\n", False),
        ("def f(a): pass\n", "def f(b: int): pass\n", False),
        ("def f(:\n", "def f(): pass\n", None),
    ],
)  # fmt: skip
def test_annotations_alone_may_differ(before: str, after: str, expected: bool | None) -> None:  # noqa: FBT001
    assert same_but_annotations(before, after) is expected


@pytest.mark.parametrize(
    ("language", "before", "after", "expected"),
    [
        ("typescript", "f(a);\n", "/** It. */\nf( a ); // so\n", True),
        ("typescript", "f(a);\n", "/** It. */\nf(b);\n", False),
        ("javascript", "f(() => { return a; });\n", "f(() => { return /*\n*/ a; });\n", True),
        ("javascript", "f(() => { return a; });\n", "f(() => { return;\na; });\n", False),
        ("go", "package p\nfunc F() {}\n", "package p\n// F is it.\nfunc F() {}\n", True),
        ("rust", "fn f() {}\n", "/// It.\nfn f() {}\n", True),
        ("c", "int x = 1;\n", "/* It. */ int x = 1;\n", True),
        ("java", "class A { int x; }\n", "class A { int x, y; }\n", False),
        ("ruby", "def f; end\n", "# It.\ndef f; end\n", True),
    ],
)
def test_comments_alone_may_differ(
    language: str, before: str, after: str, expected: bool  # noqa: FBT001
) -> None:  # fmt: skip
    assert same_but_comments(language, before, after) is expected


def test_comments_that_are_lost_are_named() -> None:
    assert find_lost_comments("x = 1  # one\n# two\n", "# two\nx = '# one'\n") == ["# one"]
    assert find_lost_comments("x = 1  # one\n", "y = 1  # one\n# new\n") == []
    assert find_lost_comments("x = (\n", "x = 1\n") is None


MODULE = """
LIMIT = 1
_hidden = 2
def f(a, /, b=1, *c, d=2, **e): pass
async def g(*, a): pass
class A(B, metaclass=M):
    size: int = 1
    def __init__(self, x): pass
    def _inner(self): pass
    @property
    def y(self): pass
if LIMIT:
    def h(): pass
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", "leaves the public API as it is"),
        ("_hidden = 2", "", "leaves the public API as it is"),
        ("def _inner(self): pass", "pass", "leaves the public API as it is"),
        ("b=1", "b: int = 1", "leaves the public API as it is"),
        ("LIMIT = 1", "BOUND = 1", "removes LIMIT; adds BOUND"),
        ("b=1", "b=2", "changes f: def(a, /, b=1, *c, d=2, **e) becomes def(a, /, b=2, *c, d=2, **e)"),
        ("async def g", "def g", "changes g: async def(*, a) becomes def(*, a)"),
        ("(self, x)", "(self)", "changes A.__init__: def(self, x) becomes def(self)"),
        ("@property", "@cached", "changes A.y: @property def(self) becomes @cached def(self)"),
        ("(B, metaclass=M)", "(C)", "changes A: class(B, metaclass=M) becomes class(C)"),
        ("def h", "def i", "removes h; adds i"),
        ("    size: int = 1\n", "", "removes A.size"),
    ],
)  # fmt: skip
def test_the_public_api_is_compared(old: str, new: str, told: str) -> None:
    delta = find_api_delta(MODULE, MODULE.replace(old, new))
    assert delta is not None
    assert str(delta) == told
    assert delta.breaks is ("removes" in told or "changes" in told)


def test_what_is_exported_is_public_alone() -> None:
    before = "__all__ = ['_f']\ndef _f(): pass\ndef g(): pass\n"
    delta = find_api_delta(before, "__all__ = ['_f']\n")
    assert delta is not None
    assert delta.removed == ("_f",)
    assert find_api_delta("def f(:\n", "") is None
