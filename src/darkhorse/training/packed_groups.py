"""Groups of trajectories as packed tokens: what an update computes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from darkhorse.policy.loading import Policy
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.training.losses import LossInputs


@dataclass(frozen=True)
class PackedGroup:
    """A group ready for the update.

    Attributes:
        segment: the prompt, and the completions that share it.
        members: the trajectories to learn from, sampled alike.
        temperature: that they were sampled at.
        beta: weight of their KL term.
    """

    segment: Segment
    members: list[Trajectory]
    temperature: float
    beta: float

    @classmethod
    def of(cls, group: Group, temperature: float, beta: float) -> PackedGroup:
        """The trajectories of a group to learn from; there is at least one."""
        members = group.updated
        return cls(Segment(members[0].prompt_tokens, [t.tokens for t in members]), members, temperature, beta)


def sampled_logprobs(policy: Policy, packs: Sequence[PackedGroup]) -> tuple[Float[Tensor, " T"], Float[Tensor, " T"]]:
    """Log-probabilities that a policy gives the sampled tokens, and the entropies there, at their temperatures."""
    plan = PackedPlan([packed.segment for packed in packs])
    mask = torch.tensor([value for packed in packs for t in packed.members for value in t.loss_mask])
    heats = [packed.temperature or 1.0 for packed in packs]
    counts = [sum(t.num_sampled for t in packed.members) for packed in packs]
    heat_T = torch.tensor(heats).repeat_interleave(torch.tensor(counts))
    return completion_logprobs(policy.model, plan, mask, heats[0] if len(set(heats)) == 1 else heat_T)


def loss_inputs(
    packs: Sequence[PackedGroup], logprobs_T: Tensor, old_logprobs_T: Tensor, ref_logprobs_T: Tensor | None
) -> LossInputs:
    """The losses' view of sampled tokens: everything the trajectories carry, aligned with `logprobs_T`."""
    members = [t for packed in packs for t in packed.members]
    counts = torch.tensor([t.num_sampled for t in members])
    sampling = [lp for t in members for lp, m in zip(t.logprobs, t.loss_mask, strict=True) if m]
    advantages = [value for t in members for value in _token_advantages(t)]
    betas = [packed.beta for packed in packs for t in packed.members for _ in range(t.num_sampled)]

    def like_logprobs(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=logprobs_T.dtype, device=logprobs_T.device)

    return LossInputs(
        logprobs_T=logprobs_T,
        old_logprobs_T=old_logprobs_T,
        sampling_logprobs_T=like_logprobs(sampling),
        advantages_T=like_logprobs(advantages),
        mask_T=torch.ones_like(logprobs_T, dtype=torch.bool),
        sequence_index_T=torch.arange(len(members)).repeat_interleave(counts).to(logprobs_T.device),
        num_sequences=len(members),
        ref_logprobs_T=ref_logprobs_T,
        beta_T=like_logprobs(betas) if ref_logprobs_T is not None else None,
    )


def _token_advantages(trajectory: Trajectory) -> list[float]:
    """The advantage of every sampled token: its turn's where turns are told apart, else the episode's."""
    if trajectory.turn_advantages is None:
        return [trajectory.advantage or 0.0] * trajectory.num_sampled
    turns = zip(trajectory.turn_advantages, trajectory.turn_lengths, strict=True)
    return [value for value, length in turns for _ in range(length)]
