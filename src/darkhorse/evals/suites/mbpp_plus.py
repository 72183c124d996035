"""MBPP+: sound problems of MBPP with many more tests (Liu et al. 2023, arXiv 2305.01210)."""

from __future__ import annotations

import ast
import textwrap

from darkhorse.evals.suites.code_prompts import plus_test
from darkhorse.evals.suites.mbpp import short_function
from darkhorse.evals.suites.suite import HubSet, Parts, Row, Suite, rows_of
from darkhorse.tasks.task import Task

_SHOWN = 3  # of the base tests
_UNUSABLE = (124, 737, 787, 794)  # of the first release: inputs that JSON cannot hold, results that have no equality


def _tasks(parts: Parts) -> list[Task]:
    return [
        _early_task(row) if "plus_input" in row else _hub_task(row)
        for row in rows_of(parts)
        if "plus_input" not in row or row["task_id"] not in _UNUSABLE
    ]


def _hub_task(row: Row) -> Task:
    return short_function("mbpp_plus", row, row["prompt"], row["test_list"], [row["test"]])


def _early_task(row: Row) -> Task:
    inputs = [*row["base_input"], *row["plus_input"]]
    reference = with_contract(row["canonical_solution"], row["entry_point"], row.get("contract") or "")
    shown = [f"{row['entry_point']}({', '.join(map(repr, given))})" for given in row["base_input"][:_SHOWN]]
    test = plus_test(reference, row["entry_point"], inputs, row["atol"])
    described = f"{row['prompt'].strip().strip(chr(39)).strip()} It is called as below."
    return short_function("mbpp_plus", row, described, shown, [test])


def with_contract(program: str, function: str, contract: str) -> str:
    """A program whose function first asserts its contract."""
    if not contract.strip():
        return program
    tree, checks = ast.parse(program), ast.parse(textwrap.dedent(contract))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            node.body[:0] = checks.body
    return ast.unparse(tree)


MBPP_PLUS = Suite(
    "mbpp_plus",
    "MBPP+",
    "pass@1",
    (("mbpp_plus_2023/MbppPlus.jsonl",),),
    (HubSet("evalplus/mbppplus"),),
    _tasks,
    note="The local file is the first release, 416 of its 420 problems; the hub has the current one.",
)
