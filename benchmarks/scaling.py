"""How the time of a whole step grows with the size of the group, the length of the answers and the size of the model.

A step samples `G` completions of `L` tokens for each of 4 prompts and trains on them once. Models have random weights
in the shapes of SmolLM2-135M, Qwen2.5-0.5B and Qwen2.5-1.5B, all with the vocabulary of the first, so that one
tokenizer serves them. The table gives seconds, microseconds per token (prompts counted once), and, between models,
time per token and parameter. Medians over the repeats, after one that warms up. Linear growth is 1 in the last column.

    python benchmarks/scaling.py --json benchmarks/results/scaling.json
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from _groups import PROMPT_TOKENS, random_tokens
from _models import EMBEDDED, random_config, random_model
from _writing import write_json
from darkhorse.config.model import ModelConfig
from darkhorse.config.shapes import SHAPES
from darkhorse.config.stages import RLStage
from darkhorse.policy.loading import Policy, load_policy, prepare_model
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.local import LocalEngine
from darkhorse.training.batches import micro_batches
from darkhorse.training.optimizer import MasterOptimizer

PROMPTS = 4
MODELS = ("smollm2-135m", "qwen2.5-0.5b", "qwen2.5-1.5b")
VOCABULARY = SHAPES[EMBEDDED].vocabulary
FIXED = (EMBEDDED, 8, 128)
"""Model, group and length that stand still while another grows."""


@dataclass(frozen=True)
class Point:
    """What is measured: a model, the completions of a prompt, the tokens of a completion."""

    model: str
    generations: int
    length: int

    @property
    def tokens(self) -> int:
        """Tokens of a step."""
        return PROMPTS * (PROMPT_TOKENS + self.generations * self.length)


def random_policy(name: str) -> Policy:
    """A policy of random weights."""
    policy = load_policy(ModelConfig(name=EMBEDDED))
    policy.model = random_model(random_config(name, VOCABULARY))
    prepare_model(policy.model)
    return policy


def parameters(name: str) -> int:
    """Weights of a model that is measured."""
    return replace(SHAPES[name], vocabulary=VOCABULARY).parameters


def step(policy: Policy, engine: LocalEngine, optimizer: MasterOptimizer, point: Point, seed: int) -> float:
    """Seconds of a step."""
    rng = random.Random(seed)
    prompts = [random_tokens(rng, PROMPT_TOKENS) for _ in range(PROMPTS)]
    sampling = SamplingParams(max_tokens=point.length, seed=seed, ignore_end=True)
    requests = [Request(prompt, sampling, point.generations) for prompt in prompts]

    async def roll_out() -> list[list[list[int]]]:
        groups: list[list[list[int]]] = [[] for _ in prompts]
        async for completion in engine.generate(requests):
            groups[completion.request].append(completion.tokens)
        return groups

    started = time.perf_counter()
    groups = asyncio.run(roll_out())
    segments = [(Segment(prompt, group), None) for prompt, group in zip(prompts, groups, strict=True)]
    for batch in micro_batches(segments, RLStage().micro_batch_tokens):
        logprobs_T, _ = completion_logprobs(policy.model, PackedPlan([segment for segment, _ in batch]))
        (-logprobs_T.sum() / point.tokens).backward()
    optimizer.step(1)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def measure(model: str, points: list[Point], repeats: int) -> dict[Point, float]:
    """Median seconds of every point of a model, in turn."""
    policy = random_policy(model)
    engine = LocalEngine(policy, 256, lanes=2)
    optimizer = MasterOptimizer(policy.model, RLStage(learning_rate=1e-6))
    seconds: dict[Point, list[float]] = {point: [] for point in points}
    for repeat in range(repeats + 1):
        for point in points:
            spent = step(policy, engine, optimizer, point, repeat)
            if repeat:
                seconds[point].append(spent)
    print(f"{model}: {parameters(model) / 1e6:.0f} M parameters", flush=True)
    return {point: statistics.median(values) for point, values in seconds.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--groups", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--lengths", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    model, generations, length = FIXED
    sweeps = {
        "group": [Point(model, size, length) for size in arguments.groups],
        "length": [Point(model, generations, size) for size in arguments.lengths],
        "model": [Point(size, generations, length) for size in arguments.models],
    }
    points = dict.fromkeys(point for sweep in sweeps.values() for point in sweep)
    seconds: dict[Point, float] = {}
    for name in dict.fromkeys(point.model for point in points):
        seconds |= measure(name, [point for point in points if point.model == name], arguments.repeats)
    table = Table(title=f"whole steps of {PROMPTS} prompts")
    for column in ("grows", "model", "group", "length", "seconds", "us a token", "against linear"):
        table.add_column(column, justify="left" if column in ("grows", "model") else "right")
    figures: dict[str, dict[str, float]] = {}
    for grows, sweep in sweeps.items():
        cost = {p: seconds[p] / p.tokens / (parameters(p.model) if grows == "model" else 1) for p in sweep}
        for p in sweep:
            linear = cost[p] / cost[sweep[0]]
            each = 1e6 * seconds[p] / p.tokens
            cells = (p.generations, p.length, f"{seconds[p]:.2f}", f"{each:.0f}", f"{linear:.2f}")
            table.add_row(grows, p.model, *map(str, cells))
            size = str({"group": p.generations, "length": p.length, "model": p.model}[grows])
            figures.setdefault(grows, {})[size] = linear
    Console(width=100).print(table)
    write_json(arguments.json, figures)


if __name__ == "__main__":
    main()
