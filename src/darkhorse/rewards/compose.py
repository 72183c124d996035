"""From verdicts to rewards."""

from __future__ import annotations

import random
from collections.abc import Sequence

from darkhorse.config.rewards import LearnedRewardConfig
from darkhorse.config.stages import RLStage
from darkhorse.rewards.guards import guard
from darkhorse.rewards.scorer import Ask, Scorer
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.verify.open_ended import NAME as OPEN_ENDED
from darkhorse.verify.open_ended import needs_scorer, reference_of
from darkhorse.verify.verdict import Abstained, Scored

PREFERENCE = "preference"
LEARNED = (PREFERENCE, OPEN_ENDED)
"""Verifiers of answers whose quality no rule can judge in full."""


async def assign_rewards(groups: Sequence[Group], settings: RLStage, scorer: Scorer | None, seed: int) -> None:
    """Set every trajectory's reward; None masks it.

    An abstained verdict is masked. A truncated completion is masked, scored 0 or kept, as `settings.truncation` says.
    Answers to `preference` and `open_ended` tasks are scored by the scorer when there is one, and only if they pass the
    guards; a failed rule caps that score, and an abstention of the scorer masks. Everything else takes its verdict's
    score. The control `random` flips a coin instead.
    """
    rng = random.Random(seed)
    for group in groups:
        for trajectory in group.trajectories:
            trajectory.reward = _reward(trajectory, settings)
            if settings.reward == "random":
                coin = float(rng.random() < 0.5)
                trajectory.reward = None if trajectory.reward is None else coin
    if scorer is not None and settings.reward == "verifier":
        learned = [group for group in groups if group.task.verifier in LEARNED]
        await _score_answers(learned, settings, scorer)


def _reward(trajectory: Trajectory, settings: RLStage) -> float | None:
    assert trajectory.verdict is not None
    if isinstance(trajectory.verdict, Abstained):
        return None
    if trajectory.finish_reason == "length" and settings.truncation != "keep":
        return None if settings.truncation == "mask" else 0.0
    return trajectory.verdict.score


async def _score_answers(groups: Sequence[Group], settings: RLStage, scorer: Scorer) -> None:
    """The scorer's bounded score for answers that pass the guards; 0 for those that do not."""
    asked: list[tuple[Group, list[Trajectory]]] = []
    for group in groups:
        eligible: list[Trajectory] = []
        for trajectory in group.trajectories:
            if trajectory.response is None or not _may_be_scored(trajectory, settings):
                continue
            problem = guard(trajectory.response, group.task.prompt, settings.learned_reward.guards)
            if problem is None:
                eligible.append(trajectory)
            else:
                trajectory.reward, trajectory.learned = 0.0, Scored(0.0, problem, {"gate": "guard"})
        if eligible:
            asked.append((group, eligible))
    asks = [
        Ask(group.task.prompt, [t.response.answer for t in members if t.response], reference_of(group.task))
        for group, members in asked
    ]
    for (group, members), verdicts in zip(asked, await scorer.score(asks) if asks else [], strict=True):
        for trajectory, verdict in zip(members, verdicts, strict=True):
            trajectory.learned = verdict
            trajectory.reward = _gated(trajectory, group.task.verifier, settings.learned_reward)


def _may_be_scored(trajectory: Trajectory, settings: RLStage) -> bool:
    """Whether the verifier decided, or left the decision to a scorer; truncated answers keep what they got."""
    if trajectory.finish_reason == "length" and settings.truncation != "keep":
        return False
    return isinstance(trajectory.verdict, Scored) or needs_scorer(trajectory.verdict)


def _gated(trajectory: Trajectory, verifier: str, settings: LearnedRewardConfig) -> float | None:
    if not isinstance(trajectory.learned, Scored):
        return None
    score = trajectory.learned.score
    failed = isinstance(trajectory.verdict, Scored) and trajectory.verdict.score < 1.0
    return min(score, settings.failed_rule_cap) if failed and verifier in settings.gated_by else score
