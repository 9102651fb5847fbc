"""Which places are those of one variable or parameter: all that are marked, and no others."""

from __future__ import annotations

import re

import pytest

from lsp_server.refactor.local_names import find_local, is_name_used, keyword_places

VARIABLES = {
    "targets of tuples": "def f(x):\n    a, ⟦b⟧ = 1, 2\n    for x, ⟦b⟧ in x:\n        [a, *⟦b⟧] = ⟦b⟧\n    del ⟦b⟧\n",
    "a name of the module besides": "b = 1\n\n\ndef f():\n    ⟦b⟧ = 2\n    return ⟦b⟧\n\n\nprint(b)\n",
    "inner functions": "def f():\n    ⟦b⟧ = 1\n\n    def g():\n        return ⟦b⟧\n\n    def h(b):\n        return b\n\n    return lambda b: b, lambda: ⟦b⟧\n",
    "an inner function's": "def f(b):\n    def g():\n        nonlocal_b = b\n        return lambda ⟦b⟧=b: ⟦b⟧\n",
    "nonlocal": "def f():\n    ⟦b⟧ = 1\n\n    def g():\n        nonlocal ⟦b⟧\n        ⟦b⟧ += 1\n",
    "comprehensions": "def f(x):\n    ⟦b⟧ = x\n    return [b for b in ⟦b⟧], {a: ⟦b⟧ for a in ⟦b⟧ if ⟦b⟧}\n",
    "a comprehension's own": "def f(b):\n    return [⟦b⟧ for ⟦b⟧ in b if ⟦b⟧ for c in ⟦b⟧]\n",
    "what a comprehension binds for its function": "def f(x):\n    return [⟦b⟧ := a for a in x], ⟦b⟧\n",
    "members and arguments": "def f(x):\n    ⟦b⟧ = x.b\n    x.b = g(b=⟦b⟧)\n    return ⟦b⟧.b\n",
    "patterns": "def f(x):\n    match x:\n        case Point(b=1) | shapes.b:\n            pass\n        case [⟦b⟧, *_]:\n            return ⟦b⟧\n",
    "with, except and text": "def f():\n    with open('b') as ⟦b⟧:\n        print(f'{⟦b⟧} b')\n    try:\n        pass\n    except OSError as ⟦b⟧:\n        raise\n",
    "beyond ASCII": "def f():\n    ä, ⟦b⟧ = 'é', 1  # b\n    return ⟦b⟧\n",
}
PARAMETERS = {
    "a default of the same name": ("def f(a, ⟦b⟧: b = b) -> b:\n    return ⟦b⟧\n", True),
    "by name alone": ("def f(*, ⟦b⟧):\n    return ⟦b⟧\n", True),
    "by place alone": ("def f(a, ⟦b⟧, /, c):\n    return ⟦b⟧\n", False),
    "behind those by place alone": ("def f(a, /, ⟦b⟧=1):\n    return ⟦b⟧\n", True),
    "all the others": ("async def f(a, **⟦b⟧: int):\n    return ⟦b⟧\n", False),
    "a method's": ("class A:\n    b = 1\n\n    def f(self, ⟦b⟧):\n        self.b = ⟦b⟧\n", True),
}
OTHERS = {
    "a module's": "⟦b⟧ = 1\n",
    "one said to be global": "def f():\n    global b\n    ⟦b⟧ = 1\n",
    "a member": "def f(x):\n    b = 1\n    return x.⟦b⟧\n",
    "an argument's name": "def f(b):\n    return f(⟦b⟧=1)\n",
    "what is imported": "def f():\n    import ⟦b⟧\n",
    "what a class in a function binds": "def f(b):\n    class A:\n        b = ⟦b⟧\n",
    "a default": "def f(b=⟦b⟧):\n    pass\n",
}


def marked(text: str) -> tuple[str, list[int]]:
    places = [it.start() - 2 * number for number, it in enumerate(re.finditer("⟦", text))]
    return re.sub("[⟦⟧]", "", text), places


@pytest.mark.parametrize("text", VARIABLES.values(), ids=VARIABLES)
def test_a_variable_is_found_from_each_of_its_places(text: str) -> None:
    text, places = marked(text)
    for place in places:
        found = find_local(text, "b", place)
        assert found is not None
        assert (found.places, found.is_passed_by_name) == (places, False)


@pytest.mark.parametrize(("text", "by_name"), PARAMETERS.values(), ids=PARAMETERS)
def test_a_parameter_is_found_from_each_of_its_places(text: str, *, by_name: bool) -> None:
    text, places = marked(text)
    for place in places:
        found = find_local(text, "b", place)
        assert found is not None
        assert (found.places, found.is_parameter) == (places, True)
        assert found.is_passed_by_name is by_name


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_what_is_no_local_is_not_taken_for_one(text: str) -> None:
    text, (place,) = marked(text)
    assert find_local(text, "b", place) is None


def test_the_span_is_that_of_the_function() -> None:
    text = "ä = 1\n\n\ndef f():\n    b = 1\n\n\nc = b.d = g(e=1)\n"
    found = find_local(text, "b", text.index("b"))
    assert found is not None
    assert text[slice(*found.span)] == "def f():\n    b = 1"


def test_a_name_is_used_where_it_stands_for_a_thing() -> None:
    text = "c = a.d = g(e=1)\n"
    used = [it for it in "acdeg" if is_name_used(text, it, (0, len(text)))]
    assert used == ["a", "c", "g"]


def test_arguments_are_those_of_calls() -> None:
    text, places = marked("ä = f(⟦b⟧=b)\ndef g(b=1): pass\nb = h(x, ⟦b⟧=[b])\n")
    assert keyword_places(text, "b") == set(places)
