"""The local engine as a backend: one thread that decodes whatever has been asked for, together."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from darkhorse.config.model import ModelConfig
from darkhorse.policy.blocked_linears import BlockedLinears
from darkhorse.policy.device import memory_bytes
from darkhorse.policy.loading import Policy, load_policy
from darkhorse.policy.long_context import extend_context, window
from darkhorse.rollout.engine import Inbox, Likeliest, Request
from darkhorse.rollout.lane import Lane
from darkhorse.serving.backend import Drawn, Ended, Event, Failed

_LOG = logging.getLogger(__name__)
_STOPPED = "the model has been closed"


def opener(config: ModelConfig, context: int | None) -> Callable[[], Policy]:
    """What loads a model, its window stretched to `context` tokens where that is more."""

    def open_policy() -> Policy:
        policy = load_policy(config)
        if context is not None:
            extend_context(policy.model, context)
        return policy

    return open_policy


class LocalBackend:
    """See `Backend`.

    Args:
        open_policy: loads what samples; its tensors are used as they are and must not change. Called in the thread that
            decodes: each thread that computes has a team of OpenMP's, and where teams together have more threads than
            the processor has cores they go to sleep between operations, which makes a decoding step half as long again.
        max_sequences: most samples decoded at once.
        cache_gib: about the most memory for keys and values, in GiB; None allows a third of the device's.

    Attributes:
        policy: what was loaded.

    Raises:
        Exception: what `open_policy` raises.
    """

    def __init__(
        self, open_policy: Callable[[], Policy], max_sequences: int = 96, cache_gib: float | None = None
    ) -> None:
        self._max_sequences = max_sequences
        self._numbers = itertools.count()
        self._tickets: dict[int, _Ticket] = {}
        self._arrivals: Inbox = deque()
        self._likeliest: Likeliest | None = None
        self._wake, self._stopping = threading.Event(), False
        opened: Future[Policy] = Future()
        self._thread = threading.Thread(
            target=self._work, args=(open_policy, opened), name="darkhorse-decoding", daemon=True
        )
        self._thread.start()
        self.policy = policy = opened.result()
        self._cache_bytes = memory_bytes(policy.model.device) // 3 if cache_gib is None else int(cache_gib * 2**30)
        self._lane = Lane(policy, self._on_token, self._on_likeliest)
        native = window(policy.model.config)
        longest = self._lane.longest(self._cache_bytes)
        self.context = min(native, longest) if native else longest

    @property
    def running(self) -> int:
        """Samples that have drawn a token and not ended."""
        return sum(len(ticket.begun & ticket.left) for ticket in list(self._tickets.values()))

    @property
    def waiting(self) -> int:
        """Samples that have drawn no token yet."""
        return sum(len(ticket.left - ticket.begun) for ticket in list(self._tickets.values()))

    def submit(self, request: Request, deliver: Callable[[Event], None]) -> _Ticket:
        """See `Backend.submit`."""
        ticket = _Ticket(self, next(self._numbers), request.num_samples, deliver)
        self._tickets[ticket.number] = ticket
        self._arrivals.append((ticket.number, request))
        self._wake.set()
        if self._stopping:
            self._fail(_STOPPED)  # nobody else would
        return ticket

    def stop(self) -> None:
        """See `Backend.stop`."""
        self._stopping = True
        self._fail(_STOPPED)
        self._wake.set()
        self._thread.join()

    def withdraw(self, ticket: _Ticket, sample: int) -> None:
        """Free a sample's slot, of a ticket's."""
        self._lane.withdraw(ticket.number, sample)
        self._forget_if_over(ticket)

    def _work(self, open_policy: Callable[[], Policy], opened: Future[Policy]) -> None:
        try:
            policy = open_policy()
        except BaseException as error:
            opened.set_exception(error)
            return
        opened.set_result(policy)
        with BlockedLinears(policy.model).active():
            while not self._stopping:
                self._wake.wait()
                self._wake.clear()
                try:
                    self._decode()
                except Exception as error:
                    _LOG.exception("decoding failed")
                    self._fail(f"decoding failed: {error}")

    def _decode(self) -> None:
        inbox: Inbox = deque()
        self._take_in(inbox)
        for completion in self._lane.run(inbox, self._max_sequences, self._cache_bytes, keep_coming=True):
            if completion is not None:
                ticket = self._tickets.get(completion.request)
                if ticket is not None and completion.sample in ticket.left:
                    ticket.left.discard(completion.sample)
                    ticket.deliver(Ended(completion.sample, completion.finish_reason))
                    self._forget_if_over(ticket)
            else:
                self._take_in(inbox)
            if self._stopping:
                return

    def _take_in(self, inbox: Inbox) -> None:
        while self._arrivals:
            number, request = self._arrivals.popleft()
            ticket = self._tickets.get(number)
            if ticket is not None:
                for sample in set(range(request.num_samples)) - ticket.left:
                    self._lane.withdraw(number, sample)  # given up before it was known to the lane
                inbox.append((number, request))

    def _forget_if_over(self, ticket: _Ticket) -> None:
        if not ticket.left:
            self._tickets.pop(ticket.number, None)

    def _fail(self, message: str) -> None:
        for ticket in list(self._tickets.values()):
            ticket.close()
            ticket.deliver(Failed(message))

    def _on_likeliest(self, request: int, sample: int, found: Likeliest) -> None:
        self._likeliest = found

    def _on_token(self, request: int, sample: int, token: int) -> None:
        ticket, likeliest, self._likeliest = self._tickets.get(request), self._likeliest, None
        if ticket is not None and sample in ticket.left:
            ticket.begun.add(sample)
            ticket.deliver(Drawn(sample, token, likeliest))


class _Ticket:
    """See `Ticket`; `left` holds the samples that have not ended, `begun` those that have drawn a token."""

    def __init__(self, backend: LocalBackend, number: int, samples: int, deliver: Callable[[Event], None]) -> None:
        self._backend, self.number, self.deliver = backend, number, deliver
        self.left, self.begun = set(range(samples)), set[int]()

    def drop(self, sample: int) -> None:
        """See `Ticket.drop`."""
        if sample in self.left:
            self.left.discard(sample)
            self._backend.withdraw(self, sample)

    def close(self) -> None:
        """See `Ticket.close`."""
        for sample in list(self.left):
            self.drop(sample)
