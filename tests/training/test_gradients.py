"""Sums of gradients, whichever pass ends first."""

from __future__ import annotations

import itertools

import pytest
import torch

from darkhorse.training.gradients import GradientSum

COUNT = 4


def parameters(dtype: torch.dtype = torch.bfloat16) -> list[torch.Tensor]:
    return [torch.nn.Parameter(torch.zeros(shape, dtype=dtype)) for shape in ((3, 5), (4,))]


def found(of: list[torch.Tensor], seed: int) -> dict[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {p: torch.randn(p.shape, generator=generator).to(p.dtype) for p in of}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("rooms", [0, 1, COUNT])
def test_gradients_add_up_in_the_order_of_passes(dtype, rooms):
    held = parameters(dtype)
    passes = [found(held, seed) for seed in range(COUNT)]
    kept = [{p: gradient.clone() for p, gradient in each.items()} for each in passes]
    for order in itertools.permutations(range(COUNT)):
        sums = GradientSum(held)
        for place, number in enumerate(order):
            sums.put(number, passes[number])
            if place < rooms:
                sums.make_room()
        assert sums.passes == COUNT
        for parameter in held:
            wanted = torch.zeros(parameter.shape, dtype=torch.promote_types(dtype, torch.float32))
            for each in kept:
                wanted += each[parameter]
            assert torch.equal(sums.of(parameter), wanted.flatten())
            assert torch.equal(sums.of(parameter, slice(1, 3)), wanted.flatten()[1:3])
            assert sums.of(parameter).dtype == wanted.dtype
    for each, before in zip(passes, kept, strict=True):
        assert all(torch.equal(each[p], before[p]) for p in held), "what was put in is left as it was"


def test_what_no_pass_reached_is_zero():
    held = parameters()
    sums = GradientSum(held)
    assert torch.equal(sums.of(held[0]), torch.zeros(15))
    sums.put(0, {held[1]: torch.ones(4, dtype=torch.bfloat16)})
    assert torch.equal(sums.of(held[0], slice(2, 4)), torch.zeros(2))
    sums.make_room()
    assert torch.equal(sums.of(held[0]), torch.zeros(15)) and torch.equal(sums.of(held[1]), torch.ones(4))


def test_a_step_starts_from_nothing():
    held = parameters()
    sums = GradientSum(held)
    sums.add(held[1], torch.ones(4, dtype=torch.bfloat16))
    sums.put(0, {held[0]: torch.ones(3, 5, dtype=torch.bfloat16)})
    assert torch.equal(sums.of(held[1]), torch.ones(4)) and sums.passes == 1
    sums.clear()
    assert sums.passes == 0 and not any(sums.of(parameter).any() for parameter in held)


def test_a_gradient_need_not_be_contiguous():
    held = parameters()
    gradient = torch.randn(5, 3).bfloat16().T
    for in_time in (False, True):
        sums = GradientSum(held)
        sums.put(0, {held[0]: gradient})
        if in_time:
            sums.make_room()
        assert torch.equal(sums.of(held[0]), gradient.float().flatten())
