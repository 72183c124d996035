"""Hermes-style tool calls: `<tool_call>\\n{"name": ..., "arguments": {...}}\\n</tool_call>`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)


@dataclass(frozen=True)
class ToolCall:
    """A well-formed call."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class MalformedCall:
    """A `<tool_call>` block that is not a call, and why; fed back to the model as a tool error."""

    text: str
    error: str

    @property
    def result(self) -> str:
        """What the model reads in a result's place."""
        return f"Error: the call could not be read: {self.error}"


def parse_tool_calls(answer: str) -> list[ToolCall | MalformedCall]:
    """All calls in an answer (thinking already removed), in order; a block that does not parse is kept as malformed."""
    return [_parse(match.group(1).strip()) for match in _BLOCK.finditer(answer)]


def format_tool_call(name: str, arguments: dict[str, Any]) -> str:
    """The text of one call as the chat template shows it."""
    return f'<tool_call>\n{{"name": {json.dumps(name)}, "arguments": {json.dumps(arguments)}}}\n</tool_call>'


def _parse(text: str) -> ToolCall | MalformedCall:
    try:
        call = json.loads(text)
    except (ValueError, RecursionError) as error:
        return MalformedCall(text, f"not valid JSON: {error}")
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return MalformedCall(text, 'expected {"name": ..., "arguments": {...}}')
    arguments = call.get("arguments", {})
    if not isinstance(arguments, dict):
        return MalformedCall(text, "'arguments' must be a JSON object")
    return ToolCall(call["name"], arguments)
