"""GSM8K: 1,319 grade-school word problems (Cobbe et al. 2021, arXiv 2110.14168)."""

from __future__ import annotations

from darkhorse.evals.suites.boxed import boxed_task
from darkhorse.evals.suites.suite import HubSet, Parts, Suite, rows_of
from darkhorse.tasks.task import Task


def _tasks(parts: Parts) -> list[Task]:
    return [
        boxed_task("gsm8k", number, row, row["question"], row["answer"].rpartition("####")[2].strip())
        for number, row in enumerate(rows_of(parts))
    ]


GSM8K = Suite(
    "gsm8k",
    "GSM8K",
    "accuracy",
    (("gsm8k/test.jsonl",),),
    (HubSet("openai/gsm8k", "test", "main"),),
    _tasks,
)
