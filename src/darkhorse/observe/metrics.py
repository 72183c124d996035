"""The two logs of a training stage: `metrics.jsonl`, one line a step, and `rollouts.jsonl`, one line a completion."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from darkhorse.observe import jsonl

NON_DETERMINISTIC_PREFIXES = ("time/", "perf/")
"""Metrics that measure the machine; every other metric is the same when a recipe runs again."""


def deterministic(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that a second run of the same recipe must reproduce exactly."""
    return {name: value for name, value in metrics.items() if not name.startswith(NON_DETERMINISTIC_PREFIXES)}


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The rows of a `metrics.jsonl`: `step` and the metrics of that step, NaN where the figure was not finite.

    A missing file is empty; a torn last line is left out.

    Raises:
        UserError: a line before the last is not a JSON object.
    """
    return [{name: math.nan if value is None else value for name, value in row.items()} for row in jsonl.read(path)]


class _StageLog:
    """A JSON Lines file opened for appending: its folder is made and a torn last line is dropped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        jsonl.repair(path)

    def truncate_after(self, step: int) -> None:
        """Drop every row later than `step`, so that a resumed stage writes each step once."""
        jsonl.keep_until(self.path, step)


class MetricsWriter(_StageLog):
    """Appends to a `metrics.jsonl`."""

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append the line of one step; figures that are not finite are written as null.

        Raises:
            UserError: the disk is full.
        """
        jsonl.append(self.path, [{"step": step, **{name: float(value) for name, value in metrics.items()}}])


class RolloutWriter(_StageLog):
    """Appends to a `rollouts.jsonl`, or to the samples of an evaluation."""

    def write(self, step: int | None, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append the completions of one step, all or none; None is for evaluations, whose rows carry no step.

        Raises:
            UserError: the disk is full.
        """
        stamp = {} if step is None else {"step": step}
        jsonl.append(self.path, [{**row, **stamp} for row in rows])
