"""What a tool is to an episode."""

from __future__ import annotations

from typing import Any, Protocol

from darkhorse.types import ToolSchema


class Tool(Protocol):
    """Something a model can call. It never raises for what the model did: mistakes come back as `Error: ...`."""

    @property
    def name(self) -> str:
        """The name the model calls it by."""
        ...

    @property
    def schema(self) -> ToolSchema:
        """What the model is told about it, OpenAI shape."""
        ...

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """The text the model reads next."""
        ...


def function_schema(name: str, description: str, parameter: str, meaning: str) -> ToolSchema:
    """The schema of a function with one required text parameter."""
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {parameter: {"type": "string", "description": meaning}},
                "required": [parameter],
            },
        },
    }


def text_argument(arguments: dict[str, Any], name: str) -> str | None:
    """The argument `name` if it is there and is text."""
    value = arguments.get(name)
    return value if isinstance(value, str) else None
