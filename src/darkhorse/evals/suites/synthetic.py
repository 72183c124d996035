"""The recipe's held-out synthetic suites, measured as a recipe measures them."""

from __future__ import annotations

from darkhorse.config.rollout import SamplingConfig
from darkhorse.config.tasks import SyntheticSource
from darkhorse.evals.suites.suite import Parts, Protocol, Suite
from darkhorse.tasks.build import held_out
from darkhorse.tasks.task import Task

DEFAULT_PROMPTS = 200


def synthetic_suite(name: str, count: int | None) -> Suite:
    """The first `count` held-out prompts of a synthetic suite, `DEFAULT_PROMPTS` of them when it is None."""
    source = SyntheticSource.model_validate({"suite": name})
    sampling = SamplingConfig()

    def tasks(parts: Parts) -> list[Task]:
        return [item.task for item in held_out(source, count or DEFAULT_PROMPTS)]

    protocol = Protocol(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        max_tokens=sampling.max_completion_length,
        gate=True,
        source="as a recipe measures its stages",
    )
    return Suite(name, name.replace("_", " "), "accuracy", (), (), tasks, protocol)
