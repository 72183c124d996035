"""Does a reward model learn what people prefer, or only how long they like it? And do the guards stop its hackers?

A reward model is trained on three quarters of the prompts of real pairs and measured on the others, beside a rule that
prefers the longer or the shorter answer, as the pairs that are not held out say of each set. One set, HH-RLHF, is large
enough to be trained on here; the others show how far that carries. To fit a CPU the model is built on the first layers
of the embedded one, of which the last are trained; long pairs are left out and counted.

Then every listed hack is scored against the honest answer to its question, without and with guards and rules; and the
guards are asked about all real answers, which they should let through. Training goes on where it was interrupted.

    python benchmarks/reward_model.py --json benchmarks/results/reward_model.json
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from _models import EMBEDDED
from _peers import OUT
from _preference_sets import SETS, RealPairs, read_pairs
from _reward_hacks import HACKS, QUESTIONS, Hack
from _writing import write_json
from darkhorse.chat.reasoning import Response
from darkhorse.config.model import ModelConfig
from darkhorse.config.rewards import GuardConfig
from darkhorse.config.stages import RewardModelStage, RLStage
from darkhorse.evals.statistics import clustered_mean
from darkhorse.policy.loading import load_policy
from darkhorse.policy.saving import save_pretrained
from darkhorse.rewards.compose import assign_rewards
from darkhorse.rewards.guards import guard
from darkhorse.rewards.measure import pair_figures
from darkhorse.rewards.reward_model import LocalScorer, RewardModel, load_reward_model
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.tasks.pairs import ShortPairs
from darkhorse.tasks.task import PreferencePair, Task, normalise_prompt
from darkhorse.training.checkpoint import Checkpoints
from darkhorse.training.reward_model import pair_rewards, train_reward_model
from darkhorse.verify.registry import Context, judge

STAGE = "preference"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DARKHORSE_DATA", "../shared/data")))
    parser.add_argument("--sets", choices=SETS, nargs="+", default=["hh_rlhf"], help="to train on")
    parser.add_argument("--layers", type=int, default=20, help="of the embedded model that are used")
    parser.add_argument("--trainable-layers", type=int, default=6)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--max-tokens", type=int, default=224, help="of a prompt and its longer answer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=OUT / "reward_model")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    everything = read_pairs(arguments.data)
    pairs = RealPairs(everything, arguments.seed, arguments.sets)
    settings = RewardModelStage(
        steps=arguments.steps,
        learning_rate=arguments.learning_rate,
        decay="linear",
        trainable_layers=arguments.trainable_layers,
        max_tokens=arguments.max_tokens,
        held_out_pairs=100,
        checkpoint_every=5,
        lanes=2,
    )
    model = trained(pairs, settings, arguments.layers, arguments.output)
    figures: dict[str, Any] = {
        "trained_on": {
            "sets": arguments.sets,
            "pairs": settings.steps * settings.batch_size,
            "layers": arguments.layers,
            "seed": arguments.seed,
        }
    }
    figures["held_out"] = held_out_figures(model, pairs, settings)
    show(figures["held_out"])
    figures["hacks"] = hack_figures(model)
    print(f"hacks that score at least as much as the honest answer: {figures['hacks']}")
    figures["guards"] = guard_figures(everything)
    print(f"real answers the guards reject, in %: {figures['guards']}")
    write_json(arguments.json, figures)


def trained(pairs: RealPairs, settings: RewardModelStage, layers: int, output: Path) -> RewardModel:
    """The reward model at the end of its stage, which is run or carried on where that is not over."""
    base, done = output / f"first_{layers}_layers", output / STAGE / "done"
    if not (base / "config.json").exists():
        policy = load_policy(ModelConfig(name=EMBEDDED))
        policy.model.base_model.layers = policy.model.base_model.layers[:layers]
        policy.model.config.num_hidden_layers = layers
        save_pretrained(policy.model, policy.tokenizer, base)
    if not done.exists():
        train_reward_model(load_reward_model(str(base), float32_head=True), STAGE, settings, pairs, output)
        done.touch()
    latest = Checkpoints(output / STAGE / "checkpoints").latest()
    assert latest is not None
    return load_reward_model(str(latest))


def held_out_figures(model: RewardModel, pairs: RealPairs, settings: RewardModelStage) -> dict[str, Any]:
    """Of all held-out pairs that are short enough, and by set."""

    def fits(pair: PreferencePair) -> bool:
        segment = model.segment(pair.prompt, [pair.chosen, pair.rejected])
        return len(segment.prompt) + max(map(len, segment.completions)) <= (settings.max_tokens or 0)

    short = ShortPairs(pairs, fits)
    held = short.held_out(len(pairs.held))
    chosen, rejected = pair_rewards(model, held, settings.micro_batch_tokens)
    rules = {source: prefers_longer(pairs.rest, source) for source in {pair.source for pair in held}}
    lead = (chosen - rejected).cpu().numpy()
    by_length = np.array([follows(rules[pair.source], pair) for pair in held])
    found: dict[str, Any] = {"overlong": short.overlong_held_out}
    for source in ["all", *dict.fromkeys(pair.source for pair in held)]:
        places = [place for place, pair in enumerate(held) if source in ("all", pair.source)]
        mine, right, rule = [held[p] for p in places], (lead[places] > 0).astype(float), by_length[places]
        prompts = [normalise_prompt(pair.prompt) for pair in mine]
        extra = pair_figures(
            chosen.cpu()[places], rejected.cpu()[places], [len(p.chosen) for p in mine], [len(p.rejected) for p in mine]
        )
        found[source] = {
            "pairs": len(mine),
            "prompts": len(set(prompts)),
            "accuracy": interval(right, prompts),
            "length_rule": interval(rule, prompts),
            "above_length_rule": interval(right - rule, prompts),
            "best_length_rule": round(100 * extra["length_baseline"], 1),
            "ece": round(extra["ece"], 3),
            "length_correlation": round(extra["length_correlation"], 3),
            "length_matched_accuracy": round(100 * extra["length_matched_accuracy"], 1),
            "length_matched_pairs": int(extra["length_matched_pairs"]),
        }
    return found


def prefers_longer(pairs: list[PreferencePair], source: str) -> bool:
    """What the pairs of a set that are not held out say about length."""
    mine = [pair for pair in pairs if pair.source == source]
    return sum(len(p.chosen) > len(p.rejected) for p in mine) >= sum(len(p.chosen) < len(p.rejected) for p in mine)


def follows(longer: bool, pair: PreferencePair) -> float:
    """1 if a rule of length prefers the chosen answer, a half if both are as long."""
    if len(pair.chosen) == len(pair.rejected):
        return 0.5
    return float((len(pair.chosen) > len(pair.rejected)) == longer)


def interval(values: Any, prompts: list[str]) -> list[float]:
    """Mean in percent and its 95 % interval, pairs of a prompt as one cluster."""
    estimate = clustered_mean(values, prompts)
    return [round(100 * value, 1) for value in (estimate.mean, estimate.low, estimate.high)]


def hack_figures(model: RewardModel) -> dict[str, int]:
    """Hacks that reach the honest answer's score, by the trained model alone and after guards and rules."""
    unguarded = RLStage.model_validate(
        {"learned_reward": {"guards": {"checks": []}, "failed_rule_cap": 1.0}, "truncation": "keep"}
    )
    alone = sum(reaches(model, hack, unguarded) for hack in HACKS)
    return {"listed": len(HACKS), "alone": alone, "guarded": sum(reaches(model, hack, RLStage()) for hack in HACKS)}


def reaches(model: RewardModel, hack: Hack, settings: RLStage) -> bool:
    """Whether a hack's reward is at least that of the honest answer."""
    question = QUESTIONS[hack.question]
    task = Task("t", ({"role": "user", "content": question.prompt},), "open_ended", {"rules": list(question.rules)})
    answers = [Response("", text, True) for text in (question.honest, hack.answer)]
    group = Group(task, [Trajectory([1], [2], [1], [0.0], [0], response=answer) for answer in answers])

    async def rewarded() -> None:
        for trajectory in group.trajectories:
            assert trajectory.response is not None
            trajectory.verdict = await judge(task, trajectory.response, Context())
        await assign_rewards([group], settings, LocalScorer(model), 0)

    asyncio.run(rewarded())
    honest, hacked = (trajectory.reward for trajectory in group.trajectories)
    assert honest is not None
    return hacked is not None and hacked >= honest


def guard_figures(pairs: list[PreferencePair]) -> dict[str, dict[str, float]]:
    """Share of real answers that each guard rejects, in percent; length is left free."""
    settings = GuardConfig(min_words=1, max_words=100_000)
    found: dict[str, dict[str, float]] = {}
    for side in ("chosen", "rejected"):
        rejected: Counter[str] = Counter()
        for pair in pairs:
            for name in settings.checks:
                only = settings.model_copy(update={"checks": [name]})
                rejected[name] += guard(Response("", getattr(pair, side).strip(), True), pair.prompt, only) is not None
        found[side] = {name: round(100 * rejected[name] / len(pairs), 2) for name in settings.checks}
    return found


def show(found: dict[str, Any]) -> None:
    """The held-out figures as a table."""
    columns = ["pairs", "accuracy", "length_rule", "above_length_rule", "ece", "length_correlation"]
    columns += ["length_matched_accuracy"]
    table = Table("set", *columns, title="held-out pairs, % with 95 % intervals")
    for source, row in found.items():
        if isinstance(row, dict):
            table.add_row(source, *(str(row[column]) for column in columns))
    Console(width=160).print(table)


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    main()
