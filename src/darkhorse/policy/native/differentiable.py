"""Compiled operations through which gradients flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from darkhorse.policy.native import operations


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


class _GatedProduct(torch.autograd.Function):
    """Only gate and up are kept."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(gate, up, weight)
        return F.linear(operations.gated(gate, up), weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        gate, up, weight = ctx.saved_tensors
        grad_gate, grad_up, product = operations.gated_backward(grads[0] @ weight, gate, up)
        grad_TC, needed = grads[0].flatten(0, -2), ctx.needs_input_grad
        grad_weight = grad_TC.T @ product.flatten(0, -2) if needed[2] else None
        return grad_gate, grad_up, grad_weight, grad_TC.sum(0) if needed[3] else None


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
gated_product: Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor] = _GatedProduct.apply
"""`linear(silu(gate) * up, weight, bias)`."""
rotation: Callable[[Tensor, Tensor, Tensor], Tensor] = _Rotation.apply
"""As `operations.rotate`; cosines and sines get no gradient."""
