from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import torch

import tiny
from darkhorse.evals.local_target import SharedEngine
from darkhorse.policy.loading import Policy
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.local import LocalEngine
from darkhorse.rollout.trajectory import Completion

SAMPLING = SamplingParams(max_tokens=6, seed=3)


def test_many_callers_get_what_each_would_have_got_alone() -> None:
    policy = tiny.policy()
    prompts = [list(range(10 + n, 20 + 2 * n)) for n in range(7)]

    async def one(engine: SharedEngine | LocalEngine, prompt: list[int]) -> list[list[int]]:
        """Two samples, and a request that goes on from the first."""
        requests = [Request(prompt, SAMPLING, 2)]
        tokens: list[list[int]] = []
        async for completion in engine.generate(requests):
            tokens.append(completion.tokens)
            if (completion.request, completion.sample) == (0, 0):
                ended = (completion.request, completion.sample)
                requests.append(Request([*prompt, *completion.tokens, 11], SAMPLING, continues=ended))
        return sorted(tokens)

    async def together() -> list[list[list[int]]]:
        shared = SharedEngine(LocalEngine(policy, max_sequences=4))
        first = await asyncio.gather(*(one(shared, prompt) for prompt in prompts))
        assert await one(shared, prompts[0]) == first[0], "the engine starts again when it has ended"
        return first

    alone = [asyncio.run(one(LocalEngine(policy, max_sequences=4), prompt)) for prompt in prompts]
    assert asyncio.run(together()) == alone


@pytest.mark.parametrize("lanes", [1, 2])
def test_who_comes_later_does_not_wait_for_those_before_to_end(lanes: int) -> None:
    policy, threads = tiny.policy(), torch.get_num_threads()
    ended: list[str] = []

    async def ask(shared: SharedEngine, name: str, length: int) -> None:
        sampling = SamplingParams(max_tokens=length, seed=1, ignore_end=True)
        async for _ in shared.generate([Request([5, 6, 7], sampling, lanes)]):
            ended.append(name)

    async def late(shared: SharedEngine, begun: asyncio.Event) -> None:
        await begun.wait()
        await ask(shared, "short", 2)

    async def both() -> None:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()
        tell = lambda *_: loop.call_soon_threadsafe(begun.set)  # noqa: E731
        engine = LocalEngine(policy, max_sequences=8, on_token=tell, lanes=lanes, min_sequences_per_lane=1)
        shared = SharedEngine(engine)
        await asyncio.gather(ask(shared, "long", 150), late(shared, begun))

    torch.set_num_threads(2)  # as many as the lanes need, whatever the machine
    try:
        asyncio.run(both())
    finally:
        torch.set_num_threads(threads)
    assert ended == ["short"] * lanes + ["long"] * lanes


class _Failing:
    async def generate(self, requests: Sequence[Request]) -> AsyncIterator[Completion]:
        yield Completion(0, 0, [1], [0.0], "stop", 0)
        raise RuntimeError("out of memory")

    def sync_weights(self, policy: Policy) -> None:
        pass


def test_a_failure_reaches_everyone_who_waits() -> None:
    async def ask(shared: SharedEngine, prompt: int) -> int:
        return len([one async for one in shared.generate([Request([prompt], SAMPLING)])])

    async def both() -> list[int | BaseException]:
        shared = SharedEngine(_Failing())
        return await asyncio.gather(ask(shared, 1), ask(shared, 2), return_exceptions=True)

    first, second = asyncio.run(both())
    assert first == 1
    with pytest.raises(RuntimeError, match="out of memory"):
        raise second if isinstance(second, BaseException) else AssertionError(second)
