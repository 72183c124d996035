"""Cutting a step's segments into micro-batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from darkhorse.policy.packing import Segment

T = TypeVar("T")


def micro_batches(segments: Sequence[tuple[Segment, T]], max_tokens: int) -> list[list[tuple[Segment, T]]]:
    """Consecutive segments together while they fit `max_tokens`; one that is larger stands alone."""
    batches: list[list[tuple[Segment, T]]] = []
    room = 0
    for segment, extra in segments:
        if not batches or segment.num_tokens > room:
            batches.append([])
            room = max_tokens
        batches[-1].append((segment, extra))
        room -= segment.num_tokens
    return batches
