"""A function call as a model wrote it, and what bounds the reading of one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from darkhorse.chat.tool_calls import MalformedCall, parse_tool_calls

Language: TypeAlias = Literal["python", "java", "javascript"]
MAX_TEXT = 20_000  # characters of an answer with calls
MAX_CALLS = 64
MAX_DEPTH = 32  # of brackets
TAG = "<tool_call>"

_PUBLISHED_BLOCK = re.compile(r"<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)


@dataclass(frozen=True)
class Call:
    """A call with named arguments.

    Attributes:
        name: of the function, dots included.
        arguments: values by name. Those of Java and JavaScript are source text.
    """

    name: str
    arguments: dict[str, Any]


class Name(str):
    """A bare name where a value was expected: a variable, no string."""


def check_size(text: str) -> None:
    """Refuse a text too long or nested too deeply to be read.

    Raises:
        ValueError: if it is.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"the answer has more than {MAX_TEXT} characters")
    depth = 0
    for character in text:
        if character in "([{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError("the brackets nest too deeply")
        elif character in ")]}":
            depth = max(0, depth - 1)


def tagged_calls(text: str) -> list[Call]:
    """The calls of the `<tool_call>` blocks of an answer.

    Raises:
        ValueError: if a block is no call.
    """
    check_size(text)
    calls = []
    for block in parse_tool_calls(text):
        if isinstance(block, MalformedCall):
            raise ValueError(f"a tool call is malformed: {block.error[:100]}")
        calls.append(Call(block.name, block.arguments))
    return calls


def published_tagged_calls(text: str) -> list[Call]:
    """The calls as the leaderboard reads Qwen's format: a block that is no JSON is passed over.

    Raises:
        ValueError: if a block of JSON is no call.
    """
    check_size(text)
    calls = []
    for block in _PUBLISHED_BLOCK.findall(text):
        try:
            call = json.loads(block)
        except (ValueError, RecursionError):
            continue
        if not isinstance(call, dict) or not isinstance(call.get("arguments"), dict):
            raise ValueError("a tool call is no object with a name and arguments")
        if not isinstance(call.get("name"), str):
            raise ValueError("a tool call has no name")
        calls.append(Call(call["name"], call["arguments"]))
    return calls
