"""What samples for the server and for Python callers: requests in, events out, whichever engine is behind it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias
from weakref import WeakValueDictionary

from darkhorse.rollout.engine import Likeliest, Request
from darkhorse.rollout.trajectory import FinishReason


@dataclass(frozen=True)
class Drawn:
    """A token of a sample, with its log-probabilities where the request asks for them."""

    sample: int
    token: int
    likeliest: Likeliest | None = None


@dataclass(frozen=True)
class Ended:
    """A sample is complete."""

    sample: int
    reason: FinishReason


@dataclass(frozen=True)
class Failed:
    """The engine failed, or has no more time (`draining`); nothing more comes."""

    message: str
    draining: bool = False


Event: TypeAlias = Drawn | Ended | Failed


class Ticket(Protocol):
    """A submitted request."""

    def drop(self, sample: int) -> None:
        """Give up a sample: no more events of it, and its slot is free at once. Does nothing if it has ended."""
        ...

    def close(self) -> None:
        """Give up all samples."""
        ...


class Backend(Protocol):
    """Samples for many callers at once.

    Attributes:
        context: most tokens of a prompt and its completion together.
        running: samples being decoded.
        waiting: samples that wait for a slot.
    """

    @property
    def context(self) -> int:
        """See above."""
        ...

    @property
    def running(self) -> int:
        """See above."""
        ...

    @property
    def waiting(self) -> int:
        """See above."""
        ...

    def submit(self, request: Request, deliver: Callable[[Event], None]) -> Ticket:
        """Begin a request. `deliver` is called with its events, in order, perhaps from another thread."""
        ...

    def stop(self) -> None:
        """End, and give up what is under way."""
        ...


class _Bell:
    """Wakes the coroutines of a loop that have news from another thread, however many they are, by one call. It is held
    by those who use it, and lets the loop go with them.
    """

    _of_loops: ClassVar[WeakValueDictionary[asyncio.AbstractEventLoop, _Bell]] = WeakValueDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._sleepers: deque[asyncio.Event] = deque()
        self._rung = False

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _Bell:
        """The one that all coroutines of a loop share."""
        bell = cls._of_loops.get(loop)
        if bell is None:
            bell = cls._of_loops[loop] = cls(loop)
        return bell

    def wake(self, sleeper: asyncio.Event) -> None:
        """Set an event of the loop, soon. From any thread."""
        self._sleepers.append(sleeper)
        if not self._rung and not self._loop.is_closed():
            self._rung = True
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        self._rung = False  # before: who comes from now on may come too late for the loop below
        while self._sleepers:
            self._sleepers.popleft().set()


class Stream:
    """The events of several requests, for a coroutine; what is left is given up when it is closed.

    Args:
        backend: where they go.
        requests: their samples are numbered one after the other.
    """

    def __init__(self, backend: Backend, requests: Sequence[Request]) -> None:
        self._bell = _Bell.of(asyncio.get_running_loop())
        self._arrived: deque[tuple[int, Event]] = deque()
        self._news = asyncio.Event()
        self._tickets: list[tuple[int, Ticket]] = []
        first = 0
        for request in requests:
            self._tickets.append((first, backend.submit(request, self._deliver_to(first))))
            first += request.num_samples

    async def events(self) -> AsyncIterator[tuple[int, Event]]:
        """Events with the number of their sample among all (0 for a failure); without end."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._arrived:
                yield self._arrived.popleft()

    def fail(self, failure: Failed) -> None:
        """End the events with a failure."""
        self._deliver_to(0)(failure)

    def drop(self, number: int) -> None:
        """Give up a sample."""
        first, ticket = next(pair for pair in reversed(self._tickets) if pair[0] <= number)
        ticket.drop(number - first)

    def close(self) -> None:
        """Give up everything."""
        for _, ticket in self._tickets:
            ticket.close()

    def _deliver_to(self, first: int) -> Callable[[Event], None]:
        def deliver(event: Event) -> None:
            self._arrived.append((0 if isinstance(event, Failed) else first + event.sample, event))
            self._bell.wake(self._news)

        return deliver
