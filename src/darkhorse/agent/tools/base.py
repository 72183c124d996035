"""What a tool is to an episode."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from darkhorse.types import ToolSchema

Shared: TypeAlias = dict[Any, Any]
"""What the tools of one episode have in common, by whatever they agree on as a key."""


class ToolUnavailable(Exception):
    """A tool could not do its work, by no fault of the model's: its server is down, or it took too long."""


class Tool(Protocol):
    """Something a model can call. It never raises for what the model did: mistakes come back as `Error: ...`.

    A tool that keeps something between calls also has `fresh(shared: Shared) -> Tool`, which gives the tool as a new
    episode has it; one that holds something open has `async close()`.
    """

    @property
    def name(self) -> str:
        """The name the model calls it by."""
        ...

    @property
    def schema(self) -> ToolSchema:
        """What the model is told about it, OpenAI shape."""
        ...

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """The text the model reads next.

        Raises:
            ToolUnavailable: if it cannot work, which is no fault of the model's.
        """
        ...


def for_episode(tools: Mapping[str, Tool]) -> dict[str, Tool]:
    """The tools as one episode uses them: those that keep something between calls start anew, the others are shared."""
    shared: Shared = {}
    return {name: _fresh(tool, shared) for name, tool in tools.items()}


async def close_tools(tools: Iterable[Tool]) -> None:
    """Close what an episode's tools hold open; safe to call twice."""
    for tool in tools:
        close = getattr(tool, "close", None)
        if close is not None and inspect.iscoroutinefunction(close):
            await close()


def _fresh(tool: Tool, shared: Shared) -> Tool:
    make = getattr(tool, "fresh", None)
    return tool if make is None else make(shared)


def function_schema(name: str, description: str, parameter: str, meaning: str) -> ToolSchema:
    """The schema of a function with one required text parameter."""
    return text_schema(name, description, {parameter: meaning})


def text_schema(name: str, description: str, parameters: Mapping[str, str]) -> ToolSchema:
    """The schema of a function whose parameters, given with their meanings, are all required texts."""
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {key: {"type": "string", "description": text} for key, text in parameters.items()},
                "required": list(parameters),
            },
        },
    }


def text_argument(arguments: dict[str, Any], name: str) -> str | None:
    """The argument `name` if it is there and is text."""
    value = arguments.get(name)
    return value if isinstance(value, str) else None


def shorten(text: str, limit: int) -> str:
    """Keep the beginning and the end, where errors stand."""
    if len(text) <= limit:
        return text
    mark = "\n...\n"
    tail = (limit - len(mark)) // 2
    return text[: limit - len(mark) - tail] + mark + text[-tail:]
