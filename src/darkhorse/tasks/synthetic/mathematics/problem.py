"""What a mathematics problem is, and how it becomes a demonstration."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from darkhorse.tasks.synthetic.base import Sampler
from darkhorse.tasks.synthetic.traces import (
    MAX_THINKING_CHARACTERS,
    choose_style,
    demonstrate,
    rough_tokens,
    write_thinking,
)
from darkhorse.tasks.task import Demonstration

INSTRUCTION = r"Put the final answer inside \boxed{}."
MAX_THINKING_TOKENS = 60
_OPERATOR = re.compile(r"(?<=[\w)])([-+*=])(?=[\w(-])")


@dataclass(frozen=True)
class Problem:
    """A question with its exact answer and its solution in three parts.

    Attributes:
        question: the text, without the instruction about the box.
        answer: the exact value.
        brief: the jump to the result.
        steps: small steps to the result.
        check: a short confirmation; empty when there is none.
    """

    question: str
    answer: int | Fraction
    brief: str
    steps: str
    check: str = ""


def places(number: int) -> list[int]:
    """The non-zero decimal parts of a positive number, largest first: 407 is 400 and 7."""
    digits = str(number)
    return [int(digit) * 10 ** (len(digits) - 1 - index) for index, digit in enumerate(digits) if digit != "0"]


def spaced(text: str) -> str:
    """`text` with a space on either side of operators: small models do arithmetic far better on `47 + 30 = 77`."""
    return _OPERATOR.sub(r" \1 ", text)


def sampler(make: Callable[[random.Random, int], Problem]) -> Sampler:
    """The sampler of a kind of problem; problems whose thinking would be too long are drawn again."""

    def sample(rng: random.Random, level: int) -> Demonstration:
        wanted = choose_style(rng)
        while True:
            problem = make(rng, level)
            parts = (spaced(problem.brief), spaced(problem.steps), spaced(problem.check))
            style, thinking = write_thinking(wanted, *parts, MAX_THINKING_TOKENS)
            if rough_tokens(thinking) <= MAX_THINKING_TOKENS and len(thinking) <= MAX_THINKING_CHARACTERS:
                break
        answer = str(problem.answer)
        return demonstrate(f"{problem.question} {INSTRUCTION}", "math", answer, style, thinking, f"\\boxed{{{answer}}}")

    return sample
