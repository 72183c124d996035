"""Supervised fine-tuning on reasoned answers: cross-entropy on what the assistant wrote, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from darkhorse.chat.renderer import Rendered
from darkhorse.config.stages import SFTStage
from darkhorse.errors import UserError
from darkhorse.policy.adapters import training_adapters
from darkhorse.policy.loading import Policy
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.tasks.mixture import Mixture
from darkhorse.tasks.task import Demonstration
from darkhorse.training.batches import micro_batches
from darkhorse.training.lanes import run_passes
from darkhorse.training.optimizer import MasterOptimizer
from darkhorse.training.stage_run import StageRun


def train_sft(policy: Policy, name: str, settings: SFTStage, mixture: Mixture, run_dir: Path) -> float:
    """Run the stage to its end, resuming it when it was interrupted; the policy's weights are changed in place.

    Returns:
        Seconds spent, those before a resume included.

    Raises:
        UserError: if a source holds tasks without demonstrations.
    """
    with training_adapters(policy.model, settings.lora):
        return _train(policy, name, settings, mixture, run_dir)


def _train(policy: Policy, name: str, settings: SFTStage, mixture: Mixture, run_dir: Path) -> float:
    optimizer = MasterOptimizer(policy.model, settings)
    with StageRun(run_dir, name, settings, policy.model, policy.tokenizer, optimizer) as run:
        for step in run.steps:
            started = time.monotonic()
            first = (step - 1) * settings.batch_size
            batch = [_render(policy, mixture, first + offset) for offset in range(settings.batch_size)]
            metrics = sft_step(policy, batch, settings.micro_batch_tokens, settings.lanes, optimizer)
            metrics |= optimizer.step(step)
            seconds = time.monotonic() - started
            tokens = sum(len(item.prompt) + len(item.completion) for item in batch)
            metrics |= {"time/update": seconds, "perf/tokens_per_second": tokens / seconds}
            run.record(step, metrics, {})
        run.checkpoints.finish()
        return run.elapsed


def sft_step(
    policy: Policy,
    batch: Sequence[Rendered],
    micro_batch_tokens: int,
    lanes: int = 1,
    optimizer: MasterOptimizer | None = None,
) -> dict[str, float]:
    """Accumulate the gradient of the mean negative log-probability over all assistant tokens of the batch.

    Args:
        policy: its model gets the gradient.
        batch: demonstrations.
        micro_batch_tokens: most tokens in one pass.
        lanes, optimizer: as in `run_passes`.

    Returns:
        `loss`, `entropy`, `mean_token_accuracy`'s stand-in `mean_token_probability`, and `num_tokens`.
    """
    total = sum(sum(item.loss_mask) for item in batch)
    segments = [(Segment(item.prompt, [item.completion]), item.loss_mask) for item in batch]

    def run(micro_batch: Sequence[tuple[Segment, Sequence[int]]]) -> tuple[float, float, float]:
        plan = PackedPlan([segment for segment, _ in micro_batch])
        mask = torch.tensor([value for _, loss_mask in micro_batch for value in loss_mask])
        logprobs, entropy = completion_logprobs(policy.model, plan, mask)
        loss = -logprobs.sum() / total
        loss.backward() if optimizer is None else optimizer.backward(loss)
        return float(loss.detach()), float(entropy.sum()), float(logprobs.detach().exp().sum())

    found = run_passes(micro_batches(segments, micro_batch_tokens, lanes), run, lanes, optimizer)
    loss, entropy, probability = (sum(values) for values in zip(*found, strict=True))
    return {
        "loss": loss,
        "entropy": entropy / total,
        "mean_token_probability": probability / total,
        "num_tokens": float(total),
    }


def _render(policy: Policy, mixture: Mixture, index: int) -> Rendered:
    source, item = mixture.item(index)
    if not isinstance(item, Demonstration):
        raise UserError(
            f"Source '{source}' holds tasks without a worked answer, which supervised fine-tuning needs.",
            "Use a synthetic source, or rows with a 'completion'.",
        )
    return policy.renderer.demonstration(item.task.prompt, item.completion, item.task.tools)
