"""Decoder layers as one call, against the same layers operation by operation."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

import tiny
from darkhorse.policy import blocked_linears
from darkhorse.policy.attention import attention_plan, head_width
from darkhorse.policy.blocked_linears import BlockedLinears
from darkhorse.policy.native.decoder import CompiledDecoder
from darkhorse.policy.native.products import packs
from darkhorse.rollout.buffers import Buffers
from darkhorse.rollout.cache import DecodePlan, SlotCache
from darkhorse.rollout.prefill import read_prompts

pytestmark = pytest.mark.skipif(
    not packs(torch.zeros(1, 2, dtype=torch.bfloat16)),
    reason="this processor has no products of bfloat16 that are compiled",
)
KINDS = [kind for kind in tiny.KINDS if kind != "gemma3"]  # whose layers have norms behind them


def compiled(linears):
    """What computes a model's layers, if they are compiled calls."""
    owners = [getattr(forward, "__self__", None) for forward in linears._forwards.values()]
    return next((owner for owner in owners if isinstance(owner, CompiledDecoder)), None)


def both(kind):
    """A model, its layers as calls, and its layers by single operations."""
    model = tiny.packed(tiny.model(kind, torch.bfloat16))
    whole = BlockedLinears(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocked_linears, "compiled_decoder", lambda model, packed: None)
        by_operations = BlockedLinears(model)
    assert compiled(whole) and not compiled(by_operations)
    return model, whole, by_operations


def hidden_states(model, plan, tokens, positions):
    with attention_plan(plan):
        return model.model(input_ids=tokens, position_ids=positions, use_cache=False).last_hidden_state[0]


@torch.inference_mode()
def decoding(model, lengths, width, steps=2):
    """Hidden states of some decoding steps after prompts of random keys and values, and the cache after them."""
    generator, config = torch.Generator().manual_seed(0), model.config
    cache = SlotCache(config, len(lengths), Buffers(torch.bfloat16, model.device))
    for length in lengths:
        shape = (config.num_hidden_layers, config.num_key_value_heads, length, head_width(config))
        keys, values = (torch.randn(shape, generator=generator).bfloat16() for _ in range(2))
        cache.add(keys, values, length + width * steps)
    made = []
    for _ in range(steps):
        spans = cache.advance(width=width)
        positions = torch.tensor([[at + w for span in spans for at in span.positions for w in range(width)]])
        tokens = torch.randint(3, 250, positions.shape, generator=generator)
        made.append(hidden_states(model, DecodePlan(spans, positions[0], width), tokens, positions))
    return [*made, *(part for slot in range(len(lengths)) for part in cache.copy(slot))]


@torch.inference_mode()
def reading(model, prompts):
    """Last hidden states of prompts, and their keys and values."""
    hidden, computed = read_prompts(partial(hidden_states, model), prompts)
    return [hidden, *(part for of_prompt in computed for part in of_prompt)]


@settings(max_examples=20)
@given(
    kind=st.sampled_from(KINDS), lengths=st.lists(st.integers(1, 40), min_size=1, max_size=70), width=st.integers(1, 4)
)
def test_a_decoding_step_gives_the_same_bit_for_bit(kind, lengths, width):
    model, whole, by_operations = both(kind)
    lengths.sort(reverse=True)
    with by_operations.active():
        expected = decoding(model, lengths, width)
    with whole.active():
        assert all(map(torch.equal, decoding(model, lengths, width), expected))


@settings(max_examples=20)
@given(
    kind=st.sampled_from(KINDS),
    shared=st.integers(0, 40),
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=12),
)
def test_reading_prompts_gives_the_same_bit_for_bit(kind, shared, lengths):
    model, whole, by_operations = both(kind)
    prompts = [[*range(3, 3 + shared), *range(3 + 7 * n, 3 + 7 * n + length)] for n, length in enumerate(lengths)]
    with by_operations.active():
        expected = reading(model, prompts)
    with whole.active():
        assert all(map(torch.equal, reading(model, prompts), expected))


def test_a_step_is_one_call(monkeypatch):
    model, linears, _ = both("llama")
    decoder, calls = compiled(linears), []
    original = decoder._decode_layers
    monkeypatch.setattr(decoder, "_decode_layers", lambda *given: calls.append(1) or original(*given))
    monkeypatch.setattr(decoder, "_otherwise", None)  # would fail
    with linears.active():
        decoding(model, [4, 3], 1, steps=3)
    assert len(calls) == 3


class Scaled(LlamaDecoderLayer):
    """What comes out is something else."""

    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs) * 1.5


class WideNorm(nn.Module):
    """A norm of all query heads together."""

    def __init__(self, width):
        super().__init__()
        self.weight, self.variance_epsilon = nn.Parameter(torch.ones(width).bfloat16()), 1e-6

    def forward(self, rows):
        wide = rows.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * wide.to(rows.dtype)


class Doubled(nn.Embedding):
    """Embeddings in float32."""

    def forward(self, tokens):
        return super().forward(tokens).float()


def changed(change):
    model = tiny.packed(tiny.model("llama", torch.bfloat16)).model
    change(model, model.layers[1])
    return compiled(BlockedLinears(model))


def test_models_that_compute_something_else_stay_as_they_are():
    assert changed(lambda model, layer: None)
    assert not changed(lambda model, layer: setattr(layer, "__class__", Scaled))
    assert not changed(lambda model, layer: setattr(layer.mlp, "act_fn", nn.GELU()))
    assert not changed(lambda model, layer: setattr(layer.self_attn, "q_norm", WideNorm(32)))
    assert not changed(lambda model, layer: setattr(layer.input_layernorm, "variance_epsilon", 1e-3))
    assert not changed(lambda model, layer: layer.input_layernorm.float())
    assert not changed(lambda model, layer: setattr(layer.self_attn, "layer_idx", 0))
    assert not changed(lambda model, layer: setattr(layer.self_attn, "head_dim", 4))
    assert not changed(lambda model, layer: setattr(model.embed_tokens, "__class__", Doubled))
    assert not changed(lambda model, layer: delattr(model, "rotary_emb"))
    assert not compiled(BlockedLinears(tiny.packed(tiny.model("gemma3", torch.bfloat16))))


def test_other_passes_are_what_they_were():
    model, linears, _ = both("qwen3")
    model.set_attn_implementation("sdpa")
    tokens = torch.randint(3, 250, (1, 9))
    with torch.inference_mode(), linears.active():
        found = model(tokens).logits
        del compiled(linears)._decode_layers, compiled(linears)._read_layer  # would fail
        assert torch.equal(model(tokens).logits, found)
