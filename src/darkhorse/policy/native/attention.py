"""Attention by the compiled library: of new tokens over a cache, and of sequences packed in a row."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from darkhorse.policy.native import operations
from darkhorse.policy.native.library import library

_QUERIES = 64
"""Queries of a sequence that one thread deals with at a time."""


def serves(query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor) -> bool:
    """Whether a packed row's attention is computed here: for inference everywhere, and otherwise by the processor's
    matrix unit, where gradients flow through it.
    """
    if not operations.serves(query_HTD, key_KTD, value_KTD):
        return False
    return torch.is_inference_mode_enabled() or (query_HTD.dtype == torch.bfloat16 and _flows(query_HTD.shape[2]))


@functools.cache
def _flows(channels: int) -> bool:
    compiled = library()
    return compiled is not None and bool(compiled.attention_differentiates(channels))


class CacheAttention:
    """Attention of new tokens over a cache, their keys and values written into it first.

    Args:
        buffers: of spans of slots, the keys and the values, `[L, S, K, T, D]` each.
        positions: of each span, where the first new token of its first slots stands.
        width: new tokens of each slot.
        equals: for each slot of all spans one whose cache holds the same in so many first places, which are read there;
            None where no slot has another.
    """

    def __init__(
        self,
        buffers: Sequence[tuple[Tensor, Tensor]],
        positions: Sequence[Sequence[int]],
        width: int,
        equals: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        stored: list[list[int]] = []
        for (keys_LSKTD, values_LSKTD), of_slots in zip(buffers, positions, strict=True):
            layer, slot, head, _, _ = keys_LSKTD.stride()
            step = slot * keys_LSKTD.itemsize
            keys, values = keys_LSKTD.data_ptr(), values_LSKTD.data_ptr()
            stored += [[keys + number * step, values + number * step, layer, head] for number in range(len(of_slots))]
        firsts = [first for of_slots in positions for first in of_slots]
        others = equals if equals is not None else [(number, 0) for number in range(len(stored))]
        self._held = buffers
        self._slots = torch.tensor(
            [
                [*own, *stored[other], equal, first]
                for own, (other, equal), first in zip(stored, others, firsts, strict=True)
            ]
        )
        self._width = width

    @property
    def where(self) -> tuple[int, int, int]:
        """Address of the slots' table, how many there are, and new tokens of each."""
        return self._slots.data_ptr(), len(self._slots), self._width

    def attend(
        self, layer: int, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """See `AttentionPlan.attend`."""
        return _attend("attend", query_HTD, key_KTD, value_KTD, self.where, (layer, window or 0, scaling))


class PackedAttention:
    """Causal attention of sequences whose tokens lie one after another in a row.

    Args:
        sequences: of each, the row positions of its queries, and the parts of the row that are its keys: those that
            come before all queries, if any, and the queries' own. Sequences that share keys follow one another, after
            the one to which the keys belong.
        sink: of what a whole layer computes: its number in the model, keys and values, `[K, T, D]` each.
    """

    def __init__(
        self,
        sequences: Sequence[tuple[slice, Sequence[slice]]],
        sink: Callable[[int, Tensor, Tensor], None] | None = None,
    ) -> None:
        self.sink = sink
        whole: list[list[int]] = []
        pieces: list[list[int]] = []
        for own, (*before, _) in sequences:
            shared = before[0] if before else slice(0, 0)
            rest = [shared.start, shared.stop - shared.start, own.start]
            whole.append([own.start, own.stop - own.start, *rest])
            starts = range(own.start, own.stop, _QUERIES)
            pieces += [[start, min(_QUERIES, own.stop - start), *rest] for start in starts]
        self._whole, self._pieces = torch.tensor(whole), torch.tensor(pieces)

    @property
    def where(self) -> tuple[int, int]:
        """Address of the table of pieces, and how many there are."""
        return _table(self._pieces)

    def attend(
        self, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """`[T, H, D]`; see `AttentionPlan.attend`. Gradients flow through it where `serves` says so."""
        if torch.is_grad_enabled():
            return _flowing(self, query_HTD, key_KTD, value_KTD, scaling, window or 0)
        return _attend("attend_packed", query_HTD, key_KTD, value_KTD, self.where, (window or 0, scaling))

    def attend_and_keep(
        self, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int
    ) -> tuple[Tensor, Tensor]:
        """As `attend`; and the logarithms of the sums of all weights of a query, `[T, H]`. A window of 0 is none."""
        log_total_TH = torch.empty(query_HTD.shape[1], query_HTD.shape[0])
        inputs, how = (query_HTD, key_KTD, value_KTD), (window, scaling)
        return _attend("attend_packed_kept", *inputs, self.where, how, log_total_TH), log_total_TH

    def gradients(
        self,
        grad_THD: Tensor,
        kept: tuple[Tensor, Tensor],
        inputs: Sequence[Tensor],
        scaling: float,
        window: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What flows into queries, keys and values, which are the inputs, of what `attend_and_keep` gave."""
        query_HTD, key_KTD, _ = inputs
        heads, _, channels = query_HTD.shape
        into = [torch.empty_like(x.transpose(0, 1), memory_format=torch.contiguous_format) for x in inputs]
        pointers = [x.data_ptr() for x in (*into, *kept)]
        rows = [_by_channel(x) for x in (grad_THD.transpose(0, 1), *inputs)]
        sizes = len(key_KTD), heads // len(key_KTD), channels
        backward = operations.compiled("attend_packed_backward", query_HTD.dtype)
        backward(*pointers, *_strided(rows), *_table(self._whole), *sizes, window, scaling)
        grad_query, grad_key, grad_value = (x.transpose(0, 1) for x in into)
        return grad_query, grad_key, grad_value


class _Flowing(torch.autograd.Function):
    """Of what is computed only the output and a number for each query is kept."""

    @staticmethod
    def forward(
        ctx: Any,
        attention: PackedAttention,
        query_HTD: Tensor,
        key_KTD: Tensor,
        value_KTD: Tensor,
        scaling: float,
        window: int,
    ) -> Tensor:
        # values may be part of a product whose other parts would be kept with them
        inputs = [query_HTD, key_KTD, value_KTD.transpose(0, 1).contiguous().transpose(0, 1)]
        kept = attention.attend_and_keep(query_HTD, key_KTD, inputs[2], scaling, window)
        ctx.save_for_backward(*inputs, *kept)
        ctx.attention, ctx.how = attention, (scaling, window)
        return kept[0]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, out_THD, log_total_TH = ctx.saved_tensors
        into = ctx.attention.gradients(grads[0], (out_THD, log_total_TH), inputs, *ctx.how)
        return None, *into, None, None


_flowing: Callable[[PackedAttention, Tensor, Tensor, Tensor, float, int], Tensor] = _Flowing.apply


def _table(pieces: Tensor) -> tuple[int, int]:
    return pieces.data_ptr(), len(pieces)


def _attend(
    name: str,
    query_HTD: Tensor,
    key_KTD: Tensor,
    value_KTD: Tensor,
    where: Sequence[int],
    how: Sequence[float],
    *more: Tensor,
) -> Tensor:
    """Call a function with a new output `[T, H, D]`, more outputs, inputs, where they attend to, their sizes, and how
    they do; returns the first output.
    """
    heads, tokens, channels = query_HTD.shape
    out_THD = torch.empty(tokens, heads, channels, dtype=query_HTD.dtype)
    inputs = [_by_channel(x) for x in (query_HTD, key_KTD, value_KTD)]
    sizes = len(key_KTD), heads // len(key_KTD), channels
    pointers = [x.data_ptr() for x in (out_THD, *more)]
    operations.compiled(name, query_HTD.dtype)(*pointers, *_strided(inputs), *where, *sizes, *how)
    return out_THD


def _by_channel(rows_HTD: Tensor) -> Tensor:
    return rows_HTD if rows_HTD.stride(2) == 1 else rows_HTD.contiguous()


def _strided(inputs_HTD: Sequence[Tensor]) -> list[int]:
    """Address and strides of each, by token and by head."""
    return [number for one in inputs_HTD for number in (one.data_ptr(), one.stride(1), one.stride(0))]
