"""Beginnings that sequences have in common, against a comparison of their tokens."""

from __future__ import annotations

import gc
from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from darkhorse.rollout.beginnings import Beginnings, equals

# few tokens, so that sequences part late
sequences = st.lists(
    st.lists(st.sampled_from([7, 8]), max_size=6).map(lambda runs: [t for t in runs for _ in range(11)])
)


def in_common(one: list[int], other: list[int]) -> int:
    """Tokens at the beginning of both."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


@given(tokens=sequences)
def test_the_longest_common_beginning_is_found_in_the_first_that_has_it(tokens):
    book = Beginnings()
    found = equals([book.of(each) for each in tokens])
    for number, each in enumerate(tokens):
        common = [in_common(each, other) // 16 * 16 for other in tokens[:number]]
        longest = max(common, default=0)
        assert found[number] == ((common.index(longest), longest) if longest else (number, 0))


def test_beginnings_are_forgotten_with_the_last_that_holds_them():
    book = Beginnings()
    first, second = book.of(range(40)), book.of([*range(32), *range(9)])
    assert first == second and [one.length for one in first] == [16, 32]
    assert len(book.of(range(100))) == 6
    del first
    gc.collect()
    assert len(book._known) == 2
    del second
    gc.collect()
    assert len(book._known) == 0
    assert book.of(range(15)) == [] and equals([]) == []
