"""Advantages against hand-computed values and the properties their papers promise."""

from __future__ import annotations

import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.training.advantages import ADVANTAGES

Groups = list[list[float]]
groups_of_rewards = st.lists(
    st.lists(st.floats(0, 1, width=32).map(float), min_size=1, max_size=9), min_size=1, max_size=5
)


def run(name: str, groups: Groups, **options: str) -> Groups:
    tensors = [torch.tensor(rewards, dtype=torch.float64) for rewards in groups]
    return [advantages.tolist() for advantages in ADVANTAGES[name](tensors, **options)]  # type: ignore[arg-type]


def test_group_by_hand() -> None:
    assert run("group", [[1, 0, 0, 0], [1, 1]]) == [[0.75, -0.25, -0.25, -0.25], [0, 0]]


def test_group_divided_by_its_deviation() -> None:
    (scaled,) = run("group", [[1, 1, 0, 0]], scale_rewards="group")
    assert scaled == pytest.approx([1, 1, -1, -1], rel=1e-3)


def test_rloo_by_hand() -> None:
    ((first, second, third),) = run("rloo", [[1, 0, 0.5]])
    assert (first, second, third) == pytest.approx((1 - 0.25, 0 - 0.75, 0.5 - 0.5))


@given(groups_of_rewards)
def test_rloo_leaves_one_out(groups: Groups) -> None:
    for rewards, advantages in zip(groups, run("rloo", groups), strict=True):
        for i, advantage in enumerate(advantages):
            others = rewards[:i] + rewards[i + 1 :]
            expected = rewards[i] - statistics.fmean(others) if others else 0.0
            assert advantage == pytest.approx(expected, abs=1e-9)


@given(groups_of_rewards)
def test_reinforce_plus_plus_whitens_the_batch(groups: Groups) -> None:
    centred = [reward - statistics.fmean(rewards) for rewards in groups for reward in rewards]
    deviation = statistics.pstdev(centred)
    found = [advantage for advantages in run("reinforce_plus_plus", groups) for advantage in advantages]
    mean = statistics.fmean(centred)
    assert found == pytest.approx([(value - mean) / (deviation + 1e-4) for value in centred], abs=1e-6)


def test_batch_scale_uses_the_nonzero_advantages_only() -> None:
    scaled = run("group", [[1, 0], [1, 1, 1, 1, 1, 1]], scale_rewards="batch")
    assert scaled[0] == pytest.approx([1, -1], rel=1e-3)
    assert scaled[1] == [0] * 6


@pytest.mark.parametrize("name", sorted(ADVANTAGES))
@pytest.mark.parametrize("scale", ["none", "group", "batch"])
def test_no_signal_gives_exactly_zero_and_shapes_are_kept(name: str, scale: str) -> None:
    assert run(name, [[0.3], [0.5, 0.5, 0.5, 0.5], []], scale_rewards=scale) == [[0], [0, 0, 0, 0], []]
    assert run(name, [], scale_rewards=scale) == []
    assert [len(group) for group in run(name, [[1, 0], [0], [1, 0, 1]], scale_rewards=scale)] == [2, 1, 3]


@given(groups_of_rewards, st.sampled_from(sorted(ADVANTAGES)), st.sampled_from(["none", "group", "batch"]))
def test_better_than_the_group_is_never_negative(groups: Groups, name: str, scale: str) -> None:
    for rewards, advantages in zip(groups, run(name, groups, scale_rewards=scale), strict=True):
        assert sum(advantages) == pytest.approx(0, abs=1e-6)
        best = max(range(len(rewards)), key=rewards.__getitem__)
        assert advantages[best] >= -1e-9
