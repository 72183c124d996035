"""The tools of a chat; what they need is started when they are first chosen."""

from __future__ import annotations

import asyncio
import contextlib
import json

from darkhorse.agent.tools import Tool, default_tools
from darkhorse.errors import UserError, did_you_mean
from darkhorse.sandbox.client import SandboxClient, SandboxProcess, SandboxUnavailable
from darkhorse.serving.replies import Call
from darkhorse.types import ToolSchema


class Toolbox:
    """Tools by name, some of them chosen; a context manager."""

    known = ("calculator", "python")

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._sandbox: SandboxClient | None = None
        self._chosen: dict[str, Tool] = {}

    def choose(self, names: str) -> None:
        """Let the model call these tools alone.

        Args:
            names: with commas between; empty for none.

        Raises:
            UserError: if there is no such tool, or no sandbox for it.
        """
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        for name in wanted:
            if name not in self.known:
                raise UserError(f"There is no tool '{name}'.", did_you_mean(name, self.known))
        if "python" in wanted and self._sandbox is None:
            try:
                self._sandbox = self._stack.enter_context(SandboxProcess(workers=1))
            except SandboxUnavailable as error:
                raise UserError(f"The tool 'python' needs a sandbox. {error}", "Try 'darkhorse sandbox'.") from error
        tools = default_tools(self._sandbox)
        self._chosen = {name: tools[name] for name in wanted}

    @property
    def names(self) -> list[str]:
        """Those chosen."""
        return list(self._chosen)

    @property
    def schemas(self) -> list[ToolSchema]:
        """What the model is told about them."""
        return [tool.schema for tool in self._chosen.values()]

    def call(self, call: Call) -> str:
        """What a tool answers; mistakes come back as `Error: ...`."""
        tool = self._chosen.get(call.name)
        if tool is None:
            return f"Error: there is no tool '{call.name}'. Known: {', '.join(self._chosen)}"
        try:
            return asyncio.run(_call(tool, call))
        except SandboxUnavailable as error:
            return f"Error: the tool is unavailable: {error}"

    def __enter__(self) -> Toolbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


async def _call(tool: Tool, call: Call) -> str:
    return await tool(json.loads(call.arguments))
