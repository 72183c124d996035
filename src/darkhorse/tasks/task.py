"""What goes into the system: tasks, worked demonstrations of them, and preference pairs."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from darkhorse.types import Message, ToolSchema


@dataclass(frozen=True)
class Task:
    """One problem with a checkable outcome.

    Attributes:
        id: unique and stable, e.g. `mathematics/gcd/train/17`.
        prompt: the messages shown to the model.
        verifier: name in the verifier registry that decides right or wrong.
        truth: what that verifier needs (JSON-serialisable); never shown to the model.
        tools: functions shown to the model, OpenAI shape; empty when the task has none.
        source: suite and kind, e.g. `mathematics/gcd`.
        metadata: anything else worth logging (`level`, ...).
        environment: name of the world an episode of it takes place in; empty where there are only tools.
        setup: what that world starts from (JSON-serialisable); never shown to the model.
    """

    id: str
    prompt: tuple[Message, ...]
    verifier: str
    truth: Any
    tools: tuple[ToolSchema, ...] = ()
    source: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    environment: str = ""
    setup: Any = None

    @property
    def suite(self) -> str:
        """First part of `source`, e.g. `mathematics`."""
        return self.source.split("/", 1)[0]


@dataclass(frozen=True)
class Demonstration:
    """A task with a correct reasoned answer to imitate.

    Attributes:
        task: the problem.
        completion: the messages that follow the prompt. Assistant contents hold
            `thinking\\n</think>\\n\\nanswer` (the opening tag belongs to the generation prompt); with
            tools, assistant and `tool` messages alternate and the last one is the assistant's.
    """

    task: Task
    completion: tuple[Message, ...]


@dataclass(frozen=True)
class PreferencePair:
    """Two answers to one prompt, the first preferred. Contents hold the answer only, no thinking.

    `margin` says by how much, in units of reward; None where nothing is known.
    """

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    source: str = ""
    margin: float | None = None


def normalise_prompt(prompt: tuple[Message, ...]) -> str:
    """The prompt's text casefolded, NFKC-normalised and stripped of everything but letters, digits and operators."""
    text = " ".join(str(message.get("content", "")) for message in prompt)
    text = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[^\w+\-*/%<>=]+", " ", text).strip()


def is_held_out(prompt: tuple[Message, ...], one_in: int = 8) -> bool:
    """Whether a prompt belongs to the held-out side: decided by its normalised text alone, so the sides never meet."""
    digest = hashlib.sha256(normalise_prompt(prompt).encode()).digest()
    return int.from_bytes(digest[:8], "big") % one_in == 0
