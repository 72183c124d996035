"""AIME 2025: 30 problems of the American Invitational Mathematics Examination."""

from __future__ import annotations

from darkhorse.evals.suites.boxed import boxed_task
from darkhorse.evals.suites.suite import HubSet, Parts, Protocol, Suite, rows_of
from darkhorse.tasks.task import Task


def _tasks(parts: Parts) -> list[Task]:
    return [
        boxed_task("aime25", number, row, row.get("prompt") or row["question"], str(row["answer"]))
        for number, row in enumerate(rows_of(parts))
    ]


AIME25 = Suite(
    "aime25",
    "AIME 2025",
    "avg@64 accuracy",
    (("qwq_eval/aime25.jsonl",), ("aime25.jsonl",)),
    (HubSet("opencompass/AIME2025", "test", "AIME2025-I"), HubSet("opencompass/AIME2025", "test", "AIME2025-II")),
    _tasks,
    Protocol(samples=64),
)
