"""A model that Sparrow knows by name: served by vLLM, with the arguments that fit this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from inference.engines.vllm import VllmEngine
from inference.errors import EngineFailed
from inference.hardware import detect
from inference.models import preset
from inference.planner import plan_preset


def preset_engine(name: str, engine_args: Mapping[str, Any]) -> VllmEngine:
    """The engine for a preset; `engine_args` go over what is planned.

    Asks the tools of the GPUs what there is, which may take seconds. Raises `UnknownModel`, or
    `EngineFailed` where the model does not fit.
    """
    model = preset(name)
    planned = plan_preset(model, detect())
    if not planned.fits:
        raise EngineFailed(
            f"{model.name} cannot be served here. {planned.why[-1].rstrip('.')}",
            hint=f"`sparrow plan {model.name}` says what would; `sparrow models` lists the others.",
        )
    for variable, value in planned.environment.items():
        os.environ.setdefault(variable, value)
    return VllmEngine(model.repository, {**planned.engine_args, **engine_args})
