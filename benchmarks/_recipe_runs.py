"""Whole recipes over several seeds, and runs derived from each that start from the very stages it made."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from itertools import takewhile
from pathlib import Path

import torch

from darkhorse.config.loading import load_recipe
from darkhorse.config.recipe import Recipe
from darkhorse.config.stages import RewardModelStage
from darkhorse.recipe import run_recipe

STAGE_1 = ("mathematics", "programming")
GENERAL = ("instructions", "function_calls", "tools", "preference")
RECIPE = "recipe"
"""Name of the run from which the others of its seed are derived."""


def seed_recipe(path: Path, seed: int, output: Path) -> Recipe:
    """The recipe as it runs for one seed."""
    recipe = load_recipe(path, [])
    recipe.seed, recipe.output, recipe.name = seed, str(output), f"seed{seed}"
    # only what the claims need: temperature 1, after every stage
    recipe.evaluation.greedy = []
    recipe.evaluation.stages = [name for name, stage in recipe.stage.items() if not isinstance(stage, RewardModelStage)]
    return recipe


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


def run_seeds(
    recipes: Mapping[int, Recipe], derive: Callable[[Recipe], Mapping[str, Recipe]], jobs: int
) -> Iterator[tuple[int, dict[str, Path]]]:
    """Run each seed's recipe and what is derived from it; what is done already is not done again.

    Args:
        recipes: by seed.
        derive: the runs to derive from a recipe, by name; they share the leading stages whose settings are the same.
        jobs: runs beside each other, each on its part of the processor's threads.

    Yields:
        A seed once all its runs are done, and their folders by name; the recipe's own is called `RECIPE`.
    """
    threads = max((os.cpu_count() or 1) // jobs, 1)
    context = multiprocessing.get_context("spawn")
    found: dict[int, dict[str, Path]] = {}
    with ProcessPoolExecutor(jobs, context, _start_worker, (threads,), max_tasks_per_child=1) as pool:
        firsts = {pool.submit(_run, recipe): seed for seed, recipe in recipes.items()}
        others: dict[Future[Path], tuple[int, str]] = {}
        missing: dict[int, int] = {}
        for done in as_completed(firsts):
            seed = firsts[done]
            found[seed] = {RECIPE: done.result()}
            derived = derive(recipes[seed])
            missing[seed] = len(derived)
            if not derived:
                yield seed, found[seed]
            for name, recipe in derived.items():
                _share_stages(recipes[seed], recipe)
                others[pool.submit(_run, recipe)] = (seed, name)
        for done in as_completed(others):
            seed, name = others[done]
            found[seed][name] = done.result()
            missing[seed] -= 1
            if not missing[seed]:
                yield seed, found[seed]


def _run(recipe: Recipe) -> Path:
    """Run a recipe to its end, its output going to a log beside its folder; returns the run's folder."""
    folder = Path(recipe.output)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{recipe.name}.log").open("a", buffering=1) as log, contextlib.redirect_stdout(log):
        return run_recipe(recipe)


def _share_stages(source: Recipe, target: Recipe) -> None:
    """Let a run start from the stages that another made, as far as both are the same, and from the same base model."""
    made, folder = Path(source.output) / source.name, Path(target.output) / target.name
    folder.mkdir(parents=True, exist_ok=True)
    same = takewhile(lambda name: target.stage[name] == source.stage.get(name), target.stage)
    for name in (*same, "base_model.json"):
        if not (folder / name).exists():
            (folder / name).symlink_to((made / name).resolve())


def _start_worker(threads: int) -> None:
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Were a worker to outlive a killed script, it would write into the folders that the next start uses."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
