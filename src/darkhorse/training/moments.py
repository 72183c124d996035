"""AdamW's moments (Loshchilov and Hutter 2019, arXiv 1711.05101), and a step by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from darkhorse.policy.memory import zeros_beside
from darkhorse.training.masters import full_type

_EPSILON = 1e-8
"""AdamW's, as PyTorch has it."""
_SHORT = {"bfloat16": torch.bfloat16}
"""Types of moments other than that of a weight in full."""


@dataclass(frozen=True)
class Moments:
    """Of a parameter, flat, and how many steps it has taken."""

    exp_avg_N: Tensor
    exp_avg_sq_N: Tensor
    step: Tensor

    @staticmethod
    def of(parameters: Sequence[Tensor], dtype: str) -> list[Moments]:
        """Of parameters before their first step.

        Args:
            parameters: to be trained.
            dtype: name of the moments' type; a weight's in full, unless it is `bfloat16`.
        """
        dtypes = [_SHORT.get(dtype, full_type(parameter)) for parameter in parameters]
        averages, squares = zeros_beside(parameters, dtypes), zeros_beside(parameters, dtypes)
        steps = [torch.zeros((), device=parameter.device) for parameter in parameters]
        return [Moments(*each) for each in zip(averages, squares, steps, strict=True)]

    def update(
        self,
        whole_N: Tensor,
        gradient_N: Tensor,
        piece: slice,
        rate: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        """Change a piece of the weights, in full, by its gradient; `count` counts the step once all pieces are done."""
        held = self.exp_avg_N[piece], self.exp_avg_sq_N[piece]
        average_N, square_N = (moment.to(whole_N.dtype) for moment in held)
        adamw(
            [whole_N],
            [gradient_N],
            [average_N],
            [square_N],
            [],
            [self.step.clone()],  # counted at every call
            fused=True,
            amsgrad=False,
            beta1=betas[0],
            beta2=betas[1],
            lr=rate,
            weight_decay=weight_decay,
            eps=_EPSILON,
            maximize=False,
        )
        if average_N.dtype != held[0].dtype:
            held[0].copy_(average_N)
            held[1].copy_(square_N)

    def count(self) -> None:
        """Count a step."""
        self.step.add_(1)
