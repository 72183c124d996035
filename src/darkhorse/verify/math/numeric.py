"""Deciding whether two sympy expressions are equal: exactly where possible, else by values at many digits."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import sympy

from darkhorse.verify.math.numbers import MIN_DIGITS_OF_ROUNDED_ANSWER, significant_digits, stands_for, terminates

SCREENING_DIGITS = 50
CONFIRMING_DIGITS = 300
MIN_POINTS = 3
_STEPPED = (sympy.floor, sympy.ceiling, sympy.Abs, sympy.Max, sympy.Min)
_WIDE_RANGES = ((20, 60), (-60, -20), (100, 900), (-900, -100))  # where different steps no longer coincide
_RANGES = ((-3, 3), (1, 4), (0, 1), (-3, 3), (1, 4), (0, 1), (-1, 1), (2, 9), (-9, -2))


class Undecidable(Exception):
    """The gold expression has no value at any point that was tried."""


def same_expression(gold: Any, answer: Any) -> bool:
    """Whether two expressions agree wherever the gold is real (or everywhere, if it is real nowhere or names i).

    Exact comparison decides rationals and identical forms. Otherwise both are evaluated at random rational points:
    a difference at 50 digits anywhere refutes; agreement at every point, `MIN_POINTS` of them at 300 digits,
    confirms. A value that cannot be told from zero goes to symbolic simplification.

    Raises:
        Undecidable: if the gold has no finite value at enough points.
    """
    if gold.is_Rational and answer.is_Rational:
        return bool(gold == answer)
    if gold in _INFINITIES or answer in _INFINITIES:
        return bool(gold == answer)
    symbols = sorted(gold.free_symbols | answer.free_symbols, key=str)
    wide = gold.has(*_STEPPED) or answer.has(*_STEPPED)
    values = [(point, _value(gold, point, SCREENING_DIGITS)) for point in _points(symbols, wide)]
    defined = [(point, value) for point, value in values if value is not None]
    real = [(point, value) for point, value in defined if sympy.im(value) == 0]
    agreed = 0
    for point, gold_value in defined if gold.has(sympy.I) or not real else real:
        answer_value = _value(answer, point, SCREENING_DIGITS)
        if answer_value is None:
            return False
        if _is_unresolved(gold_value) or _is_unresolved(answer_value):
            return bool(sympy.simplify(gold - answer) == 0)
        if not _close(gold_value, answer_value, SCREENING_DIGITS - 10):
            return False
        if agreed < MIN_POINTS and not _close_at(gold, answer, point, CONFIRMING_DIGITS):
            return False
        agreed += 1
    if agreed >= MIN_POINTS or (agreed and not symbols):
        return True
    if agreed:
        return bool(gold == answer)
    raise Undecidable(f"{str(gold)[:80]} has no real value at the points tried")


def same_number(gold: Any, answer: Any, gold_decimals: int, answer_decimals: int) -> bool:
    """`same_expression`, or one a fair rounding of the other (see `numbers.stands_for`).

    Args:
        gold, answer: expressions.
        gold_decimals, answer_decimals: the most decimals each side was written with.
    """
    if same_expression(gold, answer):
        return True
    if not answer.is_Rational or not gold.is_number:
        return False
    value = Fraction(int(answer.p), int(answer.q))
    if gold.is_Rational:
        return stands_for(Fraction(int(gold.p), int(gold.q)), gold_decimals, value, answer_decimals)
    if not 0 < answer_decimals <= 60 or not terminates(value, answer_decimals):
        return False
    exact = _value(gold, {}, SCREENING_DIGITS + answer_decimals)
    enough = significant_digits(value, answer_decimals) >= MIN_DIGITS_OF_ROUNDED_ANSWER
    return bool(enough and exact is not None and abs(exact - answer) < sympy.Rational(1, 10**answer_decimals))


def constant_ratio(first: Any, second: Any) -> Any | None:
    """The number c with `first = c * second` everywhere, if there is one and it is finite and not zero."""
    if not first.free_symbols or not second.free_symbols:
        return None  # two constants are always proportional, which says nothing
    symbols = sorted(first.free_symbols | second.free_symbols, key=str)
    for point in _points(symbols):
        numerator, denominator = _value(first, point, SCREENING_DIGITS), _value(second, point, SCREENING_DIGITS)
        if numerator is None or denominator is None or numerator == 0 or denominator == 0:
            continue
        if _is_unresolved(numerator) or _is_unresolved(denominator):
            continue
        ratio = first.subs(point) / second.subs(point)
        return ratio if same_expression(first, ratio * second) else None
    return None


_INFINITIES = (sympy.oo, -sympy.oo, sympy.zoo, sympy.nan)


def _points(symbols: list[Any], wide: bool = False) -> list[dict[Any, Any]]:
    """Random rational points in several ranges, so that expressions real on part of the line only are met there."""
    if not symbols:
        return [{}]
    rng = random.Random(20_250_305)  # fixed: a verdict must not change from run to run
    return [
        {symbol: sympy.Rational(rng.randint(low * 997 + 1, high * 997 - 1), 997) for symbol in symbols}
        for low, high in (_RANGES + _WIDE_RANGES if wide else _RANGES)
    ]


def _value(expression: Any, point: dict[Any, Any], digits: int) -> Any | None:
    """The value at a point, None if it is not a finite number there."""
    try:
        value = expression.evalf(digits, subs=point, maxn=max(4 * digits, 400))
    except (ValueError, ArithmeticError, TypeError, AttributeError, NotImplementedError, RecursionError):
        return None
    if not value.is_number or value in _INFINITIES or value.has(sympy.nan, sympy.zoo, sympy.oo):
        return None
    real, imaginary = value.as_real_imag()
    return value if real.is_Number and imaginary.is_Number else None


def _close_at(first: Any, second: Any, point: dict[Any, Any], digits: int) -> bool:
    """Whether two expressions agree at a point to nearly that many digits."""
    first_value, second_value = _value(first, point, digits), _value(second, point, digits)
    return first_value is not None and second_value is not None and _close(first_value, second_value, digits - 20)


def _is_unresolved(value: Any) -> bool:
    """Whether evaluation could not tell the value from zero (sympy marks it with one bit of precision)."""
    return any(part.is_Float and (part._prec <= 2 or part == 0) for part in value.as_real_imag())


def _close(first: Any, second: Any, digits: int) -> bool:
    """Equal to a relative 10^-digits; sound at any magnitude, since values carry their own exponent."""
    difference = abs(first - second)
    return bool(difference <= sympy.Float(10, digits + 20) ** -digits * max(abs(first), abs(second)))
