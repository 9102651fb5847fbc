"""The shape of a wren: what the decoder, the exported checkpoint and the graph agree on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROPE_THETA = 10_000.0
NORM_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a decoder as Qwen2 has it: biases on queries, keys and values, embeddings tied."""

    vocabulary: int = 8_192
    hidden: int = 256
    layers: int = 4
    heads: int = 4
    key_heads: int = 2
    feed_forward: int = 704
    context: int = 2_048

    def __post_init__(self) -> None:
        if self.hidden % self.heads or self.heads % self.key_heads or self.head % 2:
            raise ValueError(f"the heads do not divide what they share: {self}")

    @property
    def head(self) -> int:
        return self.hidden // self.heads

    @property
    def parameters(self) -> int:
        keys = self.key_heads * self.head
        attention = 2 * self.hidden * self.hidden + 2 * self.hidden * keys
        biases = self.hidden + 2 * keys
        layer = attention + biases + 3 * self.hidden * self.feed_forward + 2 * self.hidden
        return self.vocabulary * self.hidden + self.layers * layer + self.hidden

    def hugging_face(self, end: int) -> dict[str, Any]:
        """The `config.json` of the exported checkpoint; `end` is the id that ends a text."""
        return {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_heads,
            "intermediate_size": self.feed_forward,
            "max_position_embeddings": self.context,
            "hidden_act": "silu",
            "rms_norm_eps": NORM_EPSILON,
            "rope_theta": ROPE_THETA,
            "tie_word_embeddings": True,
            "use_sliding_window": False,
            "attention_dropout": 0.0,
            "initializer_range": 0.02,
            "bos_token_id": end,
            "eos_token_id": end,
            "torch_dtype": "float16",
        }

    @classmethod
    def from_hugging_face(cls, config: dict[str, Any]) -> Shape:
        return cls(
            vocabulary=config["vocab_size"],
            hidden=config["hidden_size"],
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            key_heads=config["num_key_value_heads"],
            feed_forward=config["intermediate_size"],
            context=config["max_position_embeddings"],
        )
