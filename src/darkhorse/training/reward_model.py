"""Training a Bradley-Terry reward model on preference pairs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from darkhorse.config.stages import RewardModelStage
from darkhorse.errors import UserError
from darkhorse.policy.packing import Segment
from darkhorse.rewards.measure import pair_figures
from darkhorse.rewards.reward_model import RewardModel
from darkhorse.tasks.pairs import PairSource, ShortPairs
from darkhorse.tasks.task import PreferencePair
from darkhorse.training.batches import micro_batches
from darkhorse.training.lanes import run_passes
from darkhorse.training.optimizer import MasterOptimizer
from darkhorse.training.stage_run import StageRun


def bradley_terry_loss(
    chosen_B: Tensor, rejected_B: Tensor, centering: float = 0.0, margin_B: Tensor | float = 0.0
) -> Tensor:
    """Sum over pairs of `-log sigmoid(r_chosen - r_rejected - margin) + centering (r_chosen + r_rejected)^2`.

    Bradley and Terry (1952); the centring term is Eisenstein et al. (2023), arXiv 2312.09244, eq. 3; the margin is
    Touvron et al. (2023), arXiv 2307.09288, eq. 2.

    Args:
        chosen_B, rejected_B: rewards.
        centering: weight of the centring term.
        margin_B: by how much each chosen answer should lead.
    """
    return (-F.logsigmoid(chosen_B - rejected_B - margin_B) + centering * (chosen_B + rejected_B) ** 2).sum()


def train_reward_model(
    reward_model: RewardModel, name: str, settings: RewardModelStage, pairs: PairSource, run_dir: Path
) -> float:
    """Run the stage to its end; afterwards the model's statistics are set from the held-out pairs and saved.

    Returns:
        Seconds spent, those before a resume included.
    """
    model, tokenizer = reward_model.model, reward_model.renderer.tokenizer
    if settings.max_tokens is not None:
        pairs = ShortPairs(pairs, lambda pair: _longest(reward_model, pair) <= (settings.max_tokens or 0))
    _freeze(reward_model, settings)
    optimizer = MasterOptimizer(model, settings)
    with StageRun(run_dir, name, settings, model, tokenizer, optimizer) as run:
        for step in run.steps:
            started = time.monotonic()
            first = (step - 1) * settings.batch_size
            batch = [pairs.train(first + offset) for offset in range(settings.batch_size)]
            metrics, tokens = _step(reward_model, batch, settings, optimizer)
            metrics |= optimizer.step(step)
            if step == settings.steps:
                metrics |= _measure(reward_model, pairs, settings)
            if isinstance(pairs, ShortPairs):
                metrics["pairs/overlong"] = float(pairs.overlong)
            seconds = time.monotonic() - started
            metrics |= {"time/update": seconds, "perf/tokens_per_second": tokens / seconds}
            run.record(step, metrics, {})
        latest = run.checkpoints.latest()
        assert latest is not None
        if not run.steps:  # resumed after the last step: measure again, it is cheap and deterministic
            _measure(reward_model, pairs, settings)
        reward_model.save_statistics(latest)
        run.checkpoints.finish()
        return run.elapsed


def _freeze(reward_model: RewardModel, settings: RewardModelStage) -> None:
    """Leave only the last layers and the head to train."""
    if settings.trainable_layers is None:
        return
    layers: list[torch.nn.Module] = list(reward_model.model.base_model.get_submodule("layers").children())
    if settings.trainable_layers > len(layers):
        raise UserError(
            f"trainable_layers is {settings.trainable_layers}, but the model has {len(layers)} layers.",
            "Give a smaller number or leave it out.",
        )
    reward_model.model.requires_grad_(False)
    for layer in layers[-settings.trainable_layers :]:
        layer.requires_grad_(True)
    reward_model.model.score.requires_grad_(True)


def _step(
    reward_model: RewardModel, batch: Sequence[PreferencePair], settings: RewardModelStage, optimizer: MasterOptimizer
) -> tuple[dict[str, float], int]:
    segments = [
        (
            reward_model.segment(pair.prompt, [pair.chosen, pair.rejected]),
            settings.margin if pair.margin is None else pair.margin,
        )
        for pair in batch
    ]

    def run(micro_batch: Sequence[tuple[Segment, float]]) -> tuple[float, float, float]:
        rewards = reward_model.rewards([segment for segment, _ in micro_batch])
        chosen, rejected = rewards[0::2], rewards[1::2]
        margin = torch.tensor([value for _, value in micro_batch], device=rewards.device)
        loss = bradley_terry_loss(chosen, rejected, settings.centering, margin) / len(batch)
        optimizer.backward(loss)
        return float(loss.detach()), float((chosen > rejected).sum()), float((chosen - rejected).detach().sum())

    lanes = settings.lanes
    found = run_passes(micro_batches(segments, settings.micro_batch_tokens, lanes), run, lanes, optimizer)
    total, correct, margin = (sum(values) for values in zip(*found, strict=True))
    tokens = sum(segment.num_tokens for segment, _ in segments)
    return {"loss": total, "accuracy": correct / len(batch), "margin": margin / len(batch)}, tokens


def _longest(reward_model: RewardModel, pair: PreferencePair) -> int:
    """Tokens of the prompt and the longer of its two answers."""
    segment = reward_model.segment(pair.prompt, [pair.chosen, pair.rejected])
    return len(segment.prompt) + max(map(len, segment.completions))


@torch.inference_mode()
def pair_rewards(
    reward_model: RewardModel, pairs: Sequence[PreferencePair], micro_batch_tokens: int
) -> tuple[Tensor, Tensor]:
    """Raw rewards of the chosen and of the rejected answers."""
    segments = [(reward_model.segment(pair.prompt, [pair.chosen, pair.rejected]), None) for pair in pairs]
    rewards = torch.cat(
        [
            reward_model.rewards([segment for segment, _ in micro_batch])
            for micro_batch in micro_batches(segments, micro_batch_tokens)
        ]
    )
    return rewards[0::2], rewards[1::2]


def _measure(reward_model: RewardModel, pairs: PairSource, settings: RewardModelStage) -> dict[str, float]:
    """Held-out figures; sets mean and deviation of the rewards."""
    held_out = pairs.held_out(settings.held_out_pairs)
    chosen, rejected = pair_rewards(reward_model, held_out, settings.micro_batch_tokens)
    rewards = torch.stack([chosen, rejected], 1).flatten()
    reward_model.mean = float(rewards.mean())
    reward_model.deviation = max(float(rewards.std()), 1e-3)
    lengths = [[len(pair.chosen) for pair in held_out], [len(pair.rejected) for pair in held_out]]
    found = {f"eval/{name}": value for name, value in pair_figures(chosen.cpu(), rejected.cpu(), *lengths).items()}
    if isinstance(pairs, ShortPairs):
        found["eval/overlong"] = float(pairs.overlong_held_out)
    return found
