"""A host of vLLM beside another of the same user: its share of the machine, and its turn to load.

`shares_gpu_with` among the engine's arguments names the neighbour. vLLM never sees it: what it gets
is the share that `inference/division.py` works out, the same in both hosts. Whether the neighbour
runs makes no difference, since it may be started at any time.

Fact of vLLM that this file relies on, read in 0.32 (`gpu_worker.py`, `determine_available_memory`):
it measures what is free on the GPU before and after a trial run, and takes all that has changed for
its own. So of two hosts only one loads at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from inference import checkpoints, division
from inference.division import Division, Role, Share, Tenant
from inference.endpoint import Endpoint
from inference.engines.base import LoadProgress
from inference.engines.vllm import VllmEngine
from inference.errors import EngineFailed, UnknownModel
from inference.hardware import (
    CUDA_DEVICES,
    GIB,
    HIP_DEVICES,
    Hardware,
    described,
    model_cache,
)
from inference.variants import candidates

ARGUMENT = "shares_gpu_with"
_ROLES: tuple[Role, Role] = ("completion", "chat")
_FIELDS = frozenset({"role", "model", "engine_args"})
# Who sets one of these divides the GPU by hand.
_BY_HAND = ("gpu_memory_utilization", "kv_cache_memory_bytes")
_LOCK_FILE = "loading.lock"
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The model of the other role, and the arguments that the user gave it."""

    role: Role
    model: str
    engine_args: Mapping[str, Any]


class SharingEngine(VllmEngine):
    """Waits with loading until no neighbour loads."""

    async def load(self, report: LoadProgress) -> None:
        async with _turn(report):
            await super().load(report)


def read(engine_args: Mapping[str, Any]) -> tuple[Neighbour | None, dict[str, Any]]:
    """The neighbour that the arguments name, and the arguments without it.

    Raises `EngineFailed` for a name that is none.
    """
    own = dict(engine_args)
    told = own.pop(ARGUMENT, None)
    if told is None:
        return None, own
    fields = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    model, given = fields.get("model"), fields.get("engine_args", {})
    role: Role | None = next((it for it in _ROLES if it == fields.get("role")), None)
    sound = isinstance(model, str) and isinstance(given, dict) and fields.keys() <= _FIELDS
    if not sound or role is None:
        example = '{"role": "chat", "model": "qwen3.6-35b-a3b"}'
        raise EngineFailed(f"`{ARGUMENT}` is an object such as {example}, not {told!r}")
    return Neighbour(role, str(model), cast("dict[str, Any]", given)), own


def share(
    model: str, engine_args: Mapping[str, Any], neighbour: Neighbour, hardware: Hardware
) -> Share | None:
    """The share of a model beside its neighbour; None where the user has divided the GPU by hand.

    Raises `UnknownModel`, and `EngineFailed` where the two do not fit this machine together.
    """
    by_hand = [
        any(it in given for it in _BY_HAND) for given in (engine_args, neighbour.engine_args)
    ]
    if all(by_hand):
        return None
    if any(by_hand):
        raise EngineFailed(
            f"`{_BY_HAND[0]}` is set for one of {model} and {neighbour.model}, which share this"
            " machine",
            hint="Set it in the engine arguments of both, or of neither: then Sparrow divides.",
        )
    own_role: Role = "chat" if neighbour.role == "completion" else "completion"
    asked: dict[Role, tuple[str, Mapping[str, Any]]] = {
        own_role: (model, engine_args),
        neighbour.role: (neighbour.model, neighbour.engine_args),
    }
    made = division_of(asked, hardware)
    if not made.fits:
        raise _misfit(made, hardware)
    return made.share(own_role)


def division_of(
    asked: Mapping[Role, tuple[str, Mapping[str, Any]]], hardware: Hardware
) -> Division:
    """How the machine divides between the models of both roles, each with its arguments.

    Raises `UnknownModel`, and `EngineFailed` for a checkpoint that is not here.
    """
    completions, chats = (_tenants(*asked[role], hardware) for role in _ROLES)
    made = division.choose(hardware, completions, chats)
    if made is None:
        names = " and ".join(asked[role][0] for role in _ROLES)
        raise EngineFailed(
            f"this machine ({described(hardware)}) computes in no format of {names}",
            hint="`sparrow models` says which models it can serve.",
        )
    return made


def environment_of(share: Share, hardware: Hardware) -> dict[str, str]:
    """The variables that show a host its own GPUs alone, where there are others."""
    if len(share.gpus) == len(hardware.gpus):
        return {}
    devices = ",".join(str(hardware.gpus[it].device) for it in sorted(share.gpus))
    named = [it for it in (CUDA_DEVICES, HIP_DEVICES) if os.environ.get(it)]
    if named:
        return dict.fromkeys(named, devices)
    # As the vendors' tools number them; by itself CUDA puts the fastest first.
    return {CUDA_DEVICES: devices, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def _tenants(model: str, engine_args: Mapping[str, Any], hardware: Hardware) -> tuple[Tenant, ...]:
    limit = engine_args.get("max_model_len")
    context = limit if type(limit) is int and limit > 0 else None
    kind, colon, checkpoint = model.partition(":")
    if not colon:
        return tuple(Tenant.of(it, context) for it in candidates(model, hardware))
    if kind != "vllm":
        raise UnknownModel(f"{model!r} is not served by vLLM, and shares no GPU")
    revision = str(engine_args.get("revision") or checkpoints.MAIN)
    folder: Path | None = Path(checkpoint)
    if checkpoints.is_repository(checkpoint):
        folder = checkpoints.find(model_cache(os.environ), checkpoint, revision)
    if folder is None:
        raise EngineFailed(
            f"{checkpoint} is not on this machine yet, or not all of it: without it the machine"
            " cannot be divided",
            hint=f"Download it: {checkpoints.download_command(checkpoint, revision)}",
        )
    try:
        shape, weights_gb = checkpoints.describe(folder)
    except UnknownModel as error:
        raise EngineFailed(
            f"the machine cannot be divided between two models: {error.message}",
            hint=f"Divide it yourself: set `{_BY_HAND[0]}` in the engine arguments of both.",
        ) from error
    return (Tenant(model, shape, weights_gb, context=context),)


def _misfit(made: Division, hardware: Hardware) -> EngineFailed:
    sizes = [
        f"{share.tenant.name} ({role}) has {share.tenant.weights_gb * 1e9 / GIB:.1f} GiB of weights"
        for role, share in (("completion", made.completion), ("chat", made.chat))
    ]
    missing = made.completion.plan.memory.missing + made.chat.plan.memory.missing
    return EngineFailed(
        f"two models do not fit this machine together ({described(hardware)}): {', '.join(sizes)},"
        f" and {missing / GIB:.1f} GiB are missing",
        hint="Name a smaller model for one of them, or empty `sparrow.chat.model`: then one model"
        " does both. `sparrow plan --completion MODEL --chat MODEL` says what would fit.",
    )


@contextlib.asynccontextmanager
async def _turn(report: LoadProgress) -> AsyncIterator[None]:
    """Until the end of this, no other host of this user loads a model that shares the machine."""
    from filelock import FileLock, Timeout

    lock = FileLock(Endpoint.of("").directory / _LOCK_FILE, mode=0o600)
    report("waiting until the other model has loaded", None)
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout:
            await asyncio.sleep(_POLL_S)
    try:
        yield
    finally:
        lock.release()
