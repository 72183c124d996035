"""Log-probabilities and entropies of chosen tokens, tile by tile: no `T x V` tensor ever exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from darkhorse.policy import fused
from darkhorse.policy.native import operations
from darkhorse.policy.native.transposing import weight_gradient
from darkhorse.policy.packing import PackedPlan, hidden_states

_CPU_TILE, _GPU_TILE = (4096, 4096), (2048, None)
"""Tokens, and outputs of the head, whose logits exist at a time; None stands for all outputs. A product of all outputs
reads more than a processor's caches hold, and on a CUDA device every product costs a launch."""
_CPU_ROWS = 64
"""Tokens whose logits PyTorch's own operations work on at a time, so that they stay in the processor's caches."""


class _TiledLogprobs(torch.autograd.Function):
    """Backward recomputes each tile of logits; gradients flow to the hidden states and the head's weight."""

    @staticmethod
    def forward(
        ctx: Any, hidden_TC: Tensor, weight_VC: Tensor, targets_T: Tensor, heat_T1: Tensor
    ) -> tuple[Tensor, Tensor]:
        found = []
        tokens, outputs = _tile(hidden_TC.device, len(weight_VC))
        for hidden, targets, heat in _split(tokens, hidden_TC, targets_T, heat_T1):
            parts = [
                _softmax_parts(F.linear(hidden, weight), targets - first, heat)
                for first, weight in _blocks(outputs, weight_VC)
            ]
            found.append(_together(torch.stack(parts)))
        logprobs_T, entropy_T, log_total_T = map(torch.cat, zip(*found, strict=True))
        ctx.save_for_backward(hidden_TC, weight_VC, targets_T, heat_T1, log_total_T)
        ctx.mark_non_differentiable(entropy_T)
        return logprobs_T, entropy_T

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        hidden_TC, weight_VC, targets_T, heat_T1, log_total_T = ctx.saved_tensors
        tokens, outputs = _tile(hidden_TC.device, len(weight_VC))
        chunks = list(_split(tokens, hidden_TC, targets_T, heat_T1, log_total_T, grads[0]))
        of_hidden: list[Tensor | None] = [None] * len(chunks)
        grad_weight = torch.empty_like(weight_VC) if ctx.needs_input_grad[1] else None
        for first, weight in _blocks(outputs, weight_VC):
            of_weight: Tensor | None = None
            for number, (hidden, targets, *others) in enumerate(chunks):
                logits = F.linear(hidden, weight)
                _turn_to_gradients(logits, targets - first, *others)
                of_hidden[number] = _plus(of_hidden[number], logits @ weight)
                if grad_weight is not None:
                    of_weight = _plus(of_weight, weight_gradient(logits, hidden))
            if grad_weight is not None and of_weight is not None:
                grad_weight[first : first + outputs] = of_weight
        grad_hidden = torch.cat([grad.to(hidden_TC.dtype) for grad in of_hidden if grad is not None])
        return grad_hidden, grad_weight, None, None


_tiled_logprobs: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] = _TiledLogprobs.apply


def _plus(total: Tensor | None, more: Tensor) -> Tensor:
    """A sum of gradients, at least in float32 as soon as there are two."""
    if total is None:
        return more
    if total.dtype == more.dtype:
        total = total.to(torch.promote_types(total.dtype, torch.float32))
    operations.add_into(total, more)
    return total


def _tile(device: torch.device, vocabulary: int) -> tuple[int, int]:
    """Tokens and outputs whose logits exist at a time."""
    tokens, outputs = _CPU_TILE if device.type == "cpu" else _GPU_TILE
    return tokens, outputs or vocabulary


def _split(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The tensors piece by piece, along their first dimension."""
    return zip(*(tensor.split(size) for tensor in tensors), strict=True)


def _blocks(size: int, weight_VC: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The head's weight block by block, and the first output of each."""
    return zip(range(0, len(weight_VC), size), weight_VC.split(size), strict=True)


def _by_rows(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """As many rows of the tensors at a time as PyTorch's own operations work on."""
    return _split(_CPU_ROWS if tensors[0].device.type == "cpu" else len(tensors[0]), *tensors)


def _softmax_parts(logits_TB: Tensor, targets_T: Tensor, heat_T1: Tensor) -> Tensor:
    """What a block of logits adds to its rows' softmax; see `native.operations.softmax_parts`."""
    if operations.serves(logits_TB):
        return operations.softmax_parts(logits_TB, targets_T, heat_T1)
    rows = _by_rows(logits_TB, targets_T, heat_T1)
    return torch.cat([fused.compute(_parts_of_rows, *of_rows) for of_rows in rows])


def _parts_of_rows(logits_TB: Tensor, targets_T: Tensor, heat_T1: Tensor) -> Tensor:
    scaled = _precise(logits_TB) / heat_T1
    highest_T1 = scaled.amax(-1, keepdim=True)
    below = scaled - highest_T1
    weights, last = below.exp(), logits_TB.shape[1] - 1
    chosen_T = scaled.gather(-1, targets_T.clamp(0, last)[:, None])[:, 0]
    here_T = (targets_T >= 0) & (targets_T <= last)
    parts = highest_T1[:, 0], weights.sum(-1), (weights * below).sum(-1), chosen_T.masked_fill(~here_T, 0.0)
    return torch.stack(parts, -1)


def _together(parts_NT4: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities, entropies, and logarithms of the sums of all weights, of what `N` blocks add."""
    highest_NT, total_NT, weighted_NT, chosen_NT = parts_NT4.unbind(-1)
    highest_T = highest_NT.amax(0)
    below_NT = highest_NT - highest_T
    share_NT = below_NT.exp()
    total_T = (share_NT * total_NT).sum(0)
    weighted_T = (share_NT * (weighted_NT + below_NT * total_NT)).sum(0)
    log_T = total_T.log()
    return chosen_NT.sum(0) - highest_T - log_T, log_T - weighted_T / total_T, highest_T + log_T


def _turn_to_gradients(
    logits_TB: Tensor, targets_T: Tensor, heat_T1: Tensor, log_total_T: Tensor, grad_T: Tensor
) -> None:
    """Put in the place of logits what flows into them; see `native.operations.softmax_gradients`."""
    if operations.serves(logits_TB):
        operations.softmax_gradients(logits_TB, targets_T, heat_T1, log_total_T, grad_T)
        return
    for rows in _by_rows(logits_TB, targets_T, heat_T1, log_total_T, grad_T):
        rows[0].copy_(fused.compute(_gradients_of_rows, *rows))


def _gradients_of_rows(
    logits_TB: Tensor, targets_T: Tensor, heat_T1: Tensor, log_total_T: Tensor, grad_T: Tensor
) -> Tensor:
    # d logp / d logits = onehot(target) - softmax
    weights = (_precise(logits_TB) / heat_T1 - log_total_T[:, None]).exp()
    chosen = torch.arange(logits_TB.shape[1], device=logits_TB.device) == targets_T[:, None]
    return (chosen.to(weights.dtype) - weights) * (grad_T[:, None] / heat_T1)


def _precise(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def token_logprobs(
    hidden_TC: Tensor, weight_VC: Tensor, targets_T: Tensor, temperature: float | Tensor = 1.0
) -> tuple[Tensor, Tensor]:
    """Log-probabilities of `targets_T` and entropies under `softmax(hidden @ weight.T / temperature)`.

    Args:
        hidden_TC: last hidden states.
        weight_VC: of the head.
        targets_T: token ids.
        temperature: one, or one for each token, `[T]`.

    Returns:
        `(logprobs_T, entropy_T)`; the entropy carries no gradient.
    """
    dtype = torch.promote_types(hidden_TC.dtype, torch.float32)
    heat_T1 = torch.as_tensor(temperature, dtype=dtype, device=hidden_TC.device).expand(len(targets_T))[:, None]
    return _tiled_logprobs(hidden_TC, weight_VC, targets_T, heat_T1)


def completion_logprobs(
    model: PreTrainedModel, plan: PackedPlan, mask_N: Tensor | None = None, temperature: float | Tensor = 1.0
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies of the completion tokens of packed segments, in packing order.

    Args:
        model: a causal language model whose attention runs by plans.
        plan: segments with `N` completion tokens in all.
        mask_N: which completion tokens to score; all when None.
        temperature: divides the logits; one, or one for each scored token.

    Returns:
        `(logprobs, entropy)`, one entry a scored token, float32.
    """
    index_N = plan.prediction_index()
    targets_N = torch.tensor([t for s in plan.segments for c in s.completions for t in c], dtype=torch.long)
    if mask_N is not None:
        keep = mask_N.bool()
        index_N, targets_N = index_N[keep], targets_N[keep]
    hidden = hidden_states(model, plan).index_select(0, index_N.to(model.device))
    head = model.get_output_embeddings()
    weight: Tensor = head.weight
    heat = temperature.to(model.device) if isinstance(temperature, Tensor) else temperature
    return token_logprobs(hidden, weight, targets_N.to(model.device), heat)
