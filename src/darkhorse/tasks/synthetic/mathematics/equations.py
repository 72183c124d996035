"""Linear equations in one unknown with a whole solution."""

from __future__ import annotations

import random

from darkhorse.tasks.synthetic.mathematics.problem import Problem
from darkhorse.tasks.synthetic.traces import choose_by

_WORDINGS = (
    "Solve {equation} for {x}.",
    "Find {x} if {equation}.",
    "What value of {x} makes {equation} true?",
    "Given that {equation}, what is {x}?",
)


def _signed(number: int) -> str:
    return f"+ {number}" if number >= 0 else f"- {-number}"


def _coefficient(number: int, x: str) -> str:
    return x if number == 1 else f"{number}{x}"


def _undo(left: int, constant: int) -> str:
    """`left` minus `constant`, written without a double sign."""
    return f"{left}-{constant}" if constant >= 0 else f"{left}+{-constant}"


def equation(rng: random.Random, level: int) -> Problem:
    """x + b = c, a x + b = c, the same with negative numbers, and a x + b = c x + d."""
    x = rng.choice("xynt")
    solution = rng.choice([n for n in range(-12, 13) if n]) if level >= 3 else rng.randint(2, (40, 15)[level - 1])
    a = 1 if level == 1 else rng.randint(2, 9)
    b = rng.choice((-1, 1)) * rng.randint(2, 60 if level == 1 else 30)
    right = a * solution + b
    left_side = f"{_coefficient(a, x)} {_signed(b)}"
    check = f"{solution}{_signed(b)}" if level == 1 else f"{a}*{solution}{_signed(b)}"
    check = f"{check.replace(' ', '')}={right}"
    if level == 1:
        text = f"{left_side} = {right}"
        steps = f"{x}={_undo(right, b)}, {x}={solution}"
    elif level <= 3:
        text = f"{left_side} = {right}"
        steps = f"{a}{x}={_undo(right, b)}, {a}{x}={right - b}, {x}={right - b}/{a}, {x}={solution}"
    else:
        c = rng.randint(1, a - 1)
        d = right - c * solution
        text = f"{left_side} = {_coefficient(c, x)} {_signed(d)}"
        rest = a - c
        moved = f"{_coefficient(rest, x)}={_undo(d, b)}"
        steps = moved if rest == 1 else f"{moved}, {rest}{x}={d - b}, {x}={d - b}/{rest}"
        steps = f"{steps}, {x}={solution}"
        check = f"both sides are {right}"
    question = choose_by(text, _WORDINGS).format(equation=text, x=x)
    return Problem(question, solution, f"{x}={solution}", steps, check)
