"""Cutting a step's segments into micro-batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from darkhorse.policy.packing import Segment

T = TypeVar("T")


def micro_batches(
    segments: Sequence[tuple[Segment, T]], max_tokens: int, lanes: int = 1
) -> list[list[tuple[Segment, T]]]:
    """Consecutive segments together while they fit `max_tokens`; one that is larger stands alone.

    For several lanes, as many micro-batches for each and all of about the same size, so that none waits for another.
    """
    if lanes > 1:
        return _balanced(segments, max_tokens, lanes)
    batches: list[list[tuple[Segment, T]]] = []
    room = 0
    for segment, extra in segments:
        if not batches or segment.num_tokens > room:
            batches.append([])
            room = max_tokens
        batches[-1].append((segment, extra))
        room -= segment.num_tokens
    return batches


def _balanced(segments: Sequence[tuple[Segment, T]], max_tokens: int, lanes: int) -> list[list[tuple[Segment, T]]]:
    """The largest segments first, each to the micro-batch that has the fewest tokens; in order within it."""
    sizes = [segment.num_tokens for segment, _ in segments]
    rounds = max(1, -(-sum(sizes) // (lanes * max_tokens)))
    while True:
        loads = [0] * (lanes * rounds)
        places: list[list[int]] = [[] for _ in loads]
        for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
            lightest = loads.index(min(loads))
            loads[lightest] += sizes[place]
            places[lightest].append(place)
        if all(load <= max_tokens or len(held) == 1 for load, held in zip(loads, places, strict=True)):
            return [[segments[place] for place in sorted(held)] for held in places if held]
        rounds += 1
