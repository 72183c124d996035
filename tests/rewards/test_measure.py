"""Figures of a reward model on pairs, by hand and on made-up models."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.rewards.measure import calibration_error, pair_figures
from darkhorse.rewards.scorer import bounded, verdict_of
from darkhorse.verify.verdict import Abstained


def test_figures_by_hand():
    figures = pair_figures([2.0, 0.0, 1.0, 5.0], [1.0, 0.0, 3.0, 1.0], [100, 50, 10, 200], [95, 20, 40, 100])
    assert figures["accuracy"] == 0.5, "a tie prefers nothing"
    assert figures["length_baseline"] == 0.75
    assert figures["length_matched_pairs"] == 1 and figures["length_matched_accuracy"] == 1.0
    lead, longer = np.array([1.0, 0.0, -2.0, 4.0]), np.array([5.0, 30.0, -30.0, 100.0])
    assert figures["length_correlation"] == pytest.approx(
        (lead @ longer) / math.sqrt((lead @ lead) * (longer @ longer))
    )


def test_a_model_that_counts_letters_is_found_out():
    lengths = [(number * 7 % 50 + 1, number * 13 % 50 + 1) for number in range(200)]
    first, second = ([pair[side] for pair in lengths] for side in (0, 1))
    figures = pair_figures(first, second, first, second)
    assert figures["length_correlation"] == pytest.approx(1.0)
    assert figures["accuracy"] <= figures["length_baseline"]


def test_no_pair_of_equal_length_leaves_no_figure():
    assert math.isnan(pair_figures([1.0], [0.0], [10], [100])["length_matched_accuracy"])


def test_calibration_is_perfect_for_honest_probabilities_and_bad_for_boasts():
    rng = np.random.default_rng(0)
    lead = rng.normal(size=200_000) * 2
    honest = np.where(rng.random(len(lead)) < 1 / (1 + np.exp(-np.abs(lead))), np.abs(lead), -np.abs(lead))
    assert calibration_error(honest) < 0.01
    assert calibration_error(10 * honest) > 0.1
    assert calibration_error([0.0, 0.0]) == 0.0


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_scores_are_bounded_and_rise(raw, origin, deviation):
    score = bounded(raw, origin, deviation)
    assert 0.0 <= score <= 1.0
    assert bounded(raw + deviation, origin, deviation) >= score
    assert bounded(origin, origin, deviation) == 0.5


def test_a_score_that_is_no_number_is_abstained_on():
    assert isinstance(verdict_of(math.nan, ""), Abstained)
    for raw, origin in ((math.inf, 0.0), (-math.inf, 0.0), (0.0, -math.inf), (0.0, math.nan), (math.inf, math.inf)):
        assert isinstance(verdict_of(bounded(raw, origin, 1.0), ""), Abstained)
    assert verdict_of(0.25, "").score == 0.25
