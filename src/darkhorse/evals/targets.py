"""What is measured: anything that continues a conversation, and what it answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from darkhorse.chat.reasoning import Response, split_reasoning
from darkhorse.errors import UserError
from darkhorse.rollout.engine import SamplingParams
from darkhorse.rollout.trajectory import FinishReason
from darkhorse.tasks.task import Task
from darkhorse.types import Message, ToolSchema


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        text: all the model wrote, thinking included, calls as `<tool_call>` blocks.
        tokens: how many it wrote.
        prompt_tokens: how many it read.
        finish_reason: `length` if it was cut off.
    """

    text: str
    tokens: int
    prompt_tokens: int
    finish_reason: FinishReason

    @property
    def answer(self) -> str:
        """What follows the first `</think>`; the whole text where there is none, as QwQ's evaluation has it."""
        response = split_reasoning(self.text)
        return response.answer if response.closed else self.text.strip()


@dataclass
class Episode:
    """A finished conversation about a task.

    Attributes:
        response: what is judged.
        tokens, prompt_tokens: spent on it in all.
        finish_reason: of the last answer.
        failure: what went wrong on our side; it is then abstained on.
        extra: what a suite's own judge needs.
    """

    response: Response
    tokens: int = 0
    prompt_tokens: int = 0
    finish_reason: FinishReason = "stop"
    failure: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Target(Protocol):
    """A model under test."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def at_once(self) -> int:
        """Samples worth having under way at once."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """What identifies it; a result of another model is not added to."""
        ...

    async def ask(self, messages: Sequence[Message], tools: Sequence[ToolSchema], sampling: SamplingParams) -> Reply:
        """Continue a conversation.

        Raises:
            Unanswered: if there is no answer to be had just now.
            UserError: if there never will be; `Refused` if it is this request that there is none to.
        """
        ...

    async def run(self, task: Task, sampling: SamplingParams) -> Episode:
        """Work on a task to its end, with its tools where they can be executed; raises as `ask` does."""
        ...


class Refused(UserError):
    """A request that the model's server does not take, such as one longer than its context."""


class Unanswered(Exception):
    """A sample could not be had; the next run tries again."""


def published_response(response: Response) -> Response:
    """A response as QwQ's evaluation judges it: where the thinking never closes, the whole text is the answer."""
    if response.closed:
        return response
    return Response("", response.thinking, True, response.turns, response.truncated)
