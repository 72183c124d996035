"""Does reinforcement learning earn its keep? The whole recipe over several seeds, beside controls of equal steps.

For every seed the recipe runs as `darkhorse train` would run it. Controls then start from the same cold start and take
as many optimizer steps as stage 1: the cold start carried on (`sft_continued`), and the same reinforcement learning
with rewards that are coin flips (`random_reward`). A third, `sft_stage_1`, is fine-tuned on worked demonstrations of
the stage-1 tasks alone; it has a teacher for every task, which reinforcement learning does without. All are measured
on the same held-out prompts at temperature 1. Finished parts are kept, so the script can be stopped and started again;
the JSON file grows by each seed that is complete, and those already in it are shown with the new ones. With `--jobs 2`
two parts run beside each other on half of the cores each, which wastes fewer of them on what does not run in parallel.

    python benchmarks/recipe.py --seeds 0 1 2 --jobs 2 --json benchmarks/results/recipe.json
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias

import torch
from rich.console import Console
from rich.table import Table

from _writing import write_json
from darkhorse.config.loading import load_recipe
from darkhorse.config.recipe import Recipe
from darkhorse.config.stages import RewardModelStage, RLStage, SFTStage
from darkhorse.recipe import run_recipe

STAGE_1 = ("mathematics", "programming")
GENERAL = ("instructions", "function_calls", "tools", "preference")
CONTROLS = ("sft_continued", "random_reward", "sft_stage_1")

Seeds: TypeAlias = dict[int, dict[str, dict[str, float]]]
"""Accuracy at temperature 1 by seed, stage (or control) and suite."""


def control(recipe: Recipe, kind: str) -> Recipe:
    """The recipe with stage 1 replaced by a control, and nothing after it."""
    changed = recipe.model_copy(deep=True)
    reason, cold_start = changed.stage["reason"], changed.stage["cold_start"]
    assert isinstance(reason, RLStage) and isinstance(cold_start, SFTStage)
    if kind == "random_reward":
        stage: SFTStage | RLStage = reason.model_copy(update={"reward": "random"})
    else:
        # the cold start's rate has fallen to a tenth by its end; up again to a third of its peak, it learns faster
        tasks = cold_start.tasks if kind == "sft_continued" else reason.tasks
        update = {"tasks": tasks, "steps": reason.steps, "learning_rate": cold_start.learning_rate / 3}
        stage = cold_start.model_copy(update=update)
    changed.name = f"{recipe.name}-{kind}"
    changed.stage = {"cold_start": cold_start, kind: stage.model_copy(update={"init_from": "cold_start"})}
    changed.evaluation.stages = [kind]
    changed.evaluation.tasks = [source for source in changed.evaluation.tasks if source.suite in STAGE_1]
    return changed


def run(recipe: Recipe) -> dict[str, Any]:
    """Run a recipe to its end, its output going to a log beside its folder; returns the stages of its summary."""
    folder = Path(recipe.output)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{recipe.name}.log").open("a") as log, contextlib.redirect_stdout(log):
        summary = json.loads((run_recipe(recipe) / "summary.json").read_text())
    stages: dict[str, Any] = summary["stages"]
    return stages


def seed_recipe(path: Path, seed: int, output: Path) -> Recipe:
    """The recipe as it runs for one seed."""
    recipe = load_recipe(path, [])
    recipe.seed, recipe.output, recipe.name = seed, str(output), f"seed{seed}"
    # only what the claims need: temperature 1, after every stage
    recipe.evaluation.greedy = []
    recipe.evaluation.stages = [name for name, stage in recipe.stage.items() if not isinstance(stage, RewardModelStage)]
    return recipe


def earlier(path: Path | None, recipe: str) -> Seeds:
    """The seeds of an earlier run that wrote the same JSON file; ends the program if its recipe was another one."""
    if path is None or not path.exists():
        return {}
    written = json.loads(path.read_text())
    if written["recipe"] != recipe:
        raise SystemExit(f"{path} holds figures of another recipe. Name another file with --json, or remove it.")
    return {int(seed): stages for seed, stages in written["seeds"].items()}


def digest(path: Path) -> str:
    """Of the settings that are not defaults, so that figures of different recipes are not mixed up. What does not
    change them is left out: lanes, and how much is decoded greedily.
    """
    recipe = load_recipe(path, [])
    left_out = {"engine": {"lanes", "min_sequences_per_lane"}, "evaluation": {"greedy_samples_per_suite"}}
    settings = recipe.model_dump(mode="json", exclude_defaults=True, exclude=left_out)
    for stage in settings["stage"].values():
        stage.pop("lanes", None)
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def run_all(
    path: Path, seeds: list[int], kinds: list[str], output: Path, jobs: int
) -> Iterator[tuple[int, dict[str, dict[str, float]]]]:
    """All stages of all seeds and their controls of the given kinds; a seed is handed out when it is complete."""
    threads = max((os.cpu_count() or 1) // jobs, 1)
    context = multiprocessing.get_context("spawn")
    found: dict[int, dict[str, Any]] = {}
    with ProcessPoolExecutor(jobs, context, torch.set_num_threads, (threads,), max_tasks_per_child=1) as pool:
        recipes = {pool.submit(run, seed_recipe(path, seed, output)): seed for seed in seeds}
        controls: dict[Future[dict[str, Any]], tuple[int, str]] = {}
        for done in as_completed(recipes):
            seed = recipes[done]
            found[seed] = dict(done.result())
            for kind in kinds:
                recipe = seed_recipe(path, seed, output)
                changed = control(recipe, kind)
                share_cold_start(output / recipe.name, output / changed.name)
                controls[pool.submit(run, changed)] = (seed, kind)
        missing = {seed: len(kinds) for seed in seeds}
        for done in as_completed(controls):
            seed, kind = controls[done]
            found[seed][kind] = done.result()[kind]
            missing[seed] -= 1
            if not missing[seed]:
                yield (
                    seed,
                    {stage: {s: r["t1"] for s, r in suites.items()} for stage, suites in found[seed].items()},
                )


def share_cold_start(source: Path, target: Path) -> None:
    """Let a control start from the very cold start its recipe made, and from the same base model."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("cold_start", "base_model.json"):
        if not (target / name).exists():
            (target / name).symlink_to((source / name).resolve())


def mean_of(stages: dict[str, dict[str, float]], stage: str, suites: tuple[str, ...]) -> float:
    """Mean accuracy over suites, in percent."""
    return 100 * fmean(stages[stage][suite] for suite in suites)


def figures(seeds: Seeds) -> dict[str, Any]:
    """The claims, each as a mean over the seeds in percentage points."""

    def gain(after: str, before: str, suites: tuple[str, ...]) -> float:
        return fmean(mean_of(s, after, suites) - mean_of(s, before, suites) for s in seeds.values())

    return {
        "seeds": {str(seed): stages for seed, stages in seeds.items()},
        "stage_1_gain": {suite: gain("reason", "cold_start", (suite,)) for suite in STAGE_1},
        "stage_2_gain": {suite: gain("general", "reason", (suite,)) for suite in (*STAGE_1, *GENERAL)},
        "stage_2_general_gain": gain("general", "reason", GENERAL),
        "stage_2_cost": -gain("general", "reason", STAGE_1),
        **{
            f"rl_minus_{name}": gain("reason", name, STAGE_1)
            for name in CONTROLS
            if all(name in stages for stages in seeds.values())
        },
    }


def print_table(seeds: Seeds) -> None:
    """Accuracy in percent at temperature 1, by seed and stage."""
    table = Table(title="held-out accuracy in %, temperature 1")
    columns = {"stage 1": STAGE_1, "general": GENERAL, **{suite: (suite,) for suite in (*STAGE_1, *GENERAL)}}
    for column in ("seed", "after", *columns):
        table.add_column(column, justify="left" if column in ("seed", "after") else "right")
    for seed, stages in seeds.items():
        for stage in stages:
            cells = [
                f"{mean_of(stages, stage, suites):.1f}" if all(s in stages[stage] for s in suites) else ""
                for suites in columns.values()
            ]
            table.add_row(str(seed), stage, *cells)
        table.add_section()
    Console(width=150).print(table)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/quickstart.toml"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--controls", choices=CONTROLS, nargs="+", default=list(CONTROLS))
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--jobs", type=int, default=1, help="parts run at once")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    recipe = digest(arguments.recipe)
    seeds = earlier(arguments.json, recipe)
    measured = run_all(arguments.recipe, arguments.seeds, arguments.controls, arguments.output, arguments.jobs)
    for seed, stages in measured:
        seeds = dict(sorted({**seeds, seed: stages}.items()))
        write_json(arguments.json, {"recipe": recipe, **figures(seeds)})
    print_table(seeds)
    result = figures(seeds)
    for claim, value in result.items():
        if claim != "seeds":
            print(f"{claim}: {json.dumps(value)}")


if __name__ == "__main__":
    main()
