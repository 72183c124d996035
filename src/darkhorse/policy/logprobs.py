"""Log-probabilities and entropies of chosen tokens, in chunks: no `T x V` float32 tensor ever exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from darkhorse.policy import fused
from darkhorse.policy.native import operations
from darkhorse.policy.packing import PackedPlan, hidden_states

_CPU_CHUNK, _GPU_CHUNK = 1024, 2048
"""Tokens whose logits exist at a time. Every chunk adds a gradient of the whole head, which a larger one saves."""
_CPU_ROWS = 8
"""Tokens whose logits are worked on at a time, so that they stay in the processor's caches."""


class _ChunkedLogprobs(torch.autograd.Function):
    """Backward recomputes each chunk's logits; gradients flow to the hidden states and the head's weight."""

    @staticmethod
    def forward(
        ctx: Any, hidden_TC: Tensor, weight_VC: Tensor, targets_T: Tensor, heat_T1: Tensor
    ) -> tuple[Tensor, Tensor]:
        logprobs, entropies = [], []
        chunk, rows = _sizes(hidden_TC.device)
        for hidden, *others in _split(chunk, hidden_TC, targets_T, heat_T1):
            for logits, targets, heat in _split(rows, F.linear(hidden, weight_VC), *others):
                chosen, entropy = fused.compute(_chosen_logprobs, logits, targets, heat)
                logprobs.append(chosen)
                entropies.append(entropy)
        ctx.save_for_backward(hidden_TC, weight_VC, targets_T, heat_T1)
        entropy_T = torch.cat(entropies)
        ctx.mark_non_differentiable(entropy_T)
        return torch.cat(logprobs), entropy_T

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        hidden_TC, weight_VC, targets_T, heat_T1 = ctx.saved_tensors
        grad_hidden = torch.empty_like(hidden_TC)
        grad_weight: Tensor | None = None
        chunk, rows = _sizes(hidden_TC.device)
        for hidden, out, *others in _split(chunk, hidden_TC, grad_hidden, targets_T, heat_T1, grads[0]):
            chunk_logits = F.linear(hidden, weight_VC)
            for logits, targets, heat, grad in _split(rows, chunk_logits, *others):
                logits.copy_(fused.compute(_chosen_logprobs_backward, logits, targets, heat, grad))
            torch.matmul(chunk_logits, weight_VC, out=out)
            if ctx.needs_input_grad[1]:
                grad_weight = _plus(grad_weight, chunk_logits.T @ hidden)
        return grad_hidden, None if grad_weight is None else grad_weight.to(weight_VC.dtype), None, None


_chunked_logprobs: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] = _ChunkedLogprobs.apply


def _plus(total: Tensor | None, more: Tensor) -> Tensor:
    """A sum of gradients, at least in float32 as soon as there are two."""
    if total is None:
        return more
    if total.dtype == more.dtype:
        total = total.to(torch.promote_types(total.dtype, torch.float32))
    operations.add_into(total, more)
    return total


def _sizes(device: torch.device) -> tuple[int, int]:
    """Tokens whose logits exist at a time, and those of them that are worked on at a time."""
    return (_CPU_CHUNK, _CPU_ROWS) if device.type == "cpu" else (_GPU_CHUNK, _GPU_CHUNK)


def _split(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The tensors piece by piece, along their first dimension."""
    return zip(*(tensor.split(size) for tensor in tensors), strict=True)


def _chosen_logprobs(logits_TV: Tensor, targets_T: Tensor, heat_T1: Tensor) -> tuple[Tensor, Tensor]:
    log_softmax = torch.log_softmax(_precise(logits_TV) / heat_T1, -1)
    return log_softmax.gather(-1, targets_T[:, None])[:, 0], -(log_softmax.exp() * log_softmax).sum(-1)


def _chosen_logprobs_backward(logits_TV: Tensor, targets_T: Tensor, heat_T1: Tensor, grad_T: Tensor) -> Tensor:
    # d logp / d logits = onehot(target) - softmax
    grad_logits = torch.softmax(_precise(logits_TV) / heat_T1, -1).neg_()
    grad_logits.scatter_add_(-1, targets_T[:, None], torch.ones_like(grad_logits[:, :1]))
    return grad_logits.mul_(grad_T[:, None] / heat_T1)


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
    return _chunked_logprobs(hidden_TC, weight_VC, targets_T, heat_T1)


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
