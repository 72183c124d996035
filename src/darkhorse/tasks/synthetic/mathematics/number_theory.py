"""Fractions, greatest common divisors and remainders."""

from __future__ import annotations

import math
import random
from fractions import Fraction

from darkhorse.tasks.synthetic.mathematics.problem import Problem, places
from darkhorse.tasks.synthetic.traces import choose_by

_SIMPLIFY = (
    "Write {} in lowest terms.",
    "Simplify the fraction {} completely.",
    "Reduce {} to lowest terms.",
)
_COMBINE = (
    "Compute {} as a fraction in lowest terms.",
    "What is {}? Give a fraction in lowest terms.",
    "Work out {} and simplify the result fully.",
)
_GCD = (
    "What is the greatest common divisor of {a} and {b}?",
    "Find the largest whole number that divides both {a} and {b}.",
    "Compute gcd({a}, {b}).",
)
_REMAINDER = (
    "What is the remainder when {a} is divided by {b}?",
    "Find the remainder of {a} divided by {b}.",
    "{a} is divided by {b}. What remainder is left?",
)


def _reduction(numerator: int, denominator: int) -> str:
    """The last step to lowest terms; empty when there is nothing to do."""
    divisor = math.gcd(numerator, denominator)
    if divisor == 1:
        return ""
    return f", divide by {divisor}: {numerator // divisor}/{denominator // divisor}"


def fraction(rng: random.Random, level: int) -> Problem:
    """Lowest terms, then sums and differences with equal, small and larger denominators, and products."""
    while True:
        problem = _simplification(rng) if level == 1 else _combination(rng, level)
        if isinstance(problem.answer, Fraction) and problem.answer.denominator > 1:
            return problem


def _simplification(rng: random.Random) -> Problem:
    divisor = rng.randint(2, 9)
    bottom = rng.randint(2, 12)
    top = rng.randint(1, 15)
    value = Fraction(top, bottom)
    numerator, denominator = top * divisor, bottom * divisor
    common = math.gcd(numerator, denominator)
    text = f"{numerator}/{denominator}"
    steps = f"gcd {common}: {numerator}/{common}={value.numerator}, {denominator}/{common}={value.denominator}"
    check = f"{value.numerator}*{common}={numerator}"
    return Problem(choose_by(text, _SIMPLIFY).format(text), value, f"{text}={value}", steps, check)


def _combination(rng: random.Random, level: int) -> Problem:
    high = (0, 15, 9, 14)[level - 1]
    q = rng.randint(3, high)
    s = q if level == 2 else rng.randint(2, high)
    p, r = rng.randint(1, q - 1), rng.randint(1, s - 1)
    sign = rng.choice("+-*") if level == 4 else rng.choice("+-")
    first, second = Fraction(p, q), Fraction(r, s)
    if sign == "-" and level < 4 and first < second:
        first, second, p, q, r, s = second, first, r, s, p, q
    text = f"{p}/{q} {sign} {r}/{s}"
    if sign == "*":
        value = first * second
        steps = f"{p}*{r}={p * r}, {q}*{s}={q * s}, {p * r}/{q * s}" + _reduction(p * r, q * s)
    else:
        value = first + second if sign == "+" else first - second
        common = math.lcm(q, s)
        left, right = p * common // q, r * common // s
        total = left + right if sign == "+" else left - right
        convert = "" if q == s else f"{p}/{q}={left}/{common}, {r}/{s}={right}/{common}, "
        steps = f"{convert}{left}{sign}{right}={total}, {total}/{common}" + _reduction(total, common)
    undo = {"+": "-", "-": "+", "*": "/"}[sign]
    check = f"{value}{undo}{second}={first}" if sign != "*" else ""
    return Problem(choose_by(text, _COMBINE).format(text), value, f"{text.replace(' ', '')}={value}", steps, check)


def common_divisor(rng: random.Random, level: int) -> Problem:
    """Two numbers by Euclid's algorithm, of one to three divisions."""
    limit, most = ((60, 2), (120, 3), (250, 3), (500, 4))[level - 1]
    while True:
        divisor = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 18, 20))
        a, b = (divisor * rng.randint(2, max(3, limit // divisor)) for _ in range(2))
        lines, x, y = [], max(a, b), min(a, b)
        while y:
            lines.append(f"{x}-{x // y}*{y}={x % y}")
            x, y = y, x % y
        if a != b and min(2, level) <= len(lines) <= most and max(a, b) > limit // 4:
            break
    question = choose_by(f"gcd {a} {b}", _GCD).format(a=a, b=b)
    return Problem(question, x, f"gcd={x}", ", ".join(lines) + f", gcd={x}", f"{a}/{x}={a // x}, {b}/{x}={b // x}")


def remainder(rng: random.Random, level: int) -> Problem:
    """Two to four digits divided by one or two, a decimal place of the quotient at a time."""
    low, high, least, most = ((20, 99, 3, 9), (100, 999, 3, 9), (100, 999, 11, 40), (1000, 4999, 11, 60))[level - 1]
    number, divisor = rng.randint(low, high), rng.randint(least, most)
    quotient, answer = divmod(number, divisor)
    lines, rest = [], number
    for part in places(quotient):
        lines.append(f"{divisor}*{part}={divisor * part}, {rest}-{divisor * part}={rest - divisor * part}")
        rest -= divisor * part
    question = choose_by(f"{number} mod {divisor}", _REMAINDER).format(a=number, b=divisor)
    brief = f"{number} mod {divisor}={answer}"
    return Problem(question, answer, brief, ", ".join(lines), f"{divisor}*{quotient}+{answer}={number}")
