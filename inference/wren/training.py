"""The training run: seeded, bounded by time, resumed from its last checkpoint.

The rate warms up, stays, and falls to zero at the time limit. `stable.pt` is the state before the
fall: a later run with more time goes on from there (`--from-stable`), since weights whose rate has
fallen to zero learn worse. Rows are read in their order, so a resumed run reads on where it was.
On a GPU the matrix products are of 16 bits, and the decoder and its loss are compiled into one.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inference.wren.decoder import Decoder
from inference.wren.evaluation import answers
from inference.wren.loss_plot import plot
from inference.wren.optimizer import optimizers
from inference.wren.row_sources import RowSource
from inference.wren.shape import Shape

LAST, STABLE = "last.pt", "stable.pt"


@dataclass(frozen=True, slots=True)
class Stage:
    """Rows of one length, and until which share of the run's time they are read."""

    length: int
    until: float


@dataclass(frozen=True, slots=True)
class Recipe:
    time_limit_s: float
    batch_tokens: int = 3_072
    matrix_rate: float = 0.02
    rate: float = 0.004
    decay: float = 0.01
    warm_up: float = 0.02  # shares of the time
    fall_from: float = 0.5
    clip: float = 1.0
    seed: int = 1
    report_steps: int = 10
    checkpoint_s: float = 180.0
    validate_s: float = 300.0


@dataclass(slots=True)
class Progress:
    seconds: float = 0.0  # of training, in all runs together
    step: int = 0
    tokens: int = 0
    rows_read: dict[int, int] = field(default_factory=dict)  # by their length


def scale(share: float, recipe: Recipe) -> float:
    """What the highest rate is multiplied by, when that share of the time has passed."""
    if share < recipe.warm_up:
        return max(share / recipe.warm_up, 0.02)
    return max(0.0, min(1.0, (1.0 - share) / (1.0 - recipe.fall_from)))


def train(
    shape: Shape,
    rows: RowSource,
    stages: Sequence[Stage],
    recipe: Recipe,
    *,
    validation: Path,
    folder: Path,
    report: Callable[[str], None],
    from_stable: bool = False,
    middle_id: int = 2,
    end_id: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Trains until the time limit, and leaves `last.pt`, `log.jsonl` and `loss.svg` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    decoder = Decoder(shape).to(device)
    steppers = optimizers(decoder, recipe.matrix_rate, recipe.rate, recipe.decay)
    progress = _resume(folder, decoder, steppers, device, from_stable=from_stable)
    held = _Validation(validation, middle_id, end_id, device)
    loss_of = _compiled(decoder, device)
    log = (folder / "log.jsonl").open("a", encoding="utf-8")
    saved = validated = began = clock()
    has_stable = from_stable or (folder / STABLE).exists()
    before = progress.seconds
    mean = _Mean()
    stage = _stage_at(stages, progress.seconds / recipe.time_limit_s)
    batches = _batches(rows, stage, recipe, progress)
    while progress.seconds < recipe.time_limit_s:
        share = progress.seconds / recipe.time_limit_s
        if share >= recipe.fall_from and not has_stable:
            _save(folder / STABLE, decoder, steppers, progress, shape)
            has_stable = True
        if (due := _stage_at(stages, share)) is not stage:
            stage, batches = due, _batches(rows, due, recipe, progress)
        batch = next(batches).to(device).long()
        factor = scale(share, recipe)
        mean.add(_step(loss_of, decoder, batch, steppers, factor=factor, clip=recipe.clip))
        progress.step += 1
        progress.tokens += len(batch) * stage.length
        progress.rows_read[stage.length] += len(batch)
        now = clock()
        progress.seconds = before + now - began
        if progress.step % recipe.report_steps == 0:
            _write(log, {"train": mean.last()}, progress, stage.length)
            report(_bar(share, progress, mean.recent))
        if now - saved > recipe.checkpoint_s:
            mean.last()  # a run that has broken keeps its last whole checkpoint
            _save(folder / LAST, decoder, steppers, progress, shape)
            saved = now
        if now - validated > recipe.validate_s:
            _write(log, held.losses(decoder), progress, stage.length)
            plot(folder / "log.jsonl", folder / "loss.svg")
            validated = clock()
    _save(folder / LAST, decoder, steppers, progress, shape)
    _write(log, held.losses(decoder), progress, 0)
    log.close()
    plot(folder / "log.jsonl", folder / "loss.svg")


def _stage_at(stages: Sequence[Stage], share: float) -> Stage:
    return next((it for it in stages if share < it.until), stages[-1])


def _batches(rows: RowSource, stage: Stage, recipe: Recipe, progress: Progress) -> Iterator[Tensor]:
    """From where the run stands among the rows of that length."""
    read = progress.rows_read.setdefault(stage.length, 0)
    return rows.batches(stage.length, max(1, recipe.batch_tokens // stage.length), read)


def load_decoder(checkpoint: Path) -> Decoder:
    """The weights of a checkpoint, for the export."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    decoder = Decoder(Shape(**state["shape"]))
    decoder.load_state_dict(state["model"])
    decoder.eval()
    return decoder


class _Validation:
    """Held-out rows, of which the answers are judged apart: those are what an engine shows."""

    def __init__(self, path: Path, middle_id: int, end_id: int, device: str) -> None:
        rows = np.load(path)
        self._rows = torch.from_numpy(rows.astype(np.int64)).to(device)
        self._is_answer = torch.from_numpy(answers(rows, middle_id, end_id)[:, 1:]).to(device)

    @torch.no_grad()
    def losses(self, decoder: Decoder) -> dict[str, float]:
        every, answer = 0.0, 0.0
        for row, is_answer in zip(self._rows, self._is_answer, strict=True):
            losses = functional.cross_entropy(
                decoder(row[None, :-1])[0].float(), row[1:], reduction="none"
            )
            every += float(losses.mean())
            answer += float(losses[is_answer].sum())
        return {
            "held_out": round(every / len(self._rows), 4),
            "held_out_answers": round(answer / max(1, int(self._is_answer.sum())), 4),
        }


class _Mean:
    """Of the losses of the steps, which stay where they were computed until somebody asks."""

    def __init__(self) -> None:
        self._last: Tensor | None = None
        self._recent: Tensor | None = None

    def add(self, loss: Tensor) -> None:
        self._last = loss
        self._recent = loss if self._recent is None else self._recent.lerp(loss, 0.02)

    def last(self) -> float:
        """Raises `ArithmeticError` where it is no number."""
        value = float(self._last) if self._last is not None else math.nan
        if not math.isfinite(value):
            raise ArithmeticError(
                "the loss is no number: lower the rates, and go on from stable.pt"
            )
        return round(value, 4)

    @property
    def recent(self) -> float:
        return float(self._recent) if self._recent is not None else math.nan


Loss = Callable[[Tensor], Tensor]
"""Of `[rows, length + 1]` ids: what each is foretold with by those before it, in the mean."""


def _compiled(decoder: Decoder, device: str) -> Loss:
    def loss_of(batch: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits = decoder(batch[:, :-1])
        return functional.cross_entropy(logits.flatten(0, 1).float(), batch[:, 1:].flatten())

    if device != "cuda":
        return loss_of
    torch.set_float32_matmul_precision("high")
    compiled: Loss = torch.compile(loss_of, dynamic=False)
    return compiled


def _step(
    loss_of: Loss,
    decoder: Decoder,
    batch: Tensor,
    steppers: Sequence[torch.optim.Optimizer],
    *,
    factor: float,
    clip: float,
) -> Tensor:
    loss = loss_of(batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(decoder.parameters(), clip)
    for stepper in steppers:
        for group in stepper.param_groups:
            group["lr"] = group["initial_lr"] * factor
        stepper.step()
        stepper.zero_grad(set_to_none=True)
    return loss.detach()


def _resume(
    folder: Path,
    decoder: Decoder,
    steppers: Sequence[torch.optim.Optimizer],
    device: str,
    *,
    from_stable: bool,
) -> Progress:
    path = folder / (STABLE if from_stable else LAST)
    if not path.exists():
        return Progress()
    state = torch.load(path, map_location=device, weights_only=True)
    decoder.load_state_dict(state["model"])
    for stepper, its in zip(steppers, state["optimizers"], strict=True):
        rates = [group["initial_lr"] for group in stepper.param_groups]
        stepper.load_state_dict(its)
        for group, rate in zip(stepper.param_groups, rates, strict=True):
            group["initial_lr"] = rate  # the recipe's, which may have changed
    return Progress(**state["progress"])


def _save(
    path: Path,
    decoder: Decoder,
    steppers: Sequence[torch.optim.Optimizer],
    progress: Progress,
    shape: Shape,
) -> None:
    unfinished = path.with_suffix(".part")
    state = {
        "model": decoder.state_dict(),
        "optimizers": [stepper.state_dict() for stepper in steppers],
        "progress": asdict(progress),
        "shape": asdict(shape),
    }
    torch.save(state, unfinished)
    unfinished.replace(path)


def _write(log: Any, figures: dict[str, float], progress: Progress, length: int) -> None:
    line = {
        "step": progress.step,
        "tokens": progress.tokens,
        "seconds": round(progress.seconds, 1),
        "length": length,
        **figures,
    }
    log.write(json.dumps(line) + "\n")
    log.flush()


def _bar(share: float, progress: Progress, loss: float) -> str:
    rate = progress.tokens / progress.seconds
    done = "#" * round(30 * share)
    return (
        f"[{done:<30}] {share:4.0%}  step {progress.step}  "
        f"{progress.tokens / 1e6:.2f}M tokens  {rate:,.0f}/s  loss {loss:.3f}"
    )
