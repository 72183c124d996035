"""The HTTP application of the sandbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Depends, FastAPI, HTTPException, Response

from darkhorse.http_server import token_check
from darkhorse.sandbox import fusion
from darkhorse.sandbox.judging import BadRequest
from darkhorse.sandbox.metrics import Metrics
from darkhorse.sandbox.pool import PoolBusy, PoolError
from darkhorse.sandbox.protocol import (
    ExecuteBatch,
    ExecuteBatchResult,
    ExecuteRequest,
    ExecuteResult,
    Health,
    JudgeBatch,
    JudgeBatchResult,
    JudgeRequest,
    JudgeResult,
    Problem,
)
from darkhorse.sandbox.service import Service

_RETRY_AFTER_S = "1"
_Answer = TypeVar("_Answer")


def create_app(service: Service, token: str | None = None) -> FastAPI:
    """The HTTP application over a service that has been started.

    Args:
        service: what it serves.
        token: what clients must send as `Authorization: Bearer ...`; None lets everyone in.
    """

    app = FastAPI(
        title="Darkhorse sandbox",
        description="Runs untrusted programs and judges them by tests.",
        dependencies=[Depends(token_check(token))],
    )
    metrics = Metrics(service)

    async def answer(kind: str, deadline_s: float | None, work: Callable[[], Awaitable[_Answer]]) -> _Answer:
        started = time.monotonic()
        try:
            async with asyncio.timeout(deadline_s):
                result = await work()
        except (BadRequest, PoolBusy, PoolError, TimeoutError) as error:
            code = _code(error)
            metrics.failed(kind, code)
            message = str(error) or f"not done within its deadline of {deadline_s:g} s"
            headers = {"Retry-After": _RETRY_AFTER_S} if code in (429, 503) else None
            raise HTTPException(code, message, headers) from error
        metrics.answered(kind, result, time.monotonic() - started)
        return result

    async def or_problem(work: Awaitable[_Answer]) -> _Answer | Problem:
        try:
            return await work
        except HTTPException as error:
            return Problem(code=error.status_code, detail=str(error.detail))

    @app.post("/v1/execute")
    async def execute(request: ExecuteRequest) -> ExecuteResult:
        """Run a program once. 429: too many wait; 503: the sandbox failed; 504: not done within `deadline_s`."""
        return await answer("execute", request.deadline_s, lambda: service.judge.execute(request))

    @app.post("/v1/judge")
    async def judge(request: JudgeRequest) -> JudgeResult:
        """Run a program on tests. 429: too many wait; 503: the sandbox failed; 504: not done within `deadline_s`."""
        return await answer("judge", request.deadline_s, lambda: service.judge.judge(request))

    @app.post("/v1/execute/batch")
    async def execute_batch(batch: ExecuteBatch) -> ExecuteBatchResult:
        """Several of `/v1/execute`, side by side; one that cannot be answered leaves a `Problem` in its place."""
        return ExecuteBatchResult(results=await asyncio.gather(*(or_problem(execute(one)) for one in batch.requests)))

    @app.post("/v1/judge/batch")
    async def judge_batch(batch: JudgeBatch) -> JudgeBatchResult:
        """Several of `/v1/judge`, side by side; one that cannot be answered leaves a `Problem` in its place."""
        return JudgeBatchResult(results=await asyncio.gather(*(or_problem(judge(one)) for one in batch.requests)))

    @app.post("/run_code")
    async def run_code(request: fusion.RunCodeRequest) -> fusion.RunCodeResponse:
        """SandboxFusion's call, for trainers and clients that speak it."""
        try:
            result = await answer("run_code", None, lambda: service.judge.execute(fusion.to_request(request)))
        except ValueError as error:
            return fusion.RunCodeResponse(status="SandboxError", message=str(error))
        except HTTPException as error:
            if error.status_code == 429:
                raise
            return fusion.RunCodeResponse(status="SandboxError", message=str(error.detail))
        return fusion.from_result(result)

    @app.get("/v1/health")
    async def health() -> Health:
        """The level of isolation and its layers, the languages, how much is under way."""
        return await asyncio.to_thread(service.health)  # the first one asks compilers for their versions

    @app.get("/metrics")
    async def prometheus() -> Response:
        """Counters in Prometheus's text format."""
        return Response(metrics.text(), media_type=metrics.media_type)

    return app


def _code(error: Exception) -> int:
    if isinstance(error, BadRequest):
        return 422
    if isinstance(error, PoolBusy):
        return 429
    return 503 if isinstance(error, PoolError) else 504
