"""Which trajectories of a group to learn from, when an update over all of them costs too much."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import pvariance


def max_variance(rewards: Sequence[float], size: int) -> list[int]:
    """The `size` trajectories of a group whose rewards vary most (PODS, arXiv 2504.13818).

    They are always the lowest `k` and the highest `size - k` rewards for some `k` (Theorem 1 there), so that only
    `size + 1` subsets need a look. Of equal rewards those sampled first (lowest) or last (highest) are taken.

    Args:
        rewards: of the whole group.
        size: how many to choose; a smaller group is taken whole.

    Returns:
        Their places, ascending.
    """
    if len(rewards) <= size:
        return list(range(len(rewards)))
    order = sorted(range(len(rewards)), key=lambda place: rewards[place])
    subsets = [order[:low] + order[len(order) - (size - low) :] for low in range(size + 1)]
    return sorted(max(subsets, key=lambda subset: pvariance([rewards[place] for place in subset])))
