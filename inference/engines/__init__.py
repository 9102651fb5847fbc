"""The engines, each in a file of its own that imports its library only when it is created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.engines.base import Engine
from inference.errors import UnknownModel


def is_vllm(model: str) -> bool:
    """Whether vLLM serves a model of that name, in the host's own process."""
    kind, colon, _ = model.partition(":")
    return kind == "vllm" if colon else kind not in ("suffix", "wren")


def create(model: str, engine_args: Mapping[str, Any]) -> Engine[Any]:
    """The engine for a model's name.

    That is `suffix`, `wren` (for which the suffix engine proposes), `wren:FOLDER` for other weights
    of it, the name of a preset, `vllm:CHECKPOINT` (a folder, or a repository of the hub that has
    been downloaded), `openai:URL[#MODEL]` or `scripted:FILE`. `engine_args` are the engine's own
    arguments. Raises `UnknownModel`. May take seconds: call it off the loop.
    """
    kind, _, argument = model.partition(":")
    if kind == "suffix" and not argument:
        from inference.engines.suffix import SuffixEngine

        return SuffixEngine()
    if kind == "wren" and model != "wren:":
        from pathlib import Path

        from inference.engines.proposing import ProposingEngine
        from inference.engines.suffix import SuffixEngine
        from inference.engines.wren import WrenEngine

        model_alone = WrenEngine(Path(argument) if argument else None, engine_args)
        return ProposingEngine(SuffixEngine(), model_alone)
    if kind == "vllm" and argument:
        from inference.engines.vllm_presets import checkpoint_engine

        return checkpoint_engine(argument, engine_args)
    if kind == "openai" and argument:
        from inference.engines.openai import OpenAiEngine

        return OpenAiEngine(model.partition(":")[2], engine_args)
    if kind == "scripted" and argument:
        from inference.engines.scripted import ScriptedEngine

        return ScriptedEngine(argument)
    if not argument:
        from inference.engines.vllm_presets import preset_engine

        return preset_engine(model, engine_args)
    raise UnknownModel(
        f"there is no model named {model!r}",
        hint="Name a model of `sparrow models`, `wren`, `suffix`, `vllm:CHECKPOINT` or `openai:URL`.",
    )
