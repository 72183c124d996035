"""Carrying out requests: which processes to run, and what their ends say about the program."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

from darkhorse.sandbox import archive
from darkhorse.sandbox.checkers import same_output, same_value
from darkhorse.sandbox.languages import Toolchain
from darkhorse.sandbox.outcomes import account, claimed_failure, ending, explain, shown, text
from darkhorse.sandbox.pool import Execution, Pool, PoolError, Work
from darkhorse.sandbox.programs import Compiler, Program
from darkhorse.sandbox.protocol import (
    AssertTest,
    CallTest,
    ExecuteRequest,
    ExecuteResult,
    JudgeRequest,
    JudgeResult,
    Language,
    RunLimits,
    Status,
    StdinTest,
    TestOutcome,
)
from darkhorse.sandbox.values import Unserialisable, plain

_FILES_BYTES = 32 << 20
_MOST_IN_SERIES, _FEWEST_IN_SERIES, _GROWTH = 50, 3, 4
_FOUND: dict[Any, Status] = {
    "accepted": "accepted",
    "wrong_answer": "wrong_answer",
    "runtime_error": "runtime_error",
    "memory_limit": "memory_limit",
    "compile_error": "compile_error",
}

Test: TypeAlias = StdinTest | CallTest | AssertTest


class BadRequest(ValueError):
    """A request that cannot be carried out as it stands."""


class Judge:
    """Runs and judges programs.

    Args:
        pools: gives the pool for a language.
        toolchains: languages other than Python, by name.
    """

    def __init__(self, pools: Callable[[str], Awaitable[Pool]], toolchains: dict[str, Toolchain]) -> None:
        self._pools, self._toolchains = pools, toolchains
        self._compiler: Compiler | None = None

    async def execute(self, request: ExecuteRequest) -> ExecuteResult:
        """Run a program once.

        Raises:
            BadRequest: if the machine lacks the language, or a file's name or content cannot be used.
            PoolBusy: if too many runs wait.
            PoolError: if the sandbox itself fails.
        """
        files = _files(request)
        pool, program = await self._prepare(request.language, request.source)
        if program.compiled is not None and not program.compiled.ok:
            message = "the program does not compile"
            return ExecuteResult(status="compile_error", message=message, compile=program.compiled)
        work = program.work(request.limits, stdin=request.stdin.encode(), files=files, fetch=request.fetch)
        if work.request is not None:
            work.request["interactive"] = request.interactive
        execution = await pool.execute(work)
        status = ending(execution, request.limits)
        return ExecuteResult(
            **account(execution, request.limits, status, explain(execution, status)),
            exit_code=execution.returncode,
            files={name: base64.b64encode(content).decode() for name, content in execution.files.items()},
            compile=program.compiled,
        )

    async def judge(self, request: JudgeRequest) -> JudgeResult:
        """Run a program on its tests, each in a process of its own. After a test that runs out of time, and with
        `stop_on_first_failure` after any that fails, those that have not begun are not run.

        Raises:
            BadRequest: if the machine lacks the language.
            PoolBusy: if too many runs wait.
            PoolError: if the sandbox itself fails outside a test.
        """
        pool, program = await self._prepare(request.language, request.source)
        if program.compiled is not None and not program.compiled.ok:
            tests = [TestOutcome(status="compile_error", message="the program does not compile") for _ in request.tests]
            return JudgeResult(accepted=False, status="compile_error", tests=tests, compile=program.compiled)
        turns = asyncio.Semaphore(1 if request.stop_on_first_failure else pool.workers)
        ended: list[str] = []

        async def some(tests: list[Test]) -> list[TestOutcome]:
            async with turns:
                ready = iter([] if ended else await self._in_series(pool, program, request, tests))
                outcomes = []
                for test in tests:
                    if ended:
                        outcomes.append(TestOutcome(status="not_run", message=ended[0]))
                        continue
                    outcome = await self._test(pool, program, request, test, next(ready, None))
                    if outcome.status == "time_limit":
                        ended.append("a test before this one ran out of time")
                    elif request.stop_on_first_failure and outcome.status != "accepted":
                        ended.append("a test before this one failed")
                    outcomes.append(outcome)
                return outcomes

        groups = _groups(request, pool.idle) if program.toolchain is None else [[test] for test in request.tests]
        outcomes = [outcome for found in await _all_or_none(list(map(some, groups))) for outcome in found]
        statuses = [outcome.status for outcome in outcomes if outcome.status != "accepted"]
        certain = [status for status in statuses if status not in ("infrastructure_error", "not_run")]
        status = certain[0] if certain else statuses[0] if statuses else "accepted"
        return JudgeResult(accepted=status == "accepted", status=status, tests=outcomes, compile=program.compiled)

    async def _in_series(
        self, pool: Pool, program: Program, request: JudgeRequest, tests: list[Test]
    ) -> list[Execution]:
        """The runs of several tests in one go, as many of the first ones as went well; the others must be run alone."""
        if len(tests) == 1:
            return []
        inputs = [_request(test) | ({"stdin": test.stdin} if isinstance(test, StdinTest) else {}) for test in tests]
        try:
            work = Work(request.limits, request={"code": program.source}, series=inputs)
            return (await pool.execute(work)).series
        except PoolError:
            return []

    async def _prepare(self, language: Language, source: str) -> tuple[Pool, Program]:
        pool = await self._pools(language)
        if language.startswith("python"):
            return pool, Program(source)
        toolchain = self._toolchains.get(language)
        if toolchain is None:
            raise BadRequest(f"this machine has no toolchain for '{language}'; it has {', '.join(self._toolchains)}")
        self._compiler = self._compiler or Compiler(pool)  # one pool serves all compiled languages
        return pool, await self._compiler.prepare(language, toolchain, source)

    async def _test(
        self, pool: Pool, program: Program, request: JudgeRequest, test: Test, execution: Execution | None
    ) -> TestOutcome:
        """The outcome of a test whose run may have been made already."""
        try:
            if isinstance(test, StdinTest):
                return await self._stdin(pool, program, request, test, execution)
            if isinstance(test, CallTest):
                return await self._call(pool, program, request, test, execution)
            return await _assert(pool, program, request, test)
        except PoolError as error:
            return TestOutcome(status="infrastructure_error", message=str(error))

    async def _stdin(
        self, pool: Pool, program: Program, request: JudgeRequest, test: StdinTest, execution: Execution | None
    ) -> TestOutcome:
        if execution is None:
            execution = await pool.execute(program.work(request.limits, stdin=test.stdin.encode(errors="replace")))
        status = ending(execution, request.limits)
        outcome = TestOutcome(**account(execution, request.limits, status, explain(execution, status)))
        if status == "accepted":
            if request.checker.name == "program":
                await self._check(request, outcome, test.stdin, outcome.stdout, test.expected)
            elif not same_output(outcome.stdout, test.expected, request.checker):
                outcome.status = "wrong_answer"
                outcome.message = f"printed {shown(outcome.stdout)}, expected {shown(test.expected)}"
        return outcome

    async def _call(
        self, pool: Pool, program: Program, request: JudgeRequest, test: CallTest, execution: Execution | None
    ) -> TestOutcome:
        if execution is None:
            work = Work(request.limits, request={"code": program.source, **_request(test)})
            execution = await pool.execute(work)
        large = execution.claim_bytes > request.limits.output_kb * 1024
        if large:
            outcome, value = await asyncio.to_thread(_compared, execution, request, test)
        else:
            outcome, value = _compared(execution, request, test)
        if outcome.status == "accepted" and request.checker.name == "program":
            await self._check(request, outcome, test.args, value, test.expected)
        if not large:
            outcome.value = value
        return outcome

    async def _check(self, request: JudgeRequest, outcome: TestOutcome, given: Any, actual: Any, expected: Any) -> None:
        """Ask the request's own checker, which runs in a process that the program never touched. One that fails on an
        answer, but not on the expected one, has been given a bad answer."""
        agrees, failure = await self._agrees(request, given, actual, expected)
        if agrees is None:
            broken = (await self._agrees(request, given, expected, expected))[0] is None
            outcome.status = "infrastructure_error" if broken else "wrong_answer"
            outcome.message = f"the checker failed: {failure}"
        elif not agrees:
            outcome.status, outcome.message = "wrong_answer", "the checker did not accept it"

    async def _agrees(self, request: JudgeRequest, given: Any, actual: Any, expected: Any) -> tuple[bool | None, str]:
        """What the request's checker says; None if it fails, and why."""
        code: dict[str, Any] = {"mode": "call", "code": request.checker.source, "function": "check", "kwargs": {}}
        code["args"] = [given, actual, expected]
        limits = request.limits.model_copy(update={"memory_mb": max(512, request.limits.memory_mb)})
        execution = await (await self._pools("python")).execute(Work(limits, request=code))
        status, message, agrees = _returned(execution, limits)
        if status == "accepted" and type(agrees) is bool:
            return agrees, ""
        return None, message or f"it returned {shown(agrees)}, not True or False"


async def _assert(pool: Pool, program: Program, request: JudgeRequest, test: AssertTest) -> TestOutcome:
    execution = await pool.execute(
        Work(
            request.limits,
            request={"mode": "serve", "code": program.source},
            test={"mode": "test", "code": test.code, "names": test.names},
        )
    )
    found = execution.verdict
    status = _program_end(execution, request.limits) or _FOUND.get(found.get("status") if found else None)
    if status is not None:
        message = text(found.get("message")) if found and not execution.timed_out else ""
        message = message or explain(execution, status)
    elif found is None:  # what the program sends must not decide whether there is a verdict
        status, message = "runtime_error", "the process that tests did not survive what the program sent"
    elif found.get("status") == "bad_test":
        status, message = "infrastructure_error", text(found.get("message"))
    else:  # the program's process went away on its own
        status, message = "runtime_error", explain(execution, "runtime_error")
    return TestOutcome(**account(execution, request.limits, status, message))


def _compared(execution: Execution, request: JudgeRequest, test: CallTest) -> tuple[TestOutcome, Any]:
    """The outcome of a call, up to the request's own checker, and what it returned."""
    status, message, value = _returned(execution, request.limits)
    outcome = TestOutcome(**account(execution, request.limits, status, message))
    comparable = status == "accepted" and request.checker.name != "program"
    if comparable and not same_value(value, test.expected, request.checker):
        outcome.status = "wrong_answer"
        outcome.message = f"returned {shown(value)}, expected {shown(test.expected)}"
    return outcome, value


def _program_end(execution: Execution, limits: RunLimits) -> Status | None:
    """The limit that a program under an assertion test went over. How its process ended otherwise is no matter: it is
    killed when the test is done."""
    finished = execution.verdict is not None and execution.verdict.get("status") != "ended"
    status = ending(execution, limits)
    if status in ("output_limit", "time_limit") and (status == "output_limit" or not finished):
        return status
    return "memory_limit" if status == "memory_limit" and not finished else None


def _returned(execution: Execution, limits: RunLimits) -> tuple[Status, str, Any]:
    """Status, message and value of a call. A process that ends well without coming back from it has failed."""
    claim = execution.claim or {}
    status = ending(execution, limits)
    if status != "accepted":
        return status, explain(execution, status), None
    if claim.get("status") == "ok":
        try:
            return "accepted", "", plain(claim.get("value"))
        except Unserialisable as error:
            return "runtime_error", f"returned something that is not a plain value ({error})", None
    message = text(claim.get("error"))
    if claim.get("status") == "unserialisable":
        return "runtime_error", f"returned something that is not a plain value ({message})", None
    return claimed_failure(execution), message or "ended before the call returned", None


def _request(test: Test) -> dict[str, Any]:
    """What of a harness's request depends on the test."""
    if isinstance(test, CallTest):
        return {"mode": "call", **test.model_dump(include={"function", "args", "kwargs"})}
    return {"mode": "script", "interactive": False}


def _groups(request: JudgeRequest, idle: int) -> list[list[Test]]:
    """A Python program's tests in neighbours to run in one go: as many groups as fork servers are idle. If the first
    failure ends it all, the groups begin small, so that little is run in vain."""
    most = _MOST_IN_SERIES
    if not request.stop_on_first_failure:
        most = min(most, max(_FEWEST_IN_SERIES, math.ceil(len(request.tests) / max(1, idle))))
    groups: list[list[Test]] = []
    for test in request.tests:
        size = min(most, _GROWTH ** len(groups)) if request.stop_on_first_failure else most
        alone = isinstance(test, AssertTest)
        if groups and len(groups[-1]) < size and not alone and not isinstance(groups[-1][-1], AssertTest):
            groups[-1].append(test)
        else:
            groups.append([test])
    return groups


async def _all_or_none(tasks: list[Coroutine[Any, Any, list[TestOutcome]]]) -> list[list[TestOutcome]]:
    """Every outcome, in order; if one task fails the others are cancelled, so that none runs on for nobody."""
    try:
        async with asyncio.TaskGroup() as group:
            started = [group.create_task(task) for task in tasks]
    except* Exception as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in started]


def _files(request: ExecuteRequest) -> dict[str, bytes]:
    bad = next((name for name in (*request.files, *request.fetch) if not archive.is_safe_name(name)), None)
    if bad is not None:
        raise BadRequest(f"files: {bad!r} is not a name within the program's folder")
    try:
        files = {name: base64.b64decode(content, validate=True) for name, content in request.files.items()}
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"files: a content is not base64 ({error})") from error
    if sum(map(len, files.values())) > _FILES_BYTES:
        raise BadRequest(f"files: together more than {_FILES_BYTES >> 20} MiB")
    return files
