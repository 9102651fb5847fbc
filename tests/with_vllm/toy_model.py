"""Trains tiny checkpoints of the toy language: one that fills in the middle, or one that cannot.

`python -m tests.with_vllm.toy_model ORDER FOLDER`, in the environment that holds torch. ORDER is
`psm` or `spm`, the one order of prefix and suffix that the model is trained on, or `none`: that one
reads documents from left to right, and never meets a token for filling in the middle.

The prompts are spelled here as Qwen2.5-Coder documents them, and not by Sparrow's own code, so that
the tests on these checkpoints would notice if that code mixed something up.

One thread, however many processors there are: on a busy machine two wait for each other most of the
time. The seed and the number of steps are fixed.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lsp_server.bench.checkpoints import SPECIAL_TOKENS
from tests.with_vllm.toy_language import Document, documents, lexicon

STEPS = 400
BATCH = 32
WARM_UP_STEPS = 50
LEARNING_RATE = 4e-3
HIDDEN = 64
CONTEXT_TOKENS = 4096
SEED = 0
IGNORED = -100  # the target of a token that is given, not learned
END = "<|endoftext|>"
PROMPTS = {
    "psm": "<|file_sep|>{path}\n<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
    "spm": "<|file_sep|>{path}\n<|fim_suffix|>{suffix}<|fim_prefix|>{prefix}<|fim_middle|>",
    "none": "<|file_sep|>",
}
ANSWERS = {
    "psm": "{middle}",
    "spm": "{middle}",
    "none": "{path}\n{prefix}{middle}{suffix}",
}


def train(order: str, folder: Path, seed: int = SEED, steps: int = STEPS) -> Path:
    """Writes a checkpoint in the shape of Llama, tokenizer included."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    model = _make_model(len(tokenizer))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / WARM_UP_STEPS) * (1 - step / steps)
    )
    training = documents(seed)
    for _ in range(steps):
        ids, targets = _batch(tokenizer, order, itertools.islice(training, BATCH))
        states = model.model(ids).last_hidden_state[:, :-1]
        learned = targets[:, 1:] != IGNORED
        logits = model.lm_head(states[learned])
        loss = torch.nn.functional.cross_entropy(logits, targets[:, 1:][learned])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    tokenizer.save_pretrained(folder)
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


def make_tokenizer() -> Any:
    """Words of the lexicon are one token each, everything else is a token for each byte."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = (*SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet()), *lexicon())
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[A-Za-z]+|[\s\S]"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)


def _make_model(vocabulary: int) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=HIDDEN,
        intermediate_size=2 * HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        initializer_range=0.1,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = LlamaForCausalLM(config)
    # A layer of attention starts out as one that copies what it looks at: so the model has only to
    # learn where to look, which takes hundreds of steps instead of thousands.
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.v_proj.weight.copy_(torch.eye(HIDDEN))
            layer.self_attn.o_proj.weight.copy_(torch.eye(HIDDEN) / 2)
    return model


def _batch(tokenizer: Any, order: str, batch: Iterable[Document]) -> tuple[Any, Any]:
    """Token ids and targets, both of shape (documents, tokens of the longest)."""
    import torch

    rows = []
    for document in batch:
        parts = {name: getattr(document, name) for name in document.__slots__}
        given = tokenizer.encode(PROMPTS[order].format(**parts))
        learned = tokenizer.encode(ANSWERS[order].format(**parts) + END)
        rows.append((given, learned))
    length = max(len(given) + len(learned) for given, learned in rows)
    ids = torch.full((len(rows), length), tokenizer.pad_token_id)
    targets = torch.full((len(rows), length), IGNORED)
    for row, (given, learned) in enumerate(rows):
        end = len(given) + len(learned)
        ids[row, :end] = torch.tensor([*given, *learned])
        targets[row, len(given) : end] = torch.tensor(learned)
    return ids, targets


def share_expected(folder: Path, asked: Iterable[Document]) -> float:
    """The share of the documents' tokens, read from left to right, that are the likeliest there."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids, targets = _batch(tokenizer, "none", asked)
    with torch.no_grad():
        likeliest = model(ids).logits[:, :-1].argmax(-1)
    targets = targets[:, 1:]
    counted = targets != IGNORED
    return float((likeliest == targets)[counted].float().mean())


def main() -> None:
    order, folder = sys.argv[1:]
    train(order, Path(folder))


if __name__ == "__main__":
    main()
