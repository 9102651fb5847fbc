"""The models that Sparrow knows by name, and what their memory depends on.

Data only, and the reading of a checkpoint's own `config.json`: nothing here touches a disk, a GPU
or the network. `weights_gb` counts 10**9 bytes of the whole checkpoint as downloaded; heads that
vLLM leaves out (vision, multi-token prediction) are counted, so that it errs on the large side.
No revision is pinned: who downloads pins what was found.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from inference.errors import UnknownModel

Fim = Literal["documented", "reported", "none"]


@dataclass(frozen=True, slots=True)
class RecurrentLayers:
    """Gated DeltaNet layers: a state of constant size in the place of keys and values."""

    key_heads: int
    value_heads: int
    key_head_dim: int
    value_head_dim: int
    conv_kernel: int
    state_dtype_bytes: int = 4


@dataclass(frozen=True, slots=True)
class Experts:
    """`active` counts the shared expert too."""

    total: int
    active: int
    intermediate_size: int


@dataclass(frozen=True, slots=True)
class Rope:
    """What a YaRN override must repeat, since it replaces the whole of a model's parameters."""

    theta: float
    partial_rotary_factor: float | None = None
    mrope_section: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Architecture:
    layers: int
    full_attention_layers: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    hidden_size: int
    intermediate_size: int
    vocabulary: int
    native_context: int
    rope: Rope
    dtype_bytes: int = 2
    recurrent: RecurrentLayers | None = None
    experts: Experts | None = None
    # The language model is one part of a multimodal configuration, under `text_config`.
    nested: bool = False

    @property
    def recurrent_layers(self) -> int:
        return self.layers - self.full_attention_layers


@dataclass(frozen=True, slots=True)
class Preset:
    name: str
    family: str
    repository: str
    bits: int
    weights_gb: float
    licence: str
    fim: Fim
    chat: bool
    tools: bool
    thinking: bool
    architecture: Architecture
    extended_context: int | None = None
    # The lowest CUDA compute capability whose hardware computes in this format; a card below it
    # may still run the checkpoint through slower kernels.
    made_for: tuple[int, int] | None = None
    commercial_use: bool = True

    @property
    def context(self) -> int:
        return self.architecture.native_context

    @property
    def uses(self) -> str:
        return ", ".join(
            ["completion", *(["chat"] if self.chat else []), *(["tools"] if self.tools else [])]
        )


# Shape: the table of facts in the vLLM recipe and the model's published configuration (40 layers,
# every 4th with full attention, 16/2 heads of 256, Gated DeltaNet 16/32 heads of 128, 256 experts,
# 8 and one shared active, of 512, vocabulary 248,320); THUDM/slime scripts/models/qwen36-35B-A3B.sh
# gives the same. The recurrent state is kept in float32 (`mamba_ssm_dtype` of the family).
_QWEN36 = Architecture(
    layers=40,
    full_attention_layers=10,
    attention_heads=16,
    kv_heads=2,
    head_dim=256,
    hidden_size=2048,
    intermediate_size=512,
    vocabulary=248_320,
    native_context=262_144,
    rope=Rope(theta=10_000_000, partial_rotary_factor=0.25, mrope_section=(11, 11, 10)),
    recurrent=RecurrentLayers(
        key_heads=16, value_heads=32, key_head_dim=128, value_head_dim=128, conv_kernel=4
    ),
    experts=Experts(total=256, active=9, intermediate_size=512),
    nested=True,
)

# Layers, heads, experts and context: the model card of Qwen3-Coder-30B-A3B-Instruct-FP8. Hidden
# size 2048, head size 128, expert size 768, vocabulary 151,936, theta 1e7: the `config.json` of its
# quantized copies (shailesh83/Qwen3-Coder-int8).
_QWEN3_CODER = Architecture(
    layers=48,
    full_attention_layers=48,
    attention_heads=32,
    kv_heads=4,
    head_dim=128,
    hidden_size=2048,
    intermediate_size=6144,
    vocabulary=151_936,
    native_context=262_144,
    rope=Rope(theta=10_000_000),
    experts=Experts(total=128, active=8, intermediate_size=768),
)


def _qwen25_coder(
    *, layers: int, heads: int, kv_heads: int, hidden: int, intermediate: int, vocabulary: int
) -> Architecture:
    return Architecture(
        layers=layers,
        full_attention_layers=layers,
        attention_heads=heads,
        kv_heads=kv_heads,
        head_dim=hidden // heads,
        hidden_size=hidden,
        intermediate_size=intermediate,
        vocabulary=vocabulary,
        native_context=32_768,
        rope=Rope(theta=1_000_000),
    )


def _qwen36(suffix: str, repository: str, bits: int, weights_gb: float, **more: Any) -> Preset:
    return Preset(
        name=f"qwen3.6-35b-a3b{suffix}",
        family="qwen3.6-35b-a3b",
        repository=repository,
        bits=bits,
        weights_gb=weights_gb,
        licence="Apache-2.0",  # SGLang's cookbook, Qwen3.6
        fim="reported",  # not documented; users report that it works
        chat=True,
        tools=True,
        thinking=True,
        architecture=_QWEN36,
        extended_context=1_010_000,  # the vLLM recipe and the model card, by static YaRN
        **more,
    )


def _qwen3_coder(suffix: str, repository: str, bits: int, weights_gb: float) -> Preset:
    return Preset(
        name=f"qwen3-coder-30b-a3b{suffix}",
        family="qwen3-coder-30b-a3b",
        repository=repository,
        bits=bits,
        weights_gb=weights_gb,
        licence="Apache-2.0",  # the model card
        fim="documented",  # README of QwenLM/Qwen3-Coder
        chat=True,
        tools=True,
        thinking=False,  # the model card: non-thinking mode only
        architecture=_QWEN3_CODER,
        extended_context=1_000_000,  # the model card: up to 1M tokens by YaRN
    )


def _completion_only(size: str, weights_gb: float, shape: Architecture, **more: Any) -> Preset:
    return Preset(
        name=f"qwen2.5-coder-{size}",
        family=f"qwen2.5-coder-{size}",
        repository=f"Qwen/Qwen2.5-Coder-{size.upper()}",
        bits=16,
        weights_gb=weights_gb,
        licence=more.pop("licence", "Apache-2.0"),
        fim="documented",  # README of QwenLM/Qwen2.5-Coder
        chat=False,  # the model cards advise against conversation with the base models
        tools=False,
        thinking=False,
        architecture=shape,
        **more,
    )


PRESETS: tuple[Preset, ...] = (
    # 71.9 GB: about 70 GB in the recipe; the repository listing of a checkpoint of the same shape
    # (Qwen3.5-35B-A3B, 16 bit) gives 71.9.
    _qwen36("-bf16", "Qwen/Qwen3.6-35B-A3B", 16, 71.9),
    # 37.46 GB in 42 files: a deployment note that lists the snapshot. (42 GB is the least GPU
    # memory that the vLLM recipe names.)
    _qwen36("-fp8", "Qwen/Qwen3.6-35B-A3B-FP8", 8, 37.5),
    # 23.5 GB: its repository listing. Blackwell: the vLLM recipe.
    _qwen36("-nvfp4", "nvidia/Qwen3.6-35B-A3B-NVFP4", 4, 23.5, made_for=(10, 0)),
    # 23.71 GiB of weights: a benchmark note, vLLM 0.25.1; 11.62 GiB on each of two cards: another.
    _qwen36("-awq", "QuantTrio/Qwen3.6-35B-A3B-AWQ", 4, 25.5),
    # 21.06 GiB of weights: measured by a user on an RTX A6000, vLLM 0.19.1.
    _qwen36("-gptq", "palmfuture/Qwen3.6-35B-A3B-GPTQ-Int4", 4, 22.6),
    # 61.1 GB: the repository listing of fine-tunes of the same shape.
    _qwen3_coder("-bf16", "Qwen/Qwen3-Coder-30B-A3B-Instruct", 16, 61.1),
    # 29.05 GiB: an inventory of downloaded checkpoints.
    _qwen3_coder("-fp8", "Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8", 8, 31.2),
    # Sizes and licences: the repository listings (7B: 4.88 + 4.93 + 4.33 + 1.09 GB; 3B: 4.96 +
    # 1.21 GB; 1.5B: 3.09 GB; 0.5B: 0.988 GB, listed for the copy and for the instruct model).
    # Shapes: the `config.json` of each or of its fine-tunes, and the table of the technical report.
    _completion_only(
        "7b",
        15.2,
        _qwen25_coder(
            layers=28, heads=28, kv_heads=4, hidden=3584, intermediate=18_944, vocabulary=152_064
        ),
        extended_context=131_072,  # the model card: YaRN, factor 4
    ),
    _completion_only(
        "3b",
        6.2,
        _qwen25_coder(
            layers=36, heads=16, kv_heads=2, hidden=2048, intermediate=11_008, vocabulary=151_936
        ),
        licence="Qwen Research",
        commercial_use=False,
    ),
    _completion_only(
        "1.5b",
        3.1,
        _qwen25_coder(
            layers=28, heads=12, kv_heads=2, hidden=1536, intermediate=8960, vocabulary=151_936
        ),
    ),
    _completion_only(
        "0.5b",
        1.0,
        _qwen25_coder(
            layers=24, heads=14, kv_heads=2, hidden=896, intermediate=4864, vocabulary=151_936
        ),
    ),
)

FLAGSHIP = "qwen3.6-35b-a3b"
_NAMES = tuple(dict.fromkeys(name for it in PRESETS for name in (it.family, it.name)))


def preset(name: str) -> Preset:
    """The preset of that name, in any case, or of that repository. Raises `UnknownModel`.

    The name of a family is that of its most precise variant here; `variants.pick` asks the machine.
    """
    wanted = name.strip().lower()
    for candidate in PRESETS:
        if wanted in {candidate.name, candidate.family, candidate.repository.lower()}:
            return candidate
    nearest = difflib.get_close_matches(wanted, _NAMES, n=3, cutoff=0.4)
    listed = f"; the nearest are {_listed(nearest)}" if nearest else ""
    raise UnknownModel(
        f"there is no model named {name!r}{listed}", hint="`sparrow models` lists all of them."
    )


def family(name: str) -> tuple[Preset, ...]:
    """The variants of one model, the most precise first."""
    return tuple(candidate for candidate in PRESETS if candidate.family == name)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


_DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_PLANNED_TYPES = (
    "qwen2",
    "qwen3",
    "qwen3_moe",
    "qwen3_5",
    "qwen3_5_text",
    "qwen3_5_moe",
    "qwen3_5_moe_text",
)


def architecture_of(config: Mapping[str, Any]) -> Architecture:
    """The architecture that a checkpoint's `config.json` describes.

    Raises `UnknownModel` when the model type is not one whose memory is known here, or when the
    configuration lacks a number that cannot be derived.
    """
    kind = config.get("model_type")
    if kind not in _PLANNED_TYPES:
        raise UnknownModel(
            f"the memory of a model of type {kind!r} is not known",
            hint=f"Known are {_listed(_PLANNED_TYPES)}.",
        )
    text = _part(config, "text_config")
    heads = _integer(text, "num_attention_heads")
    hidden = _integer(text, "hidden_size")
    layers = _integer(text, "num_hidden_layers")
    hybrid = "linear_num_value_heads" in text
    return Architecture(
        layers=layers,
        full_attention_layers=_full_attention_layers(text, layers) if hybrid else layers,
        attention_heads=heads,
        kv_heads=_integer(text, "num_key_value_heads", heads),
        head_dim=_integer(text, "head_dim", hidden // heads),
        hidden_size=hidden,
        intermediate_size=_integer(
            text, "intermediate_size", _integer(text, "moe_intermediate_size", 4 * hidden)
        ),
        vocabulary=_integer(text, "vocab_size"),
        native_context=_integer(text, "max_position_embeddings"),
        rope=_rope(text),
        dtype_bytes=_dtype_bytes(text.get("dtype", text.get("torch_dtype", config.get("dtype")))),
        recurrent=_recurrent(text) if hybrid else None,
        experts=_experts(text),
        nested=text is not config,
    )


def _integer(config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    found = config.get(key)
    found = default if found is None else found
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise UnknownModel(f"the model's configuration gives no usable {key!r}")
    return found


def _part(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under that key, or the configuration itself where there is none."""
    inner = config.get(key)
    return cast("Mapping[str, Any]", inner) if isinstance(inner, Mapping) else config


def _dtype_bytes(name: object) -> int:
    return _DTYPE_BYTES.get(str(name).removeprefix("torch."), 2)


def _full_attention_layers(text: Mapping[str, Any], layers: int) -> int:
    kinds = cast("list[object] | None", text.get("layer_types"))
    if isinstance(kinds, list) and len(kinds) == layers:
        return kinds.count("full_attention")
    return layers // _integer(text, "full_attention_interval", 4)


def _recurrent(text: Mapping[str, Any]) -> RecurrentLayers:
    return RecurrentLayers(
        key_heads=_integer(text, "linear_num_key_heads"),
        value_heads=_integer(text, "linear_num_value_heads"),
        key_head_dim=_integer(text, "linear_key_head_dim", 128),
        value_head_dim=_integer(text, "linear_value_head_dim", 128),
        conv_kernel=_integer(text, "linear_conv_kernel_dim", 4),
        # vLLM falls back to the model's own type where the configuration says nothing.
        state_dtype_bytes=_dtype_bytes(text.get("mamba_ssm_dtype")),
    )


def _experts(text: Mapping[str, Any]) -> Experts | None:
    if not text.get("num_experts"):
        return None
    shared = 1 if text.get("shared_expert_intermediate_size") else 0
    return Experts(
        total=_integer(text, "num_experts"),
        active=_integer(text, "num_experts_per_tok") + shared,
        intermediate_size=_integer(text, "moe_intermediate_size"),
    )


def _rope(text: Mapping[str, Any]) -> Rope:
    found = _part(text, "rope_parameters")
    section = found.get("mrope_section", ())
    return Rope(
        theta=float(found.get("rope_theta", 10_000.0)),
        partial_rotary_factor=found.get("partial_rotary_factor"),
        mrope_section=tuple(section),
    )
