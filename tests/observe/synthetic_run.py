"""A small finished run, with text in it that would take over a careless page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from darkhorse.observe.metrics import MetricsWriter, RolloutWriter

HOSTILE = (
    "<script>window.owned = 1</script></script><img src=x onerror='window.owned = 2'>"
    "<!-- <script> \u2028 {{script}} &lt; <svg onload='window.owned = 3'> \ud800 hostile-end"
)


def sample(number: int, stage: str, **changes: Any) -> dict[str, Any]:
    """A row of `rollouts.jsonl`; every third abstains, the others pass and fail in turn."""
    a, b = number % 89, number % 71
    abstained = number % 3 == 2
    score = None if abstained else float(number % 2)
    thinking = f"I add {a} and {b}. " * (1 + number % 9)
    answer = f"The sum is {a + b + 1 - number % 2}."
    row = {
        "stage": stage,
        "mode": "train",
        "task_id": f"synthetic/add/{number % 40}",
        "suite": "arithmetic" if number % 2 else "countdown",
        "source": "synthetic",
        "verifier": "math" if number % 2 else "exact",
        "prompt": [
            {"role": "system", "content": "Think, then answer."},
            {"role": "user", "content": f"What is {a} plus {b}? Give the sum alone."},
        ],
        "tools": [],
        "turns": [{"role": "assistant", "content": f"{thinking}</think>{answer}"}],
        "thinking": thinking,
        "answer": answer,
        "truth": str(a + b),
        "verdict": "abstained" if abstained else "scored",
        "score": score,
        "reason": "The sandbox did not answer." if abstained else f"Expected {a + b}.",
        "reward": score,
        "advantage": None if score is None else score - 0.5,
        "tokens": 20 + number % 300,
        "finish_reason": "stop",
    }
    return {**row, **changes}


def write_run(run: Path) -> Path:
    """A run of the default recipe: evaluations, two kinds of training, preferences, samples, tool turns."""
    run.mkdir(parents=True)
    (run / "recipe.toml").write_text('name = "first"\nseed = 7\n[model]\nname = "org/tiny-135m"\n')
    for stage in ("cold_start", "preference_model"):
        metrics = MetricsWriter(run / stage / "metrics.jsonl")
        for step in range(1, 41):
            metrics.write(step, {"loss": 3 * math.exp(-step / 15) + 0.05 * math.sin(step), "grad_norm": 1 + 1 / step})
    for stage in ("reason", "general"):
        metrics = MetricsWriter(run / stage / "metrics.jsonl")
        rollouts = RolloutWriter(run / stage / "rollouts.jsonl")
        for step in range(1, 121):
            reward = 0.2 + 0.5 * (1 - math.exp(-step / 40)) + 0.05 * math.sin(7 * step)
            metrics.write(
                step,
                {
                    "reward": reward,
                    "reward_std": 0.4 - step / 800,
                    "completions/mean_length": 180 + step + 20 * math.sin(step),
                    "completions/clipped_ratio": 0.1 * math.exp(-step / 20),
                    "entropy": 0.9 * math.exp(-step / 90),
                    "grad_norm": 0.3 + 0.1 * math.cos(3 * step),
                    "frac_reward_zero_std": 0.2,
                    "learning_rate": 1e-6,
                    "kl": math.nan,
                    "perf/tokens_per_second": 900.0,
                },
            )
            rollouts.write(step, [sample(step * 8 + i, stage) for i in range(8)])
    turns = [
        {
            "role": "assistant",
            "content": f'I must search. {HOSTILE}</think><tool_call>{{"name": "search"}}</tool_call>',
        },
        {"role": "tool", "content": HOSTILE},
        {"role": "assistant", "content": f"Now I know.</think>{HOSTILE}"},
    ]
    hostile = {"task_id": HOSTILE, "suite": HOSTILE, "reason": HOSTILE, "truth": {"answer": HOSTILE}, "turns": turns}
    RolloutWriter(run / "general" / "rollouts.jsonl").write(121, [sample(1, "general", tools=["search"], **hostile)])
    stages: dict[str, Any] = {}
    paired: dict[str, Any] = {}
    accuracy = {"base": 0.04, "cold_start": 0.22, "reason": 0.48, "general": 0.46}
    for stage, t1 in accuracy.items():
        rows = [sample(i, stage, mode="t1" if i % 2 else "greedy") for i in range(60)]
        RolloutWriter(run / "evals" / f"{stage}.jsonl").write(None, rows)
        stages[stage] = {
            suite: {
                "n": 40 if stage == "base" else 200,
                "greedy": t1 + shift + 0.03,
                "greedy_n": 100,
                "t1": t1 + shift,
                "t1_low": t1 + shift - 0.04,
                "t1_high": t1 + 0.1,
            }
            for suite, shift in (("gsm8k", 0.0), ("mbpp", 0.05))
        }
    paired["base->cold_start"] = {"gsm8k": {"difference": 0.18, "low": 0.12, "high": 0.24, "p_value": 0.0001}}
    paired["cold_start->reason"] = {"gsm8k": {"difference": 0.26, "low": 0.2, "high": 0.32, "p_value": 0.0001}}
    paired["reason->general"] = {"gsm8k": {"difference": -0.02, "low": -0.06, "high": 0.02, "p_value": 0.4}}
    wall = {"cold_start": 310.0, "preference_model": 200.5, "reason": 5400.0, "general": 4000.0}
    summary = {
        "name": "first",
        "model": "org/tiny-135m",
        "seed": 7,
        "wall_seconds": wall,
        "stages": stages,
        "paired": paired,
    }
    (run / "summary.json").write_text(json.dumps(summary))
    return run
