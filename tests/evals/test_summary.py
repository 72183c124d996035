"""The figures of `summary.json`, by hand."""

from __future__ import annotations

import pytest

from darkhorse.evals.statistics import wilson_interval
from darkhorse.evals.summary import paired_figures, suite_figures


def row(task, score, suite="mathematics", mode="t1", finish_reason="stop", tokens=10):
    return {
        "task_id": task,
        "score": score,
        "suite": suite,
        "mode": mode,
        "finish_reason": finish_reason,
        "tokens": tokens,
    }


def test_a_suite_counts_its_samples():
    rows = [
        *(row(f"m{number}", 1.0, tokens=20) for number in range(3)),
        row("m3", 0.0, finish_reason="length", tokens=40),
        row("m4", None, tokens=0),
        row("m0", 1.0, mode="greedy"),
        row("m1", 0.0, mode="greedy"),
        row("m2", None, mode="greedy"),
        row("p0", 0.5, suite="preference"),
        row("p1", 0.7, suite="preference"),
        row("p2", 0.9, suite="preference"),
    ]
    figures = suite_figures(rows)
    assert list(figures) == ["mathematics", "preference"]
    low, high = wilson_interval(3, 4)
    assert figures["mathematics"] == {
        "n": 4,
        "greedy": 0.5,
        "greedy_n": 2,
        "t1": 0.75,
        "t1_low": low,
        "t1_high": high,
        "abstained": 1,
        "truncated": 1,
        "mean_tokens": 20.0,
    }
    preference = figures["preference"]
    assert preference["t1"] == pytest.approx(0.7) and preference["greedy"] is None
    margin = 4.302653 * 0.2 / 3**0.5  # Student's t with two degrees of freedom
    assert (preference["t1_low"], preference["t1_high"]) == pytest.approx((0.7 - margin, 0.7 + margin), abs=1e-5)


def test_nothing_but_abstentions_is_no_figure():
    figures = suite_figures([row("m0", None), row("m1", None)])["mathematics"]
    assert (figures["n"], figures["abstained"]) == (0, 2)
    assert figures["t1"] is None and figures["t1_low"] is None and figures["greedy"] is None
    assert suite_figures([]) == {}


def test_stages_are_compared_on_the_same_prompts():
    before = [row("a", 0.0), row("b", 0.0), row("c", 1.0), row("d", None), row("e", 1.0), row("a", 1.0, mode="greedy")]
    after = [row("e", 0.0), row("c", 1.0), row("b", 1.0), row("a", 1.0), row("d", 1.0), row("new", 1.0)]
    figures = paired_figures(before, after)["mathematics"]
    differences = [1.0, 1.0, 0.0, -1.0]
    mean = sum(differences) / 4
    error = (sum((x - mean) ** 2 for x in differences) / 3) ** 0.5 / 2
    margin = 3.182446 * error  # Student's t with three degrees of freedom
    assert figures["difference"] == pytest.approx(mean)
    assert (figures["low"], figures["high"]) == pytest.approx((mean - margin, mean + margin), abs=1e-5)
    assert 0.5 < figures["p_value"] < 0.7


def test_a_single_pair_is_no_comparison():
    assert paired_figures([row("a", 0.0)], [row("a", 1.0)]) == {}
    assert paired_figures([row("a", None), row("b", 1.0)], [row("a", 1.0), row("b", None)]) == {}
