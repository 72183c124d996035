"""Layers that keep little against Transformers' own."""

from __future__ import annotations

import copy

import pytest
import torch

import tiny
from darkhorse.policy import lean_layers
from darkhorse.policy.lean_layers import keep_little

TOKENS = torch.tensor([[5, 9, 2, 7, 1, 3, 3]])


@pytest.fixture(autouse=True)
def _few_at_a_time(monkeypatch):
    monkeypatch.setattr(lean_layers, "_ELEMENTS", 100)


def lean(kind, dtype=torch.float64):
    plain = tiny.model(kind, dtype)
    made = copy.deepcopy(plain)
    keep_little(made)
    return plain, made


def kept(model):
    """Bytes that a pass keeps, weights aside, and its logits."""
    return tiny.saved_bytes(lambda: model(TOKENS).logits, besides=model.parameters())


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_values_and_gradients_stay_and_less_is_kept(kind):
    plain, made = lean(kind)
    usual, wanted = kept(plain)
    less, found = kept(made)
    assert torch.equal(found, wanted)
    assert less < 0.95 * usual
    for output in (wanted, found):
        output.square().sum().backward()
    expected = tiny.gradients(plain)
    for name, gradient in tiny.gradients(made).items():
        # norms compute in float32, and add up what flows into their weights in another order
        torch.testing.assert_close(gradient, expected[name], rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3"])
def test_gradients_in_bfloat16_are_as_close_to_exact_ones_as_the_usual(kind):
    plain, made = lean(kind, torch.bfloat16)
    exact = copy.deepcopy(plain).float()
    for model in (plain, made, exact):
        model(TOKENS).logits.float().square().mean().backward()
    usual, found, wanted = tiny.gradients(plain), tiny.gradients(made), tiny.gradients(exact)
    for name, gradient in wanted.items():
        scale = gradient.norm()
        assert (found[name] - gradient).norm() <= 1.2 * (usual[name] - gradient).norm() + 0.01 * scale, name


def test_frozen_weights_get_no_gradient():
    _, made = lean("llama")
    for name, parameter in made.named_parameters():
        parameter.requires_grad_("q_proj" in name)
    made(TOKENS).logits.sum().backward()
    assert {name for name, p in made.named_parameters() if p.grad is not None} == {
        f"model.layers.{layer}.self_attn.q_proj.weight" for layer in range(made.config.num_hidden_layers)
    }


def test_a_module_that_only_looks_like_a_gated_layer_is_left_alone():
    _, made = lean("llama")
    mlp = copy.deepcopy(made.model.layers[0].mlp)
    mlp.__dict__.pop("forward")
    plain = type(mlp)

    class Scaled(plain):
        def forward(self, x):
            return 2 * super().forward(x)

    mlp.__class__ = Scaled
    keep_little(mlp)
    assert "forward" not in mlp.__dict__
    mlp.__class__ = plain
    usual, mlp.act_fn = mlp.act_fn, torch.nn.PReLU(dtype=torch.float64)
    keep_little(mlp)
    assert "forward" not in mlp.__dict__, "its activation is trained"
    mlp.act_fn = usual
    keep_little(mlp)
    assert "forward" in mlp.__dict__


def test_a_norm_may_change_the_number_type():
    _, made = lean("llama", torch.bfloat16)
    norm = made.model.norm.float()
    rows = torch.randn(40, 32, dtype=torch.bfloat16, requires_grad=True)
    with torch.no_grad():
        wanted = norm(rows)
    found = norm(rows)
    assert found.dtype == wanted.dtype == torch.float32 and torch.equal(found, wanted)
    found.sum().backward()
    assert rows.grad.dtype == torch.bfloat16
