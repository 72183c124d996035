"""What `test_mcp.py` runs with an interpreter that has the package `mcp`; prints what it found as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from darkhorse.agent.tools import ToolUnavailable, close_tools, for_episode
from darkhorse.agent.tools.mcp import McpServer, mcp_tools
from darkhorse.errors import UserError

SEARCH = {"PYTHONPATH": os.environ["PYTHONPATH"]}
COMMAND = (sys.executable, str(Path(__file__).with_name("mcp_server.py")))


async def said(tools: dict[str, Any], name: str, **arguments: Any) -> str:
    try:
        return str(await tools[name](arguments))
    except ToolUnavailable as error:
        return f"unavailable: {error}"


async def episode(offered: dict[str, Any], *calls: tuple[str, dict[str, Any]]) -> list[str]:
    tools = for_episode(offered)
    try:
        return [await said(tools, name, **arguments) for name, arguments in calls]
    finally:
        await close_tools(tools.values())


def main() -> None:
    """Ask the server everything."""
    offered = mcp_tools(McpServer(COMMAND, timeout_s=2.0, environment=SEARCH))
    found: dict[str, Any] = {"schemas": {name: tool.schema for name, tool in offered.items()}}
    # each `run` is an event loop of its own, as each step of training has one
    found["first"] = asyncio.run(episode(offered, ("add", {"a": 2, "b": 3}), ("remember", {"text": "one"})))
    found["second"] = asyncio.run(episode(offered, ("remember", {"text": "two"}), ("remember", {"text": "three"})))
    found["mistakes"] = asyncio.run(episode(offered, ("add", {"a": "x"}), ("fail", {}), ("add", {"a": 1, "b": 1})))
    started = time.monotonic()
    found["late"] = asyncio.run(episode(offered, ("sleep", {}), ("add", {"a": 1, "b": 1})))
    found["late_s"] = time.monotonic() - started
    found["killed"] = asyncio.run(episode(offered, ("die", {}), ("add", {"a": 4, "b": 4})))
    shared = mcp_tools(McpServer(COMMAND, shared=True, environment=SEARCH))
    found["shared"] = [asyncio.run(episode(shared, ("remember", {"text": text})))[0] for text in ("a", "b")]
    asyncio.run(shared["add"]._connection.close())
    try:
        mcp_tools(McpServer((sys.executable, "-c", "raise SystemExit(3)")))
    except UserError as error:
        found["absent"] = error.message
    print(json.dumps(found))


if __name__ == "__main__":
    main()
