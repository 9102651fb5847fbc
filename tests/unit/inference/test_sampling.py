"""The bounds of sampling, which hold where it is made and where it comes from a peer."""

from __future__ import annotations

from typing import Any

import pytest

from inference.errors import MalformedMessage
from inference.protocol import Generate, Priority, Tail, decode
from inference.sampling import Constraint, ConstraintKind, Sampling
from tests.unit.inference.wire_values import body_of, packed


class TestSampling:
    @pytest.mark.parametrize(
        "fields",
        [
            {"max_tokens": 1},
            {"max_tokens": 2**31},
            {"max_tokens": 1, "temperature": 0.0},
            {"max_tokens": 1, "temperature": 2.0},
            {"max_tokens": 1, "top_p": 1.0},
            {"max_tokens": 1, "top_p": 1e-9},
            {"max_tokens": 1, "seed": 0, "stop": ("\n", "")},
            {"max_tokens": 1, "samples": 16, "logprobs": 20},
            {"max_tokens": 1, "samples": 1, "logprobs": 0},
            {"max_tokens": 1, "constraint": Constraint(ConstraintKind.CHOICE, ("a", "b"))},
            {"max_tokens": 1, "constraint": Constraint(ConstraintKind.JSON_SCHEMA, ("{}",))},
        ],
    )
    def test_within_bounds(self, fields: dict[str, Any]) -> None:
        sampling = Sampling(**fields)
        message = Generate(1, b"", Tail("", ""), sampling, Priority.EDIT)
        assert decode(body_of(message)) == message

    @pytest.mark.parametrize(
        "fields",
        [
            {"max_tokens": 0},
            {"max_tokens": -1},
            {"temperature": -0.1},
            {"temperature": 2.1},
            {"temperature": float("nan")},
            {"temperature": float("inf")},
            {"top_p": 0.0},
            {"top_p": -1.0},
            {"top_p": 1.1},
            {"top_p": float("nan")},
            {"samples": 0},
            {"samples": 17},
            {"logprobs": -1},
            {"logprobs": 21},
        ],
    )
    def test_out_of_bounds_here_and_from_a_peer(self, fields: dict[str, Any]) -> None:
        everything = {
            "max_tokens": 1,
            "temperature": 0.0,
            "top_p": 1.0,
            "seed": None,
            "stop": (),
            "samples": 1,
            "logprobs": None,
            "constraint": None,
        } | fields
        with pytest.raises(ValueError, match=next(iter(fields))):
            Sampling(**everything)
        with pytest.raises(MalformedMessage, match=next(iter(fields))):
            decode(packed("Generate", 1, b"", ["", ""], list(everything.values()), 0))

    @pytest.mark.parametrize(
        ("kind", "texts", "problem"),
        [
            ("choice", (), "empty"),
            ("choice", ("a", ""), "empty"),
            ("regex", ("",), "empty"),
            ("regex", ("a", "b"), "one text, not 2"),
            ("grammar", ("a", "b"), "one text, not 2"),
            ("json_schema", ("{",), "not JSON"),
        ],
    )
    def test_a_constraint_that_is_none(
        self, kind: str, texts: tuple[str, ...], problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem):
            Constraint(ConstraintKind(kind), texts)
        sampling = [1, 0.0, 1.0, None, [], 1, None, [kind, list(texts)]]
        with pytest.raises(MalformedMessage, match=problem):
            decode(packed("Generate", 1, b"", ["", ""], sampling, 0))
