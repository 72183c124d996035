"""The books of the key-value cache: where a sequence goes, and whether there will be room for it until its end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(eq=False)
class Rows:
    """The book of one block of slots; the first slots are live.

    Attributes:
        slots: how many there are.
        positions: longest sequence there is room for as yet.
        step: positions that are added at a time, as far as they may be needed.
        grain: what positions are a multiple of.
        lengths: of the live sequences.
        ends: how long each of them may get.
    """

    slots: int
    positions: int
    step: int
    grain: int
    lengths: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    @property
    def active(self) -> int:
        """How many slots are live."""
        return len(self.lengths)

    @property
    def places(self) -> int:
        """Slots times positions, once every sequence has reached its end."""
        return self.slots * max(self.positions, self._most)

    @property
    def grown(self) -> int:
        """Positions once they are added to."""
        return min(self.positions + self.step, self._most)

    @property
    def _most(self) -> int:
        return _rounded(max(self.ends, default=0), self.grain)

    def suits(self, length: int) -> bool:
        """Whether a sequence fits, and would not have the products run over much more than itself."""
        return self.active < self.slots and length < self.positions <= 2 * self.step + length

    def add(self, length: int, end: int) -> None:
        """Book a sequence into the first slot that is not live."""
        self.lengths.append(length)
        self.ends.append(end)

    def remove(self, row: int) -> None:
        """Free a slot by moving the last live sequence into it."""
        last_length, last_end = self.lengths.pop(), self.ends.pop()
        if row < self.active:
            self.lengths[row], self.ends[row] = last_length, last_end

    def copy(self) -> Rows:
        """Another book with the same entries."""
        return replace(self, lengths=list(self.lengths), ends=list(self.ends))


class Ledger:
    """Blocks of slots of like length, within a limit that they keep even as all of their sequences grow.

    Args:
        most_slots: of a block.
        grain: what a block's positions are a multiple of.
        capacity: most slots times positions of all blocks together; None for no limit.
        step: positions that are added to a block at a time, as far as they may be needed; None for one grain.
    """

    def __init__(self, most_slots: int, grain: int, capacity: int | None = None, step: int | None = None) -> None:
        self.most_slots, self.capacity = most_slots, capacity
        self._grain, self._step = grain, step or grain
        self.blocks: list[Rows] = []

    def book(self, length: int, end: int) -> int | None:
        """Give a sequence a slot.

        Args:
            length: of the sequence now.
            end: how long it may get.

        Returns:
            The number of its block, which may be one more than there were; None, and nothing is booked, if there would
            not be room.
        """
        for number, rows in enumerate(self.blocks):
            if rows.suits(length):
                rows.add(length, end)
                if self._within():
                    return number
                rows.remove(rows.active - 1)
        fresh = self._fresh(length, end)
        if fresh is None:
            return None
        self.blocks.append(fresh)
        return len(self.blocks) - 1

    def has_room(self, length: int, end: int) -> bool:
        """Whether `book` would find a slot."""
        return self.copy().book(length, end) is not None

    def copy(self) -> Ledger:
        """Another ledger with the same entries, to try things in."""
        made = Ledger(self.most_slots, self._grain, self.capacity, self._step)
        made.blocks = [rows.copy() for rows in self.blocks]
        return made

    def _fresh(self, length: int, end: int) -> Rows | None:
        """A new block around a sequence, with as many slots as there is room for."""
        positions = min(_rounded(length + self._grain // 2, self._step), _rounded(end, self._grain))
        for slots in range(self.most_slots, 0, -1):
            rows = Rows(slots, positions, self._step, self._grain, [length], [end])
            if self._within(rows):
                return rows
        return None

    def _within(self, *more: Rows) -> bool:
        """Whether the blocks keep the limit; while one grows, half of it is there twice."""
        if self.capacity is None:
            return True
        places = [rows.places for rows in (*self.blocks, *more)]
        return sum(places) + max(places) // 2 <= self.capacity


def _rounded(count: int, step: int) -> int:
    return -(-count // step) * step
