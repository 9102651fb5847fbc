"""The vocabulary: byte-level BPE, split by Qwen2's pattern, with the tokens of Qwen's prompts.

Nothing is normalized, so what is decoded is what was encoded, byte for byte, and other runtimes
that know Qwen2 agree on the ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.formats.tokens import without_added_tokens

END = "<|endoftext|>"
FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX = "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"
REPOSITORY, FILE = "<|repo_name|>", "<|file_sep|>"
SPECIAL = (END, FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX, "<|fim_pad|>", REPOSITORY, FILE)
"""In the order of their ids, which start at 0."""

VOCABULARY = 8_192
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train(texts: Iterator[str], size: int = VOCABULARY) -> Any:
    """A `tokenizers.Tokenizer` of at most so many tokens, learnt from these texts."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save(tokenizer: Any, folder: Path) -> None:
    """As `tokenizer.json`, and what transformers and vLLM want beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    described = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "bos_token": None,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(described, indent=1) + "\n")


def load(path: Path) -> Any:
    """The tokenizer of that `tokenizer.json`, for text that is text throughout."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(without_added_tokens(path.read_text(encoding="utf-8")))
