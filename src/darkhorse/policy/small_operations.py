"""The operations between a model's products, by what computes them fastest where the tensors are."""

from __future__ import annotations

from types import ModuleType

from torch import Tensor

from darkhorse.policy import fused
from darkhorse.policy.native import operations


def _there(tensor: Tensor) -> ModuleType:
    return fused if tensor.device.type == "cuda" else operations


def serves(*tensors: Tensor) -> bool:
    """Whether the operations compute on such tensors together."""
    return bool(_there(tensors[0]).serves(*tensors))


def rms_norm(rows: Tensor, weight_C: Tensor, epsilon: float, plus_one: bool = False) -> Tensor:
    """See `native.operations.rms_norm`."""
    out: Tensor = _there(rows).rms_norm(rows, weight_C, epsilon, plus_one)
    return out


def rms_norm_backward(
    grad: Tensor, rows: Tensor, weight_C: Tensor, epsilon: float, plus_one: bool = False
) -> tuple[Tensor, Tensor]:
    """See `native.operations.rms_norm_backward`."""
    grads: tuple[Tensor, Tensor] = _there(rows).rms_norm_backward(grad, rows, weight_C, epsilon, plus_one)
    return grads


def gated(gate: Tensor, up: Tensor) -> Tensor:
    """See `native.operations.gated`."""
    out: Tensor = _there(gate).gated(gate, up)
    return out


def gated_backward(grad: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """See `native.operations.gated_backward`."""
    grads: tuple[Tensor, Tensor, Tensor] = _there(gate).gated_backward(grad, gate, up)
    return grads


def rotate(rows_HTD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
    """See `native.operations.rotate`."""
    out: Tensor = _there(rows_HTD).rotate(rows_HTD, cos_TD, sin_TD)
    return out
