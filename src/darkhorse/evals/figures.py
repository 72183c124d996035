"""From the samples of a suite to its figures: averages with intervals, pass@k, majority@k, rates and tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from darkhorse.evals.statistics import (
    clustered_mean,
    majority_at_k,
    paired_difference,
    pass_at_k,
    wilson_interval,
)
from darkhorse.evals.suites.suite import Suite
from darkhorse.evals.votes import VOTING

Row = Mapping[str, Any]

_NO_ANSWER = ("no_answer", "unparseable_prediction")


def suite_figures(suite: Suite, rows: Sequence[Row], problems: int, samples: int) -> dict[str, Any]:
    """The figures of a suite, as shares of 1.

    Args:
        suite: which.
        rows: its samples.
        problems: asked.
        samples: asked of each problem.

    Returns:
        `score` with `low` and `high`, the suite's own aggregate; `avg`, the mean over all samples, clustered by
        problem; `pass` and `majority` by k; `categories`; rates of samples that were cut off, gave no answer, or never
        closed their thinking; counts of abstained and missing ones; tokens spent. None where there is nothing to say.
    """
    judged = [row for row in rows if row["score"] is not None]
    average = _estimate(judged)
    low, high, score = average["low"], average["high"], average["mean"]
    if suite.weights is not None and judged:
        score, low, high = _weighted(suite, judged)
    return {
        "metric": suite.metric,
        "score": score,
        "low": low,
        "high": high,
        "avg": average,
        "pass": _passes(judged, samples),
        "majority": _majorities(judged, samples),
        "categories": {name: _estimate(part) for name, part in _by(judged, "category").items() if name},
        "problems": problems,
        "samples": samples,
        "judged": len(judged),
        "abstained": len(rows) - len(judged),
        "missing": problems * samples - len(rows),
        "truncated": _rate(row["finish_reason"] == "length" for row in rows),
        "no_answer": _rate(row["kind"] in _NO_ANSWER or row["no_answer"] for row in rows),
        "unclosed": _rate(not row["closed"] for row in rows),
        "tokens": {
            "mean": float(np.mean([row["tokens"] for row in rows])) if rows else None,
            "total": sum(row["tokens"] for row in rows),
            "prompt_total": sum(row["prompt_tokens"] for row in rows),
        },
    }


def compare(first: Sequence[Row], second: Sequence[Row]) -> dict[str, Any] | None:
    """Mean of second minus first over the problems that both have, paired, with its 95 % interval and p-value.

    The samples of a problem are averaged first. None with fewer than two problems.
    """
    before, after = (_problem_means(rows) for rows in (first, second))
    shared = [name for name in before if name in after]
    if len(shared) < 2:
        return None
    found = paired_difference([before[name] for name in shared], [after[name] for name in shared])
    return {
        "difference": found.mean,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "problems": len(shared),
    }


def _problem_means(rows: Sequence[Row]) -> dict[str, float]:
    judged = [row for row in rows if row["score"] is not None]
    return {name: float(np.mean([row["score"] for row in part])) for name, part in _by(judged, "task_id").items()}


def _estimate(rows: Sequence[Row]) -> dict[str, float | int | None]:
    """Mean and interval clustered by problem; Wilson's where every problem has one verdict of right or wrong."""
    if not rows:
        return {"mean": None, "low": None, "high": None, "n": 0}
    scores = [float(row["score"]) for row in rows]
    problems = [row["task_id"] for row in rows]
    found = clustered_mean(scores, problems)
    if len(set(problems)) == len(rows) and all(score in (0.0, 1.0) for score in scores):
        low, high = wilson_interval(round(sum(scores)), len(scores))
        return {"mean": found.mean, "low": low, "high": high, "n": len(rows)}
    if len(set(scores)) == 1 and scores[0] in (0.0, 1.0):  # all alike: the problems themselves are the sample
        low, high = wilson_interval(round(scores[0]) * found.clusters, found.clusters)
        return {"mean": found.mean, "low": low, "high": high, "n": len(rows)}
    known = math.isfinite(found.low)
    low, high = max(0.0, found.low), min(1.0, found.high)
    return {"mean": found.mean, "low": low if known else None, "high": high if known else None, "n": len(rows)}


def _weighted(suite: Suite, rows: Sequence[Row]) -> tuple[float, float | None, float | None]:
    """The weighted mean of categories, and the interval that their own intervals give it; None if one has none.

    With category means m_i in [l_i, u_i] and weights w_i: low = m - sqrt(sum (w_i (m_i - l_i))^2), and high alike.
    Source: Zou and Donner (2008), "Construction of confidence limits about effect measures", Statistics in Medicine 27.
    """
    assert suite.weights is not None
    parts = _by(rows, "category")
    weights = suite.weights(parts)
    mean, below, above = 0.0, 0.0, 0.0
    for name, part in parts.items():
        found = _estimate(part)
        assert found["mean"] is not None
        mean += weights[name] * found["mean"]
        below += math.inf if found["low"] is None else (weights[name] * (found["mean"] - found["low"])) ** 2
        above += math.inf if found["high"] is None else (weights[name] * (found["high"] - found["mean"])) ** 2
    if not math.isfinite(below + above):
        return mean, None, None
    return mean, max(0.0, mean - math.sqrt(below)), min(1.0, mean + math.sqrt(above))


def _passes(rows: Sequence[Row], samples: int) -> dict[str, float]:
    """Unbiased pass@k for powers of two and for all samples, over the problems with that many verdicts."""
    parts = [[row["score"] >= 1.0 for row in part] for part in _by(rows, "task_id").values()]
    found = {}
    for k in _counts(samples):
        values = [pass_at_k(len(part), sum(part), k) for part in parts if len(part) >= k]
        if values:
            found[str(k)] = float(np.mean(values))
    return found


def _majorities(rows: Sequence[Row], samples: int) -> dict[str, float]:
    parts = [part for part in _by(rows, "task_id").values() if part[0]["verifier"] in VOTING]
    found = {}
    for k in _counts(samples)[1:]:
        values = [
            majority_at_k([row["vote"] for row in part], [row["score"] for row in part], k)
            for part in parts
            if len(part) >= k
        ]
        if values:
            found[str(k)] = float(np.mean(values))
    return found


def _counts(samples: int) -> list[int]:
    return sorted({samples, *(2**power for power in range(samples.bit_length()))} - {0})


def _by(rows: Sequence[Row], name: str) -> dict[str, list[Row]]:
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row[name], []).append(row)
    return parts


def _rate(cases: Iterable[bool]) -> float | None:
    listed = list(cases)
    return sum(listed) / len(listed) if listed else None
