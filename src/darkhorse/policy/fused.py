"""The small operations of a model on a CUDA device, each one kernel or two, written by PyTorch's compiler; where
`DARKHORSE_FUSED` is 1.

Sums and intermediate results are in float32, and what comes out is rounded once. Only the number of rows may vary
without another compilation.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_DTYPES = (torch.bfloat16, torch.float16, torch.float32)
_FORMS = 64
"""Of an operation at least that are compiled, for widths, number types and layouts of all models in the process."""


def serves(*tensors: Tensor) -> bool:
    """Whether the operations compute on such tensors together."""
    dtype = tensors[0].dtype
    return dtype in _DTYPES and all(x.dtype == dtype and x.device.type == "cuda" for x in tensors) and _there()


@functools.cache
def _there() -> bool:
    return os.environ.get("DARKHORSE_FUSED") == "1" and importlib.util.find_spec("triton") is not None


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, _FORMS)
    return torch.compile(function, dynamic=False)


def compute(function: Callable[..., Any], *rows: Tensor) -> Any:
    """What a function makes of tensors of equally many rows; by its compiled form where it serves the first of them."""
    return _call(function, list(rows)) if serves(rows[0]) else function(*rows)


def _call(function: Callable[..., Any], rows: list[Tensor], *rest: Any) -> Any:
    """Call a function's compiled form on tensors of equally many rows, and others."""
    for tensor in rows:
        torch._dynamo.maybe_mark_dynamic(tensor, 0)
    return _compiled(function)(*rows, *rest)


def rms_norm(rows: Tensor, weight_C: Tensor, epsilon: float, plus_one: bool = False) -> Tensor:
    """As `native.operations.rms_norm`."""
    found: Tensor = _call(_norm, [_by_token(rows)], weight_C, epsilon, plus_one)
    return found.view(rows.shape)


def _norm(rows: Tensor, weight_C: Tensor, epsilon: float, plus_one: bool) -> Tensor:
    normed = _normed(rows.float(), epsilon)[0]
    return (normed * _factor(weight_C, plus_one)).to(rows.dtype)


def _normed(wide: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)
    return wide * scale, scale


def _factor(weight_C: Tensor, plus_one: bool) -> Tensor:
    return weight_C.float() + 1.0 if plus_one else weight_C.float()


def rms_norm_backward(
    grad: Tensor, rows: Tensor, weight_C: Tensor, epsilon: float, plus_one: bool = False
) -> tuple[Tensor, Tensor]:
    """As `native.operations.rms_norm_backward`."""
    grad_rows, grad_weight_C = _call(_norm_backward, [_by_token(grad), _by_token(rows)], weight_C, epsilon, plus_one)
    return grad_rows.view(rows.shape), grad_weight_C


def _norm_backward(
    grad: Tensor, rows: Tensor, weight_C: Tensor, epsilon: float, plus_one: bool
) -> tuple[Tensor, Tensor]:
    above = grad.float()
    normed, scale = _normed(rows.float(), epsilon)
    scaled = above * _factor(weight_C, plus_one)
    grad_rows = scale * (scaled - normed * (scaled * normed).mean(-1, keepdim=True))
    return grad_rows.to(rows.dtype), (above * normed).flatten(0, -2).sum(0)


def gated(gate: Tensor, up: Tensor) -> Tensor:
    """As `native.operations.gated`."""
    found: Tensor = _call(_gated, [_by_token(gate), _by_token(up)])
    return found.view(gate.shape)


def _gated(gate: Tensor, up: Tensor) -> Tensor:
    return (F.silu(gate.float()) * up.float()).to(gate.dtype)


def gated_backward(grad: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As `native.operations.gated_backward`."""
    both, product = _call(_gated_backward, [_by_token(x) for x in (grad, gate, up)])
    grad_gate, grad_up = both.view(*gate.shape[:-1], 2 * gate.shape[-1]).split(gate.shape[-1], -1)
    return grad_gate, grad_up, product.view(gate.shape)


def _gated_backward(grad: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    above, x, wide = grad.float(), gate.float(), up.float()
    opened = torch.sigmoid(x)
    grads = above * wide * opened * (1.0 + x * (1.0 - opened)), above * x * opened
    return torch.cat(grads, -1).to(gate.dtype), (x * opened * wide).to(gate.dtype)


def rotate(rows_HTD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
    """As `native.operations.rotate`."""
    found_THD: Tensor = _call(_rotate, [rows_HTD.transpose(0, 1), cos_TD, sin_TD])
    return found_THD.transpose(0, 1)


def _rotate(rows_THD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
    wide = rows_THD.float()
    first, second = wide.chunk(2, -1)
    turned = wide * cos_TD[:, None].float() + torch.cat([-second, first], -1) * sin_TD[:, None].float()
    return turned.to(rows_THD.dtype).contiguous()


def _by_token(rows: Tensor) -> Tensor:
    """`[T, heads, C]`; one head where rows are whole."""
    return rows.flatten(0, 1) if rows.dim() > 3 else rows.flatten(0, -2)[:, None]
