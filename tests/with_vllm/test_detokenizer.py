"""What the host makes of tokens is what the tokenizer makes of all of them."""

from __future__ import annotations

from typing import Any

import pytest

from inference.engines.detokenizer import Detokenizer
from lsp_server.bench.checkpoints import make_tokenizer

TEXTS = [
    "def mean(numbers):\n    return sum(numbers) / len(numbers)\n",
    "größer = 'ß'  # naïve café, 東京, 👩\u200d👩\u200d👧\n",
    "\r\n\t\x00 é é \ufeff",
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tokenizers import Tokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer(folder)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_out_as_it_went_in_wherever_the_prompt_ends(tokenizer: Any, text: str) -> None:
    ids = tokenizer.encode(text * 4, add_special_tokens=False).ids
    for cut in range(len(ids)):
        detokenizer = Detokenizer(tokenizer, ids[:cut])
        answer = "".join(detokenizer.feed([token]) for token in ids[cut:]) + detokenizer.flush()
        prompt = tokenizer.decode(ids[:cut])
        # A prompt that ends within a character leaves the whole character to the answer.
        assert (prompt.rstrip("\ufffd") + answer) == text * 4


def test_special_tokens_leave_no_text(tokenizer: Any) -> None:
    ids = [*tokenizer.encode("a = 1").ids, tokenizer.token_to_id("<|endoftext|>")]
    assert Detokenizer(tokenizer, []).feed(ids) == "a = 1"


def test_nothing_is_shown_from_a_stop_string_on(tokenizer: Any) -> None:
    ids = tokenizer.encode("a = 1\nb = 2\n").ids
    detokenizer = Detokenizer(tokenizer, [], ["\nb"])
    shown = "".join(detokenizer.feed([token]) for token in ids)
    assert shown == "a = 1"
    assert detokenizer.stopped


def test_a_long_prompt_costs_no_more_than_a_short_one(tokenizer: Any) -> None:
    """Only the prompt's end is decoded: tokens before it may be any at all."""
    ids = tokenizer.encode("value").ids
    assert Detokenizer(tokenizer, [2**40] * 10_000 + ids * 8).feed(ids) == "value"
