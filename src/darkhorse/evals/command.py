"""What `darkhorse eval` does: settle the suites, open the model, measure, and write the pages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkhorse.agent.workplace import open_workplace, run_limits
from darkhorse.config.model import ModelConfig
from darkhorse.config.recipe import Recipe
from darkhorse.config.sandbox import SandboxConfig
from darkhorse.errors import UserError
from darkhorse.evals.endpoint import Endpoint, EndpointOptions
from darkhorse.evals.local_target import LocalTarget
from darkhorse.evals.measure import Plan, measure, plan
from darkhorse.evals.page import write_page
from darkhorse.evals.suites import find_suites
from darkhorse.policy.loading import load_policy, resolve
from darkhorse.policy.long_context import window
from darkhorse.verify.registry import Context


@dataclass(frozen=True)
class EvaluationOptions:
    """What to measure and how.

    Attributes:
        suites: their names.
        data: folder of local data; None takes them from the hub.
        limit: most problems of each suite.
        seed: of the sampling.
        output: folder of the results.
        changes: settings of the sampling that go before each suite's protocol, by the names of `Protocol`.
        dtype: of a local model; None for that of its recipe's default.
        name: what tables call a local model; by default the last part of its path.
    """

    suites: Sequence[str]
    data: Path | None
    limit: int | None
    seed: int
    output: Path
    changes: Mapping[str, Any] = field(default_factory=dict)
    dtype: str | None = None
    name: str | None = None


def evaluate_checkpoint(model: str, options: EvaluationOptions) -> dict[str, Any]:
    """Measure a model of this machine.

    Args:
        model: a checkpoint's folder or a model's name, as `[model] name` takes it.
        options: what to measure.

    Returns:
        The results, as in `results.json`; `report.html` stands beside it.

    Raises:
        UserError: if the model, a suite or its data do not exist, or the folder holds other results.
    """
    plans = _plans(options)
    settings = {"name": model} if options.dtype is None else {"name": model, "dtype": options.dtype}
    recipe = Recipe(model=ModelConfig.model_validate(settings))
    name = options.name or short_name(model)
    return evaluate_policy(recipe, resolve(model), plans, name, options.output, options.seed)


def evaluate_policy(
    recipe: Recipe, source: str, plans: Sequence[Plan], name: str, folder: Path, seed: int
) -> dict[str, Any]:
    """Measure a model of this machine on suites that are settled.

    Args:
        recipe: how to hold the model and what it works with.
        source: its folder, `.gguf` file or hub id.
        plans: the suites.
        name: what tables call it.
        folder: of the results.
        seed: of the sampling.

    Returns:
        The results, as in `results.json`; `report.html` stands beside it.

    Raises:
        UserError: if the model does not exist, or the folder holds other results.
    """
    policy = load_policy(recipe.model, source)
    with open_workplace(recipe, policy) as place:
        target = LocalTarget(place, name, source, recipe.model.dtype, window(policy.model.config))
        results = asyncio.run(measure(plans, target, place.context, folder, seed))
    return _written(folder, results)


def evaluate_endpoint(model: str, server: EndpointOptions, options: EvaluationOptions) -> dict[str, Any]:
    """Measure a model behind an OpenAI-compatible server; as `evaluate_checkpoint`.

    Args:
        model: its name on the server.
        server: how to reach it.
        options: what to measure.
    """
    plans = _plans(options)

    async def run(context: Context, tools: Mapping[str, Any]) -> dict[str, Any]:
        async with Endpoint(model, server, tools) as target:
            return await measure(plans, target, context, options.output, options.seed)

    with ExitStack() as stack:
        context, tools = _verifiers(plans, stack)
        results = asyncio.run(run(context, tools))
    return _written(options.output, results)


def short_name(model: str) -> str:
    """What a table calls a model: the last part of its path."""
    return Path(model).name or model


def folder_name(model: str) -> str:
    """A name of a folder for a model's results."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.") or "model"


def _plans(options: EvaluationOptions) -> list[Plan]:
    if not options.suites:
        raise UserError("No suite is named.", "Name some with --suites.")
    changes = {name: value for name, value in options.changes.items() if value is not None}
    suites = find_suites(options.suites, options.limit)
    return [plan(suite, options.data, options.limit, changes) for suite in suites]


def _verifiers(plans: Sequence[Plan], stack: ExitStack) -> tuple[Context, Mapping[str, Any]]:
    """What verifiers and tools need, with a code-execution server where a task asks for one."""
    import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
    from darkhorse.agent.tools import default_tools
    from darkhorse.agent.workplace import open_sandbox

    settings = SandboxConfig()
    limits = run_limits(settings)
    needed = any(task.verifier == "code" or task.verifier == "tool_answer" for plan in plans for task in plan.tasks)
    if not needed:
        return Context(None, limits), {}
    sandbox = stack.enter_context(open_sandbox(settings))
    return Context(sandbox, limits), default_tools(sandbox, limits)


def _written(folder: Path, results: dict[str, Any]) -> dict[str, Any]:
    write_page(folder, results)
    return results
