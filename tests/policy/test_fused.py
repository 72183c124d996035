"""Fused operations of CUDA devices: the formulas on a processor, and what is compiled on a device."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import tiny
from darkhorse.policy import fused
from darkhorse.policy.logprobs import _gradients_of_rows, _parts_of_rows, _together, completion_logprobs
from darkhorse.policy.native import layers
from darkhorse.policy.packing import PackedPlan, Segment

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device: fused operations are not compiled"
)
DEVICES = ["cpu", pytest.param("cuda", marks=needs_cuda)]


@pytest.fixture(params=DEVICES)
def device(request, monkeypatch):
    """Where the operations run; on a processor they are not compiled."""
    monkeypatch.setattr(fused, "_there", lambda: True)
    if request.param == "cpu":
        monkeypatch.setattr(fused, "_compiled", lambda function: function)
    torch.manual_seed(0)
    return request.param


def leaves(device, *shapes):
    return [torch.randn(shape, device=device, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("plus_one", [False, True])
@pytest.mark.parametrize("shape", [(7, 16), (1, 7, 16), (1, 7, 3, 16)])
def test_norms_and_their_gradients(device, plus_one, shape):
    rows, weight = leaves(device, shape, (16,))
    expected = layers._norm(rows, weight, 1e-5, plus_one)
    grad = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, (rows, weight), grad)
    torch.testing.assert_close(fused.rms_norm(rows.detach(), weight.detach(), 1e-5, plus_one), expected)
    found = fused.rms_norm_backward(grad, rows.detach(), weight.detach(), 1e-5, plus_one)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_norms_of_heads_in_a_product(device):
    whole = torch.randn(1, 7, 5 * 16, device=device)
    heads = whole[..., 16:64].view(1, 7, 3, 16)
    weight = torch.randn(16, device=device)
    torch.testing.assert_close(fused.rms_norm(heads, weight, 1e-6), layers._norm(heads, weight, 1e-6, False))


def test_gated_products_and_their_gradients(device):
    gate, up = leaves(device, (1, 9, 24), (1, 9, 24))
    expected = F.silu(gate) * up
    grad = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, (gate, up), grad)
    torch.testing.assert_close(fused.gated(gate.detach(), up.detach()), expected)
    *found, product = fused.gated_backward(grad, gate.detach(), up.detach())
    torch.testing.assert_close(tuple(found), wanted)
    torch.testing.assert_close(product, expected)


def test_rotation(device):
    rows = torch.randn(5, 3, 8, device=device).transpose(0, 1)
    cos, sin = torch.randn(2, 5, 8, device=device)
    first, second = rows.chunk(2, -1)
    expected = rows * cos + torch.cat([-second, first], -1) * sin
    torch.testing.assert_close(fused.rotate(rows, cos, sin), expected)


def test_softmax_and_what_flows_into_the_logits(device):
    (logits,) = leaves(device, (6, 50))
    targets, heat = torch.randint(50, (6,), device=device), torch.rand(6, 1, device=device) + 0.5
    log_softmax = torch.log_softmax(logits / heat, -1)
    expected = log_softmax.gather(-1, targets[:, None])[:, 0]
    parts = fused.compute(_parts_of_rows, logits.detach(), targets, heat)
    found, entropy, log_total = _together(parts[None])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(entropy, -(log_softmax.exp() * log_softmax).sum(-1))
    grad = torch.randn(6, device=device)
    wanted = torch.autograd.grad(expected, logits, grad)[0]
    flowing = fused.compute(_gradients_of_rows, logits.detach(), targets, heat, log_total, grad)
    torch.testing.assert_close(flowing, wanted)


def test_another_number_of_rows_is_not_compiled_anew():
    weight = torch.randn(16)
    fused.rms_norm(torch.randn(5, 16), weight, 1e-5)
    with torch.compiler.set_stance("fail_on_recompile"):
        for count in (2, 9, 300):
            rows = torch.randn(count, 16)
            torch.testing.assert_close(fused.rms_norm(rows, weight, 1e-5), layers._norm(rows, weight, 1e-5, False))


@needs_cuda
@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_gives_the_same_with_and_without(kind, dtype, monkeypatch):
    model = tiny.packed(tiny.model(kind, dtype)).to("cuda")
    plan = PackedPlan([Segment([1, 2, 3], [[4, 5], [6, 7, 8]]), Segment([9], [[10, 11, 12]])])

    def gradients():
        model.zero_grad()
        logprobs, entropy = completion_logprobs(model, plan)
        logprobs.sum().backward()
        return logprobs.detach(), entropy, [p.grad.float() for p in model.parameters()]

    monkeypatch.setattr(fused, "_there", lambda: True)
    found = gradients()
    monkeypatch.setattr(fused, "_there", lambda: False)
    for ours, theirs in zip(found[:2], gradients()[:2], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4 if dtype == torch.float32 else 5e-2, rtol=1e-2)
    for ours, theirs in zip(found[2], gradients()[2], strict=True):
        tolerance = 1e-4 if dtype == torch.float32 else 5e-2
        assert (ours - theirs).norm() <= tolerance * theirs.norm() + 1e-6
