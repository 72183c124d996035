"""Groups of judged trajectories: what training learns from and evaluation counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darkhorse.agent.episode import run_episodes
from darkhorse.agent.tools import Tool
from darkhorse.chat.renderer import Renderer
from darkhorse.config.rollout import AgentConfig
from darkhorse.rollout.engine import Engine, SamplingParams
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import Context, judge
from darkhorse.verify.verdict import Abstained, Scored


@dataclass(frozen=True)
class Workplace:
    """Everything an episode needs besides the task.

    Attributes:
        engine: samples from the policy.
        renderer: of its tokenizer.
        context: what verifiers need.
        tools: executable tools by name.
        agent: limits of episodes.
    """

    engine: Engine
    renderer: Renderer
    context: Context
    tools: Mapping[str, Tool]
    agent: AgentConfig


@dataclass
class SampledGroups:
    """Groups whose episodes are over, while some of them are still being judged by `judging`."""

    groups: list[Group]
    judging: list[asyncio.Task[None]]

    async def judged(self) -> list[Group]:
        """The groups, once every verdict is there."""
        try:
            await asyncio.gather(*self.judging)
        finally:
            self.give_up()
        return self.groups

    def give_up(self) -> None:
        """Stop judging."""
        for unfinished in self.judging:
            unfinished.cancel()


async def sample_groups(
    place: Workplace,
    tasks: Sequence[Task],
    num_generations: int,
    sampling: Sequence[SamplingParams],
    seeds: Sequence[int],
    on_first_turn: Callable[[], None] | None = None,
) -> SampledGroups:
    """Run `num_generations` episodes of every task; arguments as in `run_episodes`.

    An episode is judged as soon as it ends, while the others are still being decoded.

    Raises:
        UserError: when judged, if a task names a verifier that does not exist.
    """
    sampled = SampledGroups([], [])

    def judge_now(task: Task, trajectory: Trajectory) -> None:
        sampled.judging.append(asyncio.create_task(_judge(task, trajectory, place.context)))

    try:
        episodes = await run_episodes(
            place.engine,
            place.renderer,
            tasks,
            num_generations,
            sampling,
            seeds,
            place.tools,
            place.agent,
            on_first_turn,
            judge_now,
            place.context,
        )
    except BaseException:
        sampled.give_up()
        raise
    sampled.groups += [Group(task, trajectories) for task, trajectories in zip(tasks, episodes, strict=True)]
    return sampled


async def collect_groups(sampling: Awaitable[SampledGroups]) -> list[Group]:
    """What `sample_groups` gives, once every verdict is there."""
    return await (await sampling).judged()


async def _judge(task: Task, trajectory: Trajectory, context: Context) -> None:
    assert trajectory.response is not None
    if trajectory.failure is not None:
        trajectory.verdict = Abstained(trajectory.failure)
    else:
        trajectory.verdict = await judge(task, trajectory.response, context)


def sample_row(stage: str, mode: str, task: Task, trajectory: Trajectory) -> dict[str, Any]:
    """One line of `rollouts.jsonl` or of an evaluation's samples: everything a reader wants to see."""
    response, verdict = trajectory.response, trajectory.verdict
    assert response is not None and verdict is not None
    return {
        "stage": stage,
        "mode": mode,
        "task_id": task.id,
        "suite": task.suite,
        "source": task.source,
        "verifier": task.verifier,
        "prompt": list(task.prompt),
        "tools": [schema["function"]["name"] for schema in task.tools],
        "turns": list(response.turns),
        "thinking": response.thinking,
        "answer": response.answer,
        "truth": task.truth,
        "state": response.state,
        "verdict": "scored" if isinstance(verdict, Scored) else "abstained",
        "score": trajectory.score,
        "reason": verdict.reason,
        "reward": trajectory.reward,
        "advantage": trajectory.advantage,
        "tokens": trajectory.num_sampled,
        "finish_reason": trajectory.finish_reason,
    }
