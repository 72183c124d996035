"""Passes beside each other against one after another."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import torch

import tiny
from darkhorse.config.stages import SFTStage
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.training.lanes import run_passes
from darkhorse.training.optimizer import MasterOptimizer


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def batches(count: int) -> list[PackedPlan]:
    rng = random.Random(0)

    def draw() -> list[int]:
        return [rng.randrange(tiny.VOCABULARY) for _ in range(rng.randrange(1, 9))]

    return [PackedPlan([Segment(draw(), [draw(), draw()])]) for _ in range(count)]


def weights_after(dtype: torch.dtype, lanes: int, count: int, **settings) -> dict[str, torch.Tensor]:
    """Of three steps, each of `count` passes."""
    model = tiny.packed(tiny.model("llama-tied", dtype))
    optimizer = MasterOptimizer(model, SFTStage(warmup_steps=0, learning_rate=1e-2, **settings))

    def run(plan: PackedPlan) -> float:
        loss = -completion_logprobs(model, plan)[0].sum()
        optimizer.backward(loss)
        return float(loss.detach())

    for step in range(1, 4):
        assert len(run_passes(batches(count), run, lanes, optimizer)) == count
        optimizer.step(step)
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("settings", [{}, {"freeze_embeddings": True}, {"gradient_checkpointing": True}])
def test_lanes_change_nothing(count, settings):
    alone, beside = (weights_after(torch.float64, lanes, count, **settings) for lanes in (1, 2))
    for name, weight in alone.items():
        torch.testing.assert_close(beside[name], weight, rtol=1e-9, atol=1e-9)


def test_which_lane_is_faster_changes_no_bit():
    first, *others = (weights_after(torch.bfloat16, 2, 7) for _ in range(4))
    for other in others:
        assert all(torch.equal(other[name], weight) for name, weight in first.items())


def test_results_come_in_order_and_threads_are_given_back():
    optimizer = MasterOptimizer(tiny.model(), SFTStage())
    seen: list[int] = []

    def run(number: int) -> int:
        seen.append(torch.get_num_threads())
        return 10 * number

    assert run_passes(range(5), run, 2, optimizer) == [0, 10, 20, 30, 40]
    assert seen == [1] * 5 and torch.get_num_threads() == 2
    assert run_passes([], run, 2, optimizer) == []
    assert run_passes(range(2), run, 8, optimizer) == [0, 10], "no more lanes than threads"


def test_what_fails_in_a_lane_is_raised():
    def run(number: int) -> None:
        if number:
            raise ValueError("no such pass")

    with pytest.raises(ValueError, match="no such pass"):
        run_passes(range(2), run, 2, MasterOptimizer(tiny.model(), SFTStage()))
    assert torch.get_num_threads() == 2
