"""Layers computed together against each on its own."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import AutoModelForCausalLM

import tiny
from darkhorse.config.stages import LoraConfig
from darkhorse.policy.adapters import training_adapters
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.policy.projections import Projection, Together, families, share_projections
from darkhorse.policy.saving import save_pretrained

SEGMENT = Segment([1, 2, 3], [[4, 5], [6, 7, 8]])
TOKENS = torch.tensor([[5, 9, 2, 7, 1]])


def shared(kind, dtype=torch.float64):
    """A model of Transformers, and a copy that computes its projections together."""
    plain = tiny.model(kind, dtype)
    joined = copy.deepcopy(plain)
    share_projections(joined)
    return plain, joined


def projections(model):
    return [module for module in model.modules() if isinstance(module, Projection)]


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_one_product_gives_the_values_and_gradients_of_several(kind):
    plain, joined = shared(kind)
    assert len(projections(joined)) == 5 * joined.config.num_hidden_layers
    for model in (plain, joined):
        model(TOKENS).logits.square().sum().backward()
    with torch.no_grad():
        torch.testing.assert_close(joined(TOKENS).logits, plain(TOKENS).logits)
    expected = tiny.gradients(plain)
    for name, gradient in tiny.gradients(joined).items():
        torch.testing.assert_close(gradient, expected[name], msg=name)


def test_a_layer_is_one_product_for_three_and_one_for_two(monkeypatch):
    _, joined = shared("llama")
    products = []
    linear = torch.nn.functional.linear
    monkeypatch.setattr(torch.nn.functional, "linear", lambda *given: products.append(len(given[1])) or linear(*given))
    joined.base_model(TOKENS)
    config = joined.config
    heads = config.num_attention_heads + 2 * config.num_key_value_heads
    a_layer = [heads * config.head_dim, config.hidden_size, 2 * config.intermediate_size, config.hidden_size]
    assert products == config.num_hidden_layers * a_layer


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_weights_are_not_held_twice_and_are_written_through(kind):
    plain, joined = shared(kind)
    assert {n: p.shape for n, p in joined.named_parameters()} == {n: p.shape for n, p in plain.named_parameters()}
    with torch.no_grad():
        for model in (plain, joined):
            for parameter in model.parameters():
                parameter.mul_(1.5)
        torch.testing.assert_close(joined(TOKENS).logits, plain(TOKENS).logits)


@pytest.mark.parametrize("kind", ["llama-tied", "qwen2", "gemma3"])
def test_what_is_saved_is_the_plain_model(kind, tmp_path):
    plain, joined = shared(kind, torch.float32)
    save_pretrained(joined, tiny.tokenizer(), tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    expected = plain.state_dict()
    assert joined.state_dict().keys() == loaded.state_dict().keys() == expected.keys()
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_layers_that_are_moved_compute_with_the_weights_they_moved_to():
    plain, joined = shared("qwen2")
    moved = copy.deepcopy(joined).float()
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter.mul_(2)
        for parameter in plain.parameters():
            parameter.mul_(2)
        torch.testing.assert_close(moved(TOKENS).logits, plain.float()(TOKENS).logits)
        assert not torch.allclose(joined(TOKENS).logits.float(), moved(TOKENS).logits)


def test_adapters_lie_on_layers_computed_together():
    plain, joined = (tiny.packed(tiny.model("qwen3", torch.float64)) for _ in range(2))
    for module in projections(plain):
        module.__class__ = torch.nn.Linear
    before = completion_logprobs(plain, PackedPlan([SEGMENT]))[0]
    gradients = []
    for model in (plain, joined):
        with training_adapters(model, LoraConfig(rank=2, target_modules=["q_proj", "v_proj"])):
            logprobs = completion_logprobs(model, PackedPlan([SEGMENT]))[0]
            torch.testing.assert_close(logprobs, before)
            logprobs.sum().backward()
            gradients.append(tiny.gradients(model))
    assert gradients[0].keys() == gradients[1].keys() and all("lora_" in name for name in gradients[0])
    for name, gradient in gradients[1].items():
        torch.testing.assert_close(gradient, gradients[0][name], msg=name)


def test_parts_may_be_asked_for_in_any_order_and_again():
    calls = []

    def product(rows):
        calls.append(rows)
        return [rows + 1, rows + 2]

    together, (one, other) = Together(product), torch.zeros(2, 3).unbind()
    assert [together.part(1, one)[0], together.part(0, one)[0]] == [2, 1] and len(calls) == 1
    assert together.part(0, one)[0] == 1 and together.part(0, one)[0] == 1 and len(calls) == 3
    assert together.part(1, other)[0] == 2 and calls[-1] is other


def test_layers_with_different_inputs_are_left_alone():
    parent = torch.nn.Module()
    parent.gate_proj, parent.up_proj = torch.nn.Linear(4, 3), torch.nn.Linear(5, 3)
    share_projections(parent)
    assert len(list(families(parent))) == 1 and not projections(parent)
