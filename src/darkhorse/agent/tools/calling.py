"""Carrying out what a model calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from darkhorse.agent.tools.base import Tool, ToolUnavailable
from darkhorse.chat.tool_calls import MalformedCall, ToolCall
from darkhorse.config.rollout import AgentConfig
from darkhorse.errors import described
from darkhorse.sandbox.client import SandboxUnavailable


class ToolFailed(Exception):
    """A call was not carried out, by no fault of the model's; the message says which and why."""


async def call_tool(tools: Mapping[str, Tool], call: ToolCall | MalformedCall, config: AgentConfig) -> str:
    """What the model reads of a call: the tool's text, cut to `max_tool_output` characters, or what is wrong with it.

    Args:
        tools: by name.
        call: as it stands in the answer.
        config: `tool_timeout_s` and `max_tool_output`.

    Raises:
        ToolFailed: if the tool raises or takes too long: it does neither for what the model did.
    """
    if isinstance(call, MalformedCall):
        return call.result
    if call.name not in tools:
        return f"Error: there is no tool '{call.name}'. Known: {', '.join(sorted(tools))}"
    try:
        text = await asyncio.wait_for(tools[call.name](call.arguments), config.tool_timeout_s)
    except (SandboxUnavailable, ToolUnavailable) as error:
        raise ToolFailed(f"a tool could not run: {call.name}: {error}") from error
    except TimeoutError as error:
        message = f"a tool could not run: {call.name} took longer than {config.tool_timeout_s:g} s"
        raise ToolFailed(message) from error
    except Exception as error:
        raise ToolFailed(f"a tool failed: {call.name}: {described(error)}") from error
    limit = config.max_tool_output
    return text if len(text) <= limit else text[:limit] + " [cut]"
