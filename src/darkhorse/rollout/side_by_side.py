"""Lanes of decoding in threads of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import TypeAlias

from darkhorse.policy.threads import divided_threads
from darkhorse.rollout.arrivals import Arrivals
from darkhorse.rollout.engine import Inbox
from darkhorse.rollout.trajectory import Completion

Decode: TypeAlias = Callable[[Inbox], Iterator[Completion | None]]


async def run_side_by_side(
    lanes: Sequence[Decode], inboxes: Sequence[Inbox], arrivals: Arrivals
) -> AsyncGenerator[tuple[int, Completion]]:
    """Run lanes beside each other, each in a thread with its share of the processor's.

    Args:
        lanes: what each does with its inbox; None says that it has only taken a step.
        inboxes: one for each lane. A lane waits until its completion has been dealt with, so what the caller puts into
            its inbox meanwhile is always found.
        arrivals: what else there is, taken by the lane that asks first.

    Returns:
        Completions as they finish, each with the number of its lane. What fails in a lane is raised.
    """
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[tuple[int, Completion | BaseException | None]] = asyncio.Queue()
    go_on = [threading.Semaphore(0) for _ in lanes]
    stopping = threading.Event()

    def work(number: int) -> None:
        def tell(news: Completion | BaseException | None) -> None:
            loop.call_soon_threadsafe(ready.put_nowait, (number, news))

        take_share()
        try:
            for completion in lanes[number](inboxes[number]):
                if completion is not None:
                    tell(completion)
                    go_on[number].acquire()
                else:
                    inboxes[number] += arrivals.between_steps()
                if stopping.is_set():
                    break
            tell(None)
        except BaseException as error:
            tell(error)

    with divided_threads(len(lanes)) as take_share:
        workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(lanes))]
        for worker in workers:
            worker.start()
        busy = len(lanes)
        try:
            while busy:
                number, news = await ready.get()
                if isinstance(news, BaseException):
                    raise news
                if news is None:
                    busy -= 1
                    continue
                yield number, news
                go_on[number].release()
        finally:
            stopping.set()
            for lane in go_on:
                lane.release()
            for worker in workers:
                worker.join()
