"""An MCP server over standard input and output, for tests; run it with an interpreter that has the package `mcp`."""

from __future__ import annotations

import asyncio
import os
import signal

from mcp.server.mcpserver import MCPServer

server = MCPServer("tests")
remembered: list[str] = []


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def remember(text: str) -> str:
    """Keep a text; says all that are kept."""
    remembered.append(text)
    return ", ".join(remembered)


@server.tool()
def fail() -> str:
    """Raise."""
    raise ValueError("on purpose")


@server.tool()
async def sleep() -> str:
    """Take too long."""
    await asyncio.sleep(60)
    return "late"


@server.tool()
def die() -> str:
    """Kill the server in the middle of a call."""
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


if __name__ == "__main__":
    server.run("stdio")
