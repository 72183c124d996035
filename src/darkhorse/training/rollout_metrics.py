"""What is logged of a batch of rollouts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, pstdev

from darkhorse.agent.metrics import episode_metrics
from darkhorse.rollout.trajectory import Group, Trajectory


def rollout_metrics(groups: Sequence[Group], kept: Sequence[Group]) -> dict[str, float]:
    """Metrics of a batch of rollouts, under TRL's names; over all groups sampled, not only those learned from."""
    trajectories = [t for group in groups for t in group.trajectories]
    lengths = [t.num_sampled for t in trajectories]
    metrics = _reward_metrics(groups) | {
        "completions/mean_length": fmean(lengths),
        "completions/max_length": float(max(lengths)),
        "completions/clipped_ratio": fmean(t.finish_reason == "length" for t in trajectories),
        "groups/sampled": float(len(groups)),
        "groups/kept": float(len(kept)),
        "completions/updated": float(sum(len(group.updated) for group in kept)),
        "num_tokens": float(sum(lengths)),
    }
    by_verifier: dict[str, list[Trajectory]] = defaultdict(list)
    for group in groups:
        by_verifier[group.task.verifier] += group.trajectories
    for name, judged in sorted(by_verifier.items()):
        scores = [t.score for t in judged if t.score is not None]
        metrics[f"rewards/{name}/mean"] = fmean(scores) if scores else 0.0
        metrics[f"rewards/{name}/abstained"] = float(len(judged) - len(scores))
    for source in sorted({group.source for group in groups}):
        mine = [group for group in groups if group.source == source]
        metrics |= {f"sources/{source}/{name}": value for name, value in _source_metrics(mine).items()}
    return metrics | episode_metrics(groups)


def _source_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """Of the groups of one source."""
    trajectories = [t for group in groups for t in group.trajectories]
    return _reward_metrics(groups) | {
        "groups": float(len(groups)),
        "masked": float(sum(t.reward is None for t in trajectories)),
        "mean_length": fmean(t.num_sampled for t in trajectories),
    }


def _reward_metrics(groups: Sequence[Group]) -> dict[str, float]:
    rewards = [group.rewards for group in groups if group.rewards]
    return {
        "reward": fmean(reward for group in rewards for reward in group) if rewards else 0.0,
        "reward_std": fmean(pstdev(group) for group in rewards) if rewards else 0.0,
        "frac_reward_zero_std": fmean(not group.varies for group in groups),
    }
