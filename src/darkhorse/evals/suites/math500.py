"""MATH-500: 500 competition problems (Hendrycks et al. 2021; the selection of Lightman et al. 2023)."""

from __future__ import annotations

from darkhorse.evals.suites.boxed import boxed_task
from darkhorse.evals.suites.suite import HubSet, Parts, Suite, rows_of
from darkhorse.tasks.task import Task


def _tasks(parts: Parts) -> list[Task]:
    return [
        boxed_task("math500", number, row, row["problem"], str(row["answer"]), f"level {row['level']}")
        for number, row in enumerate(rows_of(parts))
    ]


MATH500 = Suite(
    "math500",
    "MATH-500",
    "accuracy",
    (("math500/math500.jsonl",),),
    (HubSet("HuggingFaceH4/MATH-500", "test"),),
    _tasks,
)
