"""How memory grows with the tokens of a training step.

Every point runs in a process of its own: forward and backward passes over packed groups of 128-token sequences, and
the optimizer's update; counted is the peak of resident memory above what model and optimizer hold at rest. Three
series: all tokens in one micro-batch; the same with twice the vocabulary, which should add nothing; and steps of up to
32k tokens cut into micro-batches as training cuts them. What a micro-batch must keep for its backward pass is counted
as the tensors that autograd saves, weights aside, each storage once. Growth per token is the slope of a least-squares
line.

    python benchmarks/memory.py --json benchmarks/results/memory.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from _groups import random_groups
from _writing import write_json
from darkhorse.config.model import ModelConfig
from darkhorse.config.stages import RLStage
from darkhorse.policy.loading import load_policy
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan
from darkhorse.training.batches import micro_batches
from darkhorse.training.optimizer import MasterOptimizer

LENGTH = 128


class Kept:
    """Bytes that autograd saves, weights aside, each storage once."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._storages = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
        self.total = 0

    def note(self, tensor: Tensor) -> Tensor:
        """Count a tensor as autograd saves it."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._storages:
            self._storages.add(storage.data_ptr())
            self.total += storage.nbytes()
        return tensor


def resident(field: str) -> int:
    """`VmRSS` or `VmHWM` of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def point(tokens: int, micro_batch: int, widen: int) -> dict[str, int]:
    """One process's figures.

    Args:
        tokens: of the step, about.
        micro_batch: tokens taken at once.
        widen: the vocabulary is so many times as large.
    """
    policy = load_policy(ModelConfig(name="smollm2-135m"))
    if widen > 1:
        policy.model.resize_token_embeddings(widen * policy.model.config.vocab_size, mean_resizing=False)
    optimizer = MasterOptimizer(policy.model, RLStage(learning_rate=1e-6))

    def step(segments: list[Any], number: int) -> tuple[int, int]:
        count, kept = 0, 0
        for batch in micro_batches([(segment, None) for segment in segments], micro_batch):
            plan = PackedPlan([segment for segment, _ in batch])
            saved = Kept(policy.model)
            with torch.autograd.graph.saved_tensors_hooks(saved.note, lambda tensor: tensor):
                logprobs_T, _ = completion_logprobs(policy.model, plan)
            (-logprobs_T.mean()).backward()
            count, kept = count + plan.num_tokens, max(kept, saved.total)
        optimizer.step(number)
        return count, kept

    step(random_groups(LENGTH, 64), 1)  # gradients and moments come into being
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    at_rest = resident("VmRSS")
    count, kept = step(random_groups(LENGTH, tokens), 2)
    return {"tokens": count, "peak_bytes": resident("VmHWM") - at_rest, "kept_bytes": kept}


def series(name: str, sizes: list[int], micro_batch: int | None, widen: int = 1) -> list[dict[str, int]]:
    """Points of growing size."""
    points = []
    for tokens in sizes:
        command = [sys.executable, __file__, "--point", str(tokens), str(micro_batch or 2 * tokens), str(widen)]
        points.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        found = points[-1]
        print(f"{name}: {found['tokens']} tokens, {found['peak_bytes'] / 2**20:.0f} MiB", flush=True)
    return points


def slope(points: list[dict[str, int]], key: str) -> float:
    """Bytes per token."""
    return statistics.linear_regression([p["tokens"] for p in points], [p[key] for p in points]).slope


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048, 4096, 8192], help="of one micro-batch")
    parser.add_argument("--steps", type=int, nargs="+", default=[1024, 4096, 16384, 32768], help="tokens of a step")
    parser.add_argument("--point", type=int, nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.point:
        print(json.dumps(point(*arguments.point)))
        return
    default = RLStage().micro_batch_tokens
    found = {
        "one micro-batch": series("one micro-batch", arguments.sizes, None),
        "twice the vocabulary": series("twice the vocabulary", arguments.sizes, None, widen=2),
        f"micro-batches of {default}": series(f"micro-batches of {default}", arguments.steps, default),
    }
    table = Table(title="peak memory above rest")
    for column in ("series", "tokens", "peak MiB", "kept MiB"):
        table.add_column(column, justify="left" if column == "series" else "right")
    for name, points in found.items():
        for p in points:
            table.add_row(name, str(p["tokens"]), *(f"{p[key] / 2**20:.0f}" for key in ("peak_bytes", "kept_bytes")))
    Console(width=100).print(table)
    one, wide, cut = found.values()
    growth, kept = slope(one, "peak_bytes"), slope(one, "kept_bytes")
    figures = {
        "bytes_per_token": growth,
        "kept_bytes_per_token": kept,
        "growth_over_kept": growth / kept,
        "bytes_per_token_twice_the_vocabulary": slope(wide, "peak_bytes"),
        "bytes_per_token_in_micro_batches": slope(cut, "peak_bytes"),
    }
    print("\n".join(f"{name}: {value:.2f}" for name, value in figures.items()))
    write_json(arguments.json, figures)


if __name__ == "__main__":
    main()
