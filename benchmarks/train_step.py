"""What share of the machine's matrix rate a packed training step reaches.

A step is the forward and backward pass of packed groups (prompts computed once, shared by their completions) and the
optimizer's update. Counted are the products that a step needs at least: linear layers, attention over the pairs of
tokens that see each other, and the head on completion tokens; what the backward pass computes anew is not counted. The
ceiling is the rate of a bfloat16 product of 256 rows (8,192 on a CUDA device), measured between the steps. Medians over
the repeats, after one that warms up.

    python benchmarks/train_step.py --json benchmarks/results/train_step.json
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from _groups import random_groups
from _models import EMBEDDED, FAMILIES, model_folder
from _writing import write_json
from darkhorse.config.model import ModelConfig
from darkhorse.config.stages import RLStage
from darkhorse.policy.attention import head_width
from darkhorse.policy.ceilings import ceiling_rows, matmul_tflops
from darkhorse.policy.loading import Policy, load_policy
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.training.optimizer import MasterOptimizer


@dataclass
class Figures:
    """Of one sequence length: seconds of a step, packed tokens, and the share of the ceiling, all medians."""

    seconds: float
    tokens: int
    share: float


def needed_operations(policy: Policy, segments: list[Segment]) -> float:
    """Floating-point operations of forward and backward passes: 2 and 4 for every weight and token."""
    config, head = policy.model.config, policy.model.get_output_embeddings()
    embeddings = {id(policy.model.get_input_embeddings().weight), id(head.weight)}
    inner = sum(p.numel() for p in policy.model.parameters() if id(p) not in embeddings)
    width = config.num_attention_heads * head_width(config)
    tokens = scored = pairs = 0
    for segment in segments:
        prompt = len(segment.prompt)
        tokens += segment.num_tokens
        pairs += prompt * (prompt + 1) // 2
        for completion in segment.completions:
            scored += len(completion)
            pairs += len(completion) * prompt + len(completion) * (len(completion) + 1) // 2
    attention = 4 * config.num_hidden_layers * width * pairs
    return 3.0 * (2 * inner * tokens + 2 * head.weight.numel() * scored + attention)


def measure(policy: Policy, optimizer: MasterOptimizer, length: int, tokens: int, repeats: int) -> Figures:
    """Time steps on groups of completions that end at `length`."""
    segments = random_groups(length, tokens)
    plan = PackedPlan(segments)
    operations, device = needed_operations(policy, segments), policy.model.device
    seconds, shares = [], []
    for repeat in range(repeats + 1):
        ceiling = matmul_tflops(ceiling_rows(device), torch.bfloat16, device)
        started = time.perf_counter()
        logprobs_T, _ = completion_logprobs(policy.model, plan)
        (-logprobs_T.mean()).backward()
        optimizer.step(repeat + 1)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        spent = time.perf_counter() - started
        if repeat:
            seconds.append(spent)
            shares.append(operations / spent / 1e12 / ceiling)
    return Figures(statistics.median(seconds), plan.num_tokens, statistics.median(shares))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=EMBEDDED, help=f"a model, or random weights: {', '.join(FAMILIES)}")
    parser.add_argument("--tokens", type=int, default=4096, help="packed tokens in a step, about")
    parser.add_argument("--lengths", type=int, nargs="+", default=[128, 512], help="prompt and completion together")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    policy = load_policy(ModelConfig(name=model_folder(arguments.model)))
    optimizer = MasterOptimizer(policy.model, RLStage(learning_rate=1e-6))
    table = Table(title="packed training step")
    for column in ("sequence length", "packed tokens", "seconds", "tokens/s", "share of the ceiling"):
        table.add_column(column, justify="right")
    shares = {}
    for length in arguments.lengths:
        found = measure(policy, optimizer, length, arguments.tokens, arguments.repeats)
        rate = found.tokens / found.seconds
        table.add_row(str(length), str(found.tokens), f"{found.seconds:.2f}", f"{rate:.0f}", f"{found.share:.0%}")
        shares[f"ceiling_share_{length}"] = found.share
    Console(width=100).print(table)
    write_json(arguments.json, shares)


if __name__ == "__main__":
    main()
