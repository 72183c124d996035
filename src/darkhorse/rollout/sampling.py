"""Drawing tokens: one uniform number a token, turned into a token by the inverse of the cumulative distribution."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_BLOCK = 256
_CANDIDATES = (64, 1024)
"""How many of the likeliest tokens are looked at for a nucleus before all are."""
_LEAST = torch.finfo(torch.float32).tiny
"""Weights up to it keep too few digits for a log-probability; they count as zero, so that no block of them alone can
be chosen."""


def uniforms(seed: int, sample: int, count: int) -> np.ndarray:
    """The `count` uniform numbers that decide one sample, from a counter-based generator keyed by its identity."""
    key = np.array([seed & (2**64 - 1), sample], dtype=np.uint64)  # a list would become float64 and lose digits
    bits = np.random.Philox(key=key)
    return np.random.Generator(bits).random(count, dtype=np.float64)


def sample_tokens(logits_BV: Tensor, uniforms_B: Tensor) -> tuple[Tensor, Tensor]:
    """Draw one token a row by inverse transform sampling, in two levels (block, then token in the block).

    Args:
        logits_BV: float32; `-inf` marks tokens that cannot be drawn. Overwritten.
        uniforms_B: in [0, 1).

    Returns:
        `(tokens_B, logprobs_B)`; the log-probabilities are those of `softmax(logits)`.
    """
    batch, vocab = logits_BV.shape
    highest_B1 = logits_BV.amax(-1, keepdim=True)
    weights_BV: Tensor = torch.threshold_(logits_BV.sub_(highest_B1).exp_(), _LEAST, 0.0)
    padding = -vocab % _BLOCK
    if padding:
        weights_BV = torch.nn.functional.pad(weights_BV, (0, padding))
    weights_BNK = weights_BV.view(batch, -1, _BLOCK)
    blocks_BN = weights_BNK.sum(-1).double()  # a sum in float64 would copy all weights first
    cumulative_BN = blocks_BN.cumsum(-1)
    total_B1 = cumulative_BN[:, -1:]
    target_B1 = uniforms_B.to(torch.float64)[:, None] * total_B1
    block_B1 = _first_above(cumulative_BN, target_B1, blocks_BN)
    before_B1 = (cumulative_BN - blocks_BN).gather(1, block_B1)
    row_BK = weights_BNK.gather(1, block_B1[:, :, None].expand(-1, -1, _BLOCK))[:, 0].to(torch.float64)
    inside_B1 = _first_above(row_BK.cumsum(-1), target_B1 - before_B1, row_BK)
    tokens_B = (block_B1 * _BLOCK + inside_B1)[:, 0]
    logprobs_B = (row_BK.gather(1, inside_B1) / total_B1).log()[:, 0]
    return tokens_B, logprobs_B.float()


def _first_above(cumulative: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """First index whose cumulative weight exceeds the target; never one of zero weight, even after rounding."""
    index = torch.searchsorted(cumulative, target, right=True).clamp_(max=cumulative.shape[-1] - 1)
    empty = weights.gather(1, index) == 0
    return torch.where(empty, weights.argmax(-1, keepdim=True), index)


def greedy_tokens(logits_BV: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest token of each row and its log-probability under `softmax(logits)`."""
    tokens_B = logits_BV.argmax(-1)
    logprobs_B = logits_BV.gather(1, tokens_B[:, None])[:, 0] - logits_BV.logsumexp(-1)
    return tokens_B, logprobs_B


def truncate_logits(logits_BV: Tensor, top_k: int, top_p: float, min_p: float) -> Tensor:
    """Set tokens outside the truncated distribution to `-inf`, in the order top-k, top-p, min-p.

    Each rule sees the distribution the previous one left, as in Transformers' logits warpers; the likeliest token
    always stays. `top_k=0`, `top_p=1`, `min_p=0` turn a rule off.
    """
    if top_k and top_k < logits_BV.shape[-1]:
        lowest_B1 = logits_BV.topk(top_k, -1).values[:, -1:]
        logits_BV = logits_BV.masked_fill(logits_BV < lowest_B1, float("-inf"))
    if top_p < 1.0:
        sorted_BN, order_BN, probabilities_BN = _likeliest(logits_BV, top_p)
        # a token goes when the likelier ones already hold top_p together
        drop_BN = probabilities_BN.cumsum(-1) - probabilities_BN >= top_p
        drop_BN[:, 0] = False
        kept_BN = sorted_BN.masked_fill(drop_BN, float("-inf"))
        logits_BV = torch.full_like(logits_BV, float("-inf")).scatter_(1, order_BN, kept_BN)
    if min_p > 0.0:
        floor_B1 = logits_BV.amax(-1, keepdim=True) + float(np.log(min_p))
        logits_BV = logits_BV.masked_fill(logits_BV < floor_B1, float("-inf"))
    return logits_BV


def _likeliest(logits_BV: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """As many of the likeliest tokens as hold a share of the probability in every row: logits, tokens, probabilities.

    A few nearly always do, and sorting a whole vocabulary takes longer than a small model's step.
    """
    total_B1 = logits_BV.logsumexp(-1, keepdim=True)
    for count in (*_CANDIDATES, logits_BV.shape[-1]):
        if count < logits_BV.shape[-1]:
            sorted_BN, order_BN = logits_BV.topk(count, -1)
        else:
            sorted_BN, order_BN = logits_BV.sort(-1, descending=True)
        probabilities_BN = (sorted_BN - total_B1).exp()
        if sorted_BN.shape == logits_BV.shape or bool((probabilities_BN.sum(-1) >= share).all()):
            break
    return sorted_BN, order_BN, probabilities_BN
