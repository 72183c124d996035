"""The key-value cache of sequences being decoded, and attention over it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import torch
from torch import Tensor
from transformers import PretrainedConfig

from darkhorse.policy import varlen
from darkhorse.policy.attention import head_width, hiding, plain_attention
from darkhorse.policy.native import attention, operations
from darkhorse.rollout.beginnings import Beginning, Beginnings, equals
from darkhorse.rollout.buffers import Buffers
from darkhorse.rollout.ledger import Ledger, Rows

_CPU_GRAIN, _GPU_GRAIN = (64, 64), (256, 256)
"""Most slots of a block, and what its positions are a multiple of. On a graphics processor both are larger: places that
nobody reads cost little there, and every new arrangement of blocks costs a graph.
"""
_WIDE_STEP = 256
"""Positions added to a block at a time where those that nobody reads cost nothing: a block that grows is copied."""


@dataclass(frozen=True)
class Span:
    """The slots of one block that take part in a decoding step.

    Attributes:
        keys_LSKTD, values_LSKTD: the block's buffers.
        positions: of each slot's first new token; the first slots of the buffers, as many as there are entries.
        beginnings: of each slot's sequence.
    """

    keys_LSKTD: Tensor
    values_LSKTD: Tensor
    positions: list[int]
    beginnings: list[list[Beginning]]


class _Block:
    """Dense buffers `[L, S, K, T, D]` of the slots in a book.

    Attributes:
        beginnings: of each live slot's sequence.
    """

    def __init__(self, rows: Rows, layers: int, heads: int, channels: int, buffers: Buffers) -> None:
        self.rows, self._buffers = rows, buffers
        self.beginnings: list[list[Beginning]] = []
        shape_LSKTD = (layers, rows.slots, heads, rows.positions, channels)
        self.keys_LSKTD = buffers.take(shape_LSKTD)
        self.values_LSKTD = buffers.take(shape_LSKTD)

    def advance(self, slots: int, width: int) -> Span:
        """Make every live slot longer by `width` positions, and give the first `slots` ones with it."""
        rows = self.rows
        while max(rows.lengths) + width > rows.positions:  # keys move before values, so that only half is held twice
            self.keys_LSKTD = self._longer(self.keys_LSKTD)
            self.values_LSKTD = self._longer(self.values_LSKTD)
            rows.positions = rows.grown
        spare = slots - rows.active
        positions = rows.lengths + [0] * spare
        rows.lengths = [length + width for length in rows.lengths]
        return Span(self.keys_LSKTD, self.values_LSKTD, positions, self.beginnings + [[]] * spare)

    def _longer(self, buffer_LSKTD: Tensor) -> Tensor:
        layers, slots, heads, positions, channels = buffer_LSKTD.shape
        longer = self._buffers.take((layers, slots, heads, self.rows.grown, channels))
        longer[:, : self.rows.active, :, :positions] = buffer_LSKTD[:, : self.rows.active]
        self._buffers.give(buffer_LSKTD)
        return longer

    def free(self) -> None:
        """Give the buffers back."""
        self._buffers.give(self.keys_LSKTD)
        self._buffers.give(self.values_LSKTD)

    def write(self, row: int, keys_LKTD: Tensor, values_LKTD: Tensor) -> None:
        length = keys_LKTD.shape[2]
        self.keys_LSKTD[:, row, :, :length] = keys_LKTD
        self.values_LSKTD[:, row, :, :length] = values_LKTD

    def read(self, row: int) -> tuple[Tensor, Tensor]:
        length = self.rows.lengths[row]
        return self.keys_LSKTD[:, row, :, :length], self.values_LSKTD[:, row, :, :length]

    def remove(self, row: int) -> int:
        last = self.rows.active - 1
        if row != last:
            self.write(row, *self.read(last))
            self.beginnings[row] = self.beginnings[last]
        del self.beginnings[last]
        self.rows.remove(row)
        return last


class SlotCache:
    """Keys and values of the live sequences, one slot each, numbered from 0 without gaps.

    Slots lie in blocks of like length whose buffers are dense: attention is two batched matrix products a block, with
    none of the copies that slices of one large buffer would need.

    Args:
        config: of the model (`num_hidden_layers`, `num_key_value_heads`, `head_dim`).
        slots: how many will be used at once, roughly; blocks are no larger.
        buffers: where the memory comes from and goes back to.
        capacity: most places, slots times positions; None for no limit.

    Attributes:
        ledger: where sequences go. Nothing may be added that it has no room for.
    """

    def __init__(self, config: PretrainedConfig, slots: int, buffers: Buffers, capacity: int | None = None) -> None:
        self._most_slots, grain = _CPU_GRAIN if buffers.device.type == "cpu" else _GPU_GRAIN
        skips = operations.serves(torch.empty(0, dtype=buffers.dtype, device=buffers.device))
        self.ledger = Ledger(min(self._most_slots, max(slots, 1)), grain, capacity, _WIDE_STEP if skips else grain)
        self._sizes = config.num_hidden_layers, config.num_key_value_heads, head_width(config)
        self._buffers = buffers
        self._blocks: list[_Block] = []
        self._beginnings = Beginnings()

    @torch.inference_mode()
    def add(self, keys_LKTD: Tensor, values_LKTD: Tensor, end: int, tokens: Sequence[int] = ()) -> int:
        """Give a sequence's keys and values a slot; returns it. The slots from there on move up by one.

        Args:
            keys_LKTD, values_LKTD: what was computed for it.
            end: how long the sequence may get.
            tokens: those that they were computed for, or the first of them: what begins alike is read in one place.

        Raises:
            RuntimeError: if the ledger has no room for it.
        """
        number = self.ledger.book(keys_LKTD.shape[2], end)
        if number is None:
            raise RuntimeError("a sequence was added to the key-value cache that it has no room for")
        rows = self.ledger.blocks[number]
        if number == len(self._blocks):
            self._blocks.append(_Block(rows, *self._sizes, self._buffers))
        row = rows.active - 1
        self._blocks[number].write(row, keys_LKTD, values_LKTD)
        self._blocks[number].beginnings.append(self._beginnings.of(tokens))
        return self._starts()[number] + row

    @property
    def room(self) -> int:
        """Tokens that every live sequence may still take before its end."""
        blocks = self.ledger.blocks
        return min(end - length for rows in blocks for end, length in zip(rows.ends, rows.lengths, strict=True))

    def expect(self, slots: int) -> None:
        """Make blocks from now on for about so many sequences."""
        self.ledger.most_slots = min(self._most_slots, slots)

    @torch.inference_mode()
    def copy(self, slot: int) -> tuple[Tensor, Tensor]:
        """A copy of a slot's keys and values, `[L, K, length, D]` each."""
        block, row = self._find(slot)
        keys_LKTD, values_LKTD = block.read(row)
        return keys_LKTD.clone(), values_LKTD.clone()

    @torch.inference_mode()
    def remove(self, slot: int) -> int:
        """Free a slot by moving another live sequence into it; returns the slot that moved, which is no more.

        The slots behind the one that moved move down by one.
        """
        block, row = self._find(slot)
        moved = slot - row + block.remove(row)
        if block.rows.active == 0:
            block.free()
            self._blocks.remove(block)
            self.ledger.blocks.remove(block.rows)
        return moved

    def advance(self, slots_of: Callable[[int, int], int] = lambda live, slots: live, width: int = 1) -> list[Span]:
        """Make room for more tokens in every live slot, and count them.

        Args:
            slots_of: how many slots of a block take part, given how many are live and how many there are. Those that
                are not live take a token at position 0, which nobody reads.
            width: tokens for each slot; within the end of each that was booked.

        Returns:
            What a `DecodePlan` needs, block by block; live slots come first in each.
        """
        return [block.advance(slots_of(block.rows.active, block.rows.slots), width) for block in self._blocks]

    def shorten(self, slot: int, tokens: int) -> None:
        """Forget the last so many tokens of a slot."""
        block, row = self._find(slot)
        block.rows.lengths[row] -= tokens

    def _starts(self) -> list[int]:
        """First slot of every block, and the number of live slots."""
        return list(accumulate((rows.active for rows in self.ledger.blocks), initial=0))

    def _find(self, slot: int) -> tuple[_Block, int]:
        starts = self._starts()
        number = bisect_right(starts, slot) - 1
        return self._blocks[number], slot - starts[number]


def place_elements(config: PretrainedConfig) -> int:
    """Elements of a model's cache at one position of one slot: a key and a value for every layer and head."""
    elements: int = 2 * config.num_hidden_layers * config.num_key_value_heads * head_width(config)
    return elements


class DecodePlan:
    """Attention of new tokens, as many for every slot of some spans; their keys and values are written into the cache
    first.

    Args:
        spans: of the cache.
        positions_T: of the tokens, slot by slot, where the model is.
        width: tokens of a slot.
    """

    def __init__(self, spans: Sequence[Span], positions_T: Tensor, width: int = 1) -> None:
        self._spans, self._positions_T, self._width = spans, positions_T, width

    def attend(
        self, layer: int, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """See `AttentionPlan.attend`."""
        if operations.serves(query_HTD, key_KTD, value_KTD, self._spans[0].keys_LSKTD):
            return self.compiled_attention.attend(layer, query_HTD, key_KTD, value_KTD, scaling, window)
        # query heads of one key-value head are its query rows
        query_TKQD = query_HTD.transpose(0, 1).unflatten(1, (key_KTD.shape[0], -1))
        key_TKD, value_TKD = key_KTD.transpose(0, 1), value_KTD.transpose(0, 1)
        parts = [
            part.attend(layer, query_TKQD[part.tokens], key_TKD[part.tokens], value_TKD[part.tokens], scaling, window)
            for part in self._parts
        ]
        return torch.cat(parts).flatten(1, 2)

    @cached_property
    def compiled_attention(self) -> attention.CacheAttention:
        """What computes it in one call, where compiled operations serve."""
        buffers = [(span.keys_LSKTD, span.values_LSKTD) for span in self._spans]
        alike = equals(beginnings for span in self._spans for beginnings in span.beginnings)
        return attention.CacheAttention(buffers, [span.positions for span in self._spans], self._width, alike)

    @cached_property
    def _parts(self) -> list[_Part]:
        bounds = pairwise(accumulate((len(span.positions) * self._width for span in self._spans), initial=0))
        return [
            _Part(span, slice(*bound), self._positions_T, self._width)
            for span, bound in zip(self._spans, bounds, strict=True)
        ]


class _Part:
    """A span's share of a decoding step; `W` tokens a slot."""

    def __init__(self, span: Span, tokens: slice, positions_T: Tensor, width: int) -> None:
        self._span = span
        self.tokens = tokens
        self._positions_SW = positions_T[tokens].unflatten(0, (-1, width))
        heads, positions = span.keys_LSKTD.shape[2:4]
        row_SK = torch.arange(len(span.positions) * heads, device=positions_T.device).unflatten(0, (-1, heads))
        self._places = (row_SK[:, None] * positions + self._positions_SW[:, :, None]).flatten()
        self._masks: dict[int | None, Tensor] = {}
        self._flash: varlen.DecodeAttention | None = None

    def attend(
        self, layer: int, query_TKQD: Tensor, key_TKD: Tensor, value_TKD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """`[T, K, Q, D]`: what each new token gathers from its sequence."""
        keys_SKTD, values_SKTD = self._span.keys_LSKTD[layer], self._span.values_LSKTD[layer]
        keys_SKTD.flatten(0, 2).index_copy_(0, self._places, key_TKD.flatten(0, 1))
        values_SKTD.flatten(0, 2).index_copy_(0, self._places, value_TKD.flatten(0, 1))
        slots, width = self._positions_SW.shape
        # of one key-value head, the tokens' query heads are rows too
        query_SKWQD = query_TKQD.unflatten(0, (slots, width)).transpose(1, 2)
        query = query_SKWQD.flatten(2, 3).flatten(0, 1)
        keys, values = (x[:slots].flatten(0, 1) for x in (keys_SKTD, values_SKTD))
        if varlen.serves(query) and width == 1:
            if self._flash is None:
                self._flash = varlen.DecodeAttention(self._positions_SW[:, 0], *keys_SKTD.shape[1:3])
            gathered = self._flash.attend(query, keys, values, scaling, window)
        else:
            hiding = self._hiding(window, keys_SKTD, query_TKQD.shape[2])
            gathered = plain_attention(query, keys, values, hiding, scaling)
        gathered_SKWQD = gathered.unflatten(0, (slots, -1)).unflatten(2, (width, -1))
        gathered_TKQD: Tensor = gathered_SKWQD.transpose(1, 2).flatten(0, 1)
        return gathered_TKQD

    def _hiding(self, window: int | None, like_SKTD: Tensor, queries: int) -> Tensor:
        """What hides the places where a token may not look, `[S * K, W * Q, T]`; `[S * K, 1, T]` of single tokens."""
        if window not in self._masks:
            column = torch.arange(like_SKTD.shape[2], device=like_SKTD.device)
            position_SW1 = self._positions_SW[:, :, None]
            hidden_SWT = column > position_SW1
            if window is not None:
                hidden_SWT |= column <= position_SW1 - window
            if hidden_SWT.shape[1] > 1:
                hidden_SWT = hidden_SWT.repeat_interleave(queries, 1)
            mask_SWT = hiding(hidden_SWT, like_SKTD.dtype)
            self._masks[window] = mask_SWT.repeat_interleave(like_SKTD.shape[1], 0)
        return self._masks[window]
