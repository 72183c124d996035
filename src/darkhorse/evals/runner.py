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
from darkhorse.agent.workplace import open_workplace
from darkhorse.config.evals import EvaluationConfig
from darkhorse.config.model import ModelConfig
from darkhorse.config.recipe import Recipe
from darkhorse.config.tasks import SyntheticSource
from darkhorse.errors import UserError, did_you_mean
from darkhorse.evals.summary import suite_figures
from darkhorse.observe.progress import StageProgress
from darkhorse.policy.loading import load_policy
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


SUITES = ("mathematics", "programming", "instructions", "function_calls", "tools", "preference")


def evaluate_model(model: str, suites: Sequence[str], n: int, temperature: float, seed: int) -> dict[str, Any]:
    """Measure any model on held-out synthetic suites.

    Args:
        model: a name as `[model] name` takes it, or a checkpoint folder.
        suites: which to measure; all when empty.
        n: prompts per suite.
        temperature: of the sampling; 0 is greedy.
        seed: of the sampling.

    Returns:
        `{suite: {"n", "greedy", "t1", "t1_low", "t1_high", ...}}`; a greedy measurement fills `t1` too.

    Raises:
        UserError: if the model or a suite does not exist.
    """
    unknown = [suite for suite in suites if suite not in SUITES]
    if unknown:
        raise UserError(f"There is no suite '{unknown[0]}'.", did_you_mean(unknown[0], SUITES))
    recipe = Recipe(model=ModelConfig(name=model))
    config = EvaluationConfig.model_validate(
        {
            "tasks": [SyntheticSource.model_validate({"suite": suite}) for suite in suites or SUITES],
            "samples_per_suite": n,
            "sampling": {"temperature": temperature},
        }
    )
    policy = load_policy(recipe.model)
    with open_workplace(recipe, policy) as place:
        return suite_figures(evaluate(place, config, "model", False, seed))
