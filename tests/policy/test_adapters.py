"""Adapters: only they learn, and what is sampled with and saved is the plain model with them added."""

from __future__ import annotations

import asyncio
import copy
import importlib.util

import pytest
import torch
from transformers import AutoModelForCausalLM

import tiny
from darkhorse.config.stages import LoraConfig, SFTStage
from darkhorse.errors import UserError
from darkhorse.policy.adapters import add_adapters, merge_adapters, merged_state_dict, training_adapters
from darkhorse.policy.blocked_linears import BlockedLinears
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.policy.saving import save_pretrained
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.local import LocalEngine
from darkhorse.training.optimizer import MasterOptimizer

LORA = LoraConfig(rank=4, alpha=8)


def logprobs(model) -> torch.Tensor:
    return completion_logprobs(model, PackedPlan([Segment([1, 2, 3], [[4, 5], [6, 7, 8]])]))[0]


def train(model, steps: int = 3, first: int = 1, optimizer: MasterOptimizer | None = None) -> MasterOptimizer:
    optimizer = optimizer or MasterOptimizer(model, SFTStage(steps=9, warmup_steps=0, learning_rate=1e-2))
    for step in range(first, first + steps):
        (-logprobs(model).mean()).backward()
        optimizer.step(step)
    return optimizer


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_fresh_adapters_change_nothing_and_training_leaves_the_model_alone(kind):
    model = tiny.packed(tiny.model(kind, torch.float64))
    before, weights = logprobs(model), {name: p.clone() for name, p in model.named_parameters()}
    add_adapters(model, LORA)
    assert torch.equal(logprobs(model), before)
    train(model)
    assert not torch.allclose(logprobs(model), before)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            assert parameter.requires_grad
        else:
            assert torch.equal(parameter, weights[name.replace(".base_layer", "")]) and not parameter.requires_grad


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_the_model_they_are_added_to_computes_the_same(kind, tmp_path):
    model = tiny.packed(tiny.model(kind, torch.float64))
    plain_names = set(model.state_dict())
    with training_adapters(model, LORA):
        train(model)
        adapted, state = logprobs(model).detach(), merged_state_dict(model)
        save_pretrained(model, tiny.tokenizer(), tmp_path)
    assert state is not None and set(state) == plain_names
    torch.testing.assert_close(logprobs(model), adapted)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    loaded = tiny.packed(AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64).eval())
    torch.testing.assert_close(logprobs(loaded), adapted)


def test_a_plain_model_has_no_merged_state():
    assert merged_state_dict(tiny.model()) is None


def test_the_optimizer_restores_them():
    straight = tiny.packed(tiny.model(dtype=torch.float64))
    add_adapters(straight, LORA)
    half = copy.deepcopy(straight)
    train(straight, 4)
    state = {name: tensor.clone() for name, tensor in train(half, 2).state_dict().items()}
    resumed = tiny.packed(tiny.model(dtype=torch.float64))
    add_adapters(resumed, LORA)
    optimizer = MasterOptimizer(resumed, SFTStage(steps=9, warmup_steps=0, learning_rate=1e-2))
    optimizer.load_state_dict(state)
    train(resumed, 2, 3, optimizer)
    assert torch.equal(logprobs(resumed), logprobs(straight))


def test_the_engine_samples_with_them():
    policy = tiny.policy()
    add_adapters(policy.model, LORA)
    train(policy.model)
    request = Request([1, 2, 3], SamplingParams(max_tokens=12, seed=1, ignore_end=True), 3)

    async def collect():
        return [completion async for completion in LocalEngine(policy).generate([request])]

    for completion in asyncio.run(collect()):
        wanted, _ = completion_logprobs(policy.model, PackedPlan([Segment(request.prompt, [completion.tokens])]))
        assert completion.logprobs == pytest.approx(wanted.tolist(), abs=1e-4)


def test_blocked_weights_have_them_added():
    model = tiny.packed(tiny.model("qwen2", torch.bfloat16))
    add_adapters(model, LORA)
    train(model)
    merged = copy.deepcopy(model)
    merge_adapters(merged)
    with torch.inference_mode():
        wanted = logprobs(merged)
        with BlockedLinears(model).active():
            torch.testing.assert_close(logprobs(model), wanted, rtol=0, atol=0.05)
        plain = BlockedLinears(model)
    if plain._forwards:  # the machine has such a layout
        names = {name for name, module in model.named_modules() if module in plain._forwards}
        assert "model.layers.0.self_attn.q_proj" in names and not any("lora_" in name for name in names)


def test_chosen_layers_only():
    model = tiny.packed(tiny.model())
    add_adapters(model, LoraConfig(rank=2, target_modules=["q_proj"]))
    trained = {name.split(".lora_")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {f"model.layers.{layer}.self_attn.q_proj" for layer in range(2)}


def test_layers_that_do_not_exist_are_named():
    with pytest.raises(UserError, match=r"lora\.target_modules: \['nothing'\] cannot be found in LlamaForCausalLM"):
        add_adapters(tiny.model(), LoraConfig(target_modules=["nothing"]))


def test_without_peft_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"darkhorse\[lora\]"):
        add_adapters(tiny.model(), LORA)
