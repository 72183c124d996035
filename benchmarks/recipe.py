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
import json
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

from _recipe_runs import GENERAL, RECIPE, STAGE_1, digest, run_seeds, seed_recipe
from _writing import write_json
from darkhorse.config.recipe import Recipe
from darkhorse.config.stages import RLStage, SFTStage

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


def earlier(path: Path | None, recipe: str) -> Seeds:
    """The seeds of an earlier run that wrote the same JSON file; ends the program if its recipe was another one."""
    if path is None or not path.exists():
        return {}
    written = json.loads(path.read_text())
    if written["recipe"] != recipe:
        raise SystemExit(f"{path} holds figures of another recipe. Name another file with --json, or remove it.")
    return {int(seed): stages for seed, stages in written["seeds"].items()}


def accuracies(folders: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Accuracy at temperature 1 by stage and suite, of a seed's recipe and then of each control."""
    measured = {kind: json.loads((folder / "summary.json").read_text())["stages"] for kind, folder in folders.items()}
    stages = measured.pop(RECIPE) | {kind: found[kind] for kind, found in measured.items()}
    return {stage: {suite: row["t1"] for suite, row in suites.items()} for stage, suites in stages.items()}


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
    wanted = {seed: seed_recipe(arguments.recipe, seed, arguments.output) for seed in arguments.seeds}

    def controls(recipe: Recipe) -> dict[str, Recipe]:
        return {kind: control(recipe, kind) for kind in arguments.controls}

    for seed, folders in run_seeds(wanted, controls, arguments.jobs):
        seeds = dict(sorted({**seeds, seed: accuracies(folders)}.items()))
        write_json(arguments.json, {"recipe": recipe, **figures(seeds)})
    print_table(seeds)
    result = figures(seeds)
    for claim, value in result.items():
        if claim != "seeds":
            print(f"{claim}: {json.dumps(value)}")


if __name__ == "__main__":
    main()
