"""Micro-batches by hand; their properties are tested beside packing."""

from __future__ import annotations

from darkhorse.policy.packing import Segment
from darkhorse.training.batches import micro_batches


def test_segments_fill_micro_batches_in_order():
    row = [(Segment([0] * size), name) for name, size in zip("abcdef", (3, 4, 9, 1, 2, 3), strict=True)]
    batches = micro_batches(row, 7)
    assert ["".join(name for _, name in batch) for batch in batches] == ["ab", "c", "def"]
    assert micro_batches([], 7) == []
