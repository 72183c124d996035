"""Splitting a completion into thinking and answer, by QwQ's rule: the first `</think>` divides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkhorse.types import Message

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"


@dataclass(frozen=True)
class Response:
    """What the model said, ready to be judged.

    Attributes:
        thinking: text before the first `</think>` of the last assistant turn.
        answer: text after it, stripped; empty when the thinking never closed.
        closed: whether `</think>` was seen.
        turns: all messages after the prompt, thinking included (assistant and tool), for multi-turn episodes.
        truncated: whether the last turn ran into its token limit.
        state: what the world of the episode came to (JSON-serialisable); None where there was no world.
    """

    thinking: str
    answer: str
    closed: bool
    turns: tuple[Message, ...] = ()
    truncated: bool = False
    state: Any = None


def split_reasoning(text: str, turns: tuple[Message, ...] = (), truncated: bool = False) -> Response:
    """Split the text of an assistant turn whose opening `<think>` was part of the prompt (or is repeated in it)."""
    body = text.lstrip().removeprefix(THINK_OPEN) if text.lstrip().startswith(THINK_OPEN) else text
    thinking, close, answer = body.partition(THINK_CLOSE)
    return Response(thinking.strip(), answer.strip(), bool(close), turns, truncated)
