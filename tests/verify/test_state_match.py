"""States and results of calls are compared turn by turn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.state_match import Turn, public_state, results_problem, state_match, state_problem


def turn(results: list[str], **attributes: Any) -> Turn:
    return Turn({"Files": attributes}, results)


TRUE = [
    turn(["made"], names=["a"], open=True),
    turn([], names=["a"], open=True),
    turn(["x", "y"], names=["a", "b"], open=True),
]


def test_other_ways_to_the_same_state_pass() -> None:
    assert state_match(TRUE, TRUE).score == 1
    longer = [turn(["looked", "made"], names=["a"], open=True), turn(["tried"], names=["z"], open=True)]
    longer.append(turn(["y", "x", "x"], names=["a", "b"], open=True))
    assert state_match(longer, TRUE).score == 1


def test_a_result_of_an_earlier_turn_counts() -> None:
    found = [turn(["x", "made"], names=["a"], open=True), TRUE[1], turn(["y"], names=["a", "b"], open=True)]
    assert state_match(found, TRUE).score == 1


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (TRUE[:2], "There are 2 turn(s), not 3."),
        ([turn(["made"], names=["b"], open=True), *TRUE[1:]], "In turn 1 'Files.names' differs."),
        ([turn(["made"], names=["a"]), *TRUE[1:]], "In turn 1 'Files.open' differs."),
        ([turn([], names=["a"], open=True), *TRUE[1:]], "In turn 1 no call was made."),
        ([*TRUE[:2], turn(["x"], names=["a", "b"], open=True)], "In turn 3 no call returned 'y'."),
        ([Turn({}, ["made"]), *TRUE[1:]], "In turn 1 the tool 'Files' is missing."),
    ],
)
def test_what_differs_is_named(found: list[Turn], reason: str) -> None:
    verdict = state_match(found, TRUE)
    assert verdict.score == 0
    assert verdict.reason == reason


def test_types_count_unless_the_published_rule_is_asked_for() -> None:
    for attributes in ({"names": ["a"], "open": 1}, {"names": ["a"], "open": True, "more": 1}):
        found = [turn(["made"], **attributes), *TRUE[1:]]
        assert state_match(found, TRUE).score == 0
        assert state_match(found, TRUE, typed=False).score == 1
    assert state_problem({"A": {"n": 5.0}}, {"A": {"n": 5}}) is None


def test_each_result_stands_for_one() -> None:
    assert results_problem(["x"], ["x", "x"]) == "no call returned 'x'"
    assert results_problem(["x", "y", "x"], ["x", "x"]) is None


def test_private_attributes_are_no_state() -> None:
    class Tool:
        def __init__(self) -> None:
            self.balance = 5
            self._log = ["called"]

    assert public_state({"Tool": Tool()}) == {"Tool": {"balance": 5}}


STATES = st.dictionaries(
    st.text(max_size=3), st.dictionaries(st.text(max_size=3), st.integers() | st.booleans() | st.text())
)


@given(STATES, STATES)
def test_equal_states_are_equal(one: Any, other: Any) -> None:
    assert state_problem(one, one) is None
    if state_problem(one, other) is None:
        assert state_problem(one, other, typed=False) is None


@given(st.lists(st.text(max_size=2)), st.lists(st.text(max_size=2)))
def test_more_results_are_no_worse(found: list[str], more: list[str]) -> None:
    assert results_problem([*found, *more], found) is None
