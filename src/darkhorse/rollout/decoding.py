"""A decoding step: the hidden states of more tokens in every live slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from darkhorse.rollout.cache import DecodePlan, SlotCache
from darkhorse.rollout.prefill import Forward


class Decoder(Protocol):
    """Takes decoding steps.

    Attributes:
        spare_rows: tokens that a step reads in little more time than one; 1 where it takes one a slot only.
    """

    spare_rows: int

    def step(self, cache: SlotCache, tokens: Sequence[int], width: int = 1) -> Tensor:
        """Read `width` tokens for every live slot, slot by slot; hidden states `[live * width, C]`."""
        ...


class EagerDecoder:
    """Runs the model's operations one by one."""

    spare_rows = 8  # a processor computes with so many in the time of one: it waits for the weights

    def __init__(self, forward: Forward, device: torch.device) -> None:
        self._forward, self._device = forward, device

    def step(self, cache: SlotCache, tokens: Sequence[int], width: int = 1) -> Tensor:
        """See `Decoder.step`."""
        spans = cache.advance(width=width)
        positions = [first + number for span in spans for first in span.positions for number in range(width)]
        tokens_T, positions_T = torch.tensor([tokens, positions], device=self._device)
        return self._forward(DecodePlan(spans, positions_T, width), tokens_T[None], positions_T[None])
