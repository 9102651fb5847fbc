"""Models served by vLLM, with the arguments that fit this machine: presets, and what shares it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from inference import checkpoints
from inference.division import Share
from inference.engines import vllm_sharing
from inference.engines.vllm import VllmEngine
from inference.errors import EngineFailed
from inference.hardware import Hardware, detect, model_cache
from inference.models import Preset, preset
from inference.planner import Plan
from inference.variants import pick


def preset_engine(name: str, engine_args: Mapping[str, Any]) -> VllmEngine:
    """The engine for a preset; `engine_args` go over what is planned.

    Asks the tools of the GPUs what there is, which may take seconds. Raises `UnknownModel`, or
    `EngineFailed` where the model does not fit or was not downloaded.
    """
    neighbour, own = vllm_sharing.read(engine_args)
    hardware = detect()
    share = vllm_sharing.share(name, own, neighbour, hardware) if neighbour else None
    if share is None:
        picked = pick(name, hardware)
        _require(picked.preset, own)
        _set_unset(picked.plan)
        engine = VllmEngine if neighbour is None else vllm_sharing.SharingEngine
        return engine(picked.preset.repository, {**picked.plan.engine_args, **own})
    model = preset(share.tenant.name)
    _require(model, own)
    return _sharing_engine(model.repository, own, share, hardware)


def checkpoint_engine(checkpoint: str, engine_args: Mapping[str, Any]) -> VllmEngine:
    """The engine for a folder or a repository of the hub.

    Alone it runs with vLLM's own defaults; what it gets beside a neighbour is planned as a preset's
    is. Raises `EngineFailed`.
    """
    neighbour, own = vllm_sharing.read(engine_args)
    if neighbour is None:
        return VllmEngine(checkpoint, own)
    hardware = detect()
    share = vllm_sharing.share(f"vllm:{checkpoint}", own, neighbour, hardware)
    if share is None:
        return vllm_sharing.SharingEngine(checkpoint, own)
    return _sharing_engine(checkpoint, own, share, hardware)


def _sharing_engine(
    checkpoint: str, engine_args: Mapping[str, Any], share: Share, hardware: Hardware
) -> VllmEngine:
    _set_unset(share.plan)
    os.environ.update(vllm_sharing.environment_of(share, hardware))
    arguments = {**share.plan.engine_args, **engine_args}
    return vllm_sharing.SharingEngine(checkpoint, arguments)


def _require(model: Preset, engine_args: Mapping[str, Any]) -> None:
    """Raises `EngineFailed` where the files of a preset are not here."""
    revision = str(engine_args.get("revision") or checkpoints.MAIN)
    if checkpoints.find(model_cache(os.environ), model.repository, revision) is None:
        raise EngineFailed(
            f"{model.name} is not on this machine yet, or not all of it",
            hint=f"Download it: {checkpoints.download_command(model.name, revision)}",
        )


def _set_unset(plan: Plan) -> None:
    """Sets the planned variables that the user has not set."""
    for variable, value in plan.environment.items():
        os.environ.setdefault(variable, value)
