"""Advantages of turns: worked by hand, and equal to the episode's where turns cannot be told apart."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.rollout.trajectory import Completion, Trajectory
from darkhorse.training.packed_groups import _token_advantages
from darkhorse.training.turn_advantages import by_anchor, by_turn_reward, combined


def test_a_turn_is_compared_with_turns_from_the_same_state() -> None:
    # three episodes begin alike; the first two see the same thing next, the third something else
    found = by_anchor([1.0, 0.0, 1.0], [["", "a"], ["", "a"], ["", "b", "a"]], 0.5)
    first = [0.5, 0.0, 0.25]
    mean = sum(first) / 3
    assert found[0] == pytest.approx([0.5 - mean, 1.0 - 2 / 3])
    assert found[1] == pytest.approx([0.0 - mean, 0.0 - 2 / 3])
    assert found[2] == pytest.approx([0.25 - mean, 0.0, 1.0 - 2 / 3])


def test_a_turns_reward_is_compared_with_turns_of_the_same_number() -> None:
    assert by_turn_reward([[1.0, 0.0], [0.0, 0.0], [0.5]]) == [[0.5, 0.0], [-0.5, 0.0], [0.0]]


rewards = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@given(rewards, st.data())
def test_advantages_from_one_state_add_up_to_nothing(rewards: list[float], data: st.DataObject) -> None:
    anchors = [["", *data.draw(st.lists(st.sampled_from("ab"), max_size=4))] for _ in rewards]
    found = by_anchor(rewards, anchors, 0.9)
    for state in ("", "a", "b"):
        total = sum(
            value
            for values, names in zip(found, anchors, strict=True)
            for value, name in zip(values, names, strict=True)
            if name == state
        )
        assert abs(total) < 1e-9


@given(rewards)
def test_episodes_of_one_turn_get_what_the_group_gives(rewards: list[float]) -> None:
    mean = sum(rewards) / len(rewards)
    found = combined([0.0] * len(rewards), by_anchor(rewards, [[""]] * len(rewards), 0.7), 1.0)
    assert [value for (value,) in found] == pytest.approx([reward - mean for reward in rewards])


def test_every_token_gets_the_advantage_of_its_turn() -> None:
    trajectory = Trajectory([1])
    trajectory.append_sampled(Completion(0, 0, [5, 6], [0.0, 0.0], "stop", 0))
    trajectory.append_observed([7, 8, 9], 0)
    trajectory.append_sampled(Completion(0, 0, [5], [0.0], "length", 0))
    trajectory.append_observed([7], 0)
    trajectory.append_sampled(Completion(0, 0, [4, 4], [0.0, 0.0], "stop", 0), same_turn=True)
    trajectory.advantage = 0.5
    assert _token_advantages(trajectory) == [0.5] * 5
    trajectory.turn_advantages = [1.0, -1.0]
    assert _token_advantages(trajectory) == [1.0, 1.0, -1.0, -1.0, -1.0]
    assert len(_token_advantages(trajectory)) == trajectory.num_sampled == sum(trajectory.loss_mask)
    assert torch.tensor(_token_advantages(trajectory)).shape == (5,)
