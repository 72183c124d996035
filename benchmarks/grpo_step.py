"""How fast a whole reinforcement-learning step is, beside TRL's `GRPOTrainer` on the same work and machine.

Both start from the quickstart's cold start and take steps on the same prompts, with as many completions of as many
tokens at most, in bfloat16; each samples its own completions, so rates count completion tokens. Rewards are coin flips.
Each trainer runs in a process of its own, and the two take their steps in turn. TRL lives in an environment that this
script makes. Figures are medians over the steps, after one that warms up; ratios are taken within a pair of steps.

    python benchmarks/grpo_step.py --json benchmarks/results/grpo_step.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from _peers import HERE, OUT, Peer, environment
from _writing import write_json
from darkhorse.config.loading import load_recipe
from darkhorse.config.stages import RLStage
from darkhorse.recipe import final_model, run_recipe
from darkhorse.tasks.build import build_mixture

TRL = "trl==1.16.0"
ROOT = HERE.parent


@dataclass
class Shape:
    """The work of a step, and what was measured of it.

    Attributes:
        name: `small` or `large`.
        prompts, generations, max_tokens: of a step.
        pass_tokens: most tokens of one of our passes, of which two run beside each other.
        answers: of every trainer, one for each step.
    """

    name: str
    prompts: int
    generations: int
    max_tokens: int
    pass_tokens: int
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def rates(self, system: str) -> list[float]:
        """Completion tokens per second of every step."""
        return [answer["tokens"] / answer["seconds"] for answer in self.answers[system]]

    def peak(self, system: str) -> int:
        """Largest resident memory, in bytes."""
        return int(max(answer["peak_bytes"] for answer in self.answers[system]))

    def speedup(self) -> float:
        """How many times TRL's tokens per second."""
        pairs = zip(self.rates("darkhorse"), self.rates("trl"), strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)


SHAPES = {"small": Shape("small", 8, 8, 64, 2048), "large": Shape("large", 8, 16, 128, 1024)}


def cold_start() -> Path:
    """The checkpoint both start from: the quickstart's cold start, made on first use."""
    recipe = load_recipe(ROOT / "recipes" / "quickstart.toml", [])
    recipe.name, recipe.output = "grpo_step", str(OUT)
    recipe.stage = {"cold_start": recipe.stage["cold_start"]}
    recipe.evaluation.tasks = []
    return final_model(run_recipe(recipe))


def prompts(count: int) -> list[list[dict[str, Any]]]:
    """Prompts of the quickstart's stage 1, as messages."""
    reason = load_recipe(ROOT / "recipes" / "quickstart.toml", []).stage["reason"]
    assert isinstance(reason, RLStage)
    mixture = build_mixture([(source, source.weight) for source in reason.tasks], 0, "grpo_step")
    return [list(mixture.task(index)[1].prompt) for index in range(count)]


def start(name: str, job: Path) -> Peer:
    """A trainer in a process of its own."""
    python = environment("trl", [TRL, "-c", str(ROOT / "constraints.txt")]) if name == "trl" else sys.executable
    return Peer(f"grpo_{name}", [python, str(HERE / "_grpo_worker.py"), name, str(job)])


def measure(shape: Shape, systems: list[str], folder: Path, steps: int, micro_batch: int) -> None:
    """Fill in a shape's answers."""
    job = OUT / f"grpo_{shape.name}.json"
    description = {
        "folder": str(folder),
        "prompts": prompts(shape.prompts * (steps + 1)),
        "prompts_per_step": shape.prompts,
        "num_generations": shape.generations,
        "max_completion_length": shape.max_tokens,
        "micro_batch": micro_batch,
        "micro_batch_tokens": shape.pass_tokens,
        "steps": steps + 1,
        "cpu": not torch.cuda.is_available(),
    }
    job.write_text(json.dumps(description))
    shape.answers = {name: [] for name in systems}
    trainers: dict[str, Peer] = {}
    try:
        for name in systems:
            trainers[name] = start(name, job)
        for step in range(steps + 1):
            for name, trainer in trainers.items():
                answer = trainer.ask({"step": step})
                if step:
                    shape.answers[name].append(answer)
                rate = answer["tokens"] / answer["seconds"]
                print(f"{shape.name} step {step}: {name} {answer['seconds']:.1f} s, {rate:.0f} tokens/s", flush=True)
    finally:
        for trainer in trainers.values():
            trainer.stop()


def print_table(shapes: list[Shape], systems: list[str]) -> None:
    """Medians by shape and trainer."""
    table = Table(title="whole steps, bfloat16")
    for column in ("prompts x completions", "trainer", "seconds", "mean tokens", "tokens/s", "peak GiB", "speedup"):
        table.add_column(column, justify="left" if column == "trainer" else "right")
    for shape in shapes:
        for name in systems:
            answers = shape.answers[name]
            length = sum(a["tokens"] for a in answers) / (len(answers) * shape.prompts * shape.generations)
            table.add_row(
                f"{shape.prompts} x {shape.generations}, at most {shape.max_tokens}",
                name,
                f"{statistics.median(a['seconds'] for a in answers):.1f}",
                f"{length:.0f}",
                f"{statistics.median(shape.rates(name)):.0f}",
                f"{shape.peak(name) / 2**30:.1f}",
                f"{shape.speedup():.2f} x" if name == "darkhorse" and "trl" in systems else "",
            )
    Console(width=120).print(table)


def figures(shapes: list[Shape], systems: list[str]) -> dict[str, Any]:
    """The claims, and what they come from."""
    found: dict[str, Any] = {
        "tokens_per_second": {s.name: {name: statistics.median(s.rates(name)) for name in systems} for s in shapes},
        "peak_bytes": {s.name: {name: s.peak(name) for name in systems} for s in shapes},
    }
    if "trl" in systems:
        found |= {f"vs_trl_{shape.name}": shape.speedup() for shape in shapes}
        found["memory_vs_trl"] = max(shape.peak("darkhorse") / shape.peak("trl") for shape in shapes)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", choices=["darkhorse", "trl"], default=["darkhorse", "trl"])
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--micro-batch", type=int, default=16, help="completions TRL takes at once in its update")
    parser.add_argument("--model", type=Path, help="a checkpoint folder to start from instead of the cold start")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    systems = ["darkhorse", *(name for name in arguments.systems if name != "darkhorse")]
    shapes = [SHAPES[name] for name in arguments.shapes]
    folder = arguments.model or cold_start()
    for shape in shapes:
        measure(shape, systems, folder, arguments.steps, arguments.micro_batch)
    print_table(shapes, systems)
    write_json(arguments.json, figures(shapes, systems))


if __name__ == "__main__":
    main()
