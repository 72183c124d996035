"""Tools of any MCP server, through the official `mcp` package (extra `mcp`)."""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from darkhorse.agent.tools.base import Shared, Tool, ToolUnavailable, shorten
from darkhorse.errors import UserError, described, missing_extra
from darkhorse.types import ToolSchema

_CLOSED, _TIMED_OUT = (-32000, -32001), (408,)  # codes with which the package reports a connection that is gone
_START_S, _STOP_S = 30.0, 5.0
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class McpServer:
    """A server to connect to: a command to start, or the URL of one that runs (streamable HTTP).

    Attributes:
        command: program and arguments; started without a shell.
        url: where it listens, if there is no command.
        timeout_s: longest a call may take.
        shared: one connection for all episodes, for servers that keep nothing between calls; otherwise every episode
            has a connection, and a started server, of its own.
        environment: variables the started server has besides a few harmless ones.
    """

    command: tuple[str, ...] = ()
    url: str | None = None
    timeout_s: float = 30.0
    shared: bool = False
    environment: dict[str, str] = field(default_factory=dict, hash=False)


class McpConnection:
    """A session with a server, opened at the first call and again at the first one after it broke.

    It lives in a thread of its own, so calls may come from one event loop after another.

    Args:
        server: to connect to.
    """

    def __init__(self, server: McpServer) -> None:
        self.server = server
        self._opening = asyncio.Lock()
        self._client: Any = None
        self._stop: asyncio.Event | None = None
        self._holder: asyncio.Task[None] | None = None

    async def tools(self) -> list[ToolSchema]:
        """The functions the server offers, OpenAI shape.

        Raises:
            ToolUnavailable: if it does not answer.
        """
        return await _in_background(self._list())

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """The text a function answers; `Error: ...` where the server says that the call was wrong.

        Raises:
            ToolUnavailable: if the server is gone or takes too long. A call is never sent twice: it may have acted.
        """
        return await _in_background(self._call(name, arguments))

    async def close(self) -> None:
        """End the session, and the server if it was started for it."""
        await _in_background(self._drop())

    async def _list(self) -> list[ToolSchema]:
        found: list[Any] = []
        cursor = None
        try:
            client = await self._connected()
            while True:
                page = await asyncio.wait_for(client.list_tools(cursor=cursor), self.server.timeout_s)
                found += page.tools
                cursor = page.next_cursor
                if cursor is None or len(found) > 1_000:
                    break
        except ToolUnavailable:
            raise
        except Exception as error:
            await self._drop()
            raise self._unavailable(error) from error
        return [_schema(tool) for tool in found]

    def _unavailable(self, error: Exception) -> ToolUnavailable:
        return ToolUnavailable(f"{_name(self.server)}: {described(error)}")

    async def _call(self, name: str, arguments: dict[str, Any]) -> str:
        client = await self._connected()
        try:
            result = await asyncio.wait_for(client.call_tool(name, arguments), self.server.timeout_s)
        except Exception as error:
            code = getattr(getattr(error, "error", None), "code", None)
            if code is not None and code not in (*_CLOSED, *_TIMED_OUT):
                return f"Error: {getattr(error, 'message', error)}"
            await self._drop()
            raise self._unavailable(error) from error
        text = "\n".join(getattr(part, "text", f"<{part.type}>") for part in result.content)
        return f"Error: {text}" if result.is_error else text or "(no output)"

    async def _connected(self) -> Any:
        async with self._opening:
            if self._holder is not None and self._holder.done():
                self._client = None
            if self._client is None:
                ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                self._stop = asyncio.Event()
                self._holder = asyncio.create_task(self._hold(ready, self._stop))
                try:
                    self._client = await asyncio.wait_for(ready, _START_S)
                except BaseException as error:
                    self._holder.cancel()
                    if isinstance(error, Exception):
                        raise self._unavailable(error) from error
                    raise
            return self._client

    async def _hold(self, ready: asyncio.Future[Any], stop: asyncio.Event) -> None:
        """Enter and leave the session in one task, as the package demands."""
        try:
            async with _client(self.server) as client:
                if not ready.done():
                    ready.set_result(client)
                await stop.wait()
        except Exception as error:
            if not ready.done():
                ready.set_exception(error)

    async def _drop(self) -> None:
        holder, self._client, self._holder = self._holder, None, None
        if self._stop is not None:
            self._stop.set()
        if holder is not None:
            await asyncio.wait([holder], timeout=_STOP_S)
            holder.cancel()


class McpTool:
    """One function of a server."""

    def __init__(self, connection: McpConnection, schema: ToolSchema, max_characters: int = 2_000) -> None:
        self._connection, self._schema, self._max_characters = connection, schema, max_characters

    def fresh(self, shared: Shared) -> Tool:
        """The function over the episode's own connection, which the server's functions have in common."""
        if self._connection.server.shared:
            return self
        if self._connection not in shared:
            shared[self._connection] = McpConnection(self._connection.server)
        return _OwnMcpTool(shared[self._connection], self._schema, self._max_characters)

    @property
    def name(self) -> str:
        """As the server calls it."""
        return str(self._schema["function"]["name"])

    @property
    def schema(self) -> ToolSchema:
        """As the server describes it."""
        return self._schema

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """What the server answers, or `Error: ...`.

        Raises:
            ToolUnavailable: if the server is gone or takes too long.
        """
        try:
            json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):
            return "Error: the arguments cannot be sent: they hold NaN, half a character, or too many levels"
        return shorten(await self._connection.call(self.name, arguments), self._max_characters)


class _OwnMcpTool(McpTool):
    """A function over a connection that ends with the episode."""

    async def close(self) -> None:
        """End the episode's connection."""
        await self._connection.close()


def mcp_tools(server: McpServer) -> dict[str, Tool]:
    """The functions of a server by name. It is asked once, now; calls connect anew.

    Raises:
        UserError: if the package is missing or the server does not answer.
    """
    _package()
    if bool(server.command) == bool(server.url):
        raise UserError("An MCP server needs a command or a URL, and not both.")

    async def ask() -> list[ToolSchema]:
        try:
            return await connection.tools()
        finally:
            if not server.shared:
                await connection.close()

    connection = McpConnection(server)
    try:
        schemas = _run_apart(ask())
    except ToolUnavailable as error:
        raise UserError(f"The MCP server does not answer: {error}.", "Start it by hand to see why.") from error
    tools: list[Tool] = [McpTool(connection, schema) for schema in schemas]
    return {tool.name: tool for tool in tools}


def _schema(tool: Any) -> ToolSchema:
    function = {"name": tool.name, "description": tool.description or "", "parameters": tool.input_schema}
    return {"type": "function", "function": function}


def _client(server: McpServer) -> Any:
    package = _package()
    if server.url is not None:
        return package.Client(server.url, read_timeout_seconds=server.timeout_s)
    program, *arguments = server.command
    started = package.StdioServerParameters(command=program, args=arguments, env=server.environment or None)
    return package.Client(started, read_timeout_seconds=server.timeout_s)


def _name(server: McpServer) -> str:
    return f"MCP server {server.url or ' '.join(server.command)}"


def _package() -> Any:
    try:
        return importlib.import_module("mcp")
    except ImportError as error:
        raise missing_extra("mcp", "mcp", "An MCP server") from error


@functools.cache
def _background() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="mcp", daemon=True).start()
    return loop


async def _in_background(work: Coroutine[Any, Any, _Answer]) -> _Answer:
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _background()))


def _run_apart(work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Run to the end, whether or not an event loop runs in this thread."""
    return asyncio.run_coroutine_threadsafe(work, _background()).result()
