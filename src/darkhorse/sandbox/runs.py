"""From a request to its results: which processes to run, and how to read their ends."""

from __future__ import annotations

import signal
from typing import Any

from darkhorse.sandbox.pool import Execution, Pool
from darkhorse.sandbox.protocol import Call, CallResult, RunLimits, RunRequest, RunResult, Status
from darkhorse.sandbox.values import Unserialisable, plain

_CLAIMS: dict[Any, Status] = {"ok": "ok", "error": "error", "memory": "memory", "unserialisable": "unserialisable"}


async def run(pool: Pool, request: RunRequest) -> RunResult:
    """Carry out a request. After a case that runs out of time the cases behind it are not run.

    Raises:
        PoolError: if the sandbox itself fails.
    """
    if request.calls is not None and not request.fresh_process:
        return RunResult(results=await _calls(pool, request, request.calls))
    results: list[CallResult] = []
    cases: list[Call | str] = list(request.calls if request.calls is not None else request.stdin or [""])
    for case in cases:
        if results and results[-1].status in ("timeout", "not_run"):
            result = CallResult(status="not_run", error="a case before this one ran out of time")
        elif isinstance(case, Call):
            result = (await _calls(pool, request, [case]))[0]
        else:
            result = await _script(pool, request, case)
        results.append(result)
    return RunResult(results=results)


async def _script(pool: Pool, request: RunRequest, stdin: str) -> CallResult:
    program = {"code": request.code, "calls": None, "interactive": request.interactive}
    execution = await pool.execute(program, stdin, request.limits)
    claim: dict[str, Any] = execution.records[-1] if execution.records else {}
    status = _ending(execution, request.limits)
    if status == "error" and claim.get("status") == "memory":
        status = "memory"
    error = _text(claim.get("error")) or (None if status == "ok" else _explain(execution, status))
    return _result(execution, request.limits, status, error, execution.stdout, execution.stderr)


async def _calls(pool: Pool, request: RunRequest, calls: list[Call]) -> list[CallResult]:
    """All calls in one process. If it dies in call k, that call says how and those behind it are `crashed`."""
    program = {"code": request.code, "calls": [call.model_dump() for call in calls], "interactive": False}
    execution = await pool.execute(program, "", request.limits)
    claims = {record["index"]: record for record in execution.records if type(record.get("index")) is int}
    results: list[CallResult] = []
    stdout_start = stderr_start = 0
    died = False
    for index in range(len(calls)):
        claim = claims.get(index)
        if died or claim is None:
            status = "crashed" if died else _ending(execution, request.limits)
            if status in ("ok", "error"):
                status = "crashed"  # it exited, but never came back from the call
            error = "the process had ended before this call" if died else _explain(execution, status)
            stdout, stderr = execution.stdout[stdout_start:], execution.stderr[stderr_start:]
            result = _result(execution, request.limits, status, error, b"" if died else stdout, b"" if died else stderr)
            died = True
        else:
            stdout_end, stderr_end = _position(claim, "stdout_end"), _position(claim, "stderr_end")
            stdout, stderr = execution.stdout[stdout_start:stdout_end], execution.stderr[stderr_start:stderr_end]
            stdout_start, stderr_start = stdout_end, stderr_end
            result = _returned(execution, request.limits, claim, stdout, stderr)
        if len(calls) > 1 and not died:
            result.exit_code = None
        results.append(result)
    return results


def _returned(
    execution: Execution, limits: RunLimits, claim: dict[str, Any], stdout: bytes, stderr: bytes
) -> CallResult:
    status: Status = _CLAIMS.get(claim.get("status"), "crashed")
    result = _result(execution, limits, status, _text(claim.get("error")), stdout, stderr)
    if status == "ok":
        try:
            result.value = plain(claim.get("value"))
        except Unserialisable as error:
            result.status, result.error = "unserialisable", str(error)
    return result


def _result(
    execution: Execution, limits: RunLimits, status: Status, error: str | None, stdout: bytes, stderr: bytes
) -> CallResult:
    limit = limits.output_kb * 1024
    return CallResult(
        status=status,
        stdout=stdout[:limit].decode(errors="replace"),
        stderr=stderr[:limit].decode(errors="replace"),
        error=error,
        exit_code=execution.returncode,
        wall_s=execution.wall_s,
    )


def _ending(execution: Execution, limits: RunLimits) -> Status:
    """How the process as a whole ended."""
    limit = limits.output_kb * 1024
    if execution.records_overflow or len(execution.stdout) > limit or len(execution.stderr) > limit:
        return "output"
    if execution.timed_out or execution.returncode == -signal.SIGXCPU:
        return "timeout"
    if execution.returncode == -signal.SIGKILL and execution.cpu_s >= limits.cpu_s:
        return "timeout"
    if execution.returncode == 0:
        return "ok"
    return "error" if execution.returncode > 0 else "crashed"


def _explain(execution: Execution, status: Status) -> str:
    if status == "timeout":
        return f"timed out after {execution.wall_s:.1f} s"
    if status == "output":
        return "wrote more than the output limit"
    if execution.returncode < 0:
        return f"killed by signal {-execution.returncode}"
    return f"exited with status {execution.returncode}"


def _position(claim: dict[str, Any], name: str) -> int:
    value = claim.get(name)
    return value if type(value) is int and value >= 0 else 0


def _text(value: Any) -> str | None:
    return value.encode(errors="replace").decode()[:1_000] if type(value) is str else None
