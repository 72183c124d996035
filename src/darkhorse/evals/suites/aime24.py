"""AIME 2024: 30 problems of the American Invitational Mathematics Examination."""

from __future__ import annotations

from darkhorse.evals.suites.boxed import boxed_task
from darkhorse.evals.suites.suite import HubSet, Parts, Protocol, Suite, rows_of
from darkhorse.tasks.task import Task


def _tasks(parts: Parts) -> list[Task]:
    return [
        boxed_task("aime24", number, row, row.get("prompt") or row["problem"], str(row["answer"]))
        for number, row in enumerate(rows_of(parts))
    ]


AIME24 = Suite(
    "aime24",
    "AIME 2024",
    "avg@64 accuracy",
    (("qwq_eval/aime24.jsonl",), ("aime24.jsonl",)),
    (HubSet("HuggingFaceH4/aime_2024", "train"),),
    _tasks,
    Protocol(samples=64),
)
