"""What is computed again is not kept."""

from __future__ import annotations

import weakref

import pytest
import torch

import tiny
from darkhorse.policy import projections
from darkhorse.policy.again import computed, to_keep
from darkhorse.policy.native import differentiable, library

needs_library = pytest.mark.skipif(library.library() is None, reason=f"no compiled operations: {library.why_not()}")
TOKENS = torch.tensor([[5, 9, 2, 7, 1]])


def test_a_tensor_is_kept_by_what_it_comes_from():
    source = torch.ones(2)
    made = computed(torch.exp, source, source.exp())
    assert to_keep(made) == (source, torch.exp) and torch.equal(made, source.exp())
    assert to_keep(source) == (source, None)


def gradients(model) -> dict[str, torch.Tensor]:
    model(TOKENS).logits.float().square().sum().backward()
    return tiny.gradients(model)


@needs_library
@pytest.mark.parametrize("kind", tiny.KINDS)
def test_norms_before_joined_products_are_computed_again(kind, monkeypatch):
    made: list[weakref.ref] = []
    norm = differentiable.norm

    def noted(*given):
        out = norm(*given)
        made.append(weakref.ref(out))
        return out

    monkeypatch.setattr(differentiable, "norm", noted)
    model = tiny.packed(tiny.model(kind, torch.bfloat16))
    model.set_attn_implementation("sdpa")
    logits = model(TOKENS).logits
    kept = sum(ref() is not None for ref in made)
    assert len(made) - kept >= 2 * model.config.num_hidden_layers, "one before attention, one before each feed-forward"
    logits.float().square().sum().backward()
    found = tiny.gradients(model)
    monkeypatch.setattr(projections, "to_keep", lambda rows: (rows, None))
    for name, wanted in gradients(model_again(kind)).items():
        assert torch.equal(found[name], wanted), name


def model_again(kind):
    model = tiny.packed(tiny.model(kind, torch.bfloat16))
    model.set_attn_implementation("sdpa")
    return model
