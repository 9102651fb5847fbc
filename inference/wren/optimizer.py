"""Muon for the matrices of the layers, Adam for the rest.

Muon (Jordan and others 2024) steps along the momentum with its singular values made equal, by a
few Newton-Schulz iterations: for a model this small it needs far fewer tokens than Adam alone, and
costs a tenth of a step. Matrices of one shape are iterated together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from inference.wren.decoder import Decoder

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


def orthogonalized(matrices: Tensor) -> Tensor:
    """`[count, rows, columns]`, each brought near to the closest matrix of orthonormal rows."""
    a, b, c = _COEFFICIENTS
    x = matrices
    if tall := x.shape[1] > x.shape[2]:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + torch.baddbmm(square, square, square, beta=b, alpha=c) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    def __init__(
        self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        assert closure is None
        for group in self.param_groups:
            by_shape: defaultdict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                by_shape[parameter.shape].append(parameter)
            for shape, parameters in by_shape.items():
                updates = orthogonalized(
                    torch.stack([self._momentum(it, group["momentum"]) for it in parameters])
                )
                step = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["decay"])
                    parameter.add_(update, alpha=-step)

    def _momentum(self, parameter: Tensor, momentum: float) -> Tensor:
        gradient = parameter.grad
        assert gradient is not None
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        mean: Tensor = state["momentum"]
        mean.lerp_(gradient, 1 - momentum)
        return gradient.lerp(mean, momentum)  # Nesterov's


def optimizers(
    decoder: Decoder, matrix_rate: float, rate: float, decay: float
) -> list[torch.optim.Optimizer]:
    """Both, each with its highest rate in `initial_lr`, for a schedule to scale."""
    matrices: list[Tensor] = []
    rest: list[Tensor] = []
    for name, parameter in decoder.named_parameters():
        is_matrix = parameter.ndim > 1 and "embed" not in name
        (matrices if is_matrix else rest).append(parameter)
    both: list[torch.optim.Optimizer] = [
        Muon(matrices, matrix_rate, decay=decay),
        torch.optim.AdamW(rest, rate, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0, fused=True),
    ]
    for one in both:
        for group in one.param_groups:
            group["initial_lr"] = group["lr"]
    return both
