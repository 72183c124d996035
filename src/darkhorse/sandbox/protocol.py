"""The messages of the sandbox's HTTP API. Expected outputs have no place in them: whoever asks compares."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_CODE_CHARACTERS = 1_000_000
MAX_CASES = 1_000

Status = Literal["ok", "error", "timeout", "memory", "output", "crashed", "unserialisable", "not_run"]
"""How a case ended:

`ok`: returned, or exited with status 0; `error`: raised, or exited with another status; `timeout`: wall or CPU time;
`memory`: the memory limit; `output`: wrote more than allowed; `crashed`: died by a signal or before it returned;
`unserialisable`: the return value is not JSON; `not_run`: a case before it ended the run.
"""


class RunLimits(BaseModel):
    """What one process of a run may use."""

    model_config = ConfigDict(extra="forbid")

    wall_s: float = Field(5.0, gt=0, le=300, description="wall-clock seconds")
    cpu_s: float = Field(5.0, gt=0, le=300, description="CPU seconds, rounded up to whole ones")
    memory_mb: int = Field(512, ge=64, le=16_384, description="address space, MiB, interpreter included")
    output_kb: int = Field(64, ge=1, le=4_096, description="stdout and stderr each, KiB")


class Call(BaseModel):
    """One call of a function the program defines."""

    model_config = ConfigDict(extra="forbid")

    function: str
    args: list[Any] = []


class RunRequest(BaseModel):
    """`POST /v1/run`: a program, and either calls of its functions or texts for its standard input.

    With neither it runs once as a script with empty input. Every input text gets a process of its own. The calls share
    one process, in which the program is loaded once, unless `fresh_process` asks for one process each.
    """

    model_config = ConfigDict(extra="forbid")

    language: Literal["python"] = "python"
    code: str = Field(max_length=MAX_CODE_CHARACTERS)
    calls: list[Call] | None = Field(None, max_length=MAX_CASES)
    stdin: list[str] | None = Field(None, max_length=MAX_CASES)
    fresh_process: bool = Field(False, description="a process per call, so that calls cannot share state")
    interactive: bool = Field(False, description="print the value of a trailing expression, as a notebook does")
    limits: RunLimits = RunLimits()

    @model_validator(mode="after")
    def _one_kind(self) -> RunRequest:
        if self.calls is not None and self.stdin is not None:
            raise ValueError("give 'calls' or 'stdin', not both")
        return self


class CallResult(BaseModel):
    """How one call, or one run as a script, ended.

    `value` is the return value of a call. `exit_code` is that of the process, negative for a signal, null while a call
    shares its process. `wall_s` is the time of the process.
    """

    status: Status
    value: Any = None
    stdout: str = ""
    stderr: str = ""
    error: str | None = None
    exit_code: int | None = None
    wall_s: float = 0.0


class RunResult(BaseModel):
    """The answer to `POST /v1/run`: one result per call or input text, in their order."""

    results: list[CallResult]

    @property
    def ok(self) -> bool:
        """Whether every case ended well (which says nothing about the values)."""
        return all(result.status == "ok" for result in self.results)


class Health(BaseModel):
    """The answer to `GET /v1/ping`: each isolation layer is `active` or says why it is not."""

    status: Literal["ok"] = "ok"
    languages: list[str]
    workers: int
    layers: dict[str, str]


class RunCodeRequest(BaseModel):
    """SandboxFusion's `POST /run_code`; fields this server has no use for are accepted and ignored."""

    code: str = Field(max_length=MAX_CODE_CHARACTERS)
    language: str
    stdin: str | None = None
    compile_timeout: float = 10.0
    run_timeout: float = Field(10.0, gt=0, le=300)
    memory_limit_MB: int = -1  # SandboxFusion's spelling
    files: dict[str, str | None] = {}
    fetch_files: list[str] = []


class CommandRunResult(BaseModel):
    """SandboxFusion's account of one command."""

    status: Literal["Finished", "Error", "TimeLimitExceeded"]
    execution_time: float | None = None
    return_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None


class RunCodeResponse(BaseModel):
    """SandboxFusion's answer: `Success` exactly when the program finished with status 0."""

    status: Literal["Success", "Failed", "SandboxError"]
    message: str
    compile_result: CommandRunResult | None = None
    run_result: CommandRunResult | None = None
    executor_pod_name: str | None = None
    files: dict[str, str] = {}
