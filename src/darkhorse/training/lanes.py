"""Forward and backward passes in threads of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from darkhorse.policy.threads import divided_threads, most_lanes
from darkhorse.training.optimizer import MasterOptimizer

T = TypeVar("T")
R = TypeVar("R")


def run_passes(
    batches: Sequence[T], run: Callable[[T], R], lanes: int = 1, optimizer: MasterOptimizer | None = None
) -> list[R]:
    """Run a pass over every micro-batch; what each returns, in order.

    A small model leaves processors idle between operations that are too small to be shared; passes beside each other
    use them. Gradients are summed in the order of micro-batches, so the total does not depend on which was faster.

    Args:
        batches: micro-batches, dealt to the lanes in turn.
        run: forward and backward pass over one.
        lanes: passes beside each other, each on its share of the processor's threads; one on a graphics processor.
        optimizer: takes the gradients; without one there is a single lane.
    """
    if optimizer is None:
        return [run(batch) for batch in batches]
    lanes = min(most_lanes(lanes, optimizer.device), max(len(batches), 1))
    if lanes == 1:
        return [run(batch) for batch in batches]

    first = optimizer.passes

    def work(lane: int) -> list[R]:
        take_share()
        return [take_turn(place) for place in range(lane, len(batches), lanes)]

    def take_turn(place: int) -> R:
        with optimizer.turn(first + place, place + lanes >= len(batches)):
            return run(batches[place])

    with divided_threads(lanes) as take_share, ThreadPoolExecutor(lanes) as pool:
        by_lane = [found.result() for found in [pool.submit(work, lane) for lane in range(lanes)]]
    return [by_lane[place % lanes][place // lanes] for place in range(len(batches))]
