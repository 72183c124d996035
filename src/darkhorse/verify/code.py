"""Programs judged by running them on tests in the sandbox. Comparison happens here; the sandbox knows no answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError, model_validator

from darkhorse.chat.reasoning import Response
from darkhorse.sandbox.client import SandboxClient, SandboxUnavailable
from darkhorse.sandbox.protocol import MAX_CODE_CHARACTERS, Call, CallResult, RunLimits
from darkhorse.sandbox.values import plain
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import Context, register
from darkhorse.verify.verdict import Abstained, Scored, Verdict

_PYTHON = ("python", "py", "python3")
_SHOWN_CHARACTERS = 120


class CallTest(BaseModel):
    """Arguments of one call and the value it must return."""

    args: list[Any]
    expected: Any

    @model_validator(mode="before")
    @classmethod
    def _as_json(cls, test: Any) -> Any:
        return plain(test)


class StdinTest(BaseModel):
    """Text for standard input and the text standard output must hold."""

    input: str
    output: str


class CodeTruth(BaseModel):
    """What the `code` verifier needs: a function's name with calls of it, or texts for a whole program.

    `limits` of the task go before those of the recipe's `[sandbox]`.
    """

    entry_point: str | None = None
    tests: list[CallTest] = []
    stdin_tests: list[StdinTest] = []
    limits: RunLimits | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> CodeTruth:
        if self.stdin_tests and self.tests:
            raise ValueError("give 'tests' or 'stdin_tests', not both")
        if not self.stdin_tests and not (self.entry_point and self.tests):
            raise ValueError("'entry_point' with 'tests', or 'stdin_tests', is missing or empty")
        return self


@register("code")
async def code(task: Task, response: Response, context: Context) -> Verdict:
    """1 if the last Python block of the answer passes every test of `task.truth` (see `CodeTruth`), else 0.

    Every test runs in a process of its own, so a program can neither count the tests nor carry state between them.
    Abstains when the truth is malformed or the sandbox cannot do its work.
    """
    try:
        truth = CodeTruth.model_validate(task.truth)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "truth"
        return Abstained(f"the task's truth is malformed at '{where}': {first['msg']}")
    program = extract_code(response.answer)
    if program is None:
        return Scored(0.0, "The answer holds no code block.", {"gate": "code_block"})
    if len(program) > MAX_CODE_CHARACTERS or not _encodes(program):
        return Scored(0.0, "The code block is not a usable program text.", {"gate": "code_block"})
    if context.sandbox is None:
        return Abstained("no sandbox is configured to run the program")
    try:
        return await _judge(context.sandbox, program, truth, truth.limits or context.limits)
    except SandboxUnavailable as error:
        return Abstained(str(error))


def extract_code(answer: str) -> str | None:
    """The last ```` ```python ```` block of a text, else its last block without a language; None without either.

    A block that the text ends before closing counts.
    """
    blocks: list[tuple[str, str]] = []
    language: str | None = None
    lines: list[str] = []
    for line in answer.splitlines():
        stripped = line.strip()
        if language is None and stripped.startswith("```"):
            language, lines = stripped.lstrip("`").strip().lower(), []
        elif language is not None and stripped == "```":
            blocks.append((language, "\n".join(lines)))
            language = None
        elif language is not None:
            lines.append(line)
    if language is not None:
        blocks.append((language, "\n".join(lines)))
    for wanted in (_PYTHON, ("",)):
        matching = [block for found, block in blocks if found in wanted]
        if matching:
            return matching[-1] + "\n"
    return None


def same(actual: Any, expected: Any) -> bool:
    """Whether two JSON values are equal as Python sees them, except that an expected boolean is matched only by one."""
    if isinstance(expected, bool):
        return isinstance(actual, bool) and actual is expected
    if isinstance(expected, list):
        return isinstance(actual, list) and len(actual) == len(expected) and all(map(same, actual, expected))
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and actual.keys() == expected.keys()
            and all(same(actual[key], value) for key, value in expected.items())
        )
    return bool(actual == expected)


def same_output(actual: str, expected: str) -> bool:
    """Whether two outputs agree line by line, trailing white space and trailing empty lines aside."""
    return _lines(actual) == _lines(expected)


async def _judge(sandbox: SandboxClient, program: str, truth: CodeTruth, limits: RunLimits) -> Verdict:
    if truth.stdin_tests:
        inputs = [test.input for test in truth.stdin_tests]
        results = (await sandbox.run(program, stdin=inputs, limits=limits)).results
        problems = [_output_problem(test, result) for test, result in zip(truth.stdin_tests, results, strict=True)]
    else:
        name = truth.entry_point or ""
        calls = [Call(function=name, args=test.args) for test in truth.tests]
        results = (await sandbox.run(program, calls=calls, limits=limits, fresh_process=True)).results
        problems = [_call_problem(name, test, result) for test, result in zip(truth.tests, results, strict=True)]
    failures = [problem for problem in problems if problem is not None]
    detail = {"passed": len(problems) - len(failures), "tests": len(problems)}
    if failures:
        return Scored(0.0, failures[0], detail)
    return Scored(1.0, f"All {len(problems)} tests passed.", detail)


def _call_problem(name: str, test: CallTest, result: CallResult) -> str | None:
    call = f"{name}({', '.join(_show(value) for value in test.args)})"
    if result.status != "ok":
        return f"{call} {_failure(result)}"
    if not same(result.value, test.expected):
        return f"{call} returned {_show(result.value)}, expected {_show(test.expected)}"
    return None


def _output_problem(test: StdinTest, result: CallResult) -> str | None:
    subject = f"on input {_show(test.input)} the program"
    if result.status != "ok":
        return f"{subject} {_failure(result)}"
    if not same_output(result.stdout, test.output):
        return f"{subject} printed {_show(result.stdout)}, expected {_show(test.output)}"
    return None


def _failure(result: CallResult) -> str:
    if result.status == "timeout":
        return "timed out"
    if result.status == "memory":
        return "ran out of memory"
    if result.status == "unserialisable":
        return f"returned something that is not a plain value ({result.error})"
    return f"{'failed' if result.status == 'error' else result.status.replace('_', ' ')}: {result.error}"


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
