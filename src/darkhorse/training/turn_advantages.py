"""Advantages of single turns, which tell the turns of one episode apart; pure functions, one number for each turn.

Shapes: `G` trajectories of one group, `K` turns of one of them (ragged). The result is added to the advantage of the
whole episode, `A_ik = A_i + weight * B_ik`, as both papers below do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TypeAlias

from darkhorse.rollout.trajectory import Trajectory

PerTurn: TypeAlias = list[list[float]]


def by_anchor(rewards_G: Sequence[float], anchors_GK: Sequence[Sequence[str]], discount: float) -> PerTurn:
    """Return from a turn on, minus the mean over all turns of the group that began from the same state.

    The step-level advantage of GiGPO (arXiv 2505.10978): `B_ik = R_ik - mean(R over turns with the anchor of ik)` with
    `R_ik = discount^(K_i - 1 - k) r_i`, as the only reward is the episode's. A state seen once says nothing: 0.
    Its division by the deviation is left out, as elsewhere here.

    Args:
        rewards_G: of the episodes.
        anchors_GK: names of the states before the turns.
        discount: in (0, 1]; below 1, of two ways from a state to the same outcome the shorter one is better.
    """
    returns = [
        [reward * discount ** (len(anchors) - 1 - turn) for turn in range(len(anchors))]
        for reward, anchors in zip(rewards_G, anchors_GK, strict=True)
    ]
    return _centred(returns, anchors_GK)


def by_turn_reward(turn_rewards_GK: Sequence[Sequence[float]]) -> PerTurn:
    """A turn's own reward minus the mean over the group's turns of the same number.

    The turn-level advantage of MT-GRPO (arXiv 2505.11821), without its division by the deviation.

    Args:
        turn_rewards_GK: e.g. the share of a turn's calls that succeeded.
    """
    return _centred(turn_rewards_GK, [range(len(rewards)) for rewards in turn_rewards_GK])


def combined(advantages_G: Sequence[float], turns_GK: PerTurn, weight: float) -> PerTurn:
    """`A_i + weight * B_ik`.

    Args:
        advantages_G: of the episodes.
        turns_GK: of their turns.
        weight: of the latter.
    """
    return [
        [advantage + weight * turn for turn in turns] for advantage, turns in zip(advantages_G, turns_GK, strict=True)
    ]


def anchored(members: Sequence[Trajectory], discount: float) -> PerTurn:
    """`by_anchor` of trajectories that have a reward."""
    return by_anchor([t.reward or 0.0 for t in members], [t.turn_anchors for t in members], discount)


def rewarded(members: Sequence[Trajectory], discount: float) -> PerTurn:
    """`by_turn_reward` of trajectories; the discount has no part in it."""
    return by_turn_reward([t.turn_rewards for t in members])


TURN_ADVANTAGES: dict[str, Callable[[Sequence[Trajectory], float], PerTurn]] = {
    "anchor": anchored,
    "reward": rewarded,
}


def _centred(values_GK: Sequence[Sequence[float]], keys_GK: Sequence[Sequence[object]]) -> PerTurn:
    together: dict[object, list[float]] = defaultdict(list)
    for values, keys in zip(values_GK, keys_GK, strict=True):
        for value, key in zip(values, keys, strict=True):
            together[key].append(value)
    means = {key: fmean(values) for key, values in together.items()}
    return [
        [value - means[key] for value, key in zip(values, keys, strict=True)]
        for values, keys in zip(values_GK, keys_GK, strict=True)
    ]
