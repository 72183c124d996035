"""The local engine: samples from the trainer's own weights."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial

from darkhorse.policy.blocked_linears import BlockedLinears
from darkhorse.policy.device import memory_bytes
from darkhorse.policy.loading import Policy
from darkhorse.policy.threads import most_lanes
from darkhorse.rollout.arrivals import Arrivals
from darkhorse.rollout.engine import Inbox, Request
from darkhorse.rollout.lane import DRAFT_TOKENS, Lane, reading_order
from darkhorse.rollout.side_by_side import Decode, run_side_by_side
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
        cache_gib: about the most memory for keys and values, in GiB; None allows a third of the device's. Requests wait
            where there might not be room to their end; one that could not find room even alone is a `UserError`.
        min_sequences_per_lane: no more lanes are opened than have so many each.
        draft_tokens: most tokens guessed for a sequence at a step, while few are decoded.
    """

    def __init__(
        self,
        policy: Policy,
        max_sequences: int = 96,
        on_token: Callable[[int, int, int], None] | None = None,
        lanes: int = 1,
        cache_gib: float | None = None,
        min_sequences_per_lane: int = 64,
        draft_tokens: int = DRAFT_TOKENS,
    ) -> None:
        self.policy = policy
        self._max_sequences, self._min_sequences_per_lane = max_sequences, min_sequences_per_lane
        lanes = most_lanes(lanes, policy.model.device)
        self._lanes = [Lane(policy, on_token, draft_tokens=draft_tokens) for _ in range(lanes)]
        self._cache_bytes = memory_bytes(policy.model.device) // 3 if cache_gib is None else int(cache_gib * 2**30)
        self.weights_version = 0

    def sync_weights(self, policy: Policy) -> None:
        """The weights are shared: only the version moves."""
        self.policy = policy
        self.weights_version += 1
        for lane in self._lanes:
            lane.policy, lane.weights_version = policy, self.weights_version

    async def generate(self, requests: Sequence[Request]) -> AsyncIterator[Completion]:
        """See `Engine.generate`. Other coroutines run between decoding steps; a request appended while a completion is
        out goes to the lane that completion came from.
        """
        lanes = self._lanes_for(requests)
        inboxes, arrivals = _share_out(requests, len(lanes)), Arrivals(requests)
        with BlockedLinears(self.policy.model).active():
            if len(lanes) == 1:
                running = _run_alone(lanes[0], inboxes[0], arrivals)
            else:
                running = run_side_by_side(lanes, inboxes, arrivals)
            try:
                async with aclosing(running):
                    async for number, completion in running:
                        with arrivals.reserved_for(inboxes[number]):
                            yield completion
            finally:
                for lane in self._lanes:
                    lane.rest()  # training, which may come next, has better use for the memory

    def _lanes_for(self, requests: Sequence[Request]) -> list[Decode]:
        """Lanes that share the places and the memory, each with enough sequences to be worth it."""
        at_once = min(self._max_sequences, sum(request.num_samples for request in requests))
        count = max(1, min(len(self._lanes), at_once // self._min_sequences_per_lane))
        sequences, memory = self._max_sequences // count, self._cache_bytes // count
        return [partial(lane.run, max_sequences=sequences, cache_bytes=memory) for lane in self._lanes[:count]]


async def _run_alone(decode: Decode, inbox: Inbox, arrivals: Arrivals) -> AsyncGenerator[tuple[int, Completion]]:
    for completion in decode(inbox):
        if completion is not None:
            yield 0, completion
        else:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            inbox += arrivals.between_steps()


def _share_out(requests: Sequence[Request], lanes: int) -> list[Inbox]:
    """Runs of neighbours in reading order, dealt to the lanes in turn: alike in length, and so in work."""
    order = sorted(enumerate(requests), key=lambda pair: reading_order(pair[1]))
    run = min(_LONGEST_RUN, max(1, len(order) // (8 * lanes)))
    inboxes: list[Inbox] = [deque() for _ in range(lanes)]
    for place, pair in enumerate(order):
        inboxes[place // run % lanes].append(pair)
    return inboxes
