"""The messages of the sandbox's HTTP API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

MAX_SOURCE_CHARACTERS = 1_000_000
MAX_TESTS = 1_000
MAX_BATCH = 1_000
MAX_FILES = 100

Language = Literal["python", "python-numpy", "c", "cpp", "javascript", "bash", "rust", "go", "java"]
Status = Literal[
    "accepted", "wrong_answer", "runtime_error", "time_limit", "memory_limit", "output_limit", "compile_error",
    "infrastructure_error", "not_run",
]  # fmt: skip
"""How a test ended.

`accepted`: ended well, with the right answer where there is one to compare; `wrong_answer`: ended well otherwise;
`runtime_error`: raised, exited with another status than 0, died by a signal, or returned a value that has no exact JSON
form; `time_limit`: wall or CPU time; `memory_limit`; `output_limit`: wrote more than allowed; `compile_error`;
`infrastructure_error`: the sandbox, the test or its checker failed, which says nothing about the program;
`not_run`: an earlier test ended the judging.
"""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunLimits(_Message):
    """What the processes of one run may use."""

    wall_s: float = Field(5.0, gt=0, le=300, description="wall-clock seconds")
    cpu_s: float = Field(5.0, gt=0, le=300, description="CPU seconds, rounded up to whole ones")
    memory_mb: int = Field(512, ge=64, le=16_384, description="memory, MiB, interpreter included")
    output_kb: int = Field(64, ge=1, le=4_096, description="stdout and stderr each, KiB")


class _Program(_Message):
    source: str = Field(max_length=MAX_SOURCE_CHARACTERS)
    language: Language = "python"
    limits: RunLimits = RunLimits()
    deadline_s: float | None = Field(
        None, gt=0, le=3_600, description="seconds until the answer is of no use, waiting included; then 504"
    )

    @field_validator("source")
    @classmethod
    def _encodes(cls, source: str) -> str:
        source.encode()  # a lone surrogate is no text
        return source


class ExecuteRequest(_Program):
    """`POST /v1/execute`: run a program once."""

    stdin: str = ""
    files: dict[str, str] = Field({}, max_length=MAX_FILES, description="files in its folder: name to base64 content")
    fetch: list[str] = Field([], max_length=MAX_FILES, description="files to send back when it has ended")
    interactive: bool = Field(False, description="Python: print the value of a trailing expression, as a notebook does")


class CompileResult(_Message):
    """What the compiler said; `ok` is false if there is no program to run."""

    ok: bool
    output: str = ""
    wall_s: float = 0.0
    cached: bool = False


class RunOutcome(_Message):
    """How one run ended; times in seconds, `memory_mb` is the peak of the largest process."""

    status: Status
    wall_s: float = 0.0
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    stdout: str = ""
    stderr: str = ""
    message: str = Field("", description="what went wrong, in one line")


class ExecuteResult(RunOutcome):
    """The answer to `POST /v1/execute`. `exit_code` is negative for a signal, null if the program never ran."""

    exit_code: int | None = None
    files: dict[str, str] = Field({}, description="the files of `fetch` that are there, base64")
    compile: CompileResult | None = None


class StdinTest(_Message):
    """Text for standard input and the text standard output must hold."""

    type: Literal["stdin"] = "stdin"
    stdin: str = ""
    expected: str


class CallTest(_Message):
    """One call, and the value it must return. Python only.

    `function` is the name of a function, or `Class.method`: the class is made without arguments, as on LeetCode.
    Parameters annotated `ListNode` or `TreeNode` are made from lists, and such results become lists.
    """

    type: Literal["call"] = "call"
    function: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    expected: Any


class AssertTest(_Message):
    """Code that asserts. It runs in a process of its own; names it does not define are the program's. Python only.

    `names` are the program's although Python has something of that name: a program may not take Python's place unasked.
    """

    type: Literal["assert"] = "assert"
    code: str = Field(max_length=MAX_SOURCE_CHARACTERS)
    names: list[str] = Field([], max_length=100)


Test = Annotated[StdinTest | CallTest | AssertTest, Field(discriminator="type")]


class Checker(_Message):
    """How an answer is compared with the expected one.

    `exact`: every character; `lines`: line by line, trailing white space and trailing empty lines aside; `whitespace`:
    word by word; `numeric`: word by word, numbers within `absolute` or `relative` of the expected one, but
    two whole ones are the same or not;
    `unordered_lines`: as `lines`, in any order; `livecodebench`: that benchmark's rule; `program`: `source` defines
    `check(input, actual, expected)`, which returns True or False and runs in the sandbox too.
    Values of calls are compared as values: `numeric` gives their numbers tolerance, `unordered_lines` frees the order
    of the outermost list, the others compare exactly.
    """

    name: Literal["exact", "lines", "whitespace", "numeric", "unordered_lines", "livecodebench", "program"] = "lines"
    absolute: float = Field(1e-9, ge=0)
    relative: float = Field(1e-6, ge=0)
    source: str | None = Field(None, max_length=MAX_SOURCE_CHARACTERS)

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _source_fits(self) -> Checker:
        if (self.name == "program") != (self.source is not None):
            raise ValueError("'source' belongs to the checker 'program', and to no other")
        return self


class JudgeRequest(_Program):
    """`POST /v1/judge`: run a program on tests, a fresh process for each."""

    tests: list[Test] = Field(min_length=1, max_length=MAX_TESTS)
    checker: Checker = Checker()
    stop_on_first_failure: bool = False

    @model_validator(mode="after")
    def _language_fits(self) -> JudgeRequest:
        if not self.language.startswith("python") and any(test.type != "stdin" for test in self.tests):
            raise ValueError(
                f"'call' and 'assert' tests are for Python; a program in {self.language} takes 'stdin' tests"
            )
        return self


class TestOutcome(RunOutcome):
    """How one test ended. `value` is what a call returned, where that is JSON no longer than `output_kb`."""

    value: Any = None


class JudgeResult(_Message):
    """The answer to `POST /v1/judge`. `status` is that of the first test that was not accepted."""

    accepted: bool
    status: Status
    tests: list[TestOutcome]
    compile: CompileResult | None = None


class Problem(_Message):
    """One request of a batch that could not be answered: what the single call would have answered with."""

    code: int
    detail: str


class ExecuteBatch(_Message):
    """`POST /v1/execute/batch`"""

    requests: list[ExecuteRequest] = Field(max_length=MAX_BATCH)


class ExecuteBatchResult(_Message):
    """One answer per request, in their order."""

    results: list[ExecuteResult | Problem]


class JudgeBatch(_Message):
    """`POST /v1/judge/batch`"""

    requests: list[JudgeRequest] = Field(max_length=MAX_BATCH)


class JudgeBatchResult(_Message):
    """One answer per request, in their order."""

    results: list[JudgeResult | Problem]


class Health(_Message):
    """`GET /v1/health`: the level of isolation, and what each layer is: `active`, or why it is not."""

    status: Literal["ok", "draining"] = "ok"
    version: str
    isolation: str
    layers: dict[str, str]
    languages: dict[str, str]
    workers: int
    queued: int
    running: int
