"""Tools a model can call in an episode."""

from __future__ import annotations

from darkhorse.agent.tools.base import Tool
from darkhorse.agent.tools.calculator import Calculator
from darkhorse.agent.tools.python import Python
from darkhorse.sandbox.client import SandboxClient
from darkhorse.sandbox.protocol import RunLimits

__all__ = ["Calculator", "Python", "Tool", "default_tools"]


def default_tools(sandbox: SandboxClient | None, limits: RunLimits | None = None) -> dict[str, Tool]:
    """The built-in tools by name: `calculator`, and `python` where there is a sandbox to run it in, within `limits`."""
    tools: list[Tool] = [Calculator()]
    if sandbox is not None:
        tools.append(Python(sandbox, limits))
    return {tool.name: tool for tool in tools}
