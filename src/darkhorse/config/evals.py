"""How the policy is measured before and after each stage."""

from __future__ import annotations

from pydantic import Field

from darkhorse.config.base import Settings
from darkhorse.config.rollout import SamplingConfig
from darkhorse.config.tasks import SyntheticSource


class SuiteConfig(Settings):
    """`[[evaluation.benchmarks]]`: one published benchmark of a recipe, with its protocol."""

    benchmark: str
    """Name of the benchmark, e.g. `aime24`."""
    samples: int = Field(default=1, ge=1)
    """Completions per problem (the k of avg@k)."""
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
    """Sampling for this benchmark."""
    published: float | None = None
    """The figure QwQ-32B's authors report, in percent."""


class EvaluationConfig(Settings):
    """`[evaluation]`"""

    tasks: list[SyntheticSource] = Field(default_factory=list)
    """Held-out synthetic suites."""
    benchmarks: list[SuiteConfig] = Field(default_factory=list)
    """Published benchmarks."""
    samples_per_suite: int = Field(default=200, ge=1)
    """Held-out prompts per suite."""
    base_samples_per_suite: int | None = Field(default=None, ge=1)
    """Held-out prompts per suite before the first stage; as `samples_per_suite` when unset."""
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
    """Sampling of the main measurement (`t1` in summary.json)."""
    greedy: list[str] = Field(default_factory=list)
    """Stages after which greedy accuracy is measured too."""
    greedy_samples_per_suite: int | None = Field(default=None, ge=1)
    """Held-out prompts per suite decoded greedily, the first of those sampled; all of them when unset."""
    stages: list[str] | None = None
    """Stages to measure (`base` is the start); all when unset."""
