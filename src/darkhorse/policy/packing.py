"""Packed groups: `[prompt][completion 1]..[completion G]` in one row, the prompt computed once and seen by all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from darkhorse.policy import varlen
from darkhorse.policy.attention import attention_plan, hiding, plain_attention
from darkhorse.policy.native import attention

_PLAIN_KEYS = 1024
"""Most keys for which a score of every pair is held."""

KeyValueSink = Callable[[int, Tensor, Tensor], None]


@dataclass(frozen=True)
class Segment:
    """A prompt and the completions that share it, as token ids. A plain sequence is a prompt without completions."""

    prompt: Sequence[int]
    completions: Sequence[Sequence[int]] = ()

    @property
    def num_tokens(self) -> int:
        """Tokens computed for this segment."""
        return len(self.prompt) + sum(map(len, self.completions))


class _Gather(torch.autograd.Function):
    """Rows picked along dimension 1 by an index that holds every row at most once (besides padding).

    The backward pass is a gather too, by the inverse index, instead of a slow scatter-add; what flows into padding
    rows is dropped, and the rows in `unread`, which the index leaves out, get a gradient of zero.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor, inverse: Tensor, unread: Tensor) -> Tensor:
        ctx.save_for_backward(inverse, unread)
        return x.index_select(1, index)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        inverse, unread = ctx.saved_tensors
        return grads[0].index_select(1, inverse).index_fill_(1, unread, 0.0), None, None, None


_gather: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] = _Gather.apply


@dataclass(frozen=True)
class _Layout:
    """Where one segment's tokens lie in the row, and how its completions are padded for attention only."""

    start: int
    prompt_length: int
    lengths: tuple[int, ...]
    pad_index: Tensor
    unpad_index: Tensor
    padding_index: Tensor

    @property
    def completions_start(self) -> int:
        return self.start + self.prompt_length

    @property
    def stop(self) -> int:
        return self.completions_start + sum(self.lengths)

    @property
    def causal(self) -> int:
        """Tokens at the start that are one causal sequence: the prompt, and a completion that is alone with it."""
        return self.prompt_length + (self.lengths[0] if len(self.lengths) == 1 else 0)


class PackedPlan:
    """Causal attention over packed segments; completions of a segment see its prompt and themselves.

    Args:
        segments: what the row holds, in order.
        sink: called with `(layer, key_KTD, value_KTD)`, e.g. to fill a cache while a prompt is read.
    """

    def __init__(self, segments: Sequence[Segment], sink: KeyValueSink | None = None) -> None:
        self.segments = list(segments)
        self._sink = sink
        self._layouts: list[_Layout] = []
        start = 0
        for segment in self.segments:
            lengths = tuple(len(completion) for completion in segment.completions)
            self._layouts.append(_layout(start, len(segment.prompt), lengths))
            start = self._layouts[-1].stop
        self.num_tokens = start
        self._masks: dict[tuple[int, int, int, int | None], Tensor] = {}
        self._varlen: varlen.VarlenAttention | None = None

    @property
    def input_ids(self) -> Tensor:
        """All tokens, shape `[1, T]`."""
        ids: list[int] = []
        for segment in self.segments:
            ids.extend(segment.prompt)
            for completion in segment.completions:
                ids.extend(completion)
        return torch.tensor([ids])

    @property
    def position_ids(self) -> Tensor:
        """Positions, shape `[1, T]`; every completion continues its prompt's count."""
        positions = []
        for layout in self._layouts:
            positions.append(torch.arange(layout.prompt_length))
            positions.extend(torch.arange(length) + layout.prompt_length for length in layout.lengths)
        return torch.cat(positions)[None]

    def prediction_index(self) -> Tensor:
        """For every completion token, in order, the row position that predicts it (its predecessor), shape `[N]`."""
        index: list[int] = []
        for layout in self._layouts:
            offset = layout.completions_start
            for length in layout.lengths:
                if length:
                    index.append(layout.completions_start - 1)
                    index.extend(range(offset, offset + length - 1))
                offset += length
        return torch.tensor(index, dtype=torch.long)

    def last_index(self) -> Tensor:
        """Row position of the last token of every completion, in order."""
        index: list[int] = []
        for layout in self._layouts:
            stop = layout.completions_start
            for length in layout.lengths:
                stop += length
                index.append(stop - 1)
        return torch.tensor(index, dtype=torch.long)

    def attend(
        self, layer: int, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """See `AttentionPlan.attend`."""
        if self._sink is not None:
            self._sink(layer, key_KTD, value_KTD)
        if attention.serves(query_HTD, key_KTD, value_KTD):
            return self.compiled_attention.attend(query_HTD, key_KTD, value_KTD, scaling, window)
        # values may be part of a product whose other parts would be kept with them
        value_KTD = value_KTD.contiguous()
        if varlen.serves(query_HTD):
            if self._varlen is None:
                self._varlen = varlen.VarlenAttention(self._sequences(), query_HTD.device)
            return self._varlen.attend(query_HTD, key_KTD, value_KTD, scaling, window)
        sizes = [layout.stop - layout.start for layout in self._layouts]
        inputs = (x.split(sizes, 1) for x in (query_HTD, key_KTD, value_KTD))  # slices would each have a whole gradient
        parts: list[Tensor] = []
        for layout, *of_layout in zip(self._layouts, *inputs, strict=True):
            cut = [layout.causal, layout.stop - layout.start - layout.causal]
            prompt, completions = zip(*(x.split(cut, 1) for x in of_layout), strict=True)
            if prompt[0].shape[1]:
                parts.append(self._causal(prompt, scaling, window))
            if completions[0].shape[1]:
                parts.append(self._completions(layout, prompt[1:], completions, scaling, window))
        return torch.cat(parts, 1).transpose(0, 1)

    @cached_property
    def compiled_attention(self) -> attention.PackedAttention:
        """What computes it in one call, where `native.attention` serves."""
        return attention.PackedAttention(self._sequences(), self._sink)

    def _sequences(self) -> list[tuple[slice, list[slice]]]:
        """Of every prompt and completion that is not empty: its place in the row, and what it sees."""
        found: list[tuple[slice, list[slice]]] = []
        for layout in self._layouts:
            prompt = slice(layout.start, layout.start + layout.causal)
            if layout.causal:
                found.append((prompt, [prompt]))
            start = prompt.stop
            for length in filter(None, layout.lengths if start < layout.stop else ()):
                own = slice(start, start + length)
                found.append((own, [prompt, own]))
                start = own.stop
        return found

    def _causal(self, inputs: Sequence[Tensor], scaling: float, window: int | None) -> Tensor:
        q, k, v = inputs
        mask = self._mask(q.shape[1], q.shape[1], q.shape[0] // k.shape[0], window, q)
        return _grouped_attention(q[None], k[None], v[None], mask, scaling)[0]

    def _completions(
        self,
        layout: _Layout,
        prompt: Sequence[Tensor],
        completions: Sequence[Tensor],
        scaling: float,
        window: int | None,
    ) -> Tensor:
        """Attention to the keys and values of a prompt, and of the completions, given with their queries."""
        group, longest = len(layout.lengths), max(layout.lengths)
        query, key, value = completions
        pad, unpad = layout.pad_index.to(query.device), layout.unpad_index.to(query.device)
        padding = layout.padding_index.to(query.device)

        def padded(x: Tensor) -> Tensor:
            """`[heads, tokens, D]` to `[G, heads, longest, D]`."""
            rows = _gather(x, pad, unpad, padding[:0])
            padded_rows: Tensor = rows.unflatten(1, (group, longest)).transpose(0, 1)
            return padded_rows

        def behind(before: Tensor, x: Tensor) -> Tensor:
            return torch.cat([before.expand(group, -1, -1, -1), padded(x)], 2)

        repeat = query.shape[0] // key.shape[0]
        mask = self._mask(longest, layout.prompt_length + longest, repeat, window, query)
        keys, values = map(behind, prompt, (key, value))
        out = _grouped_attention(padded(query), keys, values, mask, scaling)
        return _gather(out.transpose(0, 1).flatten(1, 2), unpad, pad, padding)

    def _mask(self, queries: int, keys: int, repeat: int, window: int | None, like: Tensor) -> Tensor:
        key = (queries, keys, repeat, window)
        if key not in self._masks:
            self._masks[key] = _later_keys(queries, keys, repeat, window, like)
        return self._masks[key]


class ContinuedPlan:
    """Causal attention of one sequence that is read piece by piece; the keys and values of earlier pieces are kept.

    Attributes:
        keys, values: of everything read, by layer, `[K, T, D]`.
    """

    def __init__(self) -> None:
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self._positions = torch.arange(0)
        self._masks: dict[int | None, Tensor] = {}

    def go_on(self, tokens: int) -> Tensor:
        """Make ready for a piece of so many tokens; returns their positions, `[1, tokens]`."""
        start = int(self._positions[-1]) + 1 if len(self._positions) else 0
        self._positions = torch.arange(start, start + tokens)
        self._masks.clear()
        return self._positions[None]

    def attend(
        self, layer: int, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """See `AttentionPlan.attend`; `T` runs over the piece."""
        if layer in self.keys:
            key_KTD = torch.cat([self.keys[layer], key_KTD], 1)
            value_KTD = torch.cat([self.values[layer], value_KTD], 1)
        self.keys[layer], self.values[layer] = key_KTD, value_KTD
        if window not in self._masks:
            repeat = query_HTD.shape[0] // key_KTD.shape[0]
            self._masks[window] = _later_keys(query_HTD.shape[1], key_KTD.shape[1], repeat, window, query_HTD)
        gathered = _grouped_attention(query_HTD[None], key_KTD[None], value_KTD[None], self._masks[window], scaling)
        return gathered[0].transpose(0, 1)


def _later_keys(queries: int, keys: int, repeat: int, window: int | None, like: Tensor) -> Tensor:
    """What hides later keys, `[repeat * queries, keys]`: the queries are the last rows of the keys."""
    row = torch.arange(keys - queries, keys, device=like.device)[:, None]
    column = torch.arange(keys, device=like.device)[None]
    hidden = column > row
    if window is not None:
        hidden |= column <= row - window
    return hiding(hidden, like.dtype).repeat(repeat, 1)


def _grouped_attention(
    query_GHLD: Tensor, key_GKSD: Tensor, value_GKSD: Tensor, hiding_QS: Tensor, scaling: float
) -> Tensor:
    """Masked attention, `[G, H, L, D]`. Query heads that share a key-value head become extra query rows, so that no
    key or value is repeated; `hiding_QS` has a row for each of them.
    """
    length, kv_heads = query_GHLD.shape[2], key_GKSD.shape[1]
    query = query_GHLD.unflatten(1, (kv_heads, -1)).flatten(2, 3)
    if query.device.type == "cpu" and key_GKSD.shape[2] <= _PLAIN_KEYS:
        flat = plain_attention(
            query.flatten(0, 1), key_GKSD.flatten(0, 1), value_GKSD.flatten(0, 1), hiding_QS, scaling
        )
        out = flat.unflatten(0, query.shape[:2])
    else:
        out = F.scaled_dot_product_attention(query, key_GKSD, value_GKSD, attn_mask=hiding_QS, scale=scaling)
    by_head: Tensor = out.unflatten(2, (-1, length)).flatten(1, 2)
    return by_head


def hidden_states(model: PreTrainedModel, plan: PackedPlan) -> Tensor:
    """Last hidden states of a packed row, `[T, C]`."""
    device = model.device
    with attention_plan(plan):
        output = model.base_model(
            input_ids=plan.input_ids.to(device), position_ids=plan.position_ids.to(device), use_cache=False
        )
    hidden: Tensor = output.last_hidden_state[0]
    return hidden


def _layout(start: int, prompt_length: int, lengths: tuple[int, ...]) -> _Layout:
    """Index between packed completions and rows padded to the longest; padding points at row 0."""
    longest = max(lengths, default=0)
    pad = torch.zeros(len(lengths) * longest, dtype=torch.long)
    unpad = torch.empty(sum(lengths), dtype=torch.long)
    offset = 0
    for row, length in enumerate(lengths):
        packed = torch.arange(offset, offset + length)
        rows = torch.arange(row * longest, row * longest + length)
        pad[rows] = packed
        unpad[packed] = rows
        offset += length
    padding = torch.ones(len(pad), dtype=torch.bool)
    padding[unpad] = False
    return _Layout(start, prompt_length, lengths, pad, unpad, padding.nonzero()[:, 0])
