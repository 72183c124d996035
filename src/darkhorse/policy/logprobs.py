"""Log-probabilities and entropies of chosen tokens, in chunks: no `T x V` float32 tensor ever exists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from darkhorse.policy.packing import PackedPlan, hidden_states

_CPU_CHUNK, _GPU_CHUNK = 512, 2048
"""Tokens whose logits exist at a time. Every chunk adds a gradient of the whole head, which a larger one saves."""


class _ChunkedLogprobs(torch.autograd.Function):
    """Backward recomputes each chunk's logits; gradients flow to the hidden states and the head's weight."""

    @staticmethod
    def forward(
        ctx: Any, hidden_TC: Tensor, weight_VC: Tensor, targets_T: Tensor, temperature: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        logprobs, entropies = [], []
        chunk = _chunk(hidden_TC.device)
        heats = _heats(temperature, len(hidden_TC), chunk)
        for hidden, targets, heat in zip(hidden_TC.split(chunk), targets_T.split(chunk), heats, strict=True):
            log_softmax = torch.log_softmax(_logits(hidden, weight_VC, heat), -1)
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
        chunk = _chunk(hidden_TC.device)
        parts = (rows.split(chunk) for rows in (hidden_TC, targets_T, grads[0], grad_hidden))
        heats = _heats(ctx.temperature, len(hidden_TC), chunk)
        for hidden, targets, grad, out, heat in zip(*parts, heats, strict=True):
            # d logp / d logits = onehot(target) - softmax
            grad_logits = torch.softmax(_logits(hidden, weight_VC, heat), -1).neg_()
            grad_logits.scatter_add_(-1, targets[:, None], torch.ones_like(grad_logits[:, :1]))
            grad_logits = grad_logits.mul_(grad[:, None] / heat).to(hidden.dtype)
            torch.matmul(grad_logits, weight_VC, out=out)
            if grad_weight is not None:
                grad_weight.add_(grad_logits.T @ hidden)
        return grad_hidden, None if grad_weight is None else grad_weight.to(weight_VC.dtype), None, None


_chunked_logprobs: Callable[[Tensor, Tensor, Tensor, float | Tensor], tuple[Tensor, Tensor]] = _ChunkedLogprobs.apply


def _heats(temperature: float | Tensor, tokens: int, chunk: int) -> Sequence[float | Tensor]:
    """The temperature of every chunk: a number, or a column with one for each token."""
    if isinstance(temperature, Tensor):
        return list(temperature[:, None].split(chunk))
    return [temperature] * max(1, -(-tokens // chunk))


def _chunk(device: torch.device) -> int:
    return _CPU_CHUNK if device.type == "cpu" else _GPU_CHUNK


def _logits(hidden: Tensor, weight: Tensor, heat: float | Tensor) -> Tensor:
    logits = F.linear(hidden, weight)
    logits = logits if logits.dtype == torch.float64 else logits.float()
    return logits if isinstance(heat, float) and heat == 1.0 else logits / heat


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
    return _chunked_logprobs(hidden_TC, weight_VC, targets_T, temperature)


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
