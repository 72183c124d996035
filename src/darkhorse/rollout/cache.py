"""The key-value cache of sequences being decoded, and attention over it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from math import prod

import torch
from torch import Tensor
from transformers import PretrainedConfig

from darkhorse.policy.attention import head_width, hiding, plain_attention
from darkhorse.policy.memory import mapped_zeros

_BLOCK = 64
_STEP = 64
"""Positions are added to a block so many at a time."""
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


class _Block:
    """Dense buffers `[L, S, K, T, D]` of slots of like length; the first `active` ones are live."""

    def __init__(self, shape_LSKTD: tuple[int, int, int, int, int], buffers: Buffers) -> None:
        self._buffers = buffers
        self.keys_LSKTD = buffers.take(shape_LSKTD)
        self.values_LSKTD = buffers.take(shape_LSKTD)
        self.lengths_S = torch.zeros(shape_LSKTD[1], dtype=torch.long, device=buffers.device)
        self.active = 0

    @property
    def positions(self) -> int:
        """Longest sequence there is room for."""
        return self.keys_LSKTD.shape[3]

    def suits(self, length: int) -> bool:
        """Whether a sequence fits, and would not have the products run over much more than itself."""
        return self.active < self.keys_LSKTD.shape[1] and length < self.positions <= 2 * _STEP + length

    def make_room(self) -> None:
        """See to a free position in every live slot. Keys move before values, so that only half is held twice."""
        if int(self.lengths_S[: self.active].max()) == self.positions:
            self.keys_LSKTD = self._longer(self.keys_LSKTD)
            self.values_LSKTD = self._longer(self.values_LSKTD)

    def _longer(self, buffer_LSKTD: Tensor) -> Tensor:
        layers, slots, heads, positions, channels = buffer_LSKTD.shape
        longer = self._buffers.take((layers, slots, heads, positions + _STEP, channels))
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
        self.lengths_S[row] = length
        self.active += 1
        return row

    def read(self, row: int) -> tuple[Tensor, Tensor]:
        length = int(self.lengths_S[row])
        return self.keys_LSKTD[:, row, :, :length], self.values_LSKTD[:, row, :, :length]

    def remove(self, row: int) -> int:
        self.active -= 1
        last = self.active
        if row != last:
            length = int(self.lengths_S[last])
            self.keys_LSKTD[:, row, :, :length], self.values_LSKTD[:, row, :, :length] = self.read(last)
            self.lengths_S[row] = length
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
        self._block_slots = min(_BLOCK, max(slots, 1))
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
            positions = length + _STEP // 2
            positions += -positions % _STEP
            shape = (self._layers, self._block_slots, self._heads, positions, self._channels)
            self.blocks.append(_Block(shape, self._buffers))
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

    def _starts(self) -> list[int]:
        """First slot of every block, and the number of live slots."""
        return list(accumulate((block.active for block in self.blocks), initial=0))

    def _find(self, slot: int) -> tuple[_Block, int]:
        starts = self._starts()
        number = bisect_right(starts, slot) - 1
        return self.blocks[number], slot - starts[number]


class DecodePlan:
    """Attention of one new token for every live slot; its key and value are written into the cache first."""

    def __init__(self, cache: SlotCache) -> None:
        self._parts = list(_parts(cache))

    @property
    def position_ids(self) -> Tensor:
        """Position of each slot's new token, `[1, live]`."""
        return torch.cat([part.positions_S for part in self._parts])[None]

    def attend(
        self, layer: int, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """See `AttentionPlan.attend`; here `T` runs over live slots."""
        # query heads of one key-value head are its query rows
        query_SKQD = query_HTD.transpose(0, 1).unflatten(1, (key_KTD.shape[0], -1))
        key_SKD, value_SKD = key_KTD.transpose(0, 1), value_KTD.transpose(0, 1)
        parts = [
            part.attend(layer, query_SKQD[part.slots], key_SKD[part.slots], value_SKD[part.slots], scaling, window)
            for part in self._parts
        ]
        return torch.cat(parts).flatten(1, 2)


class _Part:
    """A block's share of a decoding step."""

    def __init__(self, block: _Block, start: int) -> None:
        block.make_room()
        self._block = block
        live = block.active
        self.slots = slice(start, start + live)
        self.positions_S = block.lengths_S[:live].clone()
        self._rows = torch.arange(live, device=self.positions_S.device)
        self._masks: dict[int | None, Tensor] = {}
        block.lengths_S[:live] += 1

    def attend(
        self, layer: int, query_SKQD: Tensor, key_SKD: Tensor, value_SKD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """`[S, K, Q, D]`: what each slot's new token gathers from its sequence."""
        keys_SKTD, values_SKTD = self._block.keys_LSKTD[layer], self._block.values_LSKTD[layer]
        keys_SKTD[self._rows, :, self.positions_S] = key_SKD
        values_SKTD[self._rows, :, self.positions_S] = value_SKD
        live = len(self._rows)
        keys = keys_SKTD[:live].flatten(0, 1)
        values = values_SKTD[:live].flatten(0, 1)
        mask = self._hiding(window, keys_SKTD)
        gathered = plain_attention(query_SKQD.flatten(0, 1), keys, values, mask, scaling)
        gathered_SKQD: Tensor = gathered.unflatten(0, (live, -1))
        return gathered_SKQD

    def _hiding(self, window: int | None, like_SKTD: Tensor) -> Tensor:
        """What hides the places where a slot's token may not look, `[S * K, 1, T]`."""
        if window not in self._masks:
            column = torch.arange(self._block.positions, device=self.positions_S.device)[None]
            position = self.positions_S[:, None]
            hidden_ST = column > position
            if window is not None:
                hidden_ST |= column <= position - window
            mask_ST = hiding(hidden_ST, like_SKTD.dtype)
            self._masks[window] = mask_ST.repeat_interleave(like_SKTD.shape[1], 0)[:, None]
        return self._masks[window]


def _parts(cache: SlotCache) -> Iterator[_Part]:
    start = 0
    for block in cache.blocks:
        yield _Part(block, start)
        start += block.active
