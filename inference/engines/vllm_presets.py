"""A model that Sparrow knows by name: served by vLLM, with the arguments that fit this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from inference import checkpoints
from inference.engines.vllm import VllmEngine
from inference.errors import EngineFailed
from inference.hardware import detect, model_cache
from inference.variants import pick


def preset_engine(name: str, engine_args: Mapping[str, Any]) -> VllmEngine:
    """The engine for a preset; `engine_args` go over what is planned.

    Asks the tools of the GPUs what there is, which may take seconds. Raises `UnknownModel`, or
    `EngineFailed` where the model does not fit or was not downloaded.
    """
    picked = pick(name, detect())
    repository = picked.preset.repository
    revision = engine_args.get("revision") or checkpoints.MAIN
    if checkpoints.find(model_cache(os.environ), repository, str(revision)) is None:
        raise EngineFailed(
            f"{picked.preset.name} is not on this machine yet, or not all of it",
            hint=f"Download it: {checkpoints.download_command(picked.preset.name, str(revision))}",
        )
    for variable, value in picked.plan.environment.items():
        os.environ.setdefault(variable, value)
    return VllmEngine(repository, {**picked.plan.engine_args, **engine_args})
