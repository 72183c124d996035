"""Programs judged by running them on tests in the sandbox. The programs never see the answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ValidationError, model_validator

from darkhorse.chat.reasoning import Response
from darkhorse.sandbox.client import SandboxClient, SandboxUnavailable
from darkhorse.sandbox.outcomes import shown
from darkhorse.sandbox.protocol import (
    MAX_SOURCE_CHARACTERS,
    AssertTest,
    CallTest,
    Checker,
    JudgeRequest,
    Language,
    RunLimits,
    StdinTest,
    TestOutcome,
)
from darkhorse.sandbox.values import plain
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import Context, register
from darkhorse.verify.verdict import Abstained, Scored, Verdict

_FENCES: dict[str, Language] = {
    "python": "python", "py": "python", "python3": "python", "c": "c", "cpp": "cpp", "c++": "cpp", "cc": "cpp",
    "javascript": "javascript", "js": "javascript", "node": "javascript", "bash": "bash", "sh": "bash",
    "shell": "bash", "rust": "rust", "rs": "rust", "go": "go", "golang": "go", "java": "java",
}  # fmt: skip


class TruthCall(BaseModel):
    """Arguments of one call and the value it must return."""

    args: list[Any]
    expected: Any

    @model_validator(mode="before")
    @classmethod
    def _as_json(cls, test: Any) -> Any:
        return plain(test)


class TruthText(BaseModel):
    """Text for standard input and the text standard output must hold."""

    input: str
    output: str


class CodeTruth(BaseModel):
    """What the `code` verifier needs: calls of a function, texts for a whole program, or code that asserts.

    Attributes:
        entry_point: name of the function, or `Class.method`, that `tests` call.
        tests: calls.
        stdin_tests: texts.
        asserts: pieces of Python that assert something about the program's functions.
        languages: those an answer may be written in; the first one is that of a block that names none.
        checker: how outputs and values are compared (`darkhorse.sandbox.protocol.Checker`).
        scoring: `all`: every test must pass; `share`: the score is the share that does.
        limits: go before those of the recipe's `[sandbox]`.
    """

    entry_point: str | None = None
    tests: list[TruthCall] = []
    stdin_tests: list[TruthText] = []
    asserts: list[str] = []
    languages: list[Language] = ["python"]
    checker: Checker = Checker()
    scoring: Literal["all", "share"] = "all"
    limits: RunLimits | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> CodeTruth:
        given = [name for name in ("tests", "stdin_tests", "asserts") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"give only one of {' and '.join(map(repr, given))}")
        if not given or (self.tests and not self.entry_point):
            raise ValueError("'entry_point' with 'tests', 'stdin_tests', or 'asserts' is missing or empty")
        if not self.languages or (not self.stdin_tests and self.languages != ["python"]):
            raise ValueError("'languages' is empty, or others than Python are named without 'stdin_tests'")
        return self


@register("code")
async def code(task: Task, response: Response, context: Context) -> Verdict:
    """1 if the last code block of the answer passes every test of `task.truth` (see `CodeTruth`), else 0.

    Every test runs in a process of its own, so a program can neither count the tests nor carry state between them.
    Abstains when the truth is malformed or the sandbox cannot do its work.
    """
    try:
        truth = CodeTruth.model_validate(task.truth)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "truth"
        return Abstained(f"the task's truth is malformed at '{where}': {first['msg']}")
    found = extract_code(response.answer, truth.languages)
    if found is None:
        return Scored(0.0, "The answer holds no code block.", {"gate": "no_code"})
    language, program = found
    if len(program) > MAX_SOURCE_CHARACTERS or not _encodes(program):
        return Scored(0.0, "The code block is not a usable program text.", {"gate": "no_code"})
    if context.sandbox is None:
        return Abstained("no sandbox is configured to run the program")
    try:
        request = JudgeRequest(
            source=program,
            language=language,
            tests=_tests(truth),
            checker=truth.checker,
            limits=truth.limits or context.limits or RunLimits(),
        )
        return await _judge(context.sandbox, request, truth.scoring)
    except ValidationError as error:
        return Abstained(f"the task's tests cannot be run: {error.errors()[0]['msg']}")
    except SandboxUnavailable as error:
        return Abstained(str(error))


def extract_code(answer: str, languages: list[Language] | None = None) -> tuple[Language, str] | None:
    """The last fenced block of a text in one of the languages, else its last block without a language, as one in the
    first of them (Python where none are given); None without either.

    A block that the text ends before closing counts.
    """
    wanted: list[Language] = languages or ["python"]
    blocks: list[tuple[str, str]] = []
    fence: str | None = None
    lines: list[str] = []
    for line in answer.splitlines():
        stripped = line.strip()
        if fence is None and stripped.startswith("```"):
            fence, lines = stripped.lstrip("`").strip().lower(), []
        elif fence is not None and stripped == "```":
            blocks.append((fence, "\n".join(lines)))
            fence = None
        elif fence is not None:
            lines.append(line)
    if fence is not None:
        blocks.append((fence, "\n".join(lines)))
    for found, block in reversed(blocks):
        language = _FENCES.get(found)
        if language in wanted:
            return language, block + "\n"
    unnamed = next((block for found, block in reversed(blocks) if not found), None)
    return None if unnamed is None else (wanted[0], unnamed + "\n")


def _tests(truth: CodeTruth) -> list[StdinTest | CallTest | AssertTest]:
    name = truth.entry_point or ""
    return [
        *(StdinTest(stdin=test.input, expected=test.output) for test in truth.stdin_tests),
        *(CallTest(function=name, args=test.args, expected=test.expected) for test in truth.tests),
        *(AssertTest(code=test) for test in truth.asserts),
    ]


async def _judge(sandbox: SandboxClient, request: JudgeRequest, scoring: str) -> Verdict:
    result = await sandbox.judge(request)
    passed = sum(outcome.status == "accepted" for outcome in result.tests)
    detail = {"passed": passed, "tests": len(result.tests)}
    if result.accepted:
        return Scored(1.0, f"All {passed} tests passed.", detail)
    failures = zip(request.tests, result.tests, strict=True)
    test, outcome = next((test, outcome) for test, outcome in failures if outcome.status == result.status)
    undecided = any(outcome.status == "infrastructure_error" for outcome in result.tests)
    if result.status == "infrastructure_error" or (scoring == "share" and undecided):
        return Abstained(next(one.message for one in result.tests if one.status == "infrastructure_error"))
    reason = f"{_subject(test)} {_verb(outcome)}" if result.compile is None or result.compile.ok else outcome.message
    return Scored(passed / len(result.tests) if scoring == "share" else 0.0, reason, detail)


def _subject(test: StdinTest | CallTest | AssertTest) -> str:
    if isinstance(test, StdinTest):
        return f"on input {shown(test.stdin)} the program"
    if isinstance(test, CallTest):
        return f"{test.function}({', '.join(shown(value) for value in test.args)})"
    return f"the test {shown(test.code.strip())}"


def _verb(outcome: TestOutcome) -> str:
    if outcome.status in ("wrong_answer", "time_limit") or outcome.message.startswith("returned "):
        return outcome.message
    if outcome.status == "memory_limit":
        return "ran out of memory"
    return f"failed: {outcome.message}"


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
