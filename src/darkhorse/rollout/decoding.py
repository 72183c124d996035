"""A decoding step: the last hidden state of one more token in every live slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from darkhorse.rollout.cache import DecodePlan, SlotCache
from darkhorse.rollout.prefill import Forward


class Decoder(Protocol):
    """Takes decoding steps."""

    def step(self, cache: SlotCache, tokens: Sequence[int]) -> Tensor:
        """Read one token for every live slot; hidden states `[live, C]`."""
        ...


class EagerDecoder:
    """Runs the model's operations one by one."""

    def __init__(self, forward: Forward, device: torch.device) -> None:
        self._forward, self._device = forward, device

    def step(self, cache: SlotCache, tokens: Sequence[int]) -> Tensor:
        """See `Decoder.step`."""
        spans = cache.advance()
        positions = [position for span in spans for position in span.positions]
        tokens_S, positions_S = torch.tensor([tokens, positions], device=self._device)
        return self._forward(DecodePlan(spans, positions_S), tokens_S[None], positions_S[None])
