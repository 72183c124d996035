"""What stage 2 gives and what it costs, and what replay and the gate have to do with it.

For every seed the recipe runs as `darkhorse train` would run it. Stage 2 is then trained again from the same stage-1
checkpoint with the same preference model, for as many steps on as many prompts: without a replay share, so that all
prompts are of the general suites (`no_replay`), and with nothing between the reward model's score and the reward
(`no_gate`: no guards, and failed rules cap nothing; the rules are those of `replies`, where the gate has to show).
Both keep the recipe's KL term. No run stops early and goes back to a better checkpoint: the runs would then differ in
length, and the loss that replay is to prevent would be hidden. Stage 2 has the same name in all, which decides, with
the seed, the prompts of each suite.

All are measured on the same held-out prompts at temperature 1, once after stage 1 and once after stage 2. A gain is
the mean over prompts and seeds of the difference. Its interval treats a prompt's differences in all seeds as one
cluster: it holds for other prompts and these trainings. The interval over seeds treats a seed's as one: it holds for
other trainings, and is wide with three of them.

Finished stages and measurements are kept, so the script can be stopped and started again. `--seeds 0 --steps 2 --n 8`
shows in minutes that all works, and nothing else.

    python benchmarks/stage2.py --jobs 2 --json benchmarks/results/stage2.json
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, TypeAlias

from rich.console import Console
from rich.table import Table

from _recipe_runs import GENERAL, RECIPE, STAGE_1, digest, run_seeds, seed_recipe
from _writing import write_json
from darkhorse.config.recipe import Recipe
from darkhorse.config.stages import RLStage
from darkhorse.evals.runner import read_samples
from darkhorse.evals.statistics import Estimate, clustered_mean

BEFORE, AFTER = "reason", "general"
STAGE_1_DONE = "stage_1"
SUITES = (*GENERAL, "replies", *STAGE_1)
ARMS = ("no_replay", "no_gate")
MOST_LOST = 0.02


class Sample(NamedTuple):
    """What was measured: a held-out prompt by a seed's policy."""

    suite: str
    prompt: str
    seed: int


Scores: TypeAlias = dict[Sample, float]
Figures: TypeAlias = dict[str, dict[str, Any]]
"""By suite, what `change` gives."""


def whole(path: Path, seed: int, output: Path, count: int | None, steps: int | None) -> Recipe:
    """The recipe for one seed, its stage 2 without early stop; ends the program if it lacks the stages compared."""
    recipe = seed_recipe(path, seed, output)
    if not all(isinstance(recipe.stage.get(name), RLStage) for name in (BEFORE, AFTER)):
        raise SystemExit(f"{path} needs 'rl' stages named {BEFORE} and {AFTER} (it has {', '.join(recipe.stage)}).")
    stage_2(recipe).watch = None
    recipe.evaluation.stages = [BEFORE, AFTER]
    if count is not None:
        recipe.name += f"-n{count}"
        recipe.evaluation.samples_per_suite = count
    if steps is not None:
        recipe.name += f"-steps{steps}"
        for stage in recipe.stage.values():
            stage.steps = steps
    return recipe


def stage_2(recipe: Recipe) -> RLStage:
    """Its settings."""
    stage = recipe.stage[AFTER]
    assert isinstance(stage, RLStage)
    return stage


def arm(recipe: Recipe, name: str) -> Recipe:
    """The recipe with another stage 2, and only that measured."""
    changed = recipe.model_copy(deep=True)
    changed.name = f"{recipe.name}-{name}"
    changed.stage = dict(list(changed.stage.items())[: list(changed.stage).index(AFTER) + 1])
    changed.evaluation.stages = [AFTER]
    stage = stage_2(changed)
    if name == "no_replay":
        stage.replay_from = stage.replay_beta = None
    else:
        stage.learned_reward.failed_rule_cap = 1.0
        stage.learned_reward.guards.checks = []
    return changed


def scores(folder: Path, stage: str, seed: int) -> Scores:
    """Of a run's stage, without abstentions."""
    return {
        Sample(row["suite"], row["task_id"], seed): row["score"]
        for row in read_samples(folder / "evals" / f"{stage}.jsonl")
        if row["mode"] == "t1" and row["score"] is not None
    }


def change(first: Scores, second: Scores, suite: str) -> dict[str, Any]:
    """Means over the samples that both have, and the mean of their difference with its 95 % intervals."""
    both = sorted(sample for sample in first.keys() & second.keys() if sample.suite == suite)
    gains = [second[sample] - first[sample] for sample in both]
    by_prompt = clustered_mean(gains, [sample.prompt for sample in both])
    by_seed = clustered_mean(gains, [sample.seed for sample in both])
    return {
        "before": fmean(first[sample] for sample in both),
        "after": fmean(second[sample] for sample in both),
        "gain": by_prompt.mean,
        **ends(by_prompt, ""),
        **ends(by_seed, "seeds_"),
        "n": len(both),
    }


def ends(estimate: Estimate, prefix: str) -> dict[str, float | None]:
    """Of its interval; None where a single cluster leaves it without."""
    found = {f"{prefix}low": estimate.low, f"{prefix}high": estimate.high}
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def changes(first: Scores, second: Scores) -> Figures:
    """By suite, those of the general ones first."""
    measured = {sample.suite for sample in first}
    return {suite: change(first, second, suite) for suite in SUITES if suite in measured}


def holds(suite: str, row: dict[str, Any]) -> bool:
    """Whether stage 2 did what is claimed of it: lifts a general suite for certain, costs another little."""
    return bool(row["gain"] >= -MOST_LOST) if suite in STAGE_1 else row["low"] is not None and row["low"] > 0


def measured_so_far(
    recipes: Mapping[int, Recipe], derive: Callable[[Recipe], Mapping[str, Recipe]]
) -> Iterator[tuple[int, dict[str, Path]]]:
    """As `run_seeds`, but of what is there."""
    for seed, recipe in recipes.items():
        folders = {name: Path(run.output) / run.name for name, run in {RECIPE: recipe, **derive(recipe)}.items()}
        found = {name: path for name, path in folders.items() if (path / "evals" / f"{AFTER}.jsonl").exists()}
        if RECIPE in found:
            yield seed, found


def figures(measured: dict[str, Scores]) -> dict[str, Any]:
    """All that is reported, as fractions; an arm is compared over the seeds that it has been trained with."""
    before, recipe = measured[STAGE_1_DONE], measured[RECIPE]
    arms = [name for name in ARMS if measured.get(name)]
    seeds = sorted({sample.seed for sample in before})

    def means(scores: Scores, seed: int) -> dict[str, float]:
        suites = dict.fromkeys(sample.suite for sample in scores if sample.seed == seed)
        return {suite: fmean(v for s, v in scores.items() if (s.suite, s.seed) == (suite, seed)) for suite in suites}

    return {
        "stage2": changes(before, recipe) | {name: changes(before, measured[name]) for name in arms},
        "recipe_minus": {name: changes(measured[name], recipe) for name in arms},
        "seeds": {
            str(seed): {name: found for name, scores in measured.items() if (found := means(scores, seed))}
            for seed in seeds
        },
    }


def points(row: dict[str, Any], prefix: str = "") -> str:
    """An interval in percentage points."""
    low, high = row[f"{prefix}low"], row[f"{prefix}high"]
    return "" if low is None else f"[{100 * low:+.1f}, {100 * high:+.1f}]"


def print_table(title: str, columns: tuple[str, str], rows: Figures, claimed: bool) -> None:
    """In percent and percentage points."""
    names = ("suite", *columns, "gain", "95 % interval", "over seeds", *(["claim"] if claimed else []))
    table = Table(title=title)
    for name in names:
        table.add_column(name, justify="left" if name in ("suite", "claim") else "right")
    for suite, row in rows.items():
        cells = [f"{100 * row['before']:.1f}", f"{100 * row['after']:.1f}", f"{100 * row['gain']:+.1f}"]
        cells += [points(row), points(row, "seeds_")]
        if claimed:
            cells.append("met" if holds(suite, row) else "not met")
        table.add_row(suite, *cells)
    Console(width=120).print(table)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/all-rounder.toml"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", choices=ARMS, nargs="*", default=list(ARMS), help="beside the recipe as it stands")
    parser.add_argument("--n", type=int, help="held-out prompts a suite; as in the recipe when unset")
    parser.add_argument("--steps", type=int, help="optimizer steps of every stage; as in the recipe when unset")
    parser.add_argument("--output", type=Path, default=Path("runs/stage2"))
    parser.add_argument("--jobs", type=int, default=1, help="runs at once")
    parser.add_argument("--report", action="store_true", help="of what has been measured so far; runs nothing")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    recipes = {
        seed: whole(options.recipe, seed, options.output, options.n, options.steps) for seed in sorted(options.seeds)
    }
    settings = {"recipe": digest(options.recipe), "n": options.n, "steps": options.steps}
    measured: dict[str, Scores] = {name: {} for name in (STAGE_1_DONE, RECIPE, *options.arms)}

    def arms(recipe: Recipe) -> dict[str, Recipe]:
        return {name: arm(recipe, name) for name in options.arms}

    runs = measured_so_far(recipes, arms) if options.report else run_seeds(recipes, arms, options.jobs)
    for seed, folders in runs:
        measured[STAGE_1_DONE] |= scores(folders[RECIPE], BEFORE, seed)
        for name, folder in folders.items():
            measured[name] |= scores(folder, AFTER, seed)
        write_json(options.json, {**settings, **figures(measured)})
    if not measured[RECIPE]:
        raise SystemExit(f"Nothing has been measured in {options.output} yet.")
    result = figures(measured)
    without = {name: result["stage2"].pop(name) for name in result["recipe_minus"]}
    for name, rows in {"as in the recipe": result["stage2"], **without}.items():
        print_table(f"stage 2, {name}", ("before", "after"), rows, claimed=True)
    for name, rows in result["recipe_minus"].items():
        print_table(f"the recipe against {name}", (name, "recipe"), rows, claimed=False)


if __name__ == "__main__":
    main()
