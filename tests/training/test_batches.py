"""Micro-batches by hand; their properties are tested beside packing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from darkhorse.policy.packing import Segment
from darkhorse.training.batches import micro_batches


def test_segments_fill_micro_batches_in_order():
    row = [(Segment([0] * size), name) for name, size in zip("abcdef", (3, 4, 9, 1, 2, 3), strict=True)]
    batches = micro_batches(row, 7)
    assert ["".join(name for _, name in batch) for batch in batches] == ["ab", "c", "def"]
    assert micro_batches([], 7) == []


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 100), st.integers(2, 4))
def test_lanes_get_equal_numbers_of_like_micro_batches(sizes, max_tokens, lanes):
    row = [(Segment([0] * size), place) for place, size in enumerate(sizes)]
    batches = micro_batches(row, max_tokens, lanes)
    assert sorted(place for batch in batches for _, place in batch) == list(range(len(sizes)))
    loads = [sum(segment.num_tokens for segment, _ in batch) for batch in batches]
    assert all(load <= max_tokens or len(batch) == 1 for load, batch in zip(loads, batches, strict=True))
    assert len(batches) % lanes == 0 or len(batches) == len(sizes)
    # the heaviest could not be lighter by more than its last segment
    assert max(loads) - min(loads) <= max(sizes)
    for batch in batches:
        assert [place for _, place in batch] == sorted(place for _, place in batch)
