"""What the end of a sequence was followed by before, against a search through all of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from darkhorse.rollout.lookup import Lookup

TOKENS = st.lists(st.integers(0, 3), max_size=40)


def searched(tokens, most):
    """The same by looking at every place, from the end."""
    for size in (3, 2):
        end = tokens[-size:]
        for place in range(len(tokens) - 1, size - 1, -1):
            if len(end) == size and tokens[place - size : place] == end:
                repeated = list(tokens)
                while len(repeated) < place + most:
                    repeated.append(repeated[place + len(repeated) - len(tokens)])
                return repeated[place : place + most]
    return []


@given(TOKENS, TOKENS, st.integers(1, 9))
def test_a_guess_is_what_a_search_finds(prompt, drawn, most):
    lookup = Lookup(prompt)
    for count in range(len(drawn) + 1):
        assert lookup.guess(drawn[:count], most) == searched(prompt + drawn[:count], most)


@given(TOKENS, TOKENS)
def test_a_guess_does_not_depend_on_how_often_one_was_asked_for(prompt, drawn):
    lookup = Lookup(prompt)
    for count in range(0, len(drawn), 3):
        lookup.guess(drawn[:count], 5)
    assert lookup.guess(drawn, 5) == Lookup(prompt).guess(drawn, 5)


def test_the_latest_place_counts_and_loops_go_on():
    assert Lookup([1, 2, 3, 1, 2, 4]).guess([1, 2], 3) == [4, 1, 2]
    assert Lookup([]).guess([7, 7, 7], 4) == [7, 7, 7, 7]
    assert Lookup([]).guess([5, 6, 5, 6, 5, 6], 5) == [5, 6, 5, 6, 5]
    assert Lookup([1, 2, 3]).guess([4], 4) == []
