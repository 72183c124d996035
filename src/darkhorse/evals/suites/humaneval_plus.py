"""HumanEval+: HumanEval with many more tests (Liu et al. 2023, arXiv 2305.01210)."""

from __future__ import annotations

from darkhorse.evals.suites.code_prompts import plus_test
from darkhorse.evals.suites.humaneval import before_function, function_task
from darkhorse.evals.suites.suite import HubSet, Parts, Row, Suite, rows_of
from darkhorse.tasks.task import Task

_INPUTS, _PATCH, _BASE = "HumanEvalPlusInputs", "HumanEvalPlus_patch", "HumanEval"


def _tasks(parts: Parts) -> list[Task]:
    if _INPUTS not in parts:
        return [_hub_task(row) for row in rows_of(parts)]
    inputs = {row["task_id"].rpartition("_")[2]: row["inputs"] for row in parts[_INPUTS]}
    tasks = []
    for row, patch in zip(parts[_BASE], parts[_PATCH], strict=True):
        more = inputs.get(row["task_id"].rpartition("/")[2], [])
        tasks.append(_early_task(row, patch, [*patch["base_input"], *more]))
    return tasks


def _early_task(row: Row, patch: Row, inputs: list[list[object]]) -> Task:
    before = before_function(row["prompt"], row["entry_point"])
    reference = row["prompt"] + patch["contract"] + patch["reference"]
    test = plus_test(reference, row["entry_point"], inputs, patch["atol"])
    return function_task("humaneval_plus", row, test, before)


def _hub_task(row: Row) -> Task:
    before = before_function(row["prompt"], row["entry_point"])
    return function_task("humaneval_plus", row, f"{before}\n{row['test']}\ncheck({row['entry_point']})\n", before)


HUMANEVAL_PLUS = Suite(
    "humaneval_plus",
    "HumanEval+",
    "pass@1",
    (
        (
            "humaneval/HumanEval.jsonl.gz",
            "humaneval_plus_2023/HumanEvalPlus_patch.jsonl",
            "humaneval_plus_2023/HumanEvalPlusInputs.jsonl",
        ),
    ),
    (HubSet("evalplus/humanevalplus"),),
    _tasks,
    note="The local files are the first release (100 inputs a problem); the hub has the current one.",
)
