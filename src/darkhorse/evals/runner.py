"""Measuring a policy: a rollout with verdicts and no update."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkhorse.agent.collect import Workplace, collect_groups, sample_groups, sample_row
from darkhorse.agent.episode import derive_seed
from darkhorse.config.evals import EvaluationConfig
from darkhorse.observe.progress import StageProgress
from darkhorse.policy.saving import write_file
from darkhorse.rollout.engine import SamplingParams
from darkhorse.tasks.build import held_out

Row = dict[str, Any]
_SHOWN_EVERY = 50
BASE = "base"
"""Name of the measurement before the first stage."""


def evaluate(place: Workplace, config: EvaluationConfig, stage: str, greedy: bool, seed: int) -> list[Row]:
    """One sample of every held-out prompt at the configured temperature, and greedy ones too where asked.

    The same prompts and the same random numbers serve every stage, so stages compare pairwise.

    Args:
        place: engine, verifiers' context and tools.
        config: suites and sampling.
        stage: named in the samples.
        greedy: whether to measure greedy decoding too.
        seed: of the sampling.

    Returns:
        Samples, in the shape of `sample_row`.
    """
    count = config.samples_per_suite
    if stage == BASE and config.base_samples_per_suite is not None:
        count = config.base_samples_per_suite
    suites = [[item.task for item in held_out(source, count)] for source in config.tasks]
    if not any(suites):
        return []
    settings = {
        "t1": SamplingParams.of(config.sampling, 0),
        "greedy": SamplingParams(temperature=0.0, max_tokens=config.sampling.max_completion_length),
    }
    # everything at once: a prompt is read once for both modes, and the batch stays full until the very end
    jobs = [("t1", task) for tasks in suites for task in tasks]
    if greedy:
        jobs += [("greedy", task) for tasks in suites for task in tasks[: config.greedy_samples_per_suite]]
    done = itertools.count(1)
    with StageProgress(f"evaluate {stage}", len(jobs)) as progress:

        def show() -> None:
            number = next(done)
            if number % _SHOWN_EVERY == 0:
                progress.update(number, {})

        seeds = [derive_seed(seed, "evaluation", task.id) for _, task in jobs]
        sampling = [settings[mode] for mode, _ in jobs]
        groups = asyncio.run(collect_groups(sample_groups(place, [task for _, task in jobs], 1, sampling, seeds, show)))
    return [
        sample_row(stage, mode, group.task, group.trajectories[0])
        for (mode, _), group in zip(jobs, groups, strict=True)
    ]


def write_samples(path: Path, rows: Sequence[Row]) -> None:
    """Write an evaluation's samples, all at once."""
    write_file(path, "".join(json.dumps(row, default=repr) + "\n" for row in rows))


def read_samples(path: Path) -> list[Row]:
    """The samples `write_samples` wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()]
