"""AdamW's moments, and steps by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from darkhorse.policy.memory import zeros_beside
from darkhorse.policy.native import operations
from darkhorse.training.masters import Master, full_type

_EPSILON = 1e-8
"""AdamW's, as PyTorch has it."""


@dataclass(frozen=True)
class Step:
    """What a step of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) goes by.

    Attributes:
        number: which one it is, from 1.
        rate, betas, weight_decay: AdamW's.
        share: what gradients are multiplied by.
    """

    number: int
    rate: float
    betas: tuple[float, float]
    weight_decay: float
    share: float


@dataclass(frozen=True)
class Moments:
    """Of a parameter, flat."""

    exp_avg_N: Tensor
    exp_avg_sq_N: Tensor

    @staticmethod
    def of(parameters: Sequence[Tensor], dtype: str) -> list[Moments]:
        """Of parameters before their first step.

        Args:
            parameters: to be trained.
            dtype: name of the moments' type; a weight's in full, unless it is `bfloat16`.
        """
        dtypes = [torch.bfloat16 if dtype == "bfloat16" else full_type(parameter) for parameter in parameters]
        pairs = zip(zeros_beside(parameters, dtypes), zeros_beside(parameters, dtypes), strict=True)
        return [Moments(*pair) for pair in pairs]

    def take(self, step: Step, master: Master, piece: slice, gradient_N: Tensor) -> None:
        """Take a step with a piece of a weight, by its gradient, which is in full."""
        average_N, square_N = self.exp_avg_N[piece], self.exp_avg_sq_N[piece]
        halves = master.halves(piece)
        if halves is not None and operations.serves(halves[0]):
            operations.adamw(
                *halves,
                average_N,
                square_N,
                gradient_N,
                step.number,
                step.rate,
                step.betas,
                _EPSILON,
                step.weight_decay,
                step.share,
            )
            return
        whole_N = master.whole(piece)
        moments = [moment_N.to(whole_N.dtype) for moment_N in (average_N, square_N)]
        adamw(
            [whole_N],
            [gradient_N * step.share],
            moments[:1],
            moments[1:],
            [],
            [torch.full((), step.number - 1.0, device=whole_N.device)],  # counted on
            fused=True,
            amsgrad=False,
            beta1=step.betas[0],
            beta2=step.betas[1],
            lr=step.rate,
            weight_decay=step.weight_decay,
            eps=_EPSILON,
            maximize=False,
        )
        master.set(whole_N, piece)
        for held_N, moment_N in zip((average_N, square_N), moments, strict=True):
            if held_N.dtype != moment_N.dtype:
                held_N.copy_(moment_N)
