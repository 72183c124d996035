"""Sequences of different lengths in batches of about the same size."""

from __future__ import annotations

from collections.abc import Sequence


def grouped_by_length(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Places in batches, shortest first, each of at most `max_tokens` when padded to its longest; one alone may be
    larger.

    Args:
        lengths: of the sequences, in tokens.
        max_tokens: of a batch, padding included.
    """
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if batches and (len(batches[-1]) + 1) * lengths[place] <= max_tokens:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches
