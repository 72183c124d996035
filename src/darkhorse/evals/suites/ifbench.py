"""IFBench: 300 prompts with 58 unusual instructions (Pyatkin et al. 2025), loose, by prompt."""

from __future__ import annotations

from darkhorse.evals.suites.suite import HubSet, Parts, Suite, rows_of, user
from darkhorse.tasks.task import Task


def _tasks(parts: Parts) -> list[Task]:
    return [
        Task(
            f"ifbench/{row.get('key', number)}",
            user(row["prompt"]),
            "ifbench",
            {
                "instruction_id_list": row["instruction_id_list"],
                "kwargs": row["kwargs"],
                "mode": "compat",
                "loose": True,
            },
            (),
            "ifbench",
        )
        for number, row in enumerate(rows_of(parts))
    ]


IFBENCH = Suite(
    "ifbench",
    "IFBench",
    "loose prompt accuracy",
    (("ifbench/IFBench_test.jsonl",),),
    (HubSet("allenai/IFBench_test", "train"),),
    _tasks,
)
