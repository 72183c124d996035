"""From judged samples to the figures of `summary.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from darkhorse.evals.statistics import clustered_mean, paired_difference, wilson_interval

Row = Mapping[str, Any]


def suite_figures(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Per suite: `t1` of `n` samples with its 95 % interval, `greedy` of `greedy_n`, and how many were abstained or cut
    off.

    Args:
        rows: samples of one stage, modes `t1` and `greedy` together.
    """
    suites = list(dict.fromkeys(row["suite"] for row in rows))
    return {suite: _figures([row for row in rows if row["suite"] == suite]) for suite in suites}


def _figures(rows: Sequence[Row]) -> dict[str, Any]:
    sampled = [row for row in rows if row["mode"] == "t1"]
    scores = _scores(sampled)
    greedy = _scores([row for row in rows if row["mode"] == "greedy"])
    low, high = _interval(scores)
    return {
        "n": len(scores),
        "greedy": float(np.mean(greedy)) if greedy else None,
        "greedy_n": len(greedy),
        "t1": float(np.mean(scores)) if scores else None,
        "t1_low": low,
        "t1_high": high,
        "abstained": len(sampled) - len(scores),
        "truncated": sum(row["finish_reason"] == "length" for row in sampled),
        "mean_tokens": float(np.mean([row["tokens"] for row in sampled])) if sampled else None,
    }


def _scores(rows: Sequence[Row]) -> list[float]:
    return [row["score"] for row in rows if row["score"] is not None]


def _interval(scores: Sequence[float]) -> tuple[float | None, float | None]:
    if not scores:
        return None, None
    if all(score in (0.0, 1.0) for score in scores):
        return wilson_interval(int(sum(scores)), len(scores))
    estimate = clustered_mean(scores, range(len(scores)))
    return estimate.low, estimate.high


def paired_figures(before: Sequence[Row], after: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Per suite, the change between two stages on the same prompts at temperature 1, with interval and p-value.

    Prompts that either side abstained on are left out.
    """
    first = {row["task_id"]: row for row in before if row["mode"] == "t1" and row["score"] is not None}
    pairs: dict[str, list[tuple[float, float]]] = {}
    for row in after:
        if row["mode"] == "t1" and row["score"] is not None and row["task_id"] in first:
            pairs.setdefault(row["suite"], []).append((first[row["task_id"]]["score"], row["score"]))
    return {suite: _paired(values) for suite, values in pairs.items() if len(values) > 1}


def _paired(values: Sequence[tuple[float, float]]) -> dict[str, float]:
    old, new = zip(*values, strict=True)
    result = paired_difference(np.array(old), np.array(new))
    return {"difference": result.mean, "low": result.low, "high": result.high, "p_value": result.p_value}
