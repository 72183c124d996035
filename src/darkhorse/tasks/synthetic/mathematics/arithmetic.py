"""Sums and differences, products, and chains of operations over whole numbers."""

from __future__ import annotations

import random

from darkhorse.tasks.synthetic.mathematics.problem import Problem, places
from darkhorse.tasks.synthetic.traces import choose_by

_COMPUTE = ("Compute {}.", "What is {}?", "Work out {}.", "Find the value of {}.")
_ADD = (*_COMPUTE, "Find the sum {}.")
_SUBTRACT = (*_COMPUTE, "Find the difference {}.")
_MULTIPLY = (*_COMPUTE, "Calculate {}.")


def _by_places(start: int, sign: str, other: int) -> tuple[int, str]:
    """`start` plus or minus `other`, one decimal place at a time."""
    lines = []
    for part in places(other):
        total = start + part if sign == "+" else start - part
        lines.append(f"{start}{sign}{part}={total}")
        start = total
    return start, ", ".join(lines)


_RANGES = ((11, 99, 11, 99), (100, 999, 11, 99), (100, 999, 100, 999), (1000, 9999, 100, 999))
"""By level, between which numbers the two operands of a sum or difference lie."""


def _operands(rng: random.Random, level: int) -> tuple[int, int]:
    low, high, other_low, other_high = _RANGES[level - 1]
    return rng.randint(low, high), rng.randint(other_low, other_high)


def total(rng: random.Random, level: int) -> Problem:
    """The sum of two numbers of two to four digits."""
    first, second = _operands(rng, level)
    question = f"{first} + {second}"
    answer, steps = _by_places(first, "+", second)
    check = f"{first % 10}+{second % 10} ends in {answer % 10}"
    return Problem(choose_by(question, _ADD).format(question), answer, f"{first}+{second}={answer}", steps, check)


def difference(rng: random.Random, level: int) -> Problem:
    """The difference of two numbers of two to four digits; from level 3 it may be negative."""
    first, second = _operands(rng, level)
    larger, smaller = max(first, second), min(first, second)
    negative = level >= 3 and larger > smaller and rng.random() < 0.25
    size, steps = _by_places(larger, "-", smaller)
    check = f"{size % 10}+{smaller % 10} ends in {larger % 10}"
    answer = -size if negative else size
    left, right = (smaller, larger) if negative else (larger, smaller)
    question = f"{left} - {right}"
    if negative:
        steps = f"{steps}, so {answer}"
    return Problem(choose_by(question, _SUBTRACT).format(question), answer, f"{left}-{right}={answer}", steps, check)


def _split_product(first: int, second: int) -> tuple[int, str]:
    """`first` times `second`, split at the decimal places of `second`."""
    parts = places(second)
    lines = [f"{first}*{part}={first * part}" for part in parts]
    total = first * parts[0]
    for part in parts[1:]:
        lines.append(f"{total}+{first * part}={total + first * part}")
        total += first * part
    return total, ", ".join(lines)


def product(rng: random.Random, level: int) -> Problem:
    """A small digit by two, then any digit and a number added, then two digits by two."""
    low, high = ((2, 4), (3, 9), (11, 25), (11, 99))[level - 1]
    first, second = rng.randint(low, high), rng.randint(12, 99)
    answer, steps = _split_product(first, second)
    check = f"{first % 10}*{second % 10} ends in {answer % 10}"
    # Either order is asked; the solution always splits the second number.
    question = f"{first} * {second}" if level == 2 or rng.random() < 0.7 else f"{second} * {first}"
    if level == 2:
        extra = rng.randint(11, 99)
        steps = f"{steps}, {answer}+{extra}={answer + extra}"
        check = f"{answer + extra}-{extra}={answer}"
        question, answer = f"{question} + {extra}", answer + extra
    brief = f"{question.replace(' ', '')}={answer}"
    return Problem(choose_by(question, _MULTIPLY).format(question), answer, brief, steps, check)


def _apply(left: int, sign: str, right: int) -> int:
    return {"+": left + right, "-": left - right, "*": left * right}[sign]


def _undo_last(answer: int, sign: str, last: int) -> str:
    return f"{answer}-{last}={answer - last}" if sign == "+" else f"{answer}+{last}={answer + last}"


def chain(rng: random.Random, level: int) -> Problem:
    """Three or four terms: left to right, then with a product to do first, then with brackets."""
    sign, last_sign = rng.choice("+-"), rng.choice("+-")
    small = rng.randint(2, 9)
    a, b, c, d = (rng.randint(5, 60) for _ in range(4))
    if level <= 2:
        terms = [(rng.choice("+-"), rng.randint(3, 40 if level == 1 else 90)) for _ in range(level + 1)]
        start = rng.randint(20, 99)
        question, lines, total = str(start), [], start
        for term_sign, term in terms:
            question += f" {term_sign} {term}"
            lines.append(f"{total}{term_sign}{term}={_apply(total, term_sign, term)}")
            total = _apply(total, term_sign, term)
        last_sign, last = terms[-1]
    elif level == 3:
        b = rng.randint(3, 15)
        middle = _apply(a, sign, b * small)
        total, last = _apply(middle, last_sign, d), d
        question = f"{a} {sign} {b} * {small} {last_sign} {d}"
        lines = [f"{b}*{small}={b * small}", f"{a}{sign}{b * small}={middle}", f"{middle}{last_sign}{d}={total}"]
    elif rng.random() < 0.5:
        inner = _apply(a, sign, b)
        total, last = _apply(inner * small, last_sign, d), d
        question = f"({a} {sign} {b}) * {small} {last_sign} {d}"
        lines = [f"{a}{sign}{b}={inner}", f"{inner}*{small}={inner * small}", f"{inner * small}{last_sign}{d}={total}"]
    else:
        left, other = rng.randint(11, 40), rng.randint(2, 9)
        c = rng.randint(11, 40)
        last = c * other
        total = _apply(left * small, last_sign, last)
        question = f"{left} * {small} {last_sign} {c} * {other}"
        lines = [f"{left}*{small}={left * small}", f"{c}*{other}={last}", f"{left * small}{last_sign}{last}={total}"]
    brief = f"{question.replace(' ', '')}={total}"
    check = _undo_last(total, last_sign, last)
    return Problem(choose_by(question, _COMPUTE).format(question), total, brief, ", ".join(lines), check)
