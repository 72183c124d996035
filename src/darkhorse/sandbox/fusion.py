"""SandboxFusion's `POST /run_code`, for trainers and clients that speak it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from darkhorse.sandbox.protocol import MAX_SOURCE_CHARACTERS, ExecuteRequest, ExecuteResult, Language, RunLimits

_LANGUAGES: dict[str, Language] = {
    "python": "python", "pytest": "python", "cpp": "cpp", "nodejs": "javascript", "javascript": "javascript",
    "js": "javascript", "bash": "bash", "rust": "rust", "go": "go", "java": "java", "c": "c",
}  # fmt: skip
_MEMORY_MB = 1024  # where the request names no limit
_OUTPUT_KB = 1024


class RunCodeRequest(BaseModel):
    """The request; fields this server has no use for are accepted and ignored."""

    code: str = Field(max_length=MAX_SOURCE_CHARACTERS)
    language: str
    stdin: str | None = ""
    compile_timeout: float = 10.0
    run_timeout: float = Field(10.0, gt=0, le=300)
    memory_limit_MB: int = -1  # SandboxFusion's spelling
    files: dict[str, str | None] = {}
    fetch_files: list[str] = []


class CommandRunResult(BaseModel):
    """The account of one command."""

    status: Literal["Finished", "Error", "TimeLimitExceeded"]
    execution_time: float | None = None
    return_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None


class RunCodeResponse(BaseModel):
    """The answer: `Success` exactly when the program finished with status 0."""

    status: Literal["Success", "Failed", "SandboxError"]
    message: str
    compile_result: CommandRunResult | None = None
    run_result: CommandRunResult | None = None
    executor_pod_name: str | None = None
    files: dict[str, str] = {}


def to_request(request: RunCodeRequest) -> ExecuteRequest:
    """The same wish as a request of our own.

    Raises:
        ValueError: if the server cannot fulfil it; the message says why.
    """
    language = _LANGUAGES.get(request.language.lower())
    if language is None:
        raise ValueError(f"language '{request.language}' is not supported; choose from {', '.join(_LANGUAGES)}")
    limits = RunLimits(
        wall_s=request.run_timeout,
        cpu_s=request.run_timeout,
        memory_mb=_MEMORY_MB if request.memory_limit_MB <= 0 else max(64, min(16_384, request.memory_limit_MB)),
        output_kb=_OUTPUT_KB,
    )
    try:
        return ExecuteRequest(
            source=request.code,
            language=language,
            stdin=request.stdin or "",
            files={name: content for name, content in request.files.items() if content is not None},
            fetch=request.fetch_files,
            limits=limits,
        )
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from error


def from_result(result: ExecuteResult) -> RunCodeResponse:
    """Our answer in SandboxFusion's words."""
    compiled = None
    if result.compile is not None:
        compiled = CommandRunResult(
            status="Finished",
            execution_time=result.compile.wall_s,
            return_code=0 if result.compile.ok else 1,
            stdout="",
            stderr=result.compile.output,
        )
    if result.status == "infrastructure_error":
        return RunCodeResponse(status="SandboxError", message=result.message, compile_result=compiled)
    if result.status == "compile_error":
        return RunCodeResponse(status="Failed", message="", compile_result=compiled)
    timed_out = result.status == "time_limit"
    ran = CommandRunResult(
        status="TimeLimitExceeded" if timed_out else "Finished",
        execution_time=result.wall_s,
        return_code=None if timed_out else result.exit_code,
        stdout=result.stdout,
        stderr=result.stderr,
    )
    return RunCodeResponse(
        status="Success" if result.status == "accepted" else "Failed",
        message="" if result.status == "accepted" else result.message,
        compile_result=compiled,
        run_result=ran,
        files=result.files,
    )
