"""Packed groups: `[prompt][completion 1]..[completion G]` in one row, the prompt computed once and seen by all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from darkhorse.policy.attention import attention_plan

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
    rows is dropped.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        return x.index_select(1, index)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return grads[0].index_select(1, inverse), None, None


@dataclass(frozen=True)
class _Layout:
    """Where one segment's tokens lie in the row, and how its completions are padded for attention only."""

    start: int
    prompt_length: int
    lengths: tuple[int, ...]
    pad_index: Tensor
    unpad_index: Tensor

    @property
    def completions_start(self) -> int:
        return self.start + self.prompt_length

    @property
    def stop(self) -> int:
        return self.completions_start + sum(self.lengths)


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
        parts: list[Tensor] = []
        for layout in self._layouts:
            prompt = slice(layout.start, layout.completions_start)
            q, k, v = query_HTD[:, prompt], key_KTD[:, prompt], value_KTD[:, prompt]
            if layout.prompt_length:
                parts.append(self._prompt(q, k, v, scaling, window))
            if sum(layout.lengths):
                parts.append(self._completions(layout, query_HTD, key_KTD, value_KTD, scaling, window))
        return torch.cat(parts, 1).transpose(0, 1)

    def _prompt(self, q: Tensor, k: Tensor, v: Tensor, scaling: float, window: int | None) -> Tensor:
        length = q.shape[1]
        mask = None
        if window is not None and window < length:
            mask = self._mask(length, length, 1, window, q)
        out = F.scaled_dot_product_attention(
            q[None], k[None], v[None], attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=True
        )
        return out[0]

    def _completions(
        self, layout: _Layout, query: Tensor, key: Tensor, value: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        group, longest = len(layout.lengths), max(layout.lengths)
        kv_heads, repeat = key.shape[0], query.shape[0] // key.shape[0]
        body = slice(layout.completions_start, layout.stop)
        device = query.device
        pad, unpad = layout.pad_index.to(device), layout.unpad_index.to(device)

        def padded(x: Tensor) -> Tensor:
            """`[heads, tokens, D]` to `[G, heads, longest, D]`."""
            rows: Tensor = _Gather.apply(x[:, body], pad, unpad)
            return rows.unflatten(1, (group, longest)).transpose(0, 1)

        def with_prompt(x: Tensor) -> Tensor:
            prompt = x[:, layout.start : layout.completions_start].expand(group, -1, -1, -1)
            return torch.cat([prompt, padded(x)], 2)

        # Query heads that share a key-value head become extra query rows: no key or value is ever repeated.
        q = padded(query).unflatten(1, (kv_heads, repeat)).flatten(2, 3)
        mask = self._mask(longest, layout.prompt_length + longest, repeat, window, query)
        out = F.scaled_dot_product_attention(q, with_prompt(key), with_prompt(value), attn_mask=mask, scale=scaling)
        out = out.unflatten(2, (repeat, longest)).flatten(1, 2)
        gathered: Tensor = _Gather.apply(out.transpose(0, 1).flatten(1, 2), unpad, pad)
        return gathered

    def _mask(self, queries: int, keys: int, repeat: int, window: int | None, like: Tensor) -> Tensor:
        """Who may look at whom, `[repeat * queries, keys]`: the queries are the last rows of the keys."""
        key = (queries, keys, repeat, window)
        if key not in self._masks:
            row = torch.arange(keys - queries, keys, device=like.device)[:, None]
            column = torch.arange(keys, device=like.device)[None]
            allowed = column <= row
            if window is not None:
                allowed &= column > row - window
            self._masks[key] = allowed.repeat(repeat, 1)
        return self._masks[key]


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
    return _Layout(start, prompt_length, lengths, pad, unpad)
