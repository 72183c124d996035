"""Compiled operations through which gradients flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from darkhorse.policy import small_operations as operations


class _Norm(torch.autograd.Function):
    """Only the rows are kept."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight_C: Tensor, epsilon: float, plus_one: bool) -> Tensor:
        ctx.form = epsilon, plus_one
        ctx.save_for_backward(rows, weight_C)
        return operations.rms_norm(rows, weight_C, epsilon, plus_one)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        rows, weight_C = ctx.saved_tensors
        grad_rows, grad_weight_C = operations.rms_norm_backward(grads[0], rows, weight_C, *ctx.form)
        return grad_rows, grad_weight_C.to(weight_C.dtype) if ctx.needs_input_grad[1] else None, None, None


class _Rotation(torch.autograd.Function):
    """Nothing of the rows is kept; what flows back is turned the other way."""

    @staticmethod
    def forward(ctx: Any, rows_HTD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
        ctx.save_for_backward(cos_TD, sin_TD)
        return operations.rotate(rows_HTD, cos_TD, sin_TD)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        cos_TD, sin_TD = ctx.saved_tensors
        return operations.rotate(grads[0], cos_TD, -sin_TD.roll(sin_TD.shape[1] // 2, 1)), None, None


norm: Callable[[Tensor, Tensor, float, bool], Tensor] = _Norm.apply
"""As `operations.rms_norm`; of rows, weight, epsilon and `plus_one`."""
rotation: Callable[[Tensor, Tensor, Tensor], Tensor] = _Rotation.apply
"""As `operations.rotate`; cosines and sines get no gradient."""
