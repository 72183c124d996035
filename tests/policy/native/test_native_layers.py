"""Models whose layers are computed by compiled operations, against the models themselves."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.llama import modeling_llama
from transformers.models.llama.modeling_llama import LlamaRMSNorm

import tiny
from darkhorse.policy.native import layers, library, operations
from darkhorse.policy.native.rotary import _Rotary

needs_library = pytest.mark.skipif(library.library() is None, reason=f"no compiled operations: {library.why_not()}")


def counted(monkeypatch, name):
    """How often an operation is called from now on."""
    calls = []
    original = getattr(operations, name)
    monkeypatch.setattr(operations, name, lambda *args: calls.append(name) or original(*args))
    return calls


@needs_library
@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_pass_in_inference_mode_computes_with_them_and_gives_the_same(kind, monkeypatch):
    reference = tiny.model(kind, torch.bfloat16)
    policy = tiny.packed(reference)
    calls = [counted(monkeypatch, name) for name in ("rms_norm", "gated", "rotate")]
    tokens = torch.randint(3, 250, (1, 9), generator=torch.Generator().manual_seed(0))
    reference.set_attn_implementation("sdpa")
    policy.set_attn_implementation("sdpa")
    with torch.inference_mode():
        expected = reference(tokens).logits
        before = [len(made) for made in calls]
        found = policy(tokens).logits
    assert torch.equal(found, expected)
    norms, gates, turns = (len(made) - old for made, old in zip(calls, before, strict=True))
    assert norms >= 5 and turns == 4 and gates == (0 if kind == "gemma3" else 2)  # whose activation is another


@needs_library
@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_flow_through_them(kind, dtype, monkeypatch):
    reference = tiny.model(kind, dtype)
    policy = tiny.packed(copy.deepcopy(reference))
    policy.set_attn_implementation("sdpa")
    reference.set_attn_implementation("sdpa")
    tokens = torch.randint(3, 250, (1, 70), generator=torch.Generator().manual_seed(0))
    reference(tokens).logits.float().square().mean().backward()
    calls = [counted(monkeypatch, name) for name in ("rms_norm_backward", "gated_backward", "rotate")]
    policy(tokens).logits.float().square().mean().backward()
    norms, gates, turns = map(len, calls)
    assert norms >= 5 and turns == 8 and gates == (0 if kind == "gemma3" else 2)
    expected, found = tiny.gradients(reference), tiny.gradients(policy)
    bound = 1e-5 if dtype == torch.float32 else 2e-2
    for name, gradient in expected.items():
        assert (found[name] - gradient).norm() <= bound * gradient.norm(), name


class _Shifted(nn.Module):
    """Looks like a norm, and is none of those there is an operation for."""

    def __init__(self):
        super().__init__()
        self.weight, self.variance_epsilon = nn.Parameter(torch.ones(8)), 1e-6

    def forward(self, rows):
        return rows * self.weight + 1


def test_norms_are_told_by_what_they_compute():
    assert layers.compiled_norm(LlamaRMSNorm(8)) is not None
    assert layers.compiled_norm(Gemma3RMSNorm(8)) is not None
    for other in (_Shifted(), nn.RMSNorm((2, 4)), nn.LayerNorm(8), nn.Identity()):
        assert layers.compiled_norm(other) is None


def test_activations_are_told_by_what_they_compute():
    assert layers.is_silu(nn.SiLU()) and layers.is_silu(nn.functional.silu)
    assert not layers.is_silu(nn.GELU()) and not layers.is_silu(nn.Sigmoid())


def interleaved(q, k, cos, sin):
    """The other convention, in which neighbours are the coordinates."""

    def turned(x):
        return torch.stack([-x[..., 1::2], x[..., ::2]], -1).flatten(-2)

    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    return q * cos + turned(q) * sin, k * cos + turned(k) * sin


@needs_library
def test_a_rotary_embedding_of_another_convention_stays_its_own(monkeypatch):
    calls = counted(monkeypatch, "rotate")
    inputs = torch.randn(2, 1, 3, 5, 8), torch.randn(2, 1, 5, 8)
    with torch.inference_mode():
        for function in (interleaved, lambda q, k, cos, sin: (q, k), lambda q: q):
            wrapped = _Rotary(function)
            if function is interleaved:
                found, expected = wrapped(*inputs[0], *inputs[1]), interleaved(*inputs[0], *inputs[1])
                assert all(map(torch.equal, found, expected))
    assert not calls


@needs_library
def test_a_rotary_embedding_of_part_of_a_head_or_of_a_batch_stays_its_own(monkeypatch):
    tiny.packed(tiny.model("llama"))
    function = modeling_llama.apply_rotary_pos_emb
    assert isinstance(function, _Rotary)
    calls = counted(monkeypatch, "rotate")
    with torch.inference_mode():
        q, k = torch.randn(2, 2, 3, 5, 8)
        function(q, k, *torch.randn(2, 2, 5, 8))
        function(q[:1], k[:1], *torch.randn(2, 1, 5, 8).double())
        assert not calls
        function(q[:1], k[:1], *torch.randn(2, 1, 5, 8))
    assert calls == ["rotate", "rotate"]


def test_without_a_library_models_compute_as_before(monkeypatch):
    reference = tiny.model("llama", torch.bfloat16)
    policy = tiny.packed(reference)
    policy.set_attn_implementation("sdpa")
    monkeypatch.setattr(operations, "library", lambda: None)
    tokens = torch.tensor([[5, 9, 2, 7]])
    with torch.inference_mode():
        assert torch.equal(policy(tokens).logits, reference(tokens).logits)
