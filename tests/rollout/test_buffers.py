"""Buffers are handed out again, and let go where they are too small or too many."""

from __future__ import annotations

import torch

from darkhorse.rollout.buffers import Buffers


def test_a_buffer_is_handed_out_again_but_not_for_something_much_smaller() -> None:
    buffers = Buffers(torch.float32, torch.device("cpu"))
    first = buffers.take((2, 30))
    place = first.data_ptr()
    buffers.give(first)
    small = buffers.take((3, 4))
    assert small.data_ptr() != place
    again = buffers.take((5, 10))
    assert again.data_ptr() == place and again.shape == (5, 10) and again.is_contiguous()


def test_a_buffer_too_small_for_what_comes_is_let_go() -> None:
    buffers = Buffers(torch.float32, torch.device("cpu"))
    for size in (10, 20, 40):
        buffers.give(buffers.take((size,)))
    assert [len(buffer) for buffer in buffers._free] == [40]


def test_free_buffers_are_let_go_before_more_than_the_limit_is_held() -> None:
    buffers = Buffers(torch.float32, torch.device("cpu"), most=100)
    first, second = buffers.take((40,)), buffers.take((30,))
    assert buffers.held == 70
    buffers.give(first)
    assert buffers.held == 70
    buffers.take((10, 2))  # 40 are too many for 20, and beside them there is room
    assert buffers.held == 90
    buffers.take((15,))
    assert buffers.held == 30 + 20 + 15
    buffers.give(second)
    buffers.take((30,))
    assert buffers.held == 30 + 20 + 15
