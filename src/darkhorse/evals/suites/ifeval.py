"""IFEval: 541 prompts with checkable instructions (Zhou et al. 2023, arXiv 2311.07911), strict, by prompt."""

from __future__ import annotations

from darkhorse.evals.suites.suite import HubSet, Parts, Suite, rows_of, user
from darkhorse.tasks.task import Task


def _tasks(parts: Parts) -> list[Task]:
    return [
        Task(
            f"ifeval/{row.get('key', number)}",
            user(row["prompt"]),
            "ifeval",
            {"instruction_id_list": row["instruction_id_list"], "kwargs": row["kwargs"], "mode": "compat"},
            (),
            "ifeval",
        )
        for number, row in enumerate(rows_of(parts))
    ]


IFEVAL = Suite(
    "ifeval",
    "IFEval",
    "strict prompt accuracy",
    (("qwq_eval/ifeval.jsonl",), ("ifeval.jsonl",)),
    (HubSet("google/IFEval", "train"),),
    _tasks,
    note="The extra darkhorse[ifeval] brings the published checks' libraries; without it 0.05 % of verdicts differ.",
)
