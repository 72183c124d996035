"""Functions that apply one step after another to an integer or a string."""

from __future__ import annotations

import random
from collections.abc import Sequence

from darkhorse.tasks.synthetic.programming.operations import Phrase, Step, integer_phrase, integer_step
from darkhorse.tasks.synthetic.programming.program import Kind, Program
from darkhorse.tasks.synthetic.programming.strings import string_result, string_step
from darkhorse.tasks.synthetic.programming.value import Value, name


def apply_steps(start: Value, steps: Sequence[Step]) -> Value:
    """The value after all steps."""
    for step in steps:
        start = step.apply(start)
    return start


def without_each(start: Value, steps: Sequence[Step]) -> list[Value]:
    """The values that come out when one of the steps is forgotten."""
    return [apply_steps(start, [*steps[:index], *steps[index + 1 :]]) for index in range(len(steps))]


def _chain(
    params: tuple[str, ...], kind: Kind, start: Phrase, steps: Sequence[Step], neighbours: list[Value]
) -> Program:
    """A program that begins with a phrase and applies steps; its trace grows the expression step by step."""
    stages = [apply_steps(start.value, steps[:count]) for count in range(len(steps) + 1)]
    told = ", then ".join(step.words for step in steps)
    joint = " and" if len(steps) == 1 else ", then"
    first = 1 if kind == "str" or start.value.code in params else 0
    code = stages[-1].code
    body = (f"return {code}",)
    return Program(
        params=params,
        kind=kind,
        description=f"Start with {start.words}{joint} {told}. Return the result.",
        body=body,
        run=stages[-1].run,
        neighbours=tuple(value.run for value in neighbours),
        steps="; ".join(stage.code for stage in stages[first:]),
        brief="One expression.",
        brief_body=body,
        hints=tuple(hint for step in steps for hint in step.hints),
    )


def expression(rng: random.Random, level: int) -> Program:
    """A phrase over two or three integers and one to three steps."""
    names: tuple[str, ...] = rng.choice((("a", "b"), ("x", "y"), ("n", "m"), ("p", "q")))
    if level >= 2 and rng.random() < 0.3:
        names = rng.choice((("a", "b", "c"), ("x", "y", "z")))
    start = integer_phrase(rng, names, level)
    steps = [integer_step(rng, names, level) for _ in range(level)]
    neighbours = without_each(start.value, steps) + [apply_steps(name(word), steps) for word in names]
    return _chain(names, "int", start, steps, neighbours)


def text_chain(rng: random.Random, level: int) -> Program:
    """One to four steps over a string; from level 3 the result may be a number or a truth value."""
    param = rng.choice(("s", "text", "word", "name"))
    start = name(param)
    steps = [string_step(rng, level) for _ in range(min(level + 1, 4) if level < 4 else rng.randint(3, 4))]
    neighbours = without_each(start, steps)
    if level >= 3 and rng.random() < 0.6:
        result = string_result(rng)
        neighbours = [result.apply(value) for value in neighbours]
        steps.append(result)
    return _chain((param,), "str", Phrase(param, start), steps, neighbours)
