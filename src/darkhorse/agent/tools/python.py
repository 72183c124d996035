"""The `python` tool: programs run in the sandbox, as the cells of one notebook."""

from __future__ import annotations

from typing import Any

from darkhorse.agent.tools.base import Shared, function_schema, shorten, text_argument
from darkhorse.sandbox.client import SandboxClient, SandboxUnavailable
from darkhorse.sandbox.protocol import MAX_SOURCE_CHARACTERS, ExecuteRequest, ExecuteResult, RunLimits
from darkhorse.types import ToolSchema

MAX_SESSION_CHARACTERS = 200_000
_LONGEST_RUN_S = 300.0
_KEPT = ("accepted", "runtime_error")  # a cell that was stopped left nothing anyone could rely on

# Runs in the sandbox. The earlier cells run again, unseen and in the same order, and then the new one as in a notebook.
_SESSION = """\
import ast, contextlib, io
for cell in cells:
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with contextlib.suppress(BaseException), quiet[0], quiet[1]:
        exec(compile(cell, "main.py", "exec", dont_inherit=True), space)
program, last = ast.parse(code, "main.py"), None
if program.body and isinstance(program.body[-1], ast.Expr):
    last = ast.Expression(program.body.pop().value)
exec(compile(program, "main.py", "exec", dont_inherit=True), space)
if last is not None:
    value = eval(compile(last, "main.py", "eval", dont_inherit=True), space)
    if value is not None:
        print(repr(value))
"""


class Python:
    """Runs code and answers with what it printed and the value of its last expression.

    As an episode has it (`fresh`), names of earlier calls are still there. No process waits between calls: each run is
    a new one in the sandbox, in which the earlier cells run again first. The sandbox starts every process with the same
    random numbers, so they do what they did before, unless they read the clock.

    Args:
        sandbox: where the code runs.
        limits: what one call may use; running the earlier cells again does not count.
        max_characters: longest answer; the middle of a longer one is left out.
    """

    def __init__(self, sandbox: SandboxClient, limits: RunLimits | None = None, max_characters: int = 500) -> None:
        self._sandbox = sandbox
        self._limits = limits or RunLimits()
        self._max_characters = max_characters
        self._cells: list[str] | None = None
        self._spent_s = 0.0

    def fresh(self, shared: Shared) -> Python:
        """The tool with a session of its own, in which nothing has run yet."""
        session = Python(self._sandbox, self._limits, self._max_characters)
        session._cells = []
        return session

    @property
    def name(self) -> str:
        """`python`."""
        return "python"

    @property
    def schema(self) -> ToolSchema:
        """One text parameter, `code`."""
        return function_schema(
            "python",
            "Run Python code and see what it prints and the value of its last line. Names stay defined between calls.",
            "code",
            "The code to run.",
        )

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """The program's output, or `Error: ...`.

        Raises:
            SandboxUnavailable: if the sandbox is down, which is no fault of the model's.
        """
        code = text_argument(arguments, "code")
        if code is None:
            return 'Error: python needs {"code": "..."}'
        if len(code) > MAX_SOURCE_CHARACTERS:
            return "Error: the code is too long"
        try:
            code.encode()
        except UnicodeEncodeError:
            return "Error: the code is not valid Unicode"
        if self._cells and sum(map(len, self._cells)) + len(code) > MAX_SESSION_CHARACTERS:
            return "Error: the session has become too long"
        answer = await self._sandbox.execute(self._request(code))
        if answer.status == "infrastructure_error":
            raise SandboxUnavailable(answer.message)
        if self._cells is not None and answer.status in _KEPT:
            self._cells.append(code)
            self._spent_s = answer.wall_s
        return shorten(described(answer), self._max_characters)

    def _request(self, code: str) -> ExecuteRequest:
        if not self._cells:
            return ExecuteRequest(source=code, limits=self._limits, interactive=True)
        names = f"{{'cells': {self._cells!r}, 'code': {code!r}, 'space': globals()}}"
        more = {key: min(_LONGEST_RUN_S, getattr(self._limits, key) + 2 * self._spent_s) for key in ("wall_s", "cpu_s")}
        limits = self._limits.model_copy(update=more)
        return ExecuteRequest(source=f"exec({_SESSION!r}, {names})", limits=limits)


def described(result: ExecuteResult) -> str:
    """What a program printed, or its error and what it printed before, as the model reads them."""
    if result.status == "accepted":
        return result.stdout.strip("\n") or "(no output)"
    return failed(f"Error: {result.message or result.status}", result.stdout)


def failed(error: str, stdout: str) -> str:
    """A program's error, first so that it is seen to be one, and what the program printed before."""
    output = stdout.strip("\n")
    return f"{error}\nPrinted before:\n{output}" if output else error
