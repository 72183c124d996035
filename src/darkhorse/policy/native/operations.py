"""What the compiled library computes, on tensors; gradients are operations of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from darkhorse.policy.native.library import library

_NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


def serves(*tensors: Tensor) -> bool:
    """Whether the operations are there and compute on such tensors together."""
    dtype = tensors[0].dtype
    return (
        dtype in _NAMES
        and all(tensor.dtype == dtype and tensor.device.type == "cpu" for tensor in tensors)
        and library() is not None
    )


@functools.cache
def compiled(name: str, dtype: torch.dtype) -> Callable[..., None]:
    """An operation's function for numbers of a type."""
    function: Callable[..., None] = getattr(library(), f"{name}_{_NAMES[dtype]}")
    return function


def rms_norm(rows: Tensor, weight_C: Tensor, epsilon: float, plus_one: bool = False) -> Tensor:
    """Root-mean-square norm of the last dimension, scaled by the weight: Llama's, or Gemma's by 1 + weight, which
    rounds only once.
    """
    *outer, inner, channels = rows.shape
    if rows.is_contiguous():
        inner, strides = 1, (channels, channels)
    elif rows.stride(-1) == 1 and (rows.dim() == 3 or (rows.dim() == 4 and outer[0] == 1)):
        strides = rows.stride(-3), rows.stride(-2)
    else:
        return rms_norm(rows.contiguous(), weight_C, epsilon, plus_one)
    out = torch.empty(rows.shape, dtype=rows.dtype)
    count = rows.numel() // (inner * channels)
    pointers = out.data_ptr(), rows.data_ptr(), weight_C.data_ptr()
    compiled("rms_norm", rows.dtype)(*pointers, count, inner, *strides, channels, epsilon, plus_one)
    return out


def rms_norm_backward(
    grad: Tensor, rows: Tensor, weight_C: Tensor, epsilon: float, plus_one: bool = False
) -> tuple[Tensor, Tensor]:
    """What flows into the rows and, in float32, into the weight of `rms_norm`."""
    grad, rows = grad.contiguous(), rows.contiguous()
    grad_rows, grad_weight_C = torch.empty_like(rows), torch.empty(len(weight_C))
    pointers = [x.data_ptr() for x in (grad_rows, grad_weight_C, grad, rows, weight_C)]
    count = rows.numel() // len(weight_C)
    compiled("rms_norm_backward", rows.dtype)(*pointers, count, len(weight_C), epsilon, plus_one)
    return grad_rows, grad_weight_C


def gated(gate: Tensor, up: Tensor) -> Tensor:
    """`silu(gate) * up`, rounded after each operation."""
    gate_TC, up_TC = as_rows(gate), as_rows(up)
    out = torch.empty(gate.shape, dtype=gate.dtype)
    pointers = out.data_ptr(), gate_TC.data_ptr(), up_TC.data_ptr()
    compiled("gated", gate.dtype)(*pointers, len(gate_TC), gate_TC.stride(0), up_TC.stride(0), gate_TC.shape[1])
    return out


def gated_backward(grad: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What flows into gate and up, which lie side by side in the same rows, and `gated` of both once more."""
    gate_TC, up_TC, grad = as_rows(gate), as_rows(up), grad.contiguous()
    rows, channels = gate_TC.shape
    both, product = gate.new_empty(*gate.shape[:-1], 2 * channels), torch.empty_like(grad)
    pointers = [x.data_ptr() for x in (both, product, grad, gate_TC, up_TC)]
    compiled("gated_backward", gate.dtype)(*pointers, rows, gate_TC.stride(0), up_TC.stride(0), channels)
    grad_gate, grad_up = both.split(channels, -1)
    return grad_gate, grad_up, product


def as_rows(x: Tensor) -> Tensor:
    """`[T, C]`, contiguous in `C`."""
    x_TC = x.flatten(0, -2)
    return x_TC if x_TC.stride(1) == 1 else x_TC.contiguous()


def rotate(rows_HTD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
    """Rotary embedding of heads whose halves are the coordinates, rounded after each operation (Transformers'
    `apply_rotary_pos_emb`); laid out token by token.
    """
    heads, tokens, channels = rows_HTD.shape
    if rows_HTD.stride(2) != 1:
        rows_HTD = rows_HTD.contiguous()
    cos_TD, sin_TD = cos_TD.contiguous(), sin_TD.contiguous()
    out_THD = torch.empty(tokens, heads, channels, dtype=rows_HTD.dtype)
    pointers = out_THD.data_ptr(), rows_HTD.data_ptr(), cos_TD.data_ptr(), sin_TD.data_ptr()
    strides = rows_HTD.stride(1), rows_HTD.stride(0)
    compiled("rotate", rows_HTD.dtype)(*pointers, tokens, heads, *strides, channels)
    return out_THD.transpose(0, 1)


def softmax_parts(logits_TB: Tensor, targets_T: Tensor, heat_T1: Tensor) -> Tensor:
    """What a block of a head's outputs adds to the softmax of `logits / heat`.

    Args:
        logits_TB: of the block.
        targets_T: token ids, counted from the block's first output; they may lie in another block.
        heat_T1: what the logits are divided by.

    Returns:
        `[T, 4]`, float32: the highest quotient, the sum of `weight = exp(quotient - highest)`, the sum of
        `weight * (quotient - highest)`, and the target's quotient where it is in the block, else 0.
    """
    rows, size = logits_TB.shape
    parts_T4 = torch.empty(rows, 4)
    inputs = [logits_TB.contiguous(), targets_T.contiguous(), heat_T1.float().contiguous()]
    pointers = parts_T4.data_ptr(), *(x.data_ptr() for x in inputs)
    compiled("softmax_parts", logits_TB.dtype)(*pointers, rows, size)
    return parts_T4


def softmax_gradients(
    logits_TB: Tensor, targets_T: Tensor, heat_T1: Tensor, log_total_T: Tensor, grad_T: Tensor
) -> None:
    """Put in the place of a block's logits what flows into them from the targets' log-probabilities.

    Args:
        logits_TB: contiguous.
        targets_T, heat_T1: as in `softmax_parts`.
        log_total_T: the logarithm of the sum of `exp(logits / heat)` over all blocks.
        grad_T: what flows into the log-probabilities.
    """
    rows, size = logits_TB.shape
    inputs = [targets_T.contiguous(), *(x.float().contiguous() for x in (heat_T1, log_total_T, grad_T))]
    pointers = logits_TB.data_ptr(), *(x.data_ptr() for x in inputs)
    compiled("softmax_gradients", logits_TB.dtype)(*pointers, rows, size)


def add_into(total: Tensor, addend: Tensor) -> None:
    """Add to a sum in place. Where the sum is in float32 and the addend is not, PyTorch would copy the addend first."""
    if total.dtype == torch.float32 and total.is_contiguous() and addend.is_contiguous() and serves(addend):
        compiled("add_into", addend.dtype)(total.data_ptr(), addend.data_ptr(), total.numel())
    else:
        total.add_(addend)


def join_halves(upper_N: Tensor, rest_N: Tensor) -> Tensor:
    """`[N]`, float32: the numbers of which `split_halves` gave the upper halves, and the rests as 16-bit integers."""
    whole_N = torch.empty(upper_N.shape)
    pointers = [x.data_ptr() for x in (whole_N, upper_N, rest_N)]
    compiled("join_halves", upper_N.dtype)(*pointers, len(whole_N))
    return whole_N


def split_halves(whole_N: Tensor, upper_N: Tensor, rest_N: Tensor) -> None:
    """Round float32 numbers to bfloat16 ones, to nearest with ties away from zero, and write what is left beside them;
    all contiguous.
    """
    pointers = [x.data_ptr() for x in (upper_N, rest_N, whole_N)]
    compiled("split_halves", upper_N.dtype)(*pointers, len(whole_N))


def adamw(
    upper_N: Tensor,
    rest_N: Tensor,
    exp_avg_N: Tensor,
    exp_avg_sq_N: Tensor,
    gradient_N: Tensor,
    step: int,
    rate: float,
    betas: tuple[float, float],
    epsilon: float,
    weight_decay: float,
    share: float,
) -> None:
    """A step of AdamW on weights in halves, in place, by so much of the gradient; all contiguous.

    Args:
        upper_N, rest_N: the weights' halves, as of `split_halves`.
        exp_avg_N, exp_avg_sq_N: moments, of one type.
        gradient_N: float32.
        step: which one it is, from 1.
        rate, betas, epsilon, weight_decay: AdamW's.
        share: what the gradient is multiplied by.
    """
    corrections = [1.0 - beta**step for beta in betas]
    pointers = [x.data_ptr() for x in (upper_N, rest_N, exp_avg_N, exp_avg_sq_N, gradient_N)]
    how = rate, *betas, epsilon, rate * weight_decay, *corrections, share
    compiled("adamw", exp_avg_N.dtype)(*pointers, len(upper_N), *how)


def draw(
    logits_BV: Tensor, uniforms_B: Tensor, temperature: float, top_k: int, top_p: float, min_p: float
) -> tuple[Tensor, Tensor]:
    """Draw one token a row by inverse transform sampling, in the order of tokens.

    Args:
        logits_BV: contiguous in `V`.
        uniforms_B: float64, in [0, 1).
        temperature: divides the logits; 0 is greedy.
        top_k, top_p, min_p: truncation as in `darkhorse.rollout.sampling.truncate_logits`; 0, 1 and 0 turn it off.

    Returns:
        `(tokens_B, logprobs_B)`: under the truncated distribution, or the model's own where it is greedy. The
        log-probability is NaN where the logits are.
    """
    rows, size = logits_BV.shape
    tokens_B, logprobs_B = torch.empty(rows, dtype=torch.int64), torch.empty(rows)
    pointers = tokens_B.data_ptr(), logprobs_B.data_ptr(), logits_BV.data_ptr()
    sizes = logits_BV.stride(0), rows, size
    compiled("draw", logits_BV.dtype)(*pointers, *sizes, uniforms_B.data_ptr(), temperature, top_k, top_p, min_p)
    return tokens_B, logprobs_B
