"""What demonstrations of episodes are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darkhorse.chat.reasoning import THINK_CLOSE
from darkhorse.chat.tool_calls import format_tool_call
from darkhorse.types import Message, ToolSchema


def function(name: str, description: str, *parameters: str) -> ToolSchema:
    """The schema of a function whose parameters are all required texts."""
    properties = {parameter: {"type": "string"} for parameter in parameters}
    shape = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": shape}}


def calls(thought: str, name: str, arguments: Mapping[str, Any]) -> Message:
    """A turn that thinks and calls one function."""
    return says(thought, format_tool_call(name, dict(arguments)))


def says(thought: str, answer: str) -> Message:
    """A turn that thinks and answers."""
    return {"role": "assistant", "content": f"{thought}\n{THINK_CLOSE}\n\n{answer}"}


def tool(result: str) -> Message:
    """What a function answers."""
    return {"role": "tool", "content": result}


def user(text: str) -> Message:
    """What the user says."""
    return {"role": "user", "content": text}
