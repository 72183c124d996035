"""Decoding in steps padded to few arrangements: on the processor without graphs, on a CUDA device with them."""

from __future__ import annotations

import asyncio
import random

import pytest
import torch

import tiny
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.graphs import GraphDecoder, arrangement, padded_inputs, padded_step, slots_taking_part
from darkhorse.rollout.lane import Lane
from darkhorse.rollout.local import LocalEngine

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: graphs are not tested")


class PaddedDecoder:
    """What `GraphDecoder` does, step by step and without a device."""

    spare_rows = 1

    def __init__(self, forward):
        self.forward = forward
        self.arrangements = []

    def step(self, cache, tokens, width=1):
        spans = cache.advance(slots_taking_part)
        self.arrangements.append(arrangement(spans))
        return padded_step(self.forward, spans, padded_inputs(spans, tokens))[: len(tokens)]


def ragged(count, most=40):
    rng = random.Random(0)
    return [
        Request(
            [rng.randrange(256) for _ in range(rng.randrange(1, 90))],
            SamplingParams(max_tokens=rng.randrange(1, most), seed=number, ignore_end=True),
            2,
        )
        for number in range(count)
    ]


def generate(engine, requests):
    async def collect():
        return [completion async for completion in engine.generate(requests)]

    return {(completion.request, completion.sample): completion for completion in asyncio.run(collect())}


def assert_same(found, wanted, tolerance):
    assert found.keys() == wanted.keys()
    for key, completion in wanted.items():
        assert found[key].tokens == completion.tokens
        assert found[key].logprobs == pytest.approx(completion.logprobs, abs=tolerance)


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
@pytest.mark.parametrize("max_sequences", [3, 24])
def test_slots_that_are_not_live_change_nothing(kind, max_sequences, monkeypatch):
    policy = tiny.policy(kind)
    wanted = generate(LocalEngine(policy, max_sequences), ragged(20))
    padded = []

    def decoder(lane):
        padded.append(PaddedDecoder(lane._forward))
        return padded[-1]

    monkeypatch.setattr(Lane, "_decoder", decoder)
    assert_same(generate(LocalEngine(policy, max_sequences), ragged(20)), wanted, 1e-4)
    steps = padded[0].arrangements
    assert len(steps) > 30
    assert len(set(steps)) < len(steps)


@pytest.mark.parametrize(
    ("live", "slots", "wanted"), [(1, 64, 8), (8, 64, 8), (9, 64, 16), (33, 64, 64), (3, 5, 5), (40, 50, 50)]
)
def test_few_numbers_of_slots_come_up(live, slots, wanted):
    assert slots_taking_part(live, slots) == wanted


@needs_cuda
@pytest.mark.parametrize("kind", tiny.KINDS)
def test_graphs_give_the_samples_of_single_operations(kind, monkeypatch):
    policy = tiny.policy(kind)
    policy.model.to("cuda")
    requests = ragged(20)
    monkeypatch.setattr(GraphDecoder, "_capture", lambda self, key, spans, inputs: None)
    wanted = generate(LocalEngine(policy, 24), requests)
    monkeypatch.undo()
    engine = LocalEngine(policy, 24)
    for _ in range(2):  # graphs captured in the first call serve the second
        assert_same(generate(engine, requests), wanted, 1e-4)
    graphs = engine._lanes[0]._graphs
    assert not graphs._refused
    assert graphs._graphs
    captured = len(graphs._graphs)
    assert captured < 20


@needs_cuda
def test_graphs_see_an_update_of_the_weights():
    policy = tiny.policy()
    policy.model.to("cuda")
    engine, requests = LocalEngine(policy, 24), ragged(6)
    before = generate(engine, requests)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    engine.sync_weights(policy)
    after = generate(engine, requests)
    assert any(after[key].tokens != completion.tokens for key, completion in before.items())
    assert_same(after, generate(LocalEngine(policy, 24), requests), 1e-4)


@needs_cuda
def test_graphs_are_dropped_with_the_weights_they_were_captured_on():
    policy = tiny.policy()
    policy.model.to("cuda")
    engine, requests = LocalEngine(policy, 24), ragged(6)
    generate(engine, requests)
    held = engine._lanes[0]._graphs
    policy.model.to(torch.float64)
    policy.model.to(torch.float32)
    generate(engine, requests)
    assert engine._lanes[0]._graphs is not held
