"""A perfect matching is found exactly when there is one."""

from __future__ import annotations

import itertools
import time

from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.matching import perfect_matching


def test_no_rows_are_matched_and_more_rows_than_columns_are_not() -> None:
    assert perfect_matching([]) == []
    assert perfect_matching([[True], [True]]) is None
    assert perfect_matching([[False, True]]) == [1]


def test_large_matrices_are_matched_in_no_time() -> None:
    started = time.perf_counter()
    size = 150
    assert perfect_matching([[column <= row for column in range(size)] for row in reversed(range(size))]) is not None
    assert perfect_matching([[column > 0 for column in range(size)] for _ in range(size)]) is None
    assert time.perf_counter() - started < 5


@given(
    st.integers(0, 5).flatmap(
        lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=n, max_size=n)
    )
)
def test_a_matching_is_found_exactly_when_there_is_one(fits: list[list[bool]]) -> None:
    size = range(len(fits))
    possible = any(all(fits[row][column] for row, column in enumerate(order)) for order in itertools.permutations(size))
    found = perfect_matching(fits)
    assert (found is not None) is possible
    if found is not None:
        assert sorted(found) == list(size)
        assert all(fits[row][column] for row, column in enumerate(found))
