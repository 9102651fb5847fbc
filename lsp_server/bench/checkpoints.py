"""Tiny checkpoints with random weights, in the shapes of the models that Sparrow is for.

`dense` has the shape of Qwen2, `hybrid` that of Qwen3.6-35B-A3B: Gated DeltaNet layers, every
fourth with full attention, and a mixture of experts. Their tokenizer is a small byte-level BPE with
the pre-tokenizer's pattern and the special tokens of the Qwen family. What such a model says means
nothing; that the same prompt gets the same answer, and what vLLM caches of it, does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

SPECIAL_TOKENS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>"),
)
VOCABULARY = 2048
CONTEXT_TOKENS = 32_768
QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# In the manner of the Qwen family: thinking is on unless it is switched off.
CHAT_TEMPLATE = """\
{%- if tools %}<|im_start|>system
You may call these tools:
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% else %}<think>
{% endif %}
{%- endif %}"""


def make_dense(folder: Path, context_tokens: int = CONTEXT_TOKENS) -> Path:
    """A checkpoint in the shape of Qwen2."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    vocabulary = make_tokenizer(folder)
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=context_tokens,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    return _save(Qwen2ForCausalLM, config, folder)


def make_hybrid(folder: Path, context_tokens: int = CONTEXT_TOKENS) -> Path:
    """A checkpoint in the shape of Qwen3.6-35B-A3B's language model."""
    from transformers import Qwen3_5MoeForCausalLM, Qwen3_5MoeTextConfig

    vocabulary = make_tokenizer(folder)
    config = Qwen3_5MoeTextConfig(
        vocab_size=vocabulary,
        hidden_size=256,
        num_hidden_layers=8,
        full_attention_interval=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=256,
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        linear_key_head_dim=128,
        linear_value_head_dim=128,
        num_experts=16,
        num_experts_per_tok=4,
        moe_intermediate_size=128,
        shared_expert_intermediate_size=128,
        max_position_embeddings=context_tokens,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 1e7,
            "partial_rotary_factor": 0.25,
            "mrope_section": [11, 11, 10],
            "mrope_interleaved": True,
        },
    )
    return _save(Qwen3_5MoeForCausalLM, config, folder)


def _save(model_class: Any, config: Any, folder: Path) -> Path:
    import torch

    torch.manual_seed(0)
    model = model_class(config).to(torch.bfloat16)
    with torch.no_grad():
        # No special token is ever the likeliest, so that a generation goes on to its limit.
        model.lm_head.weight[: len(SPECIAL_TOKENS)] = 0
    model.save_pretrained(folder)
    return folder


def make_tokenizer(folder: Path) -> int:
    """Trains the tokenizer on the standard library's sources; returns the vocabulary's size."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    sources = sorted(Path(os.__file__).parent.glob("*.py"))[:60]
    tokenizer.train([str(source) for source in sources], trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=SPECIAL_TOKENS[0],
        pad_token=SPECIAL_TOKENS[0],
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return int(tokenizer.get_vocab_size())


MAKERS = {"dense": make_dense, "hybrid": make_hybrid}


def main() -> None:
    """`python -m lsp_server.bench.checkpoints SHAPE FOLDER CONTEXT_TOKENS`."""
    shape, folder, context_tokens = sys.argv[1:]
    MAKERS[shape](Path(folder), int(context_tokens))


if __name__ == "__main__":
    main()
