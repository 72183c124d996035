"""Sets of real numbers as disjoint intervals, and the algebra of unions, intersections and differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from darkhorse.verify.math.tree import Expr


@dataclass(frozen=True)
class Endpoint:
    """Where an interval begins or ends.

    Attributes:
        value: to about 40 digits; infinite ends are floats.
        expression: as written, for the comparison of two sets; None at infinity.
    """

    value: Fraction | float
    expression: Expr | None = None


LOWEST, HIGHEST = Endpoint(float("-inf")), Endpoint(float("inf"))


@dataclass(frozen=True)
class Interval:
    """The reals between two ends, each open or closed; infinity is open, a single point is closed at both."""

    low: Endpoint
    high: Endpoint
    low_open: bool = True
    high_open: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "low_open", self.low_open or self.low.value == float("-inf"))
        object.__setattr__(self, "high_open", self.high_open or self.high.value == float("inf"))

    @property
    def empty(self) -> bool:
        """Whether nothing lies in it."""
        if self.low.value == self.high.value:
            return self.low_open or self.high_open
        return self.low.value > self.high.value


@dataclass(frozen=True)
class RealSet:
    """Disjoint intervals in rising order, none empty and no two that touch."""

    parts: tuple[Interval, ...]

    @staticmethod
    def of(*intervals: Interval) -> RealSet:
        """The union of intervals in any order."""
        merged: list[Interval] = []
        for part in sorted((p for p in intervals if not p.empty), key=lambda p: (p.low.value, p.low_open)):
            last = merged[-1] if merged else None
            if last is None or (part.low.value, part.low_open and last.high_open) > (last.high.value, False):
                merged.append(part)
            elif (part.high.value, not part.high_open) > (last.high.value, not last.high_open):
                merged[-1] = Interval(last.low, part.high, last.low_open, part.high_open)
        return RealSet(tuple(merged))

    def union(self, other: RealSet) -> RealSet:
        """What lies in either."""
        return RealSet.of(*self.parts, *other.parts)

    def complement(self) -> RealSet:
        """What does not lie in it."""
        gaps, low, low_open = [], LOWEST, True
        for part in self.parts:
            gaps.append(Interval(low, part.low, low_open, not part.low_open))
            low, low_open = part.high, not part.high_open
        gaps.append(Interval(low, HIGHEST, low_open, True))
        return RealSet.of(*(gap for gap in gaps if gap.low.value != float("inf") and gap.high.value != float("-inf")))

    def intersection(self, other: RealSet) -> RealSet:
        """What lies in both."""
        return self.complement().union(other.complement()).complement()

    def difference(self, other: RealSet) -> RealSet:
        """What lies in this set only."""
        return self.intersection(other.complement())

    def same(self, other: RealSet, equal: Callable[[Expr, Expr], bool]) -> bool:
        """Whether the sets are one, their ends compared by `equal`."""

        def meets(mine: Endpoint, theirs: Endpoint) -> bool:
            if mine.expression is None or theirs.expression is None:
                return mine.value == theirs.value
            return equal(mine.expression, theirs.expression)

        return len(self.parts) == len(other.parts) and all(
            (a.low_open, a.high_open) == (b.low_open, b.high_open) and meets(a.low, b.low) and meets(a.high, b.high)
            for a, b in zip(self.parts, other.parts, strict=True)
        )


REALS = RealSet((Interval(LOWEST, HIGHEST),))
EMPTY = RealSet(())
