"""The `python` tool: a program run in the sandbox, as one cell of a notebook."""

from __future__ import annotations

from typing import Any

from darkhorse.agent.tools.base import function_schema, text_argument
from darkhorse.sandbox.client import SandboxClient, SandboxUnavailable
from darkhorse.sandbox.protocol import MAX_SOURCE_CHARACTERS, ExecuteRequest, ExecuteResult, RunLimits
from darkhorse.types import ToolSchema


class Python:
    """Runs code and answers with what it printed and the value of its last expression. Calls share no state.

    Args:
        sandbox: where the code runs.
        limits: what it may use.
        max_characters: longest answer; the middle of a longer one is left out.
    """

    def __init__(self, sandbox: SandboxClient, limits: RunLimits | None = None, max_characters: int = 500) -> None:
        self._sandbox = sandbox
        self._limits = limits or RunLimits()
        self._max_characters = max_characters

    @property
    def name(self) -> str:
        """`python`."""
        return "python"

    @property
    def schema(self) -> ToolSchema:
        """One text parameter, `code`."""
        return function_schema(
            "python",
            "Run Python code and see what it prints and the value of its last line. Nothing is kept between calls.",
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
        answer = await self._sandbox.execute(ExecuteRequest(source=code, limits=self._limits, interactive=True))
        if answer.status == "infrastructure_error":
            raise SandboxUnavailable(answer.message)
        return _shorten(_describe(answer), self._max_characters)


def _describe(result: ExecuteResult) -> str:
    output = result.stdout.strip("\n")
    if result.status == "accepted":
        return output or "(no output)"
    error = f"Error: {result.message or result.status}"
    return f"{output}\n{error}" if output else error


def _shorten(text: str, limit: int) -> str:
    """Keep the beginning and the end, where errors stand."""
    if len(text) <= limit:
        return text
    mark = "\n...\n"
    tail = (limit - len(mark)) // 2
    return text[: limit - len(mark) - tail] + mark + text[-tail:]
