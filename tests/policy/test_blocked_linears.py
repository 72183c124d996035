"""Blocked weights against plain ones."""

from __future__ import annotations

import copy

import pytest
import torch

import tiny
from darkhorse.policy.blocked_linears import BlockedLinears
from darkhorse.policy.native import products


def outputs(policy, rows):
    """What every linear layer of a model makes of random rows."""
    torch.manual_seed(0)
    layers = {name: m for name, m in policy.model.named_modules() if isinstance(m, torch.nn.Linear)}
    with torch.inference_mode():
        return {
            name: layer(torch.randn(1, rows, layer.in_features, dtype=layer.weight.dtype))
            for name, layer in layers.items()
        }


def bfloat16_policy(kind):
    policy = copy.deepcopy(tiny.policy(kind))
    policy.model.to(torch.bfloat16)
    return policy


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("rows", [1, 3, 64, 300])
@pytest.mark.parametrize("kind", tiny.KINDS)
def test_blocked_weights_give_what_plain_weights_give(kind, rows, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(products, "packs", lambda weight: False)
    policy = bfloat16_policy(kind)
    expected = outputs(policy, rows)
    with BlockedLinears(policy.model).active():
        found = outputs(policy, rows)
    assert found.keys() == expected.keys() and len(found) > 1
    for name, value in found.items():
        assert value.dtype == torch.bfloat16
        torch.testing.assert_close(value, expected[name], msg=name)


def test_the_copy_is_of_the_weights_as_they_were_and_serves_only_inside_the_block():
    policy = bfloat16_policy("llama")
    before = outputs(policy, 4)
    blocked = BlockedLinears(policy.model)
    if not blocked._forwards:
        pytest.skip("the matrix library has no bfloat16 layout on this machine")
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.mul_(2)
    with blocked.active():
        inside = outputs(policy, 4)
    outside = outputs(policy, 4)
    name = next(name for name in before if name.endswith("up_proj"))
    torch.testing.assert_close(inside[name], before[name])
    torch.testing.assert_close(outside[name], 2 * before[name])


def test_other_number_types_keep_their_plain_weights():
    policy = tiny.policy("llama")
    assert policy.model.dtype != torch.bfloat16
    assert BlockedLinears(policy.model)._forwards == {}
