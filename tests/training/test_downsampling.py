"""The subset of greatest variance, against all subsets there are."""

from __future__ import annotations

from itertools import combinations
from statistics import pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.training.downsampling import max_variance


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=9), st.integers(1, 6))
def test_no_subset_varies_more(rewards, size):
    chosen = max_variance(rewards, size)
    assert chosen == sorted(set(chosen)) and len(chosen) == min(size, len(rewards))
    most = max(pvariance(subset) for subset in combinations(rewards, min(size, len(rewards))))
    assert pvariance([rewards[place] for place in chosen]) == pytest.approx(most)


def test_binary_rewards_are_balanced_as_far_as_they_go():
    assert max_variance([0, 0, 1, 1, 0, 1, 0, 1], 4) == [0, 1, 5, 7]
    assert max_variance([0, 0, 0, 1, 0, 0], 4) == [2, 3, 4, 5]
