"""How the policy is measured before and after each stage."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from darkhorse.config.base import Settings
from darkhorse.config.rollout import SamplingConfig
from darkhorse.config.tasks import SyntheticSource

PUBLISHED_SAMPLES = {"aime24": 64, "aime25": 64, "livecodebench": 8}
"""Completions per problem by QwQ's protocol; one where nothing is said (github.com/QwenLM/QwQ, eval/README.md)."""


def _published_samples(given: dict[str, Any]) -> int:
    return PUBLISHED_SAMPLES.get(str(given.get("benchmark")), 1)


class BenchmarkSampling(SamplingConfig):
    """Sampling of a published benchmark: by default as QwQ's authors publish it."""

    temperature: float = Field(default=0.6, ge=0.0)
    """Softmax temperature; 0 is greedy."""
    top_p: float = Field(default=0.95, gt=0.0, le=1.0)
    """Nucleus: smallest set of tokens whose probability reaches this share."""
    top_k: int = Field(default=40, ge=0)
    """Keep the k likeliest tokens; 0 keeps all."""
    max_completion_length: int = Field(default=32_768, ge=1)
    """Most tokens of a completion, thinking included."""


class BenchmarkConfig(Settings):
    """`[[evaluation.benchmarks]]`: a published benchmark that the final model is measured on."""

    benchmark: str
    """Its name, as `darkhorse eval --suites` takes it, e.g. `aime24`."""
    samples: int = Field(default_factory=_published_samples, ge=1)
    """Completions per problem (the k of avg@k); unset, 64 for AIME, 8 for LiveCodeBench and 1 for the others."""
    limit: int | None = Field(default=None, ge=1)
    """Most problems, from its categories in turn; all when unset."""
    sampling: BenchmarkSampling = Field(default_factory=BenchmarkSampling)
    """How it is sampled."""


class EvaluationConfig(Settings):
    """`[evaluation]`"""

    tasks: list[SyntheticSource] = Field(default_factory=list)
    """Held-out synthetic suites."""
    benchmarks: list[BenchmarkConfig] = Field(default_factory=list)
    """Published benchmarks that the final model is measured on, after the last stage."""
    data: str | None = None
    """Folder of the benchmarks' data, relative to the working folder; unset, the one that `DARKHORSE_DATA` names, else
    the Hugging Face hub (extra `hub`)."""
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

    @field_validator("benchmarks")
    @classmethod
    def _each_once(cls, benchmarks: list[BenchmarkConfig]) -> list[BenchmarkConfig]:
        names = [item.benchmark for item in benchmarks]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"'{name}' is listed {names.count(name)} times: give it once")
        return benchmarks
