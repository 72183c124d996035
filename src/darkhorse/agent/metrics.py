"""What a batch of episodes says about the agent: turns, tools, feedback, and what was down."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.types import Message


def episode_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """Metrics of the episodes in which something was answered, or went wrong; none where there are no such.

    `agent/turns`: mean number of the model's turns; `agent/tool_errors`: share of tools' answers that are errors;
    `agent/failures`: episodes abstained on since a tool or a world was down; `agent/before_feedback` and
    `agent/after_feedback`: accuracy of the first answer, and of the episode, where a user can say what is wrong.
    """
    trajectories = [trajectory for group in groups for trajectory in group.trajectories]
    metrics: dict[str, float] = {}
    several = [trajectory for trajectory in trajectories if len(trajectory.turn_lengths) > 1]
    if several:
        metrics["agent/turns"] = fmean(len(trajectory.turn_lengths) for trajectory in several)
    answers = [message for trajectory in several for message in _tool_messages(trajectory)]
    if answers:
        metrics["agent/tool_errors"] = fmean(str(answer["content"]).startswith("Error") for answer in answers)
    failures = sum(trajectory.failure is not None for trajectory in trajectories)
    if several or failures:
        metrics["agent/failures"] = float(failures)
    scored = [
        (before, trajectory.score)
        for trajectory in trajectories
        if (before := first_score(trajectory)) is not None and trajectory.score is not None
    ]
    if scored:
        metrics["agent/before_feedback"] = fmean(before for before, _ in scored)
        metrics["agent/after_feedback"] = fmean(after for _, after in scored)
    return metrics


def first_score(trajectory: Trajectory) -> float | None:
    """Score of the first answer of an episode whose world scores every answer (environment `feedback`)."""
    state = trajectory.response.state if trajectory.response is not None else None
    scores = state.get("scores") if isinstance(state, dict) else None
    return float(scores[0]) if scores else None


def _tool_messages(trajectory: Trajectory) -> list[Message]:
    turns = trajectory.response.turns if trajectory.response is not None else ()
    return [message for message in turns if message["role"] == "tool"]
