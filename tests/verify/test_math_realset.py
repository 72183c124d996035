"""Sets of reals: unions, complements and differences against membership."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.math.realset import EMPTY, HIGHEST, LOWEST, REALS, Endpoint, Interval, RealSet

_ENDS = st.one_of(st.just(LOWEST), st.just(HIGHEST), st.integers(-3, 3).map(lambda n: Endpoint(Fraction(n))))
_INTERVALS = st.builds(Interval, _ENDS, _ENDS, st.booleans(), st.booleans()).filter(
    lambda i: i.low.value != float("inf") and i.high.value != float("-inf") and not isinstance(i.low.value, bool)
)
_SETS = st.lists(_INTERVALS, max_size=4).map(lambda parts: RealSet.of(*parts))
_POINTS = [Fraction(n, 2) for n in range(-9, 10)]


def holds(reals: RealSet, x: Fraction) -> bool:
    return any(
        (part.low.value < x or (part.low.value == x and not part.low_open))
        and (x < part.high.value or (x == part.high.value and not part.high_open))
        for part in reals.parts
    )


@given(_SETS, _SETS)
def test_operations_agree_with_membership(a: RealSet, b: RealSet) -> None:
    for x in _POINTS:
        assert holds(a.union(b), x) == (holds(a, x) or holds(b, x))
        assert holds(a.intersection(b), x) == (holds(a, x) and holds(b, x))
        assert holds(a.difference(b), x) == (holds(a, x) and not holds(b, x))
        assert holds(a.complement(), x) != holds(a, x)


@given(_SETS)
def test_one_set_has_one_form(a: RealSet) -> None:
    assert a.union(a) == a
    assert a.union(a.complement()) == REALS
    assert a.intersection(a.complement()) == EMPTY
