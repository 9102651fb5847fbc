"""Each template on a fault of its kind: the right text is among what it proposes."""

import textwrap

import pytest

from lsp_server.agent.repairs.region import Edit
from lsp_server.agent.repairs.templates import Repair, apply, join, repairs

CASES = {
    "boundary": ("return a < b", "return a <= b"),
    "comparison turned": ("return a < b", "return a > b"),
    "boundary and limit": ("return a == 0", "return a <= 1"),
    "other operator": ("return a - b", "return a + b"),
    "operands swapped": ("return a - b", "return b - a"),
    "operand dropped": ("return 1 + len(a)", "return len(a)"),
    "operator dropped": ("return not a", "return a"),
    "and for or": ("return a and b", "return a or b"),
    "condition dropped": ("return a and b", "return b"),
    "condition negated": ("if a:\n    return b", "if not a:\n    return b"),
    "assignment for an update": ("a += b\nreturn a", "a = b\nreturn a"),
    "other constant": ("return a[0]", "return a[1]"),
    "name for a constant": ("while True:\n    b.pop(a)", "while b:\n    b.pop(a)"),
    "something in an empty list": ("return []", "return [[]]"),
    "off by one": ("return a[b]", "return a[b - 1]"),
    "range": ("for c in range(a):\n    b(c)", "for c in range(1, a):\n    b(c)"),
    "bound dropped": ("return a[1:]", "return a[:]"),
    "other variable": ("return a", "return b"),
    "similar function": ("return any(a)", "return all(a)"),
    "part of a collection": ("for c in a:\n    b(c)", "for c in a[1:]:\n    b(c)"),
    "other attribute": ("return a.last_item + b.first_item", "return a.first_item + b.first_item"),
    "arguments swapped": ("return f(a, b)", "return f(b, a)"),
    "items swapped": ("return a, b", "return b, a"),
    "call dropped": ("return list(a)", "return a"),
    "missing call": ("return a - b", "return abs(a - b)"),
    "missing bound": ("a = a + b\nreturn a", "a = max(0, a + b)\nreturn a"),
    "missing operand": ("return f(a)", "return f(a - b)"),
    "check for None": ("if a.b:\n    return 1", "if a is not None and a.b:\n    return 1"),
    "missing condition": ("if a.b():\n    return 1", "if a.b() or not b:\n    return 1"),
    "loop for a condition": ("if a:\n    a -= b", "while a:\n    a -= b"),
    "branch of the condition before": (
        "if a:\n    b = 1\nif b:\n    b = 2",
        "if a:\n    b = 1\nelif b:\n    b = 2",
    ),
    "filter dropped": ("return [c for c in a if c]", "return [c for c in a ]"),
    "statement left out": ("b = 1\na = 2\nreturn a", "a = 2\nreturn a"),
    "statements exchanged": ("a = b\nb = 1\nreturn a", "b = 1\na = b\nreturn a"),
    "statement behind its block": (
        "for c in a:\n    b(c)\n    return c",
        "for c in a:\n    b(c)\nreturn c",
    ),
    "statement into the block before": (
        "for c in a:\n    b(c)\nb(a)",
        "for c in a:\n    b(c)\n    b(a)",
    ),
    "other way to leave": ("for c in a:\n    break", "for c in a:\n    continue"),
    "yield from": ("yield a", "yield from a"),
    "missing return": ("f(a)", "return f(a)"),
    "missing statement": (
        "c = []\nfor d in a:\n    f(d)\nreturn c",
        "c = []\nfor d in a:\n    f(d)\n    c.append(d)\nreturn c",
    ),
    "missing base case": ("return f(a)", "if not a:\n    return a\nreturn f(a)"),
}


def function(body: str) -> str:
    return "def f(a, b):\n" + textwrap.indent(body, "    ") + "\n"


def everywhere(text: str) -> dict[int, float]:
    return dict.fromkeys(range(text.count("\n")), 1.0)


@pytest.mark.parametrize("template", CASES)
def test_a_template_proposes(template: str) -> None:
    faulty, right = map(function, CASES[template])
    found = {it.text: it.template for it in repairs(faulty, everywhere(faulty))}
    assert right in found, "\n".join(found)


NUMBERS = '''
def median(numbers, scale=1):
    """The middle one."""
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    if len(ordered) % 2 == 0:
        return (ordered[middle] + ordered[middle + 1]) / 2
    return ordered[middle] * scale
'''


def test_every_repair_is_python_and_leaves_the_rest_as_it_is() -> None:
    text = "# é\n" + NUMBERS + "\n\nlast = 'ü'\n"
    found = list(repairs(text, everywhere(text)))
    assert len(found) > 200
    assert len({it.text for it in found}) == len(found)
    for it in found:
        compile(it.text, "<repair>", "exec")
        assert it.text.startswith("# é\n\ndef median(numbers")
        assert it.text.endswith("\n\nlast = 'ü'\n")


def test_the_order_is_by_score_and_always_the_same() -> None:
    found = list(repairs(NUMBERS, everywhere(NUMBERS)))
    assert [it.score for it in found] == sorted((it.score for it in found), reverse=True)
    assert found == list(repairs(NUMBERS, everywhere(NUMBERS)))


def test_what_is_more_suspicious_goes_first() -> None:
    suspicion = {4: 0.1, 7: 1.0}
    assert {it.line for it in list(repairs(NUMBERS, suspicion))[:5]} == {7}


def test_functions_without_suspicion_are_left_alone() -> None:
    text = NUMBERS + "\n\ndef other(a):\n    return a < 1\n"
    assert all("return a < 1" in it.text for it in repairs(text, {4: 1.0}))


def test_lines_end_as_they_did() -> None:
    text = NUMBERS.replace("\n", "\r\n")
    for it in repairs(text, {6: 1.0}):
        if it.template in {"off by one", "other operator"}:
            assert it.text.count("\r\n") == text.count("\r\n")


def test_a_broken_file_has_no_repairs() -> None:
    assert list(repairs("def f(:\n    pass\n", {0: 1.0})) == []


def test_repairs_are_joined_where_they_do_not_touch() -> None:
    faulty = function("if a < 1:\n    return b\nreturn a - b")
    right = function("if a <= 1:\n    return b\nreturn a + b")
    found = {it.text: it for it in repairs(faulty, everywhere(faulty))}
    condition = found[faulty.replace("a < 1", "a <= 1")]
    result = found[faulty.replace("a - b", "a + b")]
    other_result = found[faulty.replace("a - b", "a * b")]
    assert join(faulty, [result, condition]) == right
    assert join(faulty, [condition]) == condition.text
    assert join(faulty, [result, other_result]) is None
    assert join(faulty, [result, result]) is None


def test_what_is_no_python_together_is_not_joined() -> None:
    text = "a = 1\nb = 2\n"
    opened, closed = Edit(4, 5, "(1"), Edit(10, 11, "2)")
    halves = [Repair(apply(text, (it,)), (it,), "half", 1.0, 0) for it in (opened, closed)]
    assert join(text, halves) is None
