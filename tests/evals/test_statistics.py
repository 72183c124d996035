"""Formulas against references worked out by hand or taken from published tables."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.evals.statistics import (
    clustered_mean,
    majority_at_k,
    paired_difference,
    pass_at_k,
    student_t_cdf,
    student_t_quantile,
    wilson_interval,
)


def test_wilson_interval_of_8_of_10():
    # z = 1.96: centre (0.8 + 0.19207) / 1.38415 = 0.71674, half-width 1.41599 * sqrt(0.016 + 0.0096036) = 0.22657
    low, high = wilson_interval(8, 10)
    assert (low, high) == (pytest.approx(0.49016, abs=1e-4), pytest.approx(0.94331, abs=1e-4))


def test_wilson_interval_at_the_ends():
    assert wilson_interval(0, 10) == (0.0, pytest.approx(0.27753, abs=1e-4))  # z^2 / (n + z^2)
    assert wilson_interval(10, 10)[1] == 1.0
    with pytest.raises(ValueError, match="successes=11"):
        wilson_interval(11, 10)
    with pytest.raises(ValueError, match="n=0"):
        wilson_interval(0, 0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_proportion_inside_the_unit_interval(case):
    successes, n = case
    low, high = wilson_interval(successes, n)
    assert 0 <= low <= successes / n <= high <= 1


@pytest.mark.parametrize(
    ("degrees", "expected"), [(1, 12.7062), (2, 4.30265), (4, 2.77645), (10, 2.22814), (30, 2.04227), (1e6, 1.95997)]
)
def test_t_quantile_matches_the_tables(degrees, expected):
    assert student_t_quantile(0.975, degrees) == pytest.approx(expected, rel=1e-5)


def test_t_distribution_with_one_degree_is_cauchy():
    for t in (-30.0, -1.0, 0.0, 0.3, 2.0):
        assert student_t_cdf(t, 1) == pytest.approx(0.5 + math.atan(t) / math.pi, abs=1e-12)


def test_clustered_mean_with_single_samples_is_the_ordinary_standard_error():
    estimate = clustered_mean([1, 0, 1, 1, 0], list(range(5)))
    # variance 0.3 (n - 1), standard error sqrt(0.3 / 5) = 0.244949, t(4) = 2.776445
    assert estimate.mean == pytest.approx(0.6)
    assert estimate.standard_error == pytest.approx(0.2449490)
    assert estimate.high - estimate.mean == pytest.approx(0.680087, abs=1e-5)
    assert estimate.clusters == 5


def test_clustered_mean_by_hand():
    # mean 0.5; residual sums +1, -1, 0 for three problems of two samples: sqrt(3/2 * 2) / 6
    estimate = clustered_mean([1, 1, 0, 0, 1, 0], ["a", "a", "b", "b", "c", "c"])
    assert estimate.standard_error == pytest.approx(math.sqrt(3) / 6)
    independent = clustered_mean([1, 1, 0, 0, 1, 0], list(range(6)))
    assert estimate.standard_error > independent.standard_error


def test_copies_of_samples_add_no_confidence():
    once = clustered_mean([1, 0, 1, 0.5], list("abcd"))
    copied = clustered_mean(np.repeat([1, 0, 1, 0.5], 7), list(itertools.chain(*([c] * 7 for c in "abcd"))))
    assert copied.standard_error == pytest.approx(once.standard_error)


def test_one_cluster_tells_nothing_about_others():
    assert clustered_mean([1, 0], ["a", "a"]).high == math.inf
    with pytest.raises(ValueError, match="one cluster per score"):
        clustered_mean([], [])


def test_paired_difference_is_students_sleep_data():
    # Student (1908): extra hours of sleep under two drugs; t = 4.0621 on 9 degrees of freedom, p = 0.002833.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    result = paired_difference(first, second)
    assert result.mean == pytest.approx(1.58)
    assert result.p_value == pytest.approx(0.002833, abs=1e-6)
    assert (result.low, result.high) == (pytest.approx(0.7001, abs=1e-4), pytest.approx(2.4599, abs=1e-4))


def test_paired_difference_without_variance():
    assert paired_difference([1, 0, 1], [1, 0, 1]).p_value == 1.0
    assert paired_difference([0, 0, 0], [1, 1, 1]).p_value == 0.0
    with pytest.raises(ValueError, match="one length"):
        paired_difference([1, 0], [1])


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_subsets_with_a_success(case):
    n, correct, k = case
    subsets = list(itertools.combinations([1] * correct + [0] * (n - correct), k))
    assert pass_at_k(n, correct, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_stays_finite_for_many_samples():
    assert pass_at_k(100_000, 1, 100) == pytest.approx(0.001)
    with pytest.raises(ValueError, match="k=3"):
        pass_at_k(2, 1, 3)


def test_majority():
    assert majority_at_k(["4", "5", "4"], [1, 0, 1], 3) == 1.0
    assert majority_at_k(["5", "5", "4"], [0, 0, 1], 3) == 0.0
    assert majority_at_k(["4", "5", "5"], [1, 0, 0], 1) == 1.0
    assert majority_at_k(["4", "5"], [1, 0], 2) == 0.5
    assert majority_at_k([None, None, "4"], [0, 0, 1], 3) == 1.0
    assert majority_at_k([None], [0], 1) == 0.0
    with pytest.raises(ValueError, match="k=2"):
        majority_at_k(["4"], [1], 2)
