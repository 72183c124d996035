"""From verdicts to rewards."""

from __future__ import annotations

import random
from collections.abc import Sequence

from darkhorse.config.stages import RLStage
from darkhorse.rewards.guards import guard
from darkhorse.rewards.reward_model import RewardModel
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.verify.verdict import Abstained

PREFERENCE = "preference"


def assign_rewards(groups: Sequence[Group], settings: RLStage, reward_model: RewardModel | None, seed: int) -> None:
    """Set every trajectory's reward; None masks it.

    An abstained verdict is masked. A truncated completion is masked, scored 0 or kept, as `settings.truncation` says.
    Answers to `preference` tasks are scored by the reward model when there is one, and only if they pass the gates
    (format, guards); everything else takes its verdict's score. The control `random` flips a coin instead.
    """
    rng = random.Random(seed)
    for group in groups:
        for trajectory in group.trajectories:
            trajectory.reward = _reward(trajectory, settings)
            if settings.reward == "random":
                coin = float(rng.random() < 0.5)
                trajectory.reward = None if trajectory.reward is None else coin
        if reward_model is not None and group.task.verifier == PREFERENCE and settings.reward == "verifier":
            _score_preferences(group, reward_model)


def _reward(trajectory: Trajectory, settings: RLStage) -> float | None:
    assert trajectory.verdict is not None
    if isinstance(trajectory.verdict, Abstained):
        return None
    if trajectory.finish_reason == "length" and settings.truncation != "keep":
        return None if settings.truncation == "mask" else 0.0
    return trajectory.verdict.score


def _score_preferences(group: Group, reward_model: RewardModel) -> None:
    """The bounded reward of the model for answers that pass the gates; 0 for those that do not."""
    eligible: list[Trajectory] = []
    for trajectory in group.trajectories:
        if trajectory.reward is None or trajectory.response is None:
            continue
        if guard(trajectory.response) is None:
            eligible.append(trajectory)
        else:
            trajectory.reward = 0.0
    if eligible:
        answers = [t.response.answer for t in eligible if t.response is not None]
        for trajectory, score in zip(eligible, reward_model.score(group.task.prompt, answers), strict=True):
            trajectory.reward = score
