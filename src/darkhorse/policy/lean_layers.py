"""Layers that keep little for their backward pass, and compute the rest again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from darkhorse.policy import small_operations as operations
from darkhorse.policy.native import layers
from darkhorse.policy.native.transposing import weight_gradient

_ELEMENTS = 128 * 1024
"""Elements of a row-wise layer computed at a time: its float32 steps then stay in the processor's caches."""

Layer: TypeAlias = Callable[[Tensor], Tensor]


class _RowWise(torch.autograd.Function):
    """A layer that treats every row by itself; only the rows are kept."""

    @staticmethod
    def forward(ctx: Any, layer: Layer, rows_TC: Tensor, *parameters: Tensor) -> Tensor:
        ctx.layer = layer
        ctx.save_for_backward(rows_TC, *parameters)
        out_TC = layer(rows_TC[:1]).new_empty(rows_TC.shape)
        at_once = _at_once(rows_TC)
        for part, out in zip(rows_TC.split(at_once), out_TC.split(at_once), strict=True):
            out.copy_(layer(part))
        return out_TC

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        rows_TC, *parameters = ctx.saved_tensors
        trained = [p for p in parameters if p.requires_grad]
        sums = [torch.zeros_like(p, dtype=torch.promote_types(p.dtype, torch.float32)) for p in trained]
        grad_rows = torch.empty_like(rows_TC)
        at_once = _at_once(rows_TC)
        parts = (rows.split(at_once) for rows in (rows_TC, grads[0], grad_rows))
        for part, grad, out in zip(*parts, strict=True):
            with torch.enable_grad():
                leaf = part.detach().requires_grad_()
                found = torch.autograd.grad(ctx.layer(leaf), (leaf, *trained), grad)
            out.copy_(found[0])
            for total, more in zip(sums, found[1:], strict=True):
                total += more
        rest = iter(sums)
        of_parameters = [next(rest).to(p.dtype) if p.requires_grad else None for p in parameters]
        return None, grad_rows, *of_parameters


class _GatedProduct(torch.autograd.Function):
    """`linear(activation(gate) * up)`; only gate and up are kept. Without an activation it is SiLU's compiled form."""

    @staticmethod
    def forward(
        ctx: Any, activation: Layer | None, gate: Tensor, up: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.activation = activation
        ctx.save_for_backward(gate, up, weight)
        return F.linear(operations.gated(gate, up) if activation is None else activation(gate) * up, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        gate, up, weight = ctx.saved_tensors
        grad, needed = grads[0], ctx.needs_input_grad
        if ctx.activation is None:
            grad_gate, grad_up, product = operations.gated_backward(grad @ weight, gate, up)
        else:
            with torch.enable_grad():
                leaves = gate.detach().requires_grad_(), up.detach().requires_grad_()
                product = ctx.activation(leaves[0]) * leaves[1]
            grad_gate, grad_up = torch.autograd.grad(product, leaves, grad @ weight)
        grad_TC = grad.flatten(0, -2)
        grad_weight = weight_gradient(grad_TC, product.detach().flatten(0, -2)) if needed[3] else None
        return None, grad_gate, grad_up, grad_weight, grad_TC.sum(0) if needed[4] else None


_row_wise_kept: Callable[..., Tensor] = _RowWise.apply
_gated_product: Callable[..., Tensor] = _GatedProduct.apply


def _at_once(rows_TC: Tensor) -> int:
    return max(1, _ELEMENTS // rows_TC.shape[1])


def _row_wise(module: Any, compiled: Layer | None, rows: Tensor) -> Tensor:
    if compiled is not None and operations.serves(rows, module.weight):
        return compiled(rows)
    forward: Layer = partial(type(module).forward, module)
    if not torch.is_grad_enabled() or rows.device.type != "cpu":  # elsewhere every small operation costs a launch
        return forward(rows)
    return _row_wise_kept(forward, rows.flatten(0, -2), *module.parameters()).view(rows.shape)


def _gated(module: Any, silu: bool, rows: Tensor) -> Tensor:
    gate, up, down = module.gate_proj(rows), module.up_proj(rows), module.down_proj
    compiled, differentiated = silu and operations.serves(gate, up), torch.is_grad_enabled()
    if differentiated and type(down) is nn.Linear:
        return _gated_product(None if compiled else module.act_fn, gate, up, down.weight, down.bias)
    product = operations.gated(gate, up) if compiled and not differentiated else module.act_fn(gate) * up
    projected: Tensor = down(product)
    return projected


def keep_little(model: PreTrainedModel) -> None:
    """Have root-mean-square norms (on a processor) and gated feed-forward layers keep only what goes into them.

    Norms otherwise keep float32 copies of it, and gated layers the activation and its product with the other half:
    half of all that is kept. Both compute with compiled operations where these serve. Values stay the same, and
    gradients but for the order of sums. What is not recognised stays as it is.
    """
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.__dict__["forward"] = partial(_row_wise, module, layers.compiled_norm(module))
        elif _is_gated(module):
            module.__dict__["forward"] = partial(_gated, module, layers.is_silu(module.act_fn))


@torch.no_grad()
def _is_gated(module: Any) -> bool:
    """Whether a module computes `down_proj(act_fn(gate_proj(x)) * up_proj(x))` and nothing else."""
    projections = (getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj"))
    if not all(isinstance(layer, nn.Linear) for layer in projections) or not hasattr(module, "act_fn"):
        return False
    if isinstance(module.act_fn, nn.Module) and any(True for _ in module.act_fn.parameters()):
        return False  # what flows into them would be lost
    weight = module.gate_proj.weight
    rows = torch.linspace(-1, 1, weight.shape[1], dtype=weight.dtype, device=weight.device)[None]
    return torch.equal(module(rows), _gated(module, False, rows))
