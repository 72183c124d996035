"""Requests that come in while an engine runs, each handed to one lane."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from darkhorse.rollout.engine import Inbox, Request


class Arrivals:
    """What is appended to a sequence of requests from now on. Safe to use from the lanes' threads.

    Args:
        requests: the sequence; what it holds already is not among the arrivals.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests, self._taken = requests, len(requests)
        self._lock, self._reserved = threading.Lock(), False

    def between_steps(self) -> list[tuple[int, Request]]:
        """The new requests with their numbers; none while they are reserved."""
        with self._lock:
            return [] if self._reserved else self._take()

    @contextmanager
    def reserved_for(self, inbox: Inbox) -> Iterator[None]:
        """What is appended inside the block goes into this inbox: whoever answers a completion goes on in its lane, so
        that what is decoded together does not depend on timing.
        """
        with self._lock:
            self._reserved = True
        try:
            yield
        finally:
            with self._lock:
                inbox += self._take()
                self._reserved = False

    def _take(self) -> list[tuple[int, Request]]:
        found = list(enumerate(self._requests[self._taken :], self._taken))
        self._taken += len(found)
        return found
