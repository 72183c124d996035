"""Attention by PyTorch's flash kernels for sequences of any lengths: on CUDA devices."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_WIDEST_HEAD = 256
_ARGUMENTS = {"scale", "window_size"}


class _Repeat(torch.autograd.Function):
    """Rows picked by an index that may hold a row often; the backward pass sums in float32 and in a fixed order."""

    @staticmethod
    def forward(ctx: Any, rows_TKD: Tensor, index_N: Tensor) -> Tensor:
        ctx.save_for_backward(index_N)
        ctx.rows = len(rows_TKD)
        return rows_TKD.index_select(0, index_N)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (index_N,) = ctx.saved_tensors
        grad_NKD = grads[0]
        dtype = torch.promote_types(grad_NKD.dtype, torch.float32)
        sums = torch.zeros(ctx.rows, *grad_NKD.shape[1:], dtype=dtype, device=grad_NKD.device)
        return sums.index_put_((index_N,), grad_NKD.to(dtype), accumulate=True).to(grad_NKD.dtype), None


_repeat: Callable[[Tensor, Tensor], Tensor] = _Repeat.apply


class VarlenAttention:
    """Causal attention of sequences whose queries lie one after another in a row, in one call.

    Args:
        sequences: of each, the row positions of its queries, and the parts of the row that are its keys; the queries
            are the last of the keys.
        device: of the row.
    """

    def __init__(self, sequences: Sequence[tuple[slice, Sequence[slice]]], device: torch.device) -> None:
        queries = [_length(own) for own, _ in sequences]
        keys = [sum(map(_length, parts)) for _, parts in sequences]
        self._most = max(queries), max(keys)
        self._bounds = _cumulative(queries, device), _cumulative(keys, device)
        self._key_index: Tensor | None = None
        if keys != queries:
            rows = [torch.arange(part.start, part.stop) for _, parts in sequences for part in parts]
            self._key_index = torch.cat(rows).to(device)

    def attend(
        self, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """See `AttentionPlan.attend`."""
        query_THD, key_NKD, value_NKD = (x.transpose(0, 1) for x in (query_HTD, key_KTD, value_KTD))
        if self._key_index is not None:
            key_NKD, value_NKD = _repeat(key_NKD, self._key_index), _repeat(value_NKD, self._key_index)
        varlen_attn, takes_groups = kernel()
        repeat, options = query_THD.shape[1] // key_NKD.shape[1], {}
        if takes_groups:
            options["enable_gqa"] = repeat > 1
        elif repeat > 1:
            key_NKD, value_NKD = (x.repeat_interleave(repeat, 1) for x in (key_NKD, value_NKD))
        left = -1 if window is None else window - 1
        attended_THD: Tensor = varlen_attn(
            query_THD, key_NKD, value_NKD, *self._bounds, *self._most, scale=scaling, window_size=(left, 0), **options
        )
        return attended_THD


class DecodeAttention:
    """Attention of one new token for each of `S` slots over its keys, in one call.

    Every key-value head of a slot is a sequence of its own for the kernel, which lets it read a cache whose heads lie
    apart.

    Args:
        positions_S: of the new tokens; a slot's keys are those up to there.
        heads: key-value heads.
        room: positions that the cache has for each slot.
    """

    def __init__(self, positions_S: Tensor, heads: int, room: int) -> None:
        self._room = room
        self._lengths_B = (positions_S + 1).repeat_interleave(heads).int()
        self._bounds_B1 = torch.arange(len(self._lengths_B) + 1, dtype=torch.int32, device=positions_S.device)
        self._key_bounds_B1 = self._bounds_B1 * room

    def attend(
        self, query_BQD: Tensor, keys_BTD: Tensor, values_BTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """`[S * K, Q, D]`: what the query heads of each key-value head gather."""
        keys_N1D, values_N1D = (x.flatten(0, 1)[:, None] for x in (keys_BTD, values_BTD))
        attended_BQD: Tensor = torch.ops.aten._flash_attention_forward(
            query_BQD,
            keys_N1D,
            values_N1D,
            self._bounds_B1,
            self._key_bounds_B1,
            1,
            self._room,
            0.0,
            False,
            False,
            scale=scaling,
            window_size_left=None if window is None else window - 1,
            window_size_right=None if window is None else 0,
            seqused_k=self._lengths_B,
        )[0]
        return attended_BQD


def serves(query: Tensor) -> bool:
    """Whether the kernels compute queries of this kind, `[.., D]`, on this device."""
    return (
        query.device.type == "cuda"
        and query.dtype in (torch.bfloat16, torch.float16)
        and query.shape[-1] <= _WIDEST_HEAD
        and query.shape[-1] % 8 == 0
        and torch.cuda.get_device_capability(query.device) >= (8, 0)
        and kernel() is not None
    )


@functools.cache
def kernel() -> Any:
    """PyTorch's `varlen_attn`, and whether it takes fewer key-value heads than query heads (from 2.13 on); None where
    this version has none that takes what is needed (before 2.11).
    """
    try:
        found = importlib.import_module("torch.nn.attention.varlen").varlen_attn
    except (ImportError, AttributeError):
        return None
    arguments = set(inspect.signature(found).parameters)
    return (found, "enable_gqa" in arguments) if arguments >= _ARGUMENTS else None


def _length(part: slice) -> int:
    length: int = part.stop - part.start
    return length


def _cumulative(lengths: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32).to(device)
