"""Events from a thread that decodes, for coroutines."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import weakref

import pytest

from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.serving.backend import Drawn, Ended, Failed, Stream


class Scripted:
    """A backend whose thread delivers what it is told to."""

    def __init__(self):
        self.deliveries = []

    def submit(self, request, deliver):
        self.deliveries.append(deliver)
        return self

    def close(self):
        pass


def request(samples=1):
    return Request([1], SamplingParams(max_tokens=4), samples)


async def tokens_of(stream):
    found = []
    async for number, event in stream.events():
        if isinstance(event, Ended):
            return found
        found.append((number, event.token))


@pytest.mark.parametrize("seed", range(5))
def test_every_stream_gets_its_events_in_order_whenever_they_come(seed):
    backend = Scripted()

    def decode():
        rng = random.Random(seed)
        for token in range(200):
            for deliver in backend.deliveries:
                deliver(Drawn(0, token))
                if rng.random() < 0.02:
                    threading.Event().wait(rng.random() / 1000)
        for deliver in backend.deliveries:
            deliver(Ended(0, "length"))

    async def run():
        streams = [Stream(backend, [request()]) for _ in range(9)]
        thread = threading.Thread(target=decode)
        thread.start()
        found = await asyncio.wait_for(asyncio.gather(*map(tokens_of, streams)), 30)
        thread.join()
        return found

    assert asyncio.run(run()) == [[(0, token) for token in range(200)]] * 9


def test_a_loop_is_woken_once_for_all_that_has_come(monkeypatch):
    backend = Scripted()

    async def run():
        loop, woken = asyncio.get_running_loop(), []
        call = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *given: woken.append(given) or call(*given))
        streams = [Stream(backend, [request()]) for _ in range(5)]
        for deliver in backend.deliveries:  # the loop has no turn before they are all there
            deliver(Drawn(0, 7))
            deliver(Ended(0, "stop"))
        assert len(woken) == 1
        return await asyncio.gather(*map(tokens_of, streams))

    assert asyncio.run(run()) == [[(0, 7)]] * 5


def test_samples_of_several_requests_are_numbered_one_after_the_other():
    backend = Scripted()

    async def run():
        stream = Stream(backend, [request(2), request(1)])
        first, second = backend.deliveries
        second(Drawn(0, 5))
        first(Drawn(1, 6))
        first(Ended(0, "stop"))
        return await tokens_of(stream)

    assert asyncio.run(run()) == [(2, 5), (1, 6)]


def test_what_comes_after_the_loop_has_ended_is_let_go():
    backend = Scripted()

    async def begin():
        return Stream(backend, [request()])

    stream = asyncio.run(begin())
    backend.deliveries[0](Drawn(0, 5))
    stream.fail(Failed("over"))


def test_a_loop_that_has_ended_is_let_go():
    backend = Scripted()

    async def run():
        stream = Stream(backend, [request()])
        backend.deliveries.pop()(Ended(0, "stop"))
        await tokens_of(stream)
        return weakref.ref(asyncio.get_running_loop())

    loop = asyncio.run(run())
    gc.collect()
    assert loop() is None
