"""The error tree: every class travels by its code and comes back as itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inference.errors import (
    EngineFailed,
    InferenceError,
    RequestRefused,
    UnknownLayout,
    UnknownModel,
    WireError,
    from_code,
)


def tree(kind: type[InferenceError] = InferenceError) -> Iterator[type[InferenceError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_an_error_comes_back_as_itself(kind: type[InferenceError]) -> None:
    error = from_code(kind.code, "what happened", "what to do")
    assert type(error) is kind
    assert (error.message, error.hint, str(error)) == (
        "what happened",
        "what to do",
        "what happened",
    )


def test_no_two_errors_share_a_code() -> None:
    kinds = list(tree())
    assert len({kind.code for kind in kinds}) == len(kinds) >= 15


@pytest.mark.parametrize("code", ["", "from_the_future", "WireError"])
def test_an_unknown_code_is_a_plain_error(code: str) -> None:
    error = from_code(code, "what happened")
    assert type(error) is InferenceError
    assert error.hint == ""


@pytest.mark.parametrize(
    ("code", "family"),
    [
        ("frame_too_large", WireError),
        ("malformed_message", WireError),
        ("version_mismatch", WireError),
        ("authentication_failed", WireError),
        ("unknown_chunk", RequestRefused),
        ("unknown_layout", RequestRefused),
        ("prompt_too_long", RequestRefused),
        ("overloaded", RequestRefused),
        ("not_ready", RequestRefused),
        ("unsupported_request", RequestRefused),
        ("unknown_model", EngineFailed),
        ("host_unavailable", InferenceError),
    ],
)
def test_an_error_keeps_its_code_and_family(code: str, family: type[InferenceError]) -> None:
    assert isinstance(from_code(code, "", ""), family)
    assert from_code(code, "", "").code == code


def test_codes_of_the_same_family_are_told_apart() -> None:
    assert not isinstance(from_code("unknown_chunk", ""), UnknownLayout)
    assert not isinstance(from_code("engine_failed", ""), UnknownModel)
