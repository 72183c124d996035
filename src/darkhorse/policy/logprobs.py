"""Log-probabilities and entropies of chosen tokens, in chunks: no `T x V` float32 tensor ever exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from darkhorse.policy.packing import PackedPlan, hidden_states

_CHUNK = 512


class _ChunkedLogprobs(torch.autograd.Function):
    """Backward recomputes each chunk's logits; gradients flow to the hidden states and the head's weight."""

    @staticmethod
    def forward(
        ctx: Any, hidden_TC: Tensor, weight_VC: Tensor, targets_T: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        logprobs, entropies = [], []
        for hidden, targets in zip(hidden_TC.split(_CHUNK), targets_T.split(_CHUNK), strict=True):
            log_softmax = torch.log_softmax(_logits(hidden, weight_VC, temperature), -1)
            logprobs.append(log_softmax.gather(-1, targets[:, None])[:, 0])
            entropies.append(-(log_softmax.exp() * log_softmax).sum(-1))
        ctx.save_for_backward(hidden_TC, weight_VC, targets_T)
        ctx.temperature = temperature
        entropy_T = torch.cat(entropies)
        ctx.mark_non_differentiable(entropy_T)
        return torch.cat(logprobs), entropy_T

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        hidden_TC, weight_VC, targets_T = ctx.saved_tensors
        grad_hidden = torch.empty_like(hidden_TC)
        frozen = not ctx.needs_input_grad[1]
        grad_weight = None if frozen else torch.zeros_like(weight_VC, dtype=torch.float32)
        chunks = zip(
            hidden_TC.split(_CHUNK), targets_T.split(_CHUNK), grads[0].split(_CHUNK), grad_hidden.split(_CHUNK),
            strict=True,
        )  # fmt: skip
        for hidden, targets, grad, out in chunks:
            # d logp / d logits = onehot(target) - softmax
            grad_logits = torch.softmax(_logits(hidden, weight_VC, ctx.temperature), -1).neg_()
            grad_logits.scatter_add_(-1, targets[:, None], torch.ones_like(grad_logits[:, :1]))
            grad_logits = grad_logits.mul_(grad[:, None] / ctx.temperature).to(hidden.dtype)
            torch.matmul(grad_logits, weight_VC, out=out)
            if grad_weight is not None:
                grad_weight.add_(grad_logits.T @ hidden)
        return grad_hidden, None if grad_weight is None else grad_weight.to(weight_VC.dtype), None, None


_chunked_logprobs: Callable[[Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]] = _ChunkedLogprobs.apply


def _logits(hidden: Tensor, weight: Tensor, temperature: float) -> Tensor:
    logits = F.linear(hidden, weight)
    logits = logits if logits.dtype == torch.float64 else logits.float()
    return logits if temperature == 1.0 else logits / temperature


def token_logprobs(
    hidden_TC: Tensor, weight_VC: Tensor, targets_T: Tensor, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Log-probabilities of `targets_T` and entropies under `softmax(hidden @ weight.T / temperature)`.

    Returns:
        `(logprobs_T, entropy_T)`; the entropy carries no gradient.
    """
    return _chunked_logprobs(hidden_TC, weight_VC, targets_T, temperature)


def completion_logprobs(
    model: PreTrainedModel, plan: PackedPlan, mask_N: Tensor | None = None, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies of the completion tokens of packed segments, in packing order.

    Args:
        model: a causal language model whose attention runs by plans.
        plan: segments with `N` completion tokens in all.
        mask_N: which completion tokens to score; all when None.
        temperature: divides the logits.

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
    return token_logprobs(hidden, weight, targets_N.to(model.device), temperature)
