"""Log-probabilities by tiles against the whole `log_softmax`."""

from __future__ import annotations

import pytest
import torch

import tiny
from darkhorse.policy import logprobs
from darkhorse.policy.native import operations
from darkhorse.policy.packing import PackedPlan, Segment

TOKENS, CHANNELS, VOCABULARY = 23, 8, 37


@pytest.fixture(autouse=True, params=[(5, 9), (100, 9), (5, None)], ids=str)
def _small_tiles(monkeypatch, request):
    monkeypatch.setattr(logprobs, "_CPU_TILE", request.param)
    monkeypatch.setattr(logprobs, "_CPU_ROWS", 2)


def inputs(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(TOKENS, CHANNELS, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
    weight = torch.randn(VOCABULARY, CHANNELS, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
    return hidden, weight, torch.randint(VOCABULARY, (TOKENS,), generator=generator)


@pytest.mark.parametrize("temperature", [1.0, 0.6, 1.7, torch.linspace(0.5, 2.0, TOKENS, dtype=torch.float64)])
def test_values_and_gradients_equal_the_whole_softmax(temperature):
    hidden, weight, targets = inputs()
    scale = torch.randn(TOKENS, dtype=torch.float64)
    by_token = temperature[:, None] if isinstance(temperature, torch.Tensor) else temperature
    whole = torch.log_softmax(hidden @ weight.T / by_token, -1)
    wanted = whole.gather(1, targets[:, None])[:, 0]
    wanted_gradients = torch.autograd.grad((wanted * scale).sum(), (hidden, weight))

    got, entropy = logprobs.token_logprobs(hidden, weight, targets, temperature)
    gradients = torch.autograd.grad((got * scale).sum(), (hidden, weight))

    torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(entropy, -(whole.exp() * whole).sum(-1).detach())
    torch.testing.assert_close(gradients[0], wanted_gradients[0])
    torch.testing.assert_close(gradients[1], wanted_gradients[1], rtol=1e-5, atol=1e-5)
    assert not entropy.requires_grad


def test_only_one_of_both_inputs_needs_a_gradient():
    hidden, weight, targets = inputs()
    got, _ = logprobs.token_logprobs(hidden, weight.detach(), targets)
    got.sum().backward()
    assert hidden.grad is not None and hidden.grad.abs().max() > 0
    assert weight.grad is None


def test_bf16_gives_float32_close_to_exact():
    hidden, weight, targets = inputs(torch.bfloat16)
    got, entropy = logprobs.token_logprobs(hidden, weight, targets)
    exact = torch.log_softmax(hidden.double() @ weight.double().T, -1).gather(1, targets[:, None])[:, 0]
    assert got.dtype == entropy.dtype == torch.float32
    torch.testing.assert_close(got.double(), exact, rtol=0, atol=0.06)
    got.sum().backward()
    assert hidden.grad.dtype == weight.grad.dtype == torch.bfloat16


def test_compiled_operations_give_the_same(monkeypatch):
    results = []
    for serves in (lambda *_: False, operations.serves):
        monkeypatch.setattr(operations, "serves", serves)
        hidden, weight, targets = inputs(torch.float32)
        got, entropy = logprobs.token_logprobs(hidden, weight, targets, 0.7)
        results.append((got, entropy, *torch.autograd.grad(got.square().sum(), (hidden, weight))))
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)


def test_a_mask_picks_tokens_of_the_row():
    model = tiny.packed(tiny.model("qwen2", torch.float64))
    plan = PackedPlan([Segment([5, 6, 7], [[1, 2, 3], [4, 5]]), Segment([9], [[8, 7, 6, 5]])])
    mask = torch.tensor([1, 0, 1, 0, 1, 0, 0, 1, 1])
    with torch.no_grad():
        everything, entropy = logprobs.completion_logprobs(model, plan)
        picked, picked_entropy = logprobs.completion_logprobs(model, plan, mask)
    torch.testing.assert_close(picked, everything[mask.bool()])
    torch.testing.assert_close(picked_entropy, entropy[mask.bool()])
