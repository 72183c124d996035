"""The key-value cache of sequences being decoded, and attention over it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod

import torch
from torch import Tensor
from transformers import PretrainedConfig

from darkhorse.policy import varlen
from darkhorse.policy.attention import head_width, hiding, plain_attention
from darkhorse.policy.memory import mapped_zeros

_CPU_GRAIN, _GPU_GRAIN = (64, 64), (256, 256)
"""Most slots of a block, and positions added to it at a time. On a graphics processor both are larger: places that
nobody reads cost little there, and every new arrangement of blocks costs a graph.
"""
_SPARE = 1.5
"""A free buffer serves what is at most so many times smaller."""


class Buffers:
    """Memory for keys and values, kept when it is freed and handed out again.

    Blocks come, grow and go all the time, and memory faults in page by page whenever it is fresh.
    """

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self.dtype, self.device = dtype, device
        self._free: list[Tensor] = []

    def take(self, shape: tuple[int, ...]) -> Tensor:
        """A contiguous tensor of finite values, on the smallest free buffer that is not much too large."""
        size = prod(shape)
        fitting = [place for place, buffer in enumerate(self._free) if size <= len(buffer) <= _SPARE * size]
        if fitting:
            buffer = self._free.pop(min(fitting, key=lambda place: len(self._free[place])))
        else:
            self._free = [buffer for buffer in self._free if len(buffer) > size]  # too small for what comes now
            buffer = self._fresh(size)
        return buffer[:size].view(shape)

    def _fresh(self, size: int) -> Tensor:
        # zeros: what lies behind a sequence's end gets a weight of zero, and must be finite for that
        if self.device.type == "cpu":
            return mapped_zeros(size, self.dtype)
        return torch.zeros(size, dtype=self.dtype, device=self.device)

    def give(self, tensor: Tensor) -> None:
        """Take a tensor back that `take` gave, with all of the buffer it lies on."""
        size = tensor.untyped_storage().nbytes() // tensor.element_size()
        self._free.append(tensor.as_strided((size,), (1,), 0))


@dataclass(frozen=True)
class Span:
    """The slots of one block that take part in a decoding step.

    Attributes:
        keys_LSKTD, values_LSKTD: the block's buffers.
        positions: of each slot's new token; the first slots of the buffers, as many as there are entries.
    """

    keys_LSKTD: Tensor
    values_LSKTD: Tensor
    positions: list[int]


class _Block:
    """Dense buffers `[L, S, K, T, D]` of slots of like length; the first ones are live, and `lengths` are theirs."""

    def __init__(self, shape_LSKTD: tuple[int, int, int, int, int], step: int, buffers: Buffers) -> None:
        self._step, self._buffers = step, buffers
        self.keys_LSKTD = buffers.take(shape_LSKTD)
        self.values_LSKTD = buffers.take(shape_LSKTD)
        self.lengths: list[int] = []

    @property
    def active(self) -> int:
        """How many slots are live."""
        return len(self.lengths)

    @property
    def slots(self) -> int:
        """How many there are."""
        return self.keys_LSKTD.shape[1]

    @property
    def positions(self) -> int:
        """Longest sequence there is room for."""
        return self.keys_LSKTD.shape[3]

    def suits(self, length: int) -> bool:
        """Whether a sequence fits, and would not have the products run over much more than itself."""
        return self.active < self.slots and length < self.positions <= 2 * self._step + length

    def advance(self, slots: int) -> Span:
        """Make every live slot longer by a position, and give the first `slots` ones with it."""
        if max(self.lengths) == self.positions:  # keys move before values, so that only half is held twice
            self.keys_LSKTD = self._longer(self.keys_LSKTD)
            self.values_LSKTD = self._longer(self.values_LSKTD)
        positions = self.lengths + [0] * (slots - self.active)
        self.lengths = [length + 1 for length in self.lengths]
        return Span(self.keys_LSKTD, self.values_LSKTD, positions)

    def _longer(self, buffer_LSKTD: Tensor) -> Tensor:
        layers, slots, heads, positions, channels = buffer_LSKTD.shape
        longer = self._buffers.take((layers, slots, heads, positions + self._step, channels))
        longer[:, : self.active, :, :positions] = buffer_LSKTD[:, : self.active]
        self._buffers.give(buffer_LSKTD)
        return longer

    def free(self) -> None:
        """Give the buffers back."""
        self._buffers.give(self.keys_LSKTD)
        self._buffers.give(self.values_LSKTD)

    def add(self, keys_LKTD: Tensor, values_LKTD: Tensor) -> int:
        row, length = self.active, keys_LKTD.shape[2]
        self.keys_LSKTD[:, row, :, :length] = keys_LKTD
        self.values_LSKTD[:, row, :, :length] = values_LKTD
        self.lengths.append(length)
        return row

    def read(self, row: int) -> tuple[Tensor, Tensor]:
        length = self.lengths[row]
        return self.keys_LSKTD[:, row, :, :length], self.values_LSKTD[:, row, :, :length]

    def remove(self, row: int) -> int:
        last = self.active - 1
        if row != last:
            length = self.lengths[last]
            self.keys_LSKTD[:, row, :, :length], self.values_LSKTD[:, row, :, :length] = self.read(last)
            self.lengths[row] = length
        self.lengths.pop()
        return last


class SlotCache:
    """Keys and values of the live sequences, one slot each, numbered from 0 without gaps.

    Slots lie in blocks of like length whose buffers are dense: attention is two batched matrix products a block, with
    none of the copies that slices of one large buffer would need.

    Args:
        config: of the model (`num_hidden_layers`, `num_key_value_heads`, `head_dim`).
        slots: how many will be used at once, roughly; blocks are no larger.
        buffers: where the memory comes from and goes back to.
    """

    def __init__(self, config: PretrainedConfig, slots: int, buffers: Buffers) -> None:
        most_slots, self._step = _CPU_GRAIN if buffers.device.type == "cpu" else _GPU_GRAIN
        self._block_slots = min(most_slots, max(slots, 1))
        self._layers, self._heads = config.num_hidden_layers, config.num_key_value_heads
        self._channels = head_width(config)
        self._buffers = buffers
        self.blocks: list[_Block] = []

    @torch.inference_mode()
    def add(self, keys_LKTD: Tensor, values_LKTD: Tensor) -> int:
        """Give a sequence's keys and values a slot; returns it. The slots from there on move up by one."""
        length = keys_LKTD.shape[2]
        number = next((number for number, block in enumerate(self.blocks) if block.suits(length)), len(self.blocks))
        if number == len(self.blocks):
            positions = length + self._step // 2
            positions += -positions % self._step
            shape = (self._layers, self._block_slots, self._heads, positions, self._channels)
            self.blocks.append(_Block(shape, self._step, self._buffers))
        return self._starts()[number] + self.blocks[number].add(keys_LKTD, values_LKTD)

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
        if block.active == 0:
            block.free()
            self.blocks.remove(block)
        return moved

    def advance(self, slots_of: Callable[[int, int], int] = lambda live, slots: live) -> list[Span]:
        """Make room for one more token in every live slot, and count it.

        Args:
            slots_of: how many slots of a block take part, given how many are live and how many there are. Those that
                are not live take a token at position 0, which nobody reads.

        Returns:
            What a `DecodePlan` needs, block by block; live slots come first in each.
        """
        return [block.advance(slots_of(block.active, block.slots)) for block in self.blocks]

    def _starts(self) -> list[int]:
        """First slot of every block, and the number of live slots."""
        return list(accumulate((block.active for block in self.blocks), initial=0))

    def _find(self, slot: int) -> tuple[_Block, int]:
        starts = self._starts()
        number = bisect_right(starts, slot) - 1
        return self.blocks[number], slot - starts[number]


class DecodePlan:
    """Attention of one new token for every slot of some spans; its key and value are written into the cache first.

    Args:
        spans: of the cache.
        positions_S: their positions, in order, where the model is.
    """

    def __init__(self, spans: Sequence[Span], positions_S: Tensor) -> None:
        bounds = pairwise(accumulate((len(span.positions) for span in spans), initial=0))
        self._parts = [_Part(span, slice(*bound), positions_S) for span, bound in zip(spans, bounds, strict=True)]

    def attend(
        self, layer: int, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """See `AttentionPlan.attend`; here `T` runs over the slots."""
        # query heads of one key-value head are its query rows
        query_SKQD = query_HTD.transpose(0, 1).unflatten(1, (key_KTD.shape[0], -1))
        key_SKD, value_SKD = key_KTD.transpose(0, 1), value_KTD.transpose(0, 1)
        parts = [
            part.attend(layer, query_SKQD[part.slots], key_SKD[part.slots], value_SKD[part.slots], scaling, window)
            for part in self._parts
        ]
        return torch.cat(parts).flatten(1, 2)


class _Part:
    """A span's share of a decoding step."""

    def __init__(self, span: Span, slots: slice, positions_S: Tensor) -> None:
        self._span = span
        self.slots = slots
        self._positions_S = positions_S[slots]
        self._rows = torch.arange(len(span.positions), device=positions_S.device)
        self._masks: dict[int | None, Tensor] = {}
        self._flash: varlen.DecodeAttention | None = None

    def attend(
        self, layer: int, query_SKQD: Tensor, key_SKD: Tensor, value_SKD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """`[S, K, Q, D]`: what each slot's new token gathers from its sequence."""
        keys_SKTD, values_SKTD = self._span.keys_LSKTD[layer], self._span.values_LSKTD[layer]
        keys_SKTD[self._rows, :, self._positions_S] = key_SKD
        values_SKTD[self._rows, :, self._positions_S] = value_SKD
        slots = len(self._rows)
        query, keys, values = (x[:slots].flatten(0, 1) for x in (query_SKQD, keys_SKTD, values_SKTD))
        if varlen.serves(query):
            if self._flash is None:
                self._flash = varlen.DecodeAttention(self._positions_S, *keys_SKTD.shape[1:3])
            gathered = self._flash.attend(query, keys, values, scaling, window)
        else:
            gathered = plain_attention(query, keys, values, self._hiding(window, keys_SKTD), scaling)
        gathered_SKQD: Tensor = gathered.unflatten(0, (slots, -1))
        return gathered_SKQD

    def _hiding(self, window: int | None, like_SKTD: Tensor) -> Tensor:
        """What hides the places where a slot's token may not look, `[S * K, 1, T]`."""
        if window not in self._masks:
            column = torch.arange(like_SKTD.shape[2], device=like_SKTD.device)[None]
            position = self._positions_S[:, None]
            hidden_ST = column > position
            if window is not None:
                hidden_ST |= column <= position - window
            mask_ST = hiding(hidden_ST, like_SKTD.dtype)
            self._masks[window] = mask_ST.repeat_interleave(like_SKTD.shape[1], 0)[:, None]
        return self._masks[window]
