"""What the mathematics suites share."""

from __future__ import annotations

from darkhorse.evals.suites.suite import BOXED, Row, user
from darkhorse.tasks.task import Task


def boxed_task(suite: str, number: int, row: Row, problem: str, answer: str, group: str = "") -> Task:
    """A task whose answer stands in a box, judged as QwQ's published grader does.

    Args:
        suite: its name.
        number: of the row, where it has no id of its own.
        row: for its id.
        problem: what is asked; QwQ's files hold its instruction already.
        answer: the gold.
        group: part of the suite.
    """
    text = problem if BOXED in problem else f"{problem}\n{BOXED}"
    name = row.get("unique_id") or row.get("id") or number
    metadata = {"category": group} if group else {}
    return Task(f"{suite}/{name}", user(text), "math", {"answer": answer, "compat": "qwen"}, (), suite, metadata)
