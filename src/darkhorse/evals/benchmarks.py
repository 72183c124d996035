"""The published benchmarks that a recipe names: settled, checked before anything runs, and measured at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from darkhorse.config.evals import BenchmarkConfig, EvaluationConfig
from darkhorse.config.recipe import Recipe
from darkhorse.errors import UserError
from darkhorse.evals.command import evaluate_policy
from darkhorse.evals.data import default_folder
from darkhorse.evals.measure import Plan, plan
from darkhorse.evals.suites import PUBLISHED, check_benchmarks


def data_folder(config: EvaluationConfig) -> Path | None:
    """Where a recipe's benchmark data lie; None for the hub."""
    return Path(config.data) if config.data is not None else default_folder()


def benchmark_plans(config: EvaluationConfig) -> list[Plan]:
    """A recipe's benchmarks with their data and protocols.

    Raises:
        UserError: if there is no such benchmark or its data cannot be had; the message names the setting.
    """
    check_benchmarks(config)
    plans = []
    for number, item in enumerate(config.benchmarks):
        try:
            plans.append(plan(PUBLISHED[item.benchmark], data_folder(config), item.limit, _protocol(item)))
        except UserError as error:
            field = f"evaluation.benchmarks.{number}.benchmark = '{item.benchmark}'"
            raise UserError(f"{field}: {error.message}", error.remedy) from error
    return plans


def run_benchmarks(recipe: Recipe, source: str, run_dir: Path) -> dict[str, Any]:
    """Measure a policy on a recipe's benchmarks; what the folder holds already is not run again.

    Tools and limits of the recipe's episodes are left out: a published protocol has none.

    Args:
        recipe: its model, engine, sandbox, seed and evaluation count.
        source: folder of the policy, or a model's name.
        run_dir: the run's folder; the results go where `darkhorse eval RUN` adds to them.

    Returns:
        The results, as in `results.json`.

    Raises:
        UserError: if data are missing, or the folder holds other results.
    """
    plain = Recipe(model=recipe.model, engine=recipe.engine, sandbox=recipe.sandbox)
    plans = benchmark_plans(recipe.evaluation)
    return evaluate_policy(plain, source, plans, run_dir.resolve().name, run_dir / "benchmarks", recipe.seed)


def brief(results: dict[str, Any], config: EvaluationConfig) -> dict[str, dict[str, Any]]:
    """What `summary.json` says of a recipe's benchmarks, by name: scores as shares of 1, and counts."""
    names = ("score", "low", "high", "problems", "samples", "judged", "abstained", "missing", "truncated", "no_answer")
    return {
        item.benchmark: {name: results["suites"][item.benchmark][name] for name in names}
        for item in config.benchmarks
        if item.benchmark in results["suites"]
    }


def _protocol(item: BenchmarkConfig) -> dict[str, Any]:
    """The settings of a benchmark by the names of `Protocol`."""
    sampling = item.sampling.model_dump()
    return {"samples": item.samples, "max_tokens": sampling.pop("max_completion_length"), **sampling}
