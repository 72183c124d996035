"""The reference programs of the code suites pass, and programs that are wrong do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.chat.reasoning import Response
from darkhorse.evals.data import load
from darkhorse.evals.suites import PUBLISHED
from darkhorse.evals.suites.code_prompts import contest_truth
from darkhorse.sandbox.client import SandboxClient, SandboxProcess
from darkhorse.tasks.task import Task
from darkhorse.verify import registry
from darkhorse.verify.verdict import Scored

pytestmark = pytest.mark.slow

Row = dict[str, Any]
EVERY = 12


@pytest.fixture(scope="module")
def client() -> Iterator[SandboxClient]:
    process = SandboxProcess(workers=2)
    yield process.start()
    process.stop()


def _scores(tasks: list[Task], programs: list[str], client: SandboxClient) -> list[float | None]:
    async def all_of_them() -> list[float | None]:
        context = registry.Context(client)
        found: list[float | None] = []
        for task, program in zip(tasks, programs, strict=True):
            answer = Response("", f"```python\n{program}\n```", True)
            verdict = await registry.get("code")(task, answer, context)
            found.append(verdict.score if isinstance(verdict, Scored) else None)
        return found

    return asyncio.run(all_of_them())


def _from_humaneval(row: Row) -> str:
    """The function alone: the prompt's imports and helpers are granted."""
    return row["prompt"][row["prompt"].rindex(f"def {row['entry_point']}(") :] + row["canonical_solution"]


REFERENCES: dict[str, tuple[str, Callable[[Row], str]]] = {
    "humaneval": ("HumanEval", _from_humaneval),
    "humaneval_plus": ("HumanEval", _from_humaneval),
    "mbpp": ("mbpp", lambda row: row["code"]),
    "mbpp_plus": ("MbppPlus", lambda row: row["canonical_solution"]),
}


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_reference_programs_pass_and_spoilt_ones_do_not(name: str, data_dir: Path, client: SandboxClient) -> None:
    part, program_of = REFERENCES[name]
    data = load(PUBLISHED[name], data_dir)
    rows = {str(row["task_id"]).rpartition("/")[2]: row for row in data.parts[part]}
    if name == "humaneval_plus":  # which mends some of HumanEval's own references
        for row, patch in zip(data.parts[part], data.parts["HumanEvalPlus_patch"], strict=True):
            row["canonical_solution"] = patch["reference"]
    tasks = PUBLISHED[name].tasks(data.parts)[::EVERY]
    programs = [program_of(rows[task.id.rpartition("/")[2]]) for task in tasks]
    scores = _scores(tasks, programs, client)
    failed = [task.id for task, score in zip(tasks, scores, strict=True) if score != 1.0]
    assert len(failed) <= 0.03 * len(tasks), failed
    spoilt = [f"{program}\n{_without_result(program)}" for program in programs]
    assert set(_scores(tasks[:6], spoilt[:6], client)) == {0.0}


def _without_result(program: str) -> str:
    """Functions of the same names that return an object nobody expects."""
    names = [line.split("(")[0].removeprefix("def ") for line in program.splitlines() if line.startswith("def ")]
    return "\n".join(f"def {name}(*given, **named):\n    return 'nobody expects this'" for name in names)


def test_contest_programs_have_livecodebenchs_imports_and_comparison(client: SandboxClient) -> None:
    tests = [{"input": "2\n", "output": "1.50 \n"}, {"input": "3", "output": "2.0\n"}]
    task = Task("t", (), "code", contest_truth(tests, None))
    right = "n = int(input())\nprint(ceil(10 * n / 2) / 10 + 0.5)"
    assert _scores([task, task], [right, "print(1.5)"], client) == [1.0, 0.0]
    calls = Task("t", (), "code", contest_truth([{"input": "[1, 2]\n3", "output": "[4, 5]"}], "add"))
    method = "def add(self, xs: List[int], n: int) -> List[int]:\n        return tuple(x + n for x in xs)"
    assert _scores([calls], [f"class Solution:\n    {method}"], client) == [1.0]


def test_an_answer_that_goes_on_from_a_beginning_is_put_together(client: SandboxClient) -> None:
    truth = {"asserts": ["assert f(2) == 5"], "beginning": "def f(n):\n    m = 2 * n"}
    task = Task("t", (), "code", truth)
    whole = "def f(n):\n    m = 2 * n\n    return m + 1"
    assert _scores([task, task], [whole, "    return m + 1"], client) == [1.0, 1.0]
