"""The `code` verifier against a real sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from darkhorse.chat.reasoning import Response
from darkhorse.sandbox.client import SandboxClient, SandboxProcess
from darkhorse.tasks.task import Task
from darkhorse.verify import code as _registers  # noqa: F401
from darkhorse.verify.code import extract_code
from darkhorse.verify.registry import Context, judge
from darkhorse.verify.verdict import Abstained, Scored, Verdict

ADD = {"entry_point": "f", "tests": [{"args": [1, 2], "expected": 3}, {"args": [2, 3], "expected": 5}]}
LIMITS = {"wall_s": 0.5}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxClient]:
    with SandboxProcess(workers=2) as client:
        yield client


def verdict(truth: Any, program: str, sandbox: SandboxClient | None, fence: str = "python") -> Verdict:
    task = Task(id="t", prompt=(), verifier="code", truth=truth)
    answer = f"Here it is.\n```{fence}\n{program}\n```\nDone."
    return asyncio.run(judge(task, Response("", answer, True), Context(sandbox=sandbox)))


def test_right_and_wrong_functions(sandbox: SandboxClient) -> None:
    assert verdict(ADD, "def f(a, b): return a + b", sandbox) == Scored(
        1.0, "All 2 tests passed.", {"passed": 2, "tests": 2}
    )
    wrong = verdict(ADD, "def f(a, b): return 3", sandbox)
    assert wrong == Scored(0.0, "f(2, 3) returned 3, expected 5", {"passed": 1, "tests": 2})


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("def f(a, b):\n    while True: pass", "f(1, 2) timed out"),
        ("def f(a, b): return g()", "NameError"),
        ("def g(): pass", "'f' is not defined"),
        ("def f(a, b) return", "SyntaxError"),
        ("import os; os._exit(0)", "ended before the call returned"),
        ("n = -1\ndef f(a, b):\n    global n; n += 1; return [3, 5][n]", "returned 3, expected 5"),
        ("class X:\n    def __eq__(s, o): return True\ndef f(a, b): return X()", "not a plain value"),
        ("def f(a, b): return '\\ud800'", "not a plain value"),
    ],
)
def test_failing_programs_score_zero_with_a_reason(sandbox: SandboxClient, program: str, reason: str) -> None:
    outcome = verdict({**ADD, "limits": LIMITS}, program, sandbox)
    assert isinstance(outcome, Scored)
    assert outcome.score == 0.0
    assert reason in outcome.reason


def test_stdin_programs(sandbox: SandboxClient) -> None:
    truth = {"stdin_tests": [{"input": "1 2\n", "output": "3"}, {"input": "4 5\n", "output": "9\n\n"}]}
    right = "a, b = map(int, input().split())\nprint(a + b, '')\nexit()"
    assert verdict(truth, right, sandbox).reason == "All 2 tests passed."
    wrong = verdict(truth, "print(3)", sandbox)
    assert isinstance(wrong, Scored)
    assert wrong.score == 0.0
    assert wrong.reason == "on input '4 5\\n' the program printed '3\\n', expected '9\\n\\n'"


@pytest.mark.parametrize(
    "truth",
    [None, {}, {"entry_point": "f"}, {"entry_point": "f", "tests": []}, {"tests": [{"args": [1], "expected": 1}]},
     {"entry_point": "f", "tests": [{"args": 1, "expected": 1}]}, {"entry_point": "f", "tests": [{"args": [1]}]},
     {"entry_point": "f", "tests": [{"args": [1], "expected": {1, 2}}]}, {"stdin_tests": [{"input": "x"}]}],
)  # fmt: skip
def test_malformed_truth_abstains(truth: Any) -> None:
    assert isinstance(verdict(truth, "def f(): pass", None), Abstained)


def test_our_own_failures_abstain() -> None:
    assert isinstance(verdict(ADD, "def f(a, b): return a + b", None), Abstained)
    gone = SandboxProcess(workers=1)
    client = SandboxClient(gone.start().url, patience_s=0.2)
    gone.stop()
    assert isinstance(verdict(ADD, "def f(a, b): return a + b", client), Abstained)


def test_unusable_answers_score_zero_without_a_sandbox() -> None:
    task = Task(id="t", prompt=(), verifier="code", truth=ADD)
    plain = asyncio.run(judge(task, Response("", "def f(a, b): return a + b", True), Context()))
    assert plain == Scored(0.0, "The answer holds no code block.", {"gate": "no_code"})
    assert verdict(ADD, "x = '\ud800'", None) == Scored(
        0.0, "The code block is not a usable program text.", {"gate": "no_code"}
    )


def test_extract_code() -> None:
    assert extract_code("```python\na\n```\ntext\n```Python3\nb\n```\n```text\nc\n```") == ("python", "b\n")
    assert extract_code("```\na\n```\n```bash\nls\n```") == ("python", "a\n")
    assert extract_code("```python\na\n\nb") == ("python", "a\n\nb\n")
    assert extract_code("```py\na\n```\n```c++\nb\n```", ["cpp", "python"]) == ("cpp", "b\n")
    assert extract_code("```c++\nb\n```\n```\na\n```", ["rust", "python"]) == ("rust", "a\n")
    assert extract_code("no code") is None
    assert extract_code("```bash\nls\n```") is None
