"""The ledger keeps its limit whatever comes, grows and goes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from darkhorse.rollout.ledger import Ledger, Rows

STEP = 8
SEQUENCE = st.tuples(st.integers(1, 60), st.integers(1, 50))
"""Length now, and tokens to come."""


def held(ledger: Ledger) -> int:
    return sum(rows.slots * rows.positions for rows in ledger.blocks)


def grow(rows: Rows, ledger: Ledger) -> int:
    """One more token in every sequence; the most places held on the way, as keys move before values."""
    assert all(length < end for length, end in zip(rows.lengths, rows.ends, strict=True))
    most = held(ledger)
    if max(rows.lengths) == rows.positions:
        rows.positions = rows.grown
        most += rows.slots * rows.positions // 2
    rows.lengths = [length + 1 for length in rows.lengths]
    return most


@settings(max_examples=200)
@given(st.data(), st.integers(1, 9), st.integers(100, 1500), st.sampled_from([None, 4 * STEP]))
def test_growing_never_passes_the_limit(data: st.DataObject, most_slots: int, capacity: int, step: int | None) -> None:
    ledger = Ledger(most_slots, STEP, capacity, step)
    for _ in range(data.draw(st.integers(1, 40))):
        for length, more in data.draw(st.lists(SEQUENCE, max_size=3)):
            before = [(list(rows.lengths), rows.slots) for rows in ledger.blocks]
            number = ledger.book(length, length + more)
            if number is None:
                assert [(rows.lengths, rows.slots) for rows in ledger.blocks] == before
            else:
                assert ledger.blocks[number].lengths[-1] == length < ledger.blocks[number].positions
        for rows in list(ledger.blocks):
            assert grow(rows, ledger) <= capacity
            for row in reversed(range(rows.active)):
                if rows.lengths[row] == rows.ends[row]:
                    rows.remove(row)
            if not rows.active:
                ledger.blocks.remove(rows)


def test_without_a_limit_blocks_have_all_their_slots() -> None:
    ledger = Ledger(3, STEP)
    assert [ledger.book(5, 9000) for _ in range(4)] == [0, 0, 0, 1]
    assert [rows.slots for rows in ledger.blocks] == [3, 3]


def test_a_block_has_no_more_slots_than_there_is_room_for() -> None:
    ledger = Ledger(64, STEP, capacity=200)
    assert ledger.book(10, 32) == 0
    (rows,) = ledger.blocks
    assert rows.slots == 4, "four slots of 32 places each, and half as much to grow"
    assert not ledger.has_room(10, 400)
    assert ledger.book(10, 400) is None
    assert [ledger.book(10, 32) for _ in range(4)] == [0, 0, 0, None]


def test_a_block_has_positions_for_a_while_but_none_past_the_ends() -> None:
    ledger = Ledger(2, STEP, step=4 * STEP)
    assert [ledger.book(10, 45), ledger.book(10, 17)] == [0, 0]
    assert ledger.book(30, 33) == 1
    assert [(rows.positions, rows.grown) for rows in ledger.blocks] == [(32, 48), (40, 40)]


def test_trying_in_a_copy_books_nothing() -> None:
    ledger = Ledger(4, STEP, 1000)
    ledger.book(3, 9)
    assert ledger.has_room(3, 9)
    assert [rows.lengths for rows in ledger.blocks] == [[3]]


def test_a_freed_row_takes_the_last_sequence() -> None:
    rows = Rows(4, 16, STEP, STEP, [1, 2, 3], [11, 12, 13])
    rows.remove(0)
    assert (rows.lengths, rows.ends) == ([3, 2], [13, 12])
    rows.remove(1)
    assert (rows.lengths, rows.ends) == ([3], [13])
