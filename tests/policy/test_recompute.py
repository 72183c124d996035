"""Recomputed layers against kept ones: same gradients, fewer tensors kept, and nothing changes for sampling."""

from __future__ import annotations

import random

import pytest
import torch

import tiny
from darkhorse.config.stages import RLStage
from darkhorse.errors import UserError
from darkhorse.policy import recompute
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.policy.recompute import recompute_layers
from darkhorse.training.optimizer import MasterOptimizer


def plan() -> PackedPlan:
    rng = random.Random(0)

    def draw(count: int) -> list[int]:
        return [rng.randrange(tiny.VOCABULARY) for _ in range(count)]

    return PackedPlan([Segment(draw(7), [draw(3), draw(9)]), Segment(draw(4), [draw(5)])])


def saved_bytes(model) -> int:
    """Bytes of the tensors that a training pass keeps."""
    kept, logprobs_T = tiny.saved_bytes(lambda: completion_logprobs(model, plan())[0])
    logprobs_T.sum().backward()
    return kept


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_gradients_are_the_same(kind):
    kept, recomputed = (tiny.packed(tiny.model(kind, torch.float64)) for _ in range(2))
    recompute_layers(recomputed)
    for model in (kept, recomputed):
        logprobs_T, _ = completion_logprobs(model, plan())
        logprobs_T.pow(2).sum().backward()
    wanted, got = tiny.gradients(kept), tiny.gradients(recomputed)
    assert wanted.keys() == got.keys()
    assert all(torch.equal(wanted[name], got[name]) for name in wanted)


def test_fewer_tensors_are_kept():
    model = tiny.packed(tiny.model())
    before = saved_bytes(model)
    recompute_layers(model)
    assert saved_bytes(model) < before / 2
    recompute_layers(model, enable=False)
    assert saved_bytes(model) == before


def test_nothing_is_recomputed_without_gradients(monkeypatch):
    model = tiny.packed(tiny.model())
    before = completion_logprobs(model, plan())[0]
    recompute_layers(model)
    monkeypatch.setattr(recompute, "checkpoint", None)
    with torch.no_grad():
        assert torch.equal(completion_logprobs(model, plan())[0], before)


def test_the_optimizer_turns_it_on_and_off():
    model = tiny.packed(tiny.model())
    before = saved_bytes(model)
    optimizer = MasterOptimizer(model, RLStage(gradient_checkpointing=True))
    assert saved_bytes(model) < before / 2
    optimizer.close()
    assert saved_bytes(model) == before


def test_an_architecture_without_such_layers_is_refused():
    with pytest.raises(UserError, match="gradient_checkpointing: Linear does not support"):
        MasterOptimizer(torch.nn.Linear(2, 2), RLStage(gradient_checkpointing=True))
