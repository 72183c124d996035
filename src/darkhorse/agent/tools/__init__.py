"""Tools a model can call in an episode."""

from __future__ import annotations

from darkhorse.agent.tools.base import Tool, ToolUnavailable, close_tools, for_episode
from darkhorse.agent.tools.calculator import Calculator
from darkhorse.agent.tools.python import Python
from darkhorse.agent.tools.registry import ToolSettings, build_tools, needs_sandbox, register_tool, tool_names
from darkhorse.sandbox.client import SandboxClient
from darkhorse.sandbox.protocol import RunLimits

__all__ = [
    "Calculator", "Python", "Tool", "ToolSettings", "ToolUnavailable", "build_tools", "close_tools", "default_tools",
    "for_episode", "needs_sandbox", "register_tool", "tool_names",
]  # fmt: skip


def default_tools(sandbox: SandboxClient | None, limits: RunLimits | None = None) -> dict[str, Tool]:
    """The built-in tools by name: `calculator`, and `python` where there is a sandbox to run it in, within `limits`."""
    names = ["calculator", "python"] if sandbox is not None else ["calculator"]
    return build_tools(names, ToolSettings(sandbox, limits or RunLimits()))
