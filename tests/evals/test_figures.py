"""Figures of a suite from rows made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from darkhorse.evals.figures import suite_figures
from darkhorse.evals.statistics import wilson_interval
from darkhorse.evals.suites import PUBLISHED

Row = dict[str, Any]


def row(task: str, score: float | None, number: int = 0, vote: str | None = None, category: str = "") -> Row:
    return {
        "task_id": task, "score": score, "sample": number, "vote": vote, "verifier": "math", "category": category,
        "finish_reason": "stop", "kind": "right", "no_answer": vote is None, "closed": True, "tokens": 3,
        "prompt_tokens": 2,
    }  # fmt: skip


def test_a_problem_that_no_sample_answers_counts_as_lost_in_the_majority() -> None:
    rows = [row("a", 1.0, number, "4") for number in range(2)] + [row("b", 0.0, number) for number in range(2)]
    figures = suite_figures(PUBLISHED["aime24"], rows, 2, 2)
    assert figures["majority"] == {"2": 0.5}
    assert figures["no_answer"] == 0.5


def test_problems_that_are_half_right_each_are_not_taken_for_all_wrong() -> None:
    rows = [row(name, float(number), number, "4") for name in "abcdefghij" for number in range(2)]
    figures = suite_figures(PUBLISHED["aime24"], rows, 10, 2)
    assert figures["score"] == 0.5 and figures["low"] <= 0.5 <= figures["high"]


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_weighted_score_without_variance_is_not_certain(score: float) -> None:
    rows = [row(f"{category}{n}", score, category=f"group/{category}") for category in "ab" for n in range(5)]
    figures = suite_figures(PUBLISHED["livebench"], rows, 10, 1)
    low, high = wilson_interval(round(5 * score), 5)
    wide = ((0.5 * (high - low)) ** 2 * 2) ** 0.5
    assert figures["score"] == score
    assert figures["high"] - figures["low"] == pytest.approx(wide)


def test_a_weighted_interval_is_that_of_its_categories_put_together() -> None:
    rows = [row(f"a{n}", float(n < 3), category="group/a") for n in range(4)]
    rows += [row(f"b{n}", float(n < 2), category="group/b") for n in range(10)]
    figures = suite_figures(PUBLISHED["livebench"], rows, 14, 1)
    (a_low, a_high), (b_low, b_high) = wilson_interval(3, 4), wilson_interval(2, 10)
    assert figures["score"] == pytest.approx((0.75 + 0.2) / 2)
    below = ((0.75 - a_low) ** 2 + (0.2 - b_low) ** 2) ** 0.5 / 2
    above = ((a_high - 0.75) ** 2 + (b_high - 0.2) ** 2) ** 0.5 / 2
    assert figures["low"] == pytest.approx(figures["score"] - below)
    assert figures["high"] == pytest.approx(figures["score"] + above)
