"""MBPP: the 500 test problems of 974 short Python functions (Austin et al. 2021, arXiv 2108.07732)."""

from __future__ import annotations

from darkhorse.evals.suites.code_prompts import LIMITS
from darkhorse.evals.suites.suite import HubSet, Parts, Row, Suite, rows_of, user
from darkhorse.tasks.task import Task

_TEST_IDS = range(11, 511)


def short_function(suite: str, row: Row, description: str, shown: list[str], asserts: list[str]) -> Task:
    """A function described in words and by tests that the model sees.

    Args:
        suite: its name.
        row: with `task_id`.
        description: what is asked.
        shown: tests shown.
        asserts: tests that judge.
    """
    tests = "\n".join(shown)
    prompt = user(f"{description}\n\nYour code should pass these tests, and stand in one code block:\n\n{tests}")
    return Task(f"{suite}/{row['task_id']}", prompt, "code", {"asserts": asserts, "limits": LIMITS}, (), suite)


def _tasks(parts: Parts) -> list[Task]:
    return [_task(row) for row in rows_of(parts) if row["task_id"] in _TEST_IDS]


def _task(row: Row) -> Task:
    asserts = [f"{row['test_setup_code']}\n{test}" for test in row["test_list"]]
    return short_function("mbpp", row, row["text"], row["test_list"], asserts)


MBPP = Suite(
    "mbpp",
    "MBPP",
    "pass@1",
    (("mbpp/mbpp.jsonl",),),
    (HubSet("google-research-datasets/mbpp", "test", "full"),),
    _tasks,
    note="Without examples in the prompt; the paper's figures use three.",
)
