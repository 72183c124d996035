"""The tools of a chat; what they need is started when they are first chosen."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

from darkhorse.agent.tools import Tool, ToolSettings, ToolUnavailable, build_tools, close_tools, needs_sandbox
from darkhorse.chat.tool_calls import MalformedCall
from darkhorse.errors import UserError
from darkhorse.sandbox.client import SandboxClient, SandboxProcess, SandboxUnavailable
from darkhorse.serving.replies import Call
from darkhorse.types import ToolSchema


class Toolbox:
    """Tools by name, some of them chosen; a context manager. They keep their state until others are chosen.

    Args:
        corpus: what `search` looks in; the current folder when None.
        database: the SQLite file that `sql` reads.
    """

    def __init__(self, corpus: Path | None = None, database: Path | None = None) -> None:
        self._corpus, self._database = corpus, database
        self._stack = contextlib.ExitStack()
        self._loop = self._stack.enter_context(asyncio.Runner())  # one for all calls: servers stay connected to it
        self._sandbox: SandboxClient | None = None
        self._chosen: dict[str, Tool] = {}

    def choose(self, names: str) -> None:
        """Let the model call these tools alone.

        Args:
            names: as `build_tools` takes them; empty for none.

        Raises:
            UserError: if there is no such tool, or it cannot be made.
        """
        if needs_sandbox(names) and self._sandbox is None:
            try:
                self._sandbox = self._stack.enter_context(SandboxProcess(workers=1))
            except SandboxUnavailable as error:
                raise UserError(f"A tool needs a sandbox. {error}", "Try 'darkhorse sandbox'.") from error
        chosen = build_tools(names, ToolSettings(self._sandbox, corpus=self._corpus, database=self._database))
        self._loop.run(close_tools(self._chosen.values()))
        self._chosen = chosen

    @property
    def names(self) -> list[str]:
        """Those chosen."""
        return list(self._chosen)

    @property
    def schemas(self) -> list[ToolSchema]:
        """What the model is told about them."""
        return [tool.schema for tool in self._chosen.values()]

    def call(self, call: Call | MalformedCall) -> str:
        """What a tool answers; mistakes come back as `Error: ...`."""
        if isinstance(call, MalformedCall):
            return call.result
        tool = self._chosen.get(call.name)
        if tool is None:
            return f"Error: there is no tool '{call.name}'. Known: {', '.join(self._chosen)}"
        try:
            return self._loop.run(_call(tool, call))
        except (SandboxUnavailable, ToolUnavailable) as error:
            return f"Error: the tool is unavailable: {error}"

    def __enter__(self) -> Toolbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(close_tools(self._chosen.values()))
        self._stack.close()


async def _call(tool: Tool, call: Call) -> str:
    return await tool(json.loads(call.arguments))
