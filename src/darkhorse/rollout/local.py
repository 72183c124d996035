"""The local engine: samples from the trainer's own weights."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing

from darkhorse.policy.blocked_linears import BlockedLinears
from darkhorse.policy.loading import Policy
from darkhorse.policy.threads import most_lanes
from darkhorse.rollout.engine import Inbox, Request
from darkhorse.rollout.lane import Lane, reading_order
from darkhorse.rollout.side_by_side import run_side_by_side
from darkhorse.rollout.trajectory import Completion

_TURNS = 8
"""Turns that other coroutines get between decoding steps: a request to a verifier takes several to be sent."""
_LONGEST_RUN = 16
"""Most neighbours in reading order that go to the same lane: they often share a beginning, which is read once there."""


class LocalEngine:
    """See `Engine`.

    Args:
        policy: whose tensors are used as they are; a weight sync moves nothing.
        max_sequences: most sequences decoded at once.
        on_token: called with request, sample and token as each token is drawn.
        lanes: decode the requests in so many shares beside each other, each on its part of the processor's threads, of
            which there must be one for each. What a lane leaves idle, between small operations and in Python, another
            then uses. On a graphics processor there is one.
        cache_gib: about the most memory for keys and values, in GiB; None sets no limit. Requests wait where there
            might not be room to their end; one that could not find room even alone is a `UserError`.
    """

    def __init__(
        self,
        policy: Policy,
        max_sequences: int = 96,
        on_token: Callable[[int, int, int], None] | None = None,
        lanes: int = 1,
        cache_gib: float | None = None,
    ) -> None:
        self.policy = policy
        lanes = most_lanes(lanes, policy.model.device)
        share, memory = max(1, max_sequences // lanes), None if cache_gib is None else int(cache_gib * 2**30 / lanes)
        self._lanes = [Lane(policy, share, on_token, memory) for _ in range(lanes)]
        self.weights_version = 0

    def sync_weights(self, policy: Policy) -> None:
        """The weights are shared: only the version moves."""
        self.policy = policy
        self.weights_version += 1
        for lane in self._lanes:
            lane.policy, lane.weights_version = policy, self.weights_version

    async def generate(self, requests: Sequence[Request]) -> AsyncIterator[Completion]:
        """See `Engine.generate`. Other coroutines run between decoding steps; a request appended while a completion is
        out goes to the lane that completion came from, so that what is decoded together does not depend on timing.
        """
        inboxes = _share_out(requests, len(self._lanes))
        taken = len(requests)
        with BlockedLinears(self.policy.model).active():
            if len(self._lanes) == 1:
                running = _run_alone(self._lanes[0], inboxes[0])
            else:
                running = run_side_by_side([lane.run for lane in self._lanes], inboxes)
            async with aclosing(running):
                async for number, completion in running:
                    yield completion
                    inboxes[number] += enumerate(requests[taken:], taken)
                    taken = len(requests)


async def _run_alone(lane: Lane, inbox: Inbox) -> AsyncGenerator[tuple[int, Completion]]:
    for completion in lane.run(inbox):
        if completion is not None:
            yield 0, completion
        else:
            for _ in range(_TURNS):
                await asyncio.sleep(0)


def _share_out(requests: Sequence[Request], lanes: int) -> list[Inbox]:
    """Runs of neighbours in reading order, dealt to the lanes in turn: alike in length, and so in work."""
    order = sorted(enumerate(requests), key=lambda pair: reading_order(pair[1]))
    run = min(_LONGEST_RUN, max(1, len(order) // (8 * lanes)))
    inboxes: list[Inbox] = [deque() for _ in range(lanes)]
    for place, pair in enumerate(order):
        inboxes[place // run % lanes].append(pair)
    return inboxes
