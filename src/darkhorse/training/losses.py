"""Policy-gradient losses: pure functions from packed tokens to a sum, divided by counts of the whole optimizer step.

Shapes: `T` is the number of packed tokens of a micro-batch, `S` the number of sequences they belong to. Because every
loss is a sum over tokens or sequences divided by a *global* count, the losses of the micro-batches of an optimizer
step add up to the loss of the step, however it was cut. A sequence must lie in one micro-batch as a whole.

In the formulas, `r_t = exp(logp_t - old_t)` is the probability ratio to the policy at the start of the step, `A_t` the
advantage, `w_t` the truncated importance weight and `o_i` the sampled tokens of sequence `i`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_LOG_RATIO_BOUND = 20.0
"""Log-ratios beyond this are saturated, so that a stray token gives a large number instead of infinity."""


@dataclass(frozen=True)
class LossConfig:
    """Settings of the losses.

    Attributes:
        epsilon_low: lower clip, `r >= 1 - epsilon_low`.
        epsilon_high: upper clip, `r <= 1 + epsilon_high` (clip-higher, DAPO, arXiv 2503.14476).
        beta: weight of the KL term to the reference policy; 0 leaves it out.
        importance_sampling_cap: truncation of the importance weight between trainer and sampler.
    """

    epsilon_low: float = 0.2
    epsilon_high: float = 0.28
    beta: float = 0.0
    importance_sampling_cap: float = 2.0


@dataclass(frozen=True)
class Normaliser:
    """Counts over all micro-batches (and ranks) of one optimizer step.

    Attributes:
        tokens: tokens under the mask.
        sequences: sequences that take part in the step.
        max_completion_length: constant length that `dr_grpo` divides by.
    """

    tokens: float
    sequences: float
    max_completion_length: int


@dataclass(frozen=True)
class LossInputs:
    """Packed tokens of one micro-batch.

    Attributes:
        logprobs_T: log-probabilities under the policy being trained; carries the gradient.
        old_logprobs_T: under the policy at the start of the step.
        sampling_logprobs_T: as reported by the sampler, of the distribution that was sampled.
        advantages_T: advantage of the token's trajectory.
        mask_T: true (or 1) on sampled tokens that are trained on; what stands elsewhere is never read.
        sequence_index_T: which sequence a token belongs to, in `[0, num_sequences)`.
        num_sequences: sequences in this micro-batch.
        ref_logprobs_T: under the reference policy; needed when `beta` is not 0.
        beta_T: weight of the KL term by token; the settings' `beta` when None.
    """

    logprobs_T: Float[Tensor, " T"]
    old_logprobs_T: Float[Tensor, " T"]
    sampling_logprobs_T: Float[Tensor, " T"]
    advantages_T: Float[Tensor, " T"]
    mask_T: Bool[Tensor, " T"] | Float[Tensor, " T"]
    sequence_index_T: Int[Tensor, " T"]
    num_sequences: int
    ref_logprobs_T: Float[Tensor, " T"] | None = None
    beta_T: Float[Tensor, " T"] | None = None

    def __post_init__(self) -> None:
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        shapes = {name: tuple(value.shape) for name, value in tensors.items()}
        if self.logprobs_T.dim() != 1 or len(set(shapes.values())) != 1:
            raise ValueError(f"loss inputs must be vectors of one length, got {shapes}")

    def masked(self, values_T: Tensor) -> Tensor:
        """Values under the mask and 0 elsewhere, in value and in gradient, even where they are not finite."""
        return torch.where(self.mask_T != 0, values_T, torch.zeros_like(values_T))


@dataclass(frozen=True)
class LossOutputs:
    """What a loss returns.

    Attributes:
        loss: scalar, this micro-batch's part of the step's loss.
        metrics: detached scalar sums over the tokens under the mask, and their number `tokens`; add those of all
            micro-batches, then see `mean_metrics`.
    """

    loss: Float[Tensor, ""]
    metrics: dict[str, Tensor]


LossFunction: TypeAlias = Callable[[LossInputs, LossConfig, Normaliser], LossOutputs]


def grpo(inputs: LossInputs, config: LossConfig, normaliser: Normaliser) -> LossOutputs:
    """Mean over sequences of the mean over their tokens (GRPO, DeepSeekMath, arXiv 2402.03300, eq. 3).

    `L = 1/S sum_i 1/|o_i| sum_t -w_t min(r_t A_t, clip(r_t, 1 - eps_low, 1 + eps_high) A_t) + beta KL_t`
    """
    ratio_T = _token_ratio(inputs)
    loss_T = _token_loss(_clipped_surrogate(ratio_T, inputs, config), inputs, config)
    return LossOutputs(_sequence_means(loss_T, inputs).sum() / normaliser.sequences, _metrics(ratio_T, inputs, config))


def dr_grpo(inputs: LossInputs, config: LossConfig, normaliser: Normaliser) -> LossOutputs:
    """Sum over tokens divided by a constant, free of the length bias (Dr. GRPO, arXiv 2503.20783).

    `L = 1/(S L_max) sum_i sum_t -w_t min(r_t A_t, clip(r_t, 1 - eps_low, 1 + eps_high) A_t) + beta KL_t`
    """
    ratio_T = _token_ratio(inputs)
    loss_T = _token_loss(_clipped_surrogate(ratio_T, inputs, config), inputs, config)
    constant = normaliser.sequences * normaliser.max_completion_length
    return LossOutputs(loss_T.sum() / constant, _metrics(ratio_T, inputs, config))


def dapo(inputs: LossInputs, config: LossConfig, normaliser: Normaliser) -> LossOutputs:
    """Mean over all tokens of the step, with clip-higher (DAPO, arXiv 2503.14476, eq. 8).

    `L = 1/(sum_i |o_i|) sum_i sum_t -w_t min(r_t A_t, clip(r_t, 1 - eps_low, 1 + eps_high) A_t) + beta KL_t`
    """
    ratio_T = _token_ratio(inputs)
    loss_T = _token_loss(_clipped_surrogate(ratio_T, inputs, config), inputs, config)
    return LossOutputs(loss_T.sum() / normaliser.tokens, _metrics(ratio_T, inputs, config))


def gspo(inputs: LossInputs, config: LossConfig, normaliser: Normaliser) -> LossOutputs:
    """Ratio and clipping of whole sequences (GSPO, arXiv 2507.18071, eq. 5 and 7).

    `L = 1/S sum_i 1/|o_i| sum_t -w_t min(s_i A_t, clip(s_i, 1 - eps_low, 1 + eps_high) A_t) + beta KL_t` with
    `s_i = exp(1/|o_i| sum_t (logp_t - old_t))`. Sequence ratios stay close to 1: the paper clips at 3e-4 and 4e-4.
    """
    mean_log_ratio_S = _sequence_means(_log_ratio(inputs.logprobs_T, inputs.old_logprobs_T, inputs), inputs)
    ratio_T = inputs.masked(mean_log_ratio_S.exp()[_sequence_index(inputs)])
    loss_T = _token_loss(_clipped_surrogate(ratio_T, inputs, config), inputs, config)
    return LossOutputs(_sequence_means(loss_T, inputs).sum() / normaliser.sequences, _metrics(ratio_T, inputs, config))


def cispo(inputs: LossInputs, config: LossConfig, normaliser: Normaliser) -> LossOutputs:
    """Clipped weights on the log-probability, so that no token loses its gradient (CISPO, arXiv 2506.13585, eq. 4).

    `L = 1/(sum_i |o_i|) sum_i sum_t -w_t sg(min(r_t, 1 + eps_high)) A_t logp_t + beta KL_t`, where `sg` stops the
    gradient; as in the paper there is no lower bound.
    """
    ratio_T = _token_ratio(inputs).detach()
    weight_T = ratio_T.clamp(max=1 + config.epsilon_high)
    policy_loss_T = -weight_T * inputs.masked(inputs.advantages_T) * inputs.masked(inputs.logprobs_T)
    loss_T = _token_loss(policy_loss_T, inputs, config)
    metrics = _metrics(ratio_T, inputs, config)
    metrics["clip_low"] = torch.zeros_like(metrics["clip_low"])
    metrics["clip_high"] = inputs.masked((ratio_T > 1 + config.epsilon_high).float()).sum()
    return LossOutputs(loss_T.sum() / normaliser.tokens, metrics)


LOSSES: dict[str, LossFunction] = {"grpo": grpo, "dr_grpo": dr_grpo, "dapo": dapo, "gspo": gspo, "cispo": cispo}

_METRIC_NAMES = {
    "clip_low": "clip_ratio/low_mean",
    "clip_high": "clip_ratio/high_mean",
    "kl": "kl",
    "importance_sampling_ratio": "sampling/importance_sampling_ratio/mean",
    "logp_difference": "sampling/sampling_logp_difference/mean",
}


def mean_metrics(sums: Mapping[str, Tensor | float]) -> dict[str, float]:
    """Means over the step's tokens, under TRL's metric names, of metric sums added over its micro-batches."""
    tokens = max(float(sums["tokens"]), 1.0)
    return {name: float(sums[key]) / tokens for key, name in _METRIC_NAMES.items() if key in sums}


def importance_weights(inputs: LossInputs, config: LossConfig) -> Float[Tensor, " T"]:
    """Truncated importance weight between trainer and sampler, `w_t = min(exp(old_t - sampling_t), cap)`, detached.

    Corrects for a sampler that is not quite the policy (other kernels, precision, or weights), after "Your Efficient RL
    Framework Secretly Brings You Off-Policy RL Training" (Yao et al., 2025); TRL's `importance_sampling_ratio`.
    """
    ratio_T = _log_ratio(inputs.old_logprobs_T, inputs.sampling_logprobs_T, inputs).detach().exp()
    return inputs.masked(ratio_T.clamp(max=config.importance_sampling_cap))


def kl_to_reference(inputs: LossInputs) -> Float[Tensor, " T"]:
    """The k3 estimate `exp(ref - logp) - (ref - logp) - 1` of KL(policy || reference) (Schulman, 2020).

    Raises:
        ValueError: without reference log-probabilities.
    """
    log_ratio_T = _reference_log_ratio(inputs)
    return log_ratio_T.exp() - log_ratio_T - 1


def kl_loss(inputs: LossInputs) -> Float[Tensor, " T"]:
    """A loss whose gradient is that of KL(policy || reference): `(logp - ref)^2 / 2`, called k2.

    On samples of the policy, its gradient `(logp - ref) grad logp` has the KL's own gradient as its mean; that of k3
    has not, and a single token that the policy finds far less likely than the reference would outweigh all others
    (Liu et al. 2025, "Rethinking KL Regularization in RLHF", arXiv 2510.01555).

    Raises:
        ValueError: without reference log-probabilities.
    """
    return _reference_log_ratio(inputs).square() / 2


def _reference_log_ratio(inputs: LossInputs) -> Tensor:
    """`ref - logp`."""
    if inputs.ref_logprobs_T is None:
        raise ValueError("the KL term (beta != 0) needs ref_logprobs_T")
    return _log_ratio(inputs.ref_logprobs_T, inputs.logprobs_T, inputs)


def _log_ratio(numerator_T: Tensor, denominator_T: Tensor, inputs: LossInputs) -> Tensor:
    log_ratio_T = inputs.masked(numerator_T) - inputs.masked(denominator_T)
    return log_ratio_T.clamp(-_LOG_RATIO_BOUND, _LOG_RATIO_BOUND)


def _token_ratio(inputs: LossInputs) -> Tensor:
    return _log_ratio(inputs.logprobs_T, inputs.old_logprobs_T, inputs).exp()


def _clipped_surrogate(ratio_T: Tensor, inputs: LossInputs, config: LossConfig) -> Tensor:
    """PPO's pessimistic bound (arXiv 1707.06347, eq. 7) with separate lower and upper clips, negated."""
    advantages_T = inputs.masked(inputs.advantages_T)
    clipped_T = ratio_T.clamp(1 - config.epsilon_low, 1 + config.epsilon_high)
    return -torch.minimum(ratio_T * advantages_T, clipped_T * advantages_T)


def _token_loss(policy_loss_T: Tensor, inputs: LossInputs, config: LossConfig) -> Tensor:
    """Importance weight times policy loss, plus the KL term; 0 outside the mask."""
    loss_T = importance_weights(inputs, config) * policy_loss_T
    if inputs.beta_T is not None:
        loss_T = loss_T + inputs.masked(inputs.beta_T) * kl_loss(inputs)
    elif config.beta:
        loss_T = loss_T + config.beta * kl_loss(inputs)
    return inputs.masked(loss_T)


def _sequence_index(inputs: LossInputs) -> Tensor:
    return inputs.masked(inputs.sequence_index_T)


def _sequence_means(values_T: Tensor, inputs: LossInputs) -> Tensor:
    """Mean of each sequence's values over its tokens under the mask; 0 for a sequence with none."""
    index_T = _sequence_index(inputs)
    sums_S = values_T.new_zeros(inputs.num_sequences).index_add(0, index_T, inputs.masked(values_T))
    counts_S = values_T.new_zeros(inputs.num_sequences).index_add(0, index_T, (inputs.mask_T != 0).to(values_T.dtype))
    return sums_S / counts_S.clamp(min=1)


@torch.no_grad()
def _metrics(ratio_T: Tensor, inputs: LossInputs, config: LossConfig) -> dict[str, Tensor]:
    low_T = (ratio_T < 1 - config.epsilon_low) & (inputs.advantages_T < 0)
    high_T = (ratio_T > 1 + config.epsilon_high) & (inputs.advantages_T > 0)
    difference_T = inputs.masked(inputs.old_logprobs_T) - inputs.masked(inputs.sampling_logprobs_T)
    metrics = {
        "tokens": (inputs.mask_T != 0).float().sum(),
        "clip_low": inputs.masked(low_T.float()).sum(),
        "clip_high": inputs.masked(high_T.float()).sum(),
        "importance_sampling_ratio": importance_weights(inputs, config).sum(),
        "logp_difference": difference_T.abs().sum(),
    }
    if inputs.ref_logprobs_T is not None:
        metrics["kl"] = kl_to_reference(inputs).sum()
    return metrics
