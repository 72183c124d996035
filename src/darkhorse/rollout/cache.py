"""The key-value cache of sequences being decoded, and attention over it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PretrainedConfig

_BLOCK = 16


class SlotCache:
    """Static buffers of `S` slots by `T` positions a layer; the first `active` slots are the live sequences.

    Args:
        config: of the model (`num_hidden_layers`, `num_key_value_heads`, `head_dim`).
        slots: most sequences at once.
        positions: longest sequence, prompt included.
        dtype, device: of keys and values.
    """

    def __init__(
        self, config: PretrainedConfig, slots: int, positions: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        heads = config.num_key_value_heads
        channels = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = (config.num_hidden_layers, slots, heads, positions, channels)
        self.keys_LSKTD = torch.zeros(shape, dtype=dtype, device=device)
        self.values_LSKTD = torch.zeros(shape, dtype=dtype, device=device)
        self.lengths_S = torch.zeros(slots, dtype=torch.long, device=device)
        self.active = 0

    def holds(self, slots: int, positions: int) -> bool:
        """Whether there is room for so many sequences of this length."""
        return self.keys_LSKTD.shape[1] >= slots and self.keys_LSKTD.shape[3] >= positions

    def take_over(self, other: SlotCache) -> None:
        """Copy another cache's live sequences; there must be room for them."""
        live, held = other.active, other.keys_LSKTD.shape[3]
        self.keys_LSKTD[:, :live, :, :held] = other.keys_LSKTD[:, :live]
        self.values_LSKTD[:, :live, :, :held] = other.values_LSKTD[:, :live]
        self.lengths_S[:live] = other.lengths_S[:live]
        self.active = live

    def add(self, keys_LKTD: Tensor, values_LKTD: Tensor) -> int:
        """Give a prompt's keys and values a slot of their own; returns the slot."""
        slot, length = self.active, keys_LKTD.shape[2]
        self.keys_LSKTD[:, slot, :, :length] = keys_LKTD
        self.values_LSKTD[:, slot, :, :length] = values_LKTD
        self.lengths_S[slot] = length
        self.active += 1
        return slot

    def copy(self, slot: int) -> tuple[Tensor, Tensor]:
        """A copy of a slot's keys and values, `[L, K, length, D]` each."""
        length = int(self.lengths_S[slot])
        return self.keys_LSKTD[:, slot, :, :length].clone(), self.values_LSKTD[:, slot, :, :length].clone()

    def remove(self, slot: int) -> int:
        """Free a slot by moving the last live sequence into it; returns the slot that moved."""
        self.active -= 1
        last = self.active
        if slot != last:
            length = int(self.lengths_S[last])
            self.keys_LSKTD[:, slot, :, :length] = self.keys_LSKTD[:, last, :, :length]
            self.values_LSKTD[:, slot, :, :length] = self.values_LSKTD[:, last, :, :length]
            self.lengths_S[slot] = length
        return last


class DecodePlan:
    """Attention of one new token for every live slot; its key and value are written into the cache first.

    Slots are taken a block at a time, each over the span of its longest: one long sequence costs its block only.
    """

    def __init__(self, cache: SlotCache) -> None:
        self._cache = cache
        live = cache.active
        self._rows = torch.arange(live, device=cache.lengths_S.device)
        self._positions = cache.lengths_S[:live].clone()
        self._blocks = [
            (slice(start, start + len(part)), int(part.max()) + 1)
            for start, part in zip(range(0, live, _BLOCK), self._positions.split(_BLOCK), strict=True)
        ]
        self._masks: dict[tuple[int, int | None], Tensor] = {}
        cache.lengths_S[:live] += 1

    @property
    def position_ids(self) -> Tensor:
        """Position of each slot's new token, `[1, live]`."""
        return self._positions[None]

    def attend(
        self, layer: int, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """See `AttentionPlan.attend`; here `T` runs over live slots."""
        keys, values = self._cache.keys_LSKTD[layer], self._cache.values_LSKTD[layer]
        keys[self._rows, :, self._positions] = key_KTD.transpose(0, 1)
        values[self._rows, :, self._positions] = value_KTD.transpose(0, 1)
        # query heads of one key-value head are its query rows
        query = query_HTD.transpose(0, 1).unflatten(1, (key_KTD.shape[0], -1))
        parts = [
            F.scaled_dot_product_attention(
                query[slots],
                keys[slots, :, :span],
                values[slots, :, :span],
                attn_mask=self._mask(slots, span, window, query),
                scale=scaling,
            )
            for slots, span in self._blocks
        ]
        return torch.cat(parts).flatten(1, 2)

    def _mask(self, slots: slice, span: int, window: int | None, like: Tensor) -> Tensor:
        key = (slots.start, window)
        if key not in self._masks:
            column = torch.arange(span, device=self._positions.device)[None]
            positions = self._positions[slots, None]
            allowed = column <= positions
            if window is not None:
                allowed &= column > positions - window
            mask = torch.zeros(allowed.shape, dtype=like.dtype, device=like.device)
            self._masks[key] = mask.masked_fill_(~allowed, float("-inf"))[:, None, None, :]
        return self._masks[key]
