"""Suite `calculation`: several steps of arithmetic, each on the result of the one before; one call a step."""

from __future__ import annotations

import random

from darkhorse.tasks.synthetic.agentic.turns import calls, says, tool
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.tools import CALCULATOR
from darkhorse.tasks.task import Demonstration, Task
from darkhorse.types import Message


def sample_steps(rng: random.Random, level: int) -> Demonstration:
    """A starting number and `level + 1` steps."""
    value = rng.randint(112, 989)
    text = f"Start with {value}."
    completion: list[Message] = []
    for number in range(level + 1):
        words, expression, value = _step(rng, value)
        text += f" {'Then' if number else 'First'} {words}."
        completion += [
            calls(f"Step {number + 1}: {words}.", "calculator", {"expression": expression}),
            tool(str(value)),
        ]
    completion.append(says(f"The last result is {value}.", f"\\boxed{{{value}}}"))
    text += " What is the result? Answer in \\boxed{}."
    task = Task("", ({"role": "user", "content": text},), "exact", {"answer": str(value)}, (CALCULATOR,))
    return Demonstration(task, tuple(completion))


def _step(rng: random.Random, value: int) -> tuple[str, str, int]:
    factor, number = rng.randint(12, 98), rng.randint(105, 9_800)
    if abs(value) < 10**7 and rng.random() < 0.6:
        return f"multiply by {factor}", f"{value}*{factor}", value * factor
    if rng.random() < 0.5:
        return f"add {number}", f"{value}+{number}", value + number
    return f"subtract {number}", f"{value}-{number}", value - number


GENERATORS: tuple[Generator, ...] = (Generator("calculation", "steps", 3, sample_steps),)
