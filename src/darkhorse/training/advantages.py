"""Advantages: how much better a trajectory did than its group, in one number for each trajectory.

Shapes: `G` is the number of trajectories of one group that have a score; an abstained trajectory has none and is left
out by the caller. Groups may differ in size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

ScaleRewards = Literal["none", "group", "batch"]
Rewards: TypeAlias = Float[Tensor, " G"]
Advantages: TypeAlias = Float[Tensor, " G"]

_EPSILON = 1e-4


class AdvantageFunction(Protocol):
    """Rewards of all groups of an optimizer step to advantages of the same shapes."""

    def __call__(self, groups: Sequence[Rewards], *, scale_rewards: ScaleRewards = "none") -> list[Advantages]:
        """Advantages of each group."""
        ...


def group(groups: Sequence[Rewards], *, scale_rewards: ScaleRewards = "none") -> list[Advantages]:
    """Reward minus the mean of its group, `A_i = r_i - mean(r)`.

    GRPO (DeepSeekMath, arXiv 2402.03300) also divides by the group's standard deviation, which favours groups that
    are nearly solved or nearly lost; Dr. GRPO (arXiv 2503.20783) drops it, and so does the default here.

    Args:
        groups: rewards of each group.
        scale_rewards: `none`; `group` divides by the group's standard deviation; `batch` divides all groups by the
            standard deviation of the non-zero advantages.
    """
    return _scale(groups, [rewards_G - _mean(rewards_G) for rewards_G in groups], scale_rewards)


def rloo(groups: Sequence[Rewards], *, scale_rewards: ScaleRewards = "none") -> list[Advantages]:
    """Reward minus the mean of the others, `A_i = r_i - sum_{j != i} r_j / (G - 1)` (RLOO, arXiv 2402.14740).

    A group of one has no others and gets zero.

    Args:
        groups: rewards of each group.
        scale_rewards: as in `group`.
    """
    centred = [(rewards_G - _mean(rewards_G)) * (len(rewards_G) / max(len(rewards_G) - 1, 1)) for rewards_G in groups]
    return _scale(groups, centred, scale_rewards)


def reinforce_plus_plus(groups: Sequence[Rewards], *, scale_rewards: ScaleRewards = "none") -> list[Advantages]:
    """Group mean as baseline, then whitened over the batch (REINFORCE++ with baseline, arXiv 2501.03262).

    `A_i = (d_i - mean(d)) / (std(d) + 1e-4)` with `d_i = r_i - mean(r)` and the statistics taken over all trajectories
    of the batch.

    Args:
        groups: rewards of each group.
        scale_rewards: `group` divides by the group's standard deviation first; whitening over the batch is part of the
            method, so `none` and `batch` are the same.
    """
    centred = group(groups, scale_rewards="group" if scale_rewards == "group" else "none")
    everything = torch.cat(centred) if centred else torch.zeros(0)
    if len(everything) == 0:
        return centred
    mean, deviation = everything.mean(), everything.std(correction=0)
    return [(advantages_G - mean) / (deviation + _EPSILON) for advantages_G in centred]


def by_source(function: AdvantageFunction, groups: Sequence[Rewards], sources: Sequence[str]) -> list[Advantages]:
    """Advantages scaled over the groups of each source apart, so that a source whose rewards spread little (those of a
    reward model) weighs as much as one of right and wrong.

    Args:
        function: one of `ADVANTAGES`.
        groups: rewards of each group.
        sources: of each group.
    """
    found: dict[int, Advantages] = {}
    for source in dict.fromkeys(sources):
        places = [place for place, other in enumerate(sources) if other == source]
        advantages = function([groups[place] for place in places], scale_rewards="batch")
        found.update(zip(places, advantages, strict=True))
    return [found[place] for place in range(len(groups))]


ADVANTAGES: dict[str, AdvantageFunction] = {
    "group": group,
    "rloo": rloo,
    "reinforce_plus_plus": reinforce_plus_plus,
}


def _mean(rewards_G: Rewards) -> Tensor:
    return rewards_G.mean() if len(rewards_G) else rewards_G.new_zeros(())


def _scale(groups: Sequence[Rewards], advantages: list[Advantages], scale_rewards: ScaleRewards) -> list[Advantages]:
    if scale_rewards == "group":
        return [
            advantages_G / (rewards_G.std(correction=0) + _EPSILON) if len(rewards_G) else advantages_G
            for rewards_G, advantages_G in zip(groups, advantages, strict=True)
        ]
    if scale_rewards == "batch" and advantages:
        everything = torch.cat(advantages)
        nonzero = everything[everything != 0]
        if len(nonzero):
            return [advantages_G / (nonzero.std(correction=0) + _EPSILON) for advantages_G in advantages]
    return advantages
