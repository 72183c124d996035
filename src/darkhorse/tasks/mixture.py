"""Weighted mixing of task sources without state: what stands at an index depends on the seed and the index alone."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from darkhorse.errors import UserError
from darkhorse.tasks.task import Demonstration, Task

Item: TypeAlias = Task | Demonstration


class TaskSource(Protocol):
    """Items by index. `size` is their number, or None for an endless source."""

    @property
    def name(self) -> str:
        """Name of the source."""
        ...

    @property
    def size(self) -> int | None:
        """Number of items, None when endless."""
        ...

    def item(self, index: int) -> Item:
        """The item at `index`, always the same one; `index` is below `size`."""
        ...


@dataclass(frozen=True)
class FiniteSource:
    """Items held in memory."""

    name: str
    items: Sequence[Item]

    @property
    def size(self) -> int:
        """Number of items."""
        return len(self.items)

    def item(self, index: int) -> Item:
        """The item at `index`."""
        return self.items[index]


@dataclass(frozen=True)
class EndlessSource:
    """Items made by a pure function of the index."""

    name: str
    draw: Callable[[int], Item]

    @property
    def size(self) -> None:
        """None: there is no end."""
        return None

    def item(self, index: int) -> Item:
        """The item at `index`."""
        return self.draw(index)


class Mixture:
    """Sources interleaved in proportion to their weights.

    The count of every source stays within 1 of its share in the first `n` items, for every `n`, hence within 2 in any
    window. A finite source is walked epoch by epoch, each epoch in its own seeded order, and gives every item once in
    each. To resume, remember the next index.

    Args:
        sources: name, weight (relative) and source; an endless source follows its own order.
        seed: names the orders of the finite sources.

    Attributes:
        names: of the sources, in order.

    Raises:
        UserError: if there is no source, a weight is not positive, a source is empty or a name occurs twice.
    """

    def __init__(self, sources: Sequence[tuple[str, float, TaskSource]], seed: int) -> None:
        _check(sources)
        self.seed = seed
        self.names = [name for name, _, _ in sources]
        self._sources = [source for _, _, source in sources]
        total = sum(weight for _, weight, _ in sources)
        self._shares = [weight / total for _, weight, _ in sources]
        self._counts = [0] * len(sources)
        self._schedule: list[tuple[int, int]] = []

    def item(self, index: int) -> tuple[str, Item]:
        """Name of the source and item at `index` (from 0)."""
        if index < 0:
            raise IndexError(f"index must not be negative, got {index}")
        which, turn = self._turn(index)
        name, source = self.names[which], self._sources[which]
        if source.size is not None:
            epoch, position = divmod(turn, source.size)
            turn = _permutation(f"{self.seed}/{name}/{epoch}", source.size)[position]
        return name, source.item(turn)

    def task(self, index: int) -> tuple[str, Task]:
        """As `item`, with a demonstration reduced to its task."""
        name, item = self.item(index)
        return name, item.task if isinstance(item, Demonstration) else item

    def finite_items(self) -> Iterator[tuple[str, Item]]:
        """Every item of the finite sources, with the name of its source."""
        for name, source in zip(self.names, self._sources, strict=True):
            for index in range(source.size or 0):
                yield name, source.item(index)

    def _turn(self, index: int) -> tuple[int, int]:
        """Which source stands at `index`, and how many times it stood before; the schedule is cached as it grows."""
        while len(self._schedule) <= index:
            which = self._next()
            self._schedule.append((which, self._counts[which]))
            self._counts[which] += 1
        return self._schedule[index]

    def _next(self) -> int:
        """The rule that keeps every count within 1 of its share (Tijdeman, The chairman assignment problem, 1980).

        Among the sources far enough behind their share, the one that would first fall a whole item behind.
        """
        step, number = len(self._schedule) + 1, len(self._sources)
        if number == 1:
            return 0
        threshold = 1 / (2 * number - 2)
        behind = [share * step - count for share, count in zip(self._shares, self._counts, strict=True)]
        rounding = 1e-9
        eligible = [which for which in range(number) if behind[which] >= threshold - rounding]
        return min(eligible, key=lambda which: (1 - threshold - behind[which]) / self._shares[which])


@functools.lru_cache(maxsize=32)
def _permutation(seed: str, size: int) -> list[int]:
    order = list(range(size))
    random.Random(seed).shuffle(order)
    return order


def _check(sources: Sequence[tuple[str, float, TaskSource]]) -> None:
    if not sources:
        raise UserError("The mixture has no task sources.", "List at least one under 'tasks'.")
    seen: set[str] = set()
    for name, weight, source in sources:
        if not (math.isfinite(weight) and weight > 0):
            raise UserError(f"Task source '{name}' has weight {weight}.", "Give a positive number.")
        if source.size == 0:
            raise UserError(f"Task source '{name}' is empty.", "Give a source with at least one task, or leave it out.")
        if name in seen:
            raise UserError(f"Two task sources are named '{name}'.", "Give each its own name.")
        seen.add(name)
