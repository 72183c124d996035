"""Layers of a model that a compiled operation computes, recognised by what they compute."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from darkhorse.policy import small_operations as operations
from darkhorse.policy.again import computed
from darkhorse.policy.native import differentiable

Norm: TypeAlias = Callable[[Tensor], Tensor]


def compiled_norm(module: Any) -> Norm | None:
    """The compiled operation that computes a root-mean-square norm; None where there is none for its form."""
    form = norm_form(module)
    return None if form is None else partial(_compiled_norm, module, *form)


@torch.no_grad()
def norm_form(module: Any) -> tuple[float, bool] | None:
    """A root-mean-square norm's epsilon, and whether it scales by 1 + weight; None if it computes something else."""
    weight, epsilon = getattr(module, "weight", None), getattr(module, "variance_epsilon", getattr(module, "eps", None))
    if not isinstance(weight, Tensor) or weight.dim() != 1 or not isinstance(epsilon, float):
        return None
    rows = torch.linspace(-3, 2, len(weight), dtype=weight.dtype, device=weight.device)[None]
    computed = type(module).forward(module, rows)
    for plus_one in (False, True):
        if torch.equal(computed, _norm(rows, weight, epsilon, plus_one)):
            return epsilon, plus_one
    return None


def _norm(rows: Tensor, weight: Tensor, epsilon: float, plus_one: bool) -> Tensor:
    wide = rows.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)
    return (wide * (1.0 + weight.float())).to(rows.dtype) if plus_one else weight * wide.to(rows.dtype)


def _compiled_norm(module: Any, epsilon: float, plus_one: bool, rows: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        return operations.rms_norm(rows, module.weight, epsilon, plus_one)
    again = partial(operations.rms_norm, weight_C=module.weight.detach(), epsilon=epsilon, plus_one=plus_one)
    return computed(again, rows, differentiable.norm(rows, module.weight, epsilon, plus_one))


@torch.no_grad()
def is_silu(activation: Any) -> bool:
    """Whether an activation is `x * sigmoid(x)`."""
    x = torch.linspace(-6, 6, 97)
    return torch.equal(activation(x), F.silu(x))
