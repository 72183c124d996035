"""Vocabulary shared by every floor; imports nothing of Darkhorse."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

Message: TypeAlias = dict[str, Any]
"""One chat message: `role`, `content`, and for assistants optionally `tool_calls` (OpenAI shape)."""

ToolSchema: TypeAlias = dict[str, Any]
"""A function in OpenAI's shape: `{"type": "function", "function": {"name", "description", "parameters"}}`."""

Isolation: TypeAlias = Literal["auto", "full", "standard", "minimal"]
"""How well programs under test are confined; `auto` is the strongest that the machine allows, but never `minimal`."""
