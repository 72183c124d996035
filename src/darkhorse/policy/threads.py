"""Dividing the processor's threads among passes that run beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


def most_lanes(wanted: int, device: torch.device) -> int:
    """How many passes can run beside each other: each needs a thread, and one alone fills a graphics processor."""
    return min(wanted, torch.get_num_threads()) if device.type == "cpu" else 1


@contextmanager
def divided_threads(shares: int) -> Iterator[Callable[[], None]]:
    """Gives what each worker thread calls first, to compute with its share of the threads.

    Every worker must have ended when the block does: a worker's setting is also that of threads yet to come, and is
    taken back then.
    """
    threads = torch.get_num_threads()
    try:
        yield lambda: torch.set_num_threads(max(1, threads // shares))
    finally:
        torch.set_num_threads(threads)
