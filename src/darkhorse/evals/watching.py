"""Measuring a policy in the middle of a stage, on held-out prompts that no evaluation uses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from statistics import fmean

from darkhorse.agent.collect import Workplace, collect_groups, sample_groups, sample_row
from darkhorse.agent.episode import derive_seed
from darkhorse.config.evals import EvaluationConfig
from darkhorse.config.stages import WatchConfig
from darkhorse.config.tasks import SyntheticSource
from darkhorse.errors import UserError
from darkhorse.evals.summary import suite_figures
from darkhorse.observe.measured import Measured
from darkhorse.rollout.engine import SamplingParams
from darkhorse.tasks.build import held_out
from darkhorse.tasks.task import Task, normalise_prompt


def watching(
    place: Workplace, settings: WatchConfig, evaluation: EvaluationConfig, sync: Callable[[], None], seed: int
) -> Callable[[], Measured]:
    """What a `Watch` measures with: one sample of every prompt, the same prompts and random numbers each time.

    Args:
        place: engine, verifiers' context and tools.
        settings: suites and prompts per suite.
        evaluation: its sampling is used; its prompts are not, so that choosing a checkpoint does not flatter it.
        sync: hands the current weights to the engine.
        seed: of the sampling.

    Raises:
        UserError: if a suite has too few other prompts.
    """
    used = {
        normalise_prompt(item.task.prompt)
        for source in evaluation.tasks
        for item in held_out(source, evaluation.samples_per_suite)
    }
    watched = _fresh(settings.tasks, settings.samples_per_suite, used, evaluation.samples_per_suite)
    improved = _fresh(settings.improves, settings.samples_per_suite, used, evaluation.samples_per_suite)
    params = SamplingParams.of(evaluation.sampling, 0)

    def measure() -> Measured:
        sync()
        tasks = [*watched, *improved]
        seeds = [derive_seed(seed, "watch", task.id) for task in tasks]
        groups = asyncio.run(collect_groups(sample_groups(place, tasks, 1, [params] * len(tasks), seeds)))
        rows = [sample_row("watch", "t1", group.task, group.trajectories[0]) for group in groups]
        figures = suite_figures(rows[: len(watched)])
        found = {suite: one for suite, one in figures.items() if one["t1"] is not None}
        means = [one["t1"] for one in suite_figures(rows[len(watched) :]).values() if one["t1"] is not None]
        return Measured(
            {suite: one["t1"] for suite, one in found.items()},
            {suite: one["t1_low"] for suite, one in found.items()},
            fmean(means) if means else None,
        )

    return measure


def _fresh(sources: Sequence[SyntheticSource], count: int, used: set[str], skip: int) -> list[Task]:
    found: list[Task] = []
    for source in sources:
        tasks = [item.task for item in held_out(source, skip + count)]
        tasks = [task for task in tasks if normalise_prompt(task.prompt) not in used][:count]
        if len(tasks) < 2:
            raise UserError(
                f"Suite '{source.suite}' has no held-out prompts left to watch besides the {skip} of the evaluation.",
                "Lower evaluation.samples_per_suite, or raise the suite's max_level.",
            )
        found += tasks
    return found
