"""What guessing tokens from what came before gains where few sequences are decoded.

Questions of GSM8K and prompts of IFEval (from the folder in `DARKHORSE_DATA`) are answered by the same engine with
guesses and without, in turn; QwQ's sampling. The samples are the same but for rounding. Figures: tokens a second, and
tokens a step and sequence; medians over the repeats.

    DARKHORSE_DATA=... python benchmarks/drafts.py --json benchmarks/results/drafts.json
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from _models import EMBEDDED, model_folder
from _writing import write_json
from darkhorse.config.model import ModelConfig
from darkhorse.evals.data import default_folder, load
from darkhorse.evals.suites import PUBLISHED
from darkhorse.policy.loading import load_policy
from darkhorse.rollout.decoding import EagerDecoder
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.lane import DRAFT_TOKENS
from darkhorse.rollout.local import LocalEngine

SUITES = ("gsm8k", "ifeval")
WITHOUT = 0


def requests_of(suite: str, count: int, new_tokens: int, renderer: Any) -> list[Request]:
    """The first problems of a suite as requests."""
    tasks = PUBLISHED[suite].tasks(load(PUBLISHED[suite], default_folder()).parts)[:count]
    return [
        Request(
            renderer.prompt(task.prompt),
            SamplingParams(temperature=0.6, top_p=0.95, top_k=40, max_tokens=new_tokens, seed=number),
        )
        for number, task in enumerate(tasks)
    ]


class Counted:
    """Counts an engine's decoding steps while it is in place."""

    def __init__(self) -> None:
        self.rows = 0
        self._step = EagerDecoder.step

    def __enter__(self) -> Counted:
        def step(decoder: EagerDecoder, cache: Any, tokens: Any, width: int = 1) -> Any:
            self.rows += len(tokens) // width
            return self._step(decoder, cache, tokens, width)

        EagerDecoder.step = step
        return self

    def __exit__(self, *exception: object) -> None:
        EagerDecoder.step = self._step


async def answer(engine: LocalEngine, requests: list[Request]) -> int:
    """Answers all of them; the number of tokens."""
    return sum([len(completion.tokens) async for completion in engine.generate(requests)])


def measure(engine: LocalEngine, requests: list[Request]) -> tuple[float, float]:
    """Tokens a second, and tokens a step and sequence."""
    with Counted() as counted:
        started = time.perf_counter()
        tokens = asyncio.run(answer(engine, requests))
        seconds = time.perf_counter() - started
    return tokens / seconds, tokens / counted.rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--sequences", type=int, nargs="+", default=[1, 2, 4], help="decoded at once")
    parser.add_argument("--problems", type=int, default=8, help="of each suite")
    parser.add_argument("--new-tokens", type=int, default=192)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    policy = load_policy(ModelConfig(name=model_folder(options.model)))
    table = Table(title="tokens a second (tokens a step and sequence)")
    for name in ("prompts", "sequences", "without guesses", "with", "ratio"):
        table.add_column(name, justify="right")
    found: dict[str, dict[str, float]] = {}
    for suite in SUITES:
        requests = requests_of(suite, options.problems, options.new_tokens, policy.renderer)
        for sequences in options.sequences:
            engines = {draft: LocalEngine(policy, sequences, draft_tokens=draft) for draft in (WITHOUT, DRAFT_TOKENS)}
            runs = [
                {draft: measure(engine, requests) for draft, engine in engines.items()} for _ in range(options.repeats)
            ]
            speed, each = ({draft: median(run[draft][kind] for run in runs) for draft in engines} for kind in (0, 1))
            ratio = median(run[DRAFT_TOKENS][0] / run[WITHOUT][0] for run in runs)
            found[f"{suite}_{sequences}"] = {
                "without": speed[WITHOUT],
                "with": speed[DRAFT_TOKENS],
                "ratio": ratio,
                "tokens_a_step": each[DRAFT_TOKENS],
            }
            cells = (f"{speed[draft]:.0f} ({each[draft]:.2f})" for draft in engines)
            table.add_row(suite, str(sequences), *cells, f"{ratio:.2f}")
            write_json(options.json, found)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
