"""HumanEval: 164 functions to complete (Chen et al. 2021, arXiv 2107.03374)."""

from __future__ import annotations

from darkhorse.evals.suites.code_prompts import LIMITS
from darkhorse.evals.suites.suite import HubSet, Parts, Row, Suite, rows_of, user
from darkhorse.tasks.task import Task

_ASK = "Complete this Python function. Give the whole function, with the imports it needs, in one code block.\n\n"


def function_task(suite: str, row: Row, test: str, before: str) -> Task:
    """A function to complete.

    Args:
        suite: its name.
        row: with `task_id` and `prompt`.
        test: code that asserts something about the function.
        before: what the prompt defines besides the function; granted to the answer as well.
    """
    prompt = user(f"{_ASK}```python\n{row['prompt'].rstrip()}\n```")
    truth = {"asserts": [test], "limits": LIMITS, "prelude": before}
    return Task(f"{suite}/{row['task_id'].rpartition('/')[2]}", prompt, "code", truth, (), suite)


def before_function(prompt: str, function: str) -> str:
    """What a prompt holds before the function it asks for: imports and helpers."""
    return prompt[: prompt.rindex(f"def {function}(")]


def _tasks(parts: Parts) -> list[Task]:
    tasks = []
    for row in rows_of(parts):
        before = before_function(row["prompt"], row["entry_point"])
        test = f"{before}\n{row['test']}\ncheck({row['entry_point']})\n"
        tasks.append(function_task("humaneval", row, test, before))
    return tasks


HUMANEVAL = Suite(
    "humaneval",
    "HumanEval",
    "pass@1",
    (("humaneval/HumanEval.jsonl.gz",), ("humaneval/HumanEval.jsonl",)),
    (HubSet("openai/openai_humaneval"),),
    _tasks,
)
