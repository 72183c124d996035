"""Losses against slow loops written from the formulas, in float64: values, gradients (finite differences), metrics."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from darkhorse.training.losses import (
    LOSSES,
    LossConfig,
    LossInputs,
    LossOutputs,
    Normaliser,
    kl_loss,
    mean_metrics,
)

LENGTHS = [3, 5, 1, 4, 2, 6, 3, 2]
CONFIG = LossConfig(epsilon_low=0.2, epsilon_high=0.28, beta=0.05, importance_sampling_cap=2.0)
MAX_LENGTH = 16
NAMES = sorted(LOSSES)


def batch(seed: int = 0, spread: float = 0.5) -> LossInputs:
    generator = torch.Generator().manual_seed(seed)
    total = sum(LENGTHS)

    def noise(scale: float) -> torch.Tensor:
        return scale * torch.randn(total, generator=generator, dtype=torch.float64)

    old = noise(1.0) - 2
    index = torch.repeat_interleave(torch.arange(len(LENGTHS)), torch.tensor(LENGTHS))
    advantages = torch.randn(len(LENGTHS), generator=generator, dtype=torch.float64)[index]
    mask = torch.rand(total, generator=generator) > 0.25
    return LossInputs(
        logprobs_T=(old + noise(spread)).requires_grad_(),
        old_logprobs_T=old,
        sampling_logprobs_T=old + noise(0.6),
        advantages_T=advantages,
        mask_T=mask,
        sequence_index_T=index,
        num_sequences=len(LENGTHS),
        ref_logprobs_T=old + noise(0.5),
    )


def counts(inputs: LossInputs) -> Normaliser:
    return Normaliser(float(inputs.mask_T.sum()), float(inputs.num_sequences), MAX_LENGTH)


def reference(name: str, inputs: LossInputs, logp: list[float], frozen: list[float], config: LossConfig) -> float:
    """The loss in plain Python; `frozen` are the log-probabilities where the formula stops the gradient."""
    old, sampling = inputs.old_logprobs_T.tolist(), inputs.sampling_logprobs_T.tolist()
    advantage, mask = inputs.advantages_T.tolist(), inputs.mask_T.tolist()
    assert inputs.ref_logprobs_T is not None
    ref, owner = inputs.ref_logprobs_T.tolist(), inputs.sequence_index_T.tolist()
    sequences = [[t for t in range(len(logp)) if owner[t] == i and mask[t]] for i in range(inputs.num_sequences)]
    total = 0.0
    for tokens in sequences:
        token_losses = []
        for t in tokens:
            if name == "gspo":
                ratio = math.exp(sum(logp[u] - old[u] for u in tokens) / len(tokens))
            else:
                ratio = math.exp(logp[t] - old[t])
            if name == "cispo":
                policy = -min(math.exp(frozen[t] - old[t]), 1 + config.epsilon_high) * advantage[t] * logp[t]
            else:
                clipped = min(max(ratio, 1 - config.epsilon_low), 1 + config.epsilon_high)
                policy = -min(ratio * advantage[t], clipped * advantage[t])
            weight = min(math.exp(old[t] - sampling[t]), config.importance_sampling_cap)
            difference = ref[t] - logp[t]
            token_losses.append(weight * policy + config.beta * difference**2 / 2)
        if name in ("grpo", "gspo"):
            total += sum(token_losses) / max(len(tokens), 1) / len(sequences)
        elif name == "dr_grpo":
            total += sum(token_losses) / (len(sequences) * MAX_LENGTH)
        else:
            total += sum(token_losses) / sum(len(other) for other in sequences)
    return total


def gradient(outputs: LossOutputs, inputs: LossInputs) -> torch.Tensor:
    return torch.autograd.grad(outputs.loss, inputs.logprobs_T)[0]


def single(logp: float, advantage: float, old: float = -1.0, sampling: float = -1.0) -> LossInputs:
    def tensor(value: float) -> torch.Tensor:
        return torch.tensor([value], dtype=torch.float64)

    return LossInputs(
        tensor(logp).requires_grad_(),
        tensor(old),
        tensor(sampling),
        tensor(advantage),
        torch.tensor([True]),
        torch.tensor([0]),
        1,
    )


def slices(inputs: LossInputs, parts: list[list[int]]) -> list[LossInputs]:
    """One micro-batch for each list of sequences, renumbered from 0."""
    result = []
    for part in parts:
        keep = torch.isin(inputs.sequence_index_T, torch.tensor(part))
        renumber = {sequence: number for number, sequence in enumerate(part)}
        assert inputs.ref_logprobs_T is not None
        result.append(
            LossInputs(
                inputs.logprobs_T[keep],
                inputs.old_logprobs_T[keep],
                inputs.sampling_logprobs_T[keep],
                inputs.advantages_T[keep],
                inputs.mask_T[keep],
                torch.tensor([renumber[i] for i in inputs.sequence_index_T[keep].tolist()]),
                len(part),
                inputs.ref_logprobs_T[keep],
            )
        )
    return result


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_value_and_gradient_match_the_formula(name: str, seed: int) -> None:
    # Sequence ratios of GSPO average out, so a wider spread is needed to reach its clips.
    inputs = batch(seed, spread=1.0 if name == "gspo" else 0.5)
    outputs = LOSSES[name](inputs, CONFIG, counts(inputs))
    logp = inputs.logprobs_T.tolist()
    assert float(outputs.metrics["clip_high"] + outputs.metrics["clip_low"]) > 0, "the case must reach the clips"
    assert outputs.loss.item() == pytest.approx(reference(name, inputs, logp, logp, CONFIG), abs=1e-12)
    step, expected = 1e-6, []
    for t in range(len(logp)):
        up, down = list(logp), list(logp)
        up[t], down[t] = logp[t] + step, logp[t] - step
        rise = reference(name, inputs, up, logp, CONFIG) - reference(name, inputs, down, logp, CONFIG)
        expected.append(rise / (2 * step))
    torch.testing.assert_close(
        gradient(outputs, inputs), torch.tensor(expected, dtype=torch.float64), atol=1e-7, rtol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parts", [[[i] for i in range(8)], [[5, 0, 7], [1, 2], [3, 4, 6]]], ids=["8x1", "ragged"])
def test_micro_batches_add_up(name: str, parts: list[list[int]]) -> None:
    inputs = batch(3)
    whole = LOSSES[name](inputs, CONFIG, counts(inputs))
    whole_gradient = gradient(whole, inputs)
    outputs = [LOSSES[name](part, CONFIG, counts(inputs)) for part in slices(inputs, parts)]
    loss = torch.stack([output.loss for output in outputs]).sum()
    torch.testing.assert_close(loss, whole.loss, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(torch.autograd.grad(loss, inputs.logprobs_T)[0], whole_gradient, rtol=1e-12, atol=1e-14)
    for key, value in whole.metrics.items():
        assert sum(float(output.metrics[key]) for output in outputs) == pytest.approx(float(value)), key


@pytest.mark.parametrize("name", NAMES)
def test_masked_tokens_count_for_nothing_even_when_not_finite(name: str) -> None:
    inputs = batch(4)
    clean = LOSSES[name](inputs, CONFIG, counts(inputs))
    clean_gradient = gradient(clean, inputs)
    off = ~inputs.mask_T.bool()
    assert off.any()
    assert inputs.ref_logprobs_T is not None
    dirty = replace(
        inputs,
        logprobs_T=inputs.logprobs_T.detach().masked_fill(off, 7.0).requires_grad_(),
        old_logprobs_T=inputs.old_logprobs_T.masked_fill(off, -math.inf),
        sampling_logprobs_T=inputs.sampling_logprobs_T.masked_fill(off, math.nan),
        advantages_T=inputs.advantages_T.masked_fill(off, math.nan),
        ref_logprobs_T=inputs.ref_logprobs_T.masked_fill(off, math.inf),
        sequence_index_T=inputs.sequence_index_T.masked_fill(off, -1),
        mask_T=inputs.mask_T.double(),
    )
    outputs = LOSSES[name](dirty, CONFIG, counts(inputs))
    torch.testing.assert_close(outputs.loss, clean.loss)
    torch.testing.assert_close(gradient(outputs, dirty), clean_gradient)
    assert (clean_gradient[off] == 0).all()
    for key, value in clean.metrics.items():
        torch.testing.assert_close(outputs.metrics[key], value, msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_on_policy_gradient_is_reinforce(name: str) -> None:
    base = batch(5)
    inputs = replace(base, old_logprobs_T=base.logprobs_T.detach(), sampling_logprobs_T=base.logprobs_T.detach())
    found = gradient(LOSSES[name](inputs, LossConfig(), counts(inputs)), inputs)
    lengths = torch.tensor([float(inputs.mask_T[inputs.sequence_index_T == i].sum()) for i in range(8)])
    mask = inputs.mask_T.double()
    divisor = {
        "grpo": 8 * lengths[inputs.sequence_index_T],
        "gspo": 8 * lengths[inputs.sequence_index_T],
        "dr_grpo": 8 * MAX_LENGTH,
        "dapo": mask.sum(),
        "cispo": mask.sum(),
    }[name]
    torch.testing.assert_close(found, -inputs.advantages_T * mask / torch.as_tensor(divisor).clamp(min=1))


@pytest.mark.parametrize("name", ["grpo", "dapo", "gspo"])
@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "slope", "low", "high"),
    [
        (1.5, 1.0, -1.28, 0.0, 0, 1),  # above the upper clip, pushed further up: capped, no gradient
        (1.27, 1.0, -1.27, -1.27, 0, 0),
        (1.5, -1.0, 1.5, 1.5, 0, 0),  # above the upper clip but pushed back: not clipped
        (0.5, -1.0, 0.8, 0.0, 1, 0),  # below the lower clip, pushed further down
        (0.5, 1.0, -0.5, -0.5, 0, 0),
    ],
)
def test_clipping_by_hand(
    name: str, ratio: float, advantage: float, loss: float, slope: float, low: int, high: int
) -> None:
    inputs = single(-1 + math.log(ratio), advantage)
    outputs = LOSSES[name](inputs, LossConfig(), Normaliser(1, 1, 4))
    assert outputs.loss.item() == pytest.approx(loss)
    assert gradient(outputs, inputs).item() == pytest.approx(slope)
    assert (float(outputs.metrics["clip_low"]), float(outputs.metrics["clip_high"])) == (low, high)


@pytest.mark.parametrize(("ratio", "slope", "high"), [(1.5, -1.28, 1), (1.1, -1.1, 0), (0.5, -0.5, 0)])
def test_cispo_caps_the_weight_and_keeps_the_gradient(ratio: float, slope: float, high: int) -> None:
    inputs = single(-1 + math.log(ratio), 1.0)
    outputs = LOSSES["cispo"](inputs, LossConfig(), Normaliser(1, 1, 4))
    assert gradient(outputs, inputs).item() == pytest.approx(slope)
    assert (float(outputs.metrics["clip_low"]), float(outputs.metrics["clip_high"])) == (0, high)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("sampling", "weight"), [(-1.0, 1.0), (-1 - math.log(1.5), 1.5), (-4.0, 2.0), (0.0, 1 / math.e)]
)
def test_truncated_importance_sampling_scales_the_gradient(name: str, sampling: float, weight: float) -> None:
    plain, weighted = single(-1.0, 1.0), single(-1.0, 1.0, sampling=sampling)
    normaliser = Normaliser(1, 1, 4)
    outputs = LOSSES[name](weighted, LossConfig(), normaliser)
    unweighted = gradient(LOSSES[name](plain, LossConfig(), normaliser), plain)
    torch.testing.assert_close(gradient(outputs, weighted), weight * unweighted)
    assert float(outputs.metrics["importance_sampling_ratio"]) == pytest.approx(weight)
    assert float(outputs.metrics["logp_difference"]) == pytest.approx(abs(-1.0 - sampling))


@pytest.mark.parametrize("name", NAMES)
def test_no_gradient_flows_through_the_importance_weight(name: str) -> None:
    base = batch(6)
    inputs = replace(base, sampling_logprobs_T=base.sampling_logprobs_T.requires_grad_())
    loss = LOSSES[name](inputs, LossConfig(), counts(inputs)).loss
    (leaked,) = torch.autograd.grad(loss, inputs.sampling_logprobs_T, allow_unused=True)
    assert leaked is None


def test_mean_metrics_divide_by_tokens_and_carry_trl_names() -> None:
    sums = {"tokens": 4.0, "clip_low": 1.0, "clip_high": 2.0, "kl": 0.4, "importance_sampling_ratio": 4.0}
    means = mean_metrics({**sums, "logp_difference": 0.2})
    assert means == pytest.approx(
        {
            "clip_ratio/low_mean": 0.25,
            "clip_ratio/high_mean": 0.5,
            "kl": 0.1,
            "sampling/importance_sampling_ratio/mean": 1.0,
            "sampling/sampling_logp_difference/mean": 0.05,
        }
    )


def test_the_mean_gradient_of_the_kl_loss_is_the_gradient_of_the_kl_divergence() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(7, generator=generator, dtype=torch.float64).requires_grad_()
    ref = torch.log_softmax(2 * torch.randn(7, generator=generator, dtype=torch.float64), -1)
    policy = torch.log_softmax(logits, -1)
    (wanted,) = torch.autograd.grad((policy.exp() * (policy - ref)).sum(), logits, retain_graph=True)
    one = torch.ones(7, dtype=torch.float64)
    every_token = LossInputs(
        logprobs_T=policy,
        old_logprobs_T=policy.detach(),
        sampling_logprobs_T=policy.detach(),
        advantages_T=one,
        mask_T=one.bool(),
        sequence_index_T=torch.arange(7),
        num_sequences=7,
        ref_logprobs_T=ref,
    )
    (got,) = torch.autograd.grad((policy.detach().exp() * kl_loss(every_token)).sum(), logits)
    torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("name", LOSSES)
def test_a_token_may_have_a_weight_of_its_own_in_the_kl_term(name: str) -> None:
    inputs = batch()
    plain = replace(CONFIG, beta=0.0)
    nothing = LOSSES[name](inputs, plain, counts(inputs)).loss
    term = LOSSES[name](inputs, CONFIG, counts(inputs)).loss - nothing
    uniform = replace(inputs, beta_T=torch.full_like(inputs.advantages_T, 3 * CONFIG.beta))
    torch.testing.assert_close(LOSSES[name](uniform, plain, counts(inputs)).loss, nothing + 3 * term)
    first = inputs.sequence_index_T == 0
    only_first = replace(inputs, beta_T=torch.where(first, CONFIG.beta, 0.0).double())
    others = replace(inputs, beta_T=torch.where(first, 0.0, CONFIG.beta).double())
    parts = [LOSSES[name](part, plain, counts(inputs)).loss - nothing for part in (only_first, others)]
    assert all(part > 0 for part in parts)
    torch.testing.assert_close(sum(parts), term)


def test_kl_term_without_reference_is_an_error() -> None:
    with pytest.raises(ValueError, match="ref_logprobs_T"):
        LOSSES["dapo"](single(-1.0, 1.0), LossConfig(beta=0.1), Normaliser(1, 1, 4))


def test_mismatched_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="one length"):
        replace(batch(), advantages_T=torch.ones(1))


@pytest.mark.parametrize("name", NAMES)
def test_a_sequence_without_tokens_and_a_wild_ratio_stay_finite(name: str) -> None:
    inputs = single(-1000.0, 0.0, old=500.0)
    empty = replace(inputs, mask_T=torch.tensor([False]))
    for case in (inputs, empty):
        outputs = LOSSES[name](case, LossConfig(), Normaliser(1, 1, 4))
        assert torch.isfinite(outputs.loss)
        assert torch.isfinite(gradient(outputs, case)).all()
