"""How a demonstration reasons: its style, its wording, its length."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Sequence
from typing import Any, Literal

from darkhorse.chat.reasoning import THINK_CLOSE
from darkhorse.tasks.task import Demonstration, Task

Style = Literal["brief", "steps", "checked"]
STYLES: tuple[Style, ...] = ("brief", "steps", "checked")
_WEIGHTS = (4, 4, 2)
_TOKEN = re.compile(r"\d|[^\W\d]+|[^\w\s]|\s(?=\d)|\n\s*")
MAX_THINKING_CHARACTERS = 140


def choose_style(rng: random.Random) -> Style:
    """A reasoning style: the cold start shows them all, so that reinforcement can find the one that works."""
    return rng.choices(STYLES, _WEIGHTS)[0]


def rough_tokens(text: str) -> int:
    """About how many tokens `text` has in a vocabulary that splits numbers into digits."""
    return len(_TOKEN.findall(text))


def choose_by(key: str, options: Sequence[str]) -> str:
    """The option that belongs to `key`: one problem always has one wording, so a split by prompt splits problems."""
    return options[zlib.crc32(key.encode()) % len(options)]


def write_thinking(style: Style, brief: str, steps: str, check: str, max_tokens: int) -> tuple[Style, str]:
    """The thinking in a style, and the style used: a check that would make it too long is left out."""
    if style == "checked" and check:
        checked = f"{steps}. Check: {check}"
        if rough_tokens(checked) <= max_tokens and len(checked) <= MAX_THINKING_CHARACTERS:
            return "checked", checked
    return ("brief", brief) if style == "brief" else ("steps", steps)


def demonstrate(
    question: str, verifier: str, truth: Any, style: Style, thinking: str, answer: str, **metadata: Any
) -> Demonstration:
    """A single-turn demonstration; id and source are set by `draw`. `metadata` is added to its style."""
    task = Task(
        id="",
        prompt=({"role": "user", "content": question},),
        verifier=verifier,
        truth=truth,
        metadata={"style": style, **metadata},
    )
    content = f"{thinking}\n{THINK_CLOSE}\n\n{answer}"
    return Demonstration(task, ({"role": "assistant", "content": content},))
