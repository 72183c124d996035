"""Deciding whether two expression trees are equal: exactly where they are rational, else by values at many digits."""

from __future__ import annotations

import functools
import random
import threading
import zlib
from fractions import Fraction
from typing import Any

from darkhorse.verify.math.building import ACCUMULATORS
from darkhorse.verify.math.numbers import MIN_DIGITS_OF_ROUNDED_ANSWER, significant_digits, stands_for, terminates
from darkhorse.verify.math.tree import Expr, TooCostly, nodes, symbols

SCREENING_DIGITS = 50
CONFIRMING_DIGITS = 300
MIN_POINTS = 3
MAX_MAGNITUDE = 10_000_000
MAX_GAMMA = 100_000
_STEPPED = frozenset(("floor", "ceil", "abs", "max", "min", "mod"))
_RANGES = ((-3, 3), (1, 4), (0, 1), (-3, 3), (1, 4), (0, 1), (-1, 1), (2, 9), (-9, -2))
_WIDE_RANGES = ((20, 60), (-60, -20), (100, 900), (-900, -100))  # where different steps no longer coincide
_WHOLE_RANGES = ((2, 9), (1, 5), (3, 12), (4, 15), (6, 20))


class Undecidable(Exception):
    """The gold expression has no value at any point that was tried."""


class _NoValue(Exception):
    """There is no finite value here."""


def same_expression(gold: Expr, answer: Expr) -> bool:
    """Whether two expressions agree wherever the gold is real (or everywhere, if it is real nowhere or names i).

    Exact comparison decides rationals and identical trees. Otherwise both are evaluated at random rational points
    (natural numbers where a factorial or the power of a negative number asks for them): a difference at 50 digits
    anywhere refutes; agreement at every point, `MIN_POINTS` of them at 300 digits, confirms.

    Raises:
        Undecidable: if the gold has no finite value at enough points.
        TooCostly: if either holds a sum, integral, limit or derivative that was not worked out.
    """
    if gold.rational is not None and answer.rational is not None:
        return gold.rational == answer.rational
    if gold == answer:
        return True
    names = symbols(gold) | symbols(answer)
    kind = _kind(gold, answer) if names else "constant"
    ranges = _RANGES_OF[kind]
    defined = [(k, value) for k in range(len(ranges)) if (value := _value(gold, kind, k)) is not None]
    real = [(k, value) for k, value in defined if value.imag == 0]
    agreed = 0
    for k, gold_value in defined if not real or any(node.op == "i" for node in nodes(gold)) else real:
        answer_value = _value(answer, kind, k)
        if answer_value is None or not _close(gold_value, answer_value, 15):
            return False
        if agreed < MIN_POINTS:
            fine = _value(gold, kind, k, CONFIRMING_DIGITS), _value(answer, kind, k, CONFIRMING_DIGITS)
            if fine[0] is None or fine[1] is None or not _close(fine[0], fine[1], 90):
                return False
        agreed += 1
    if agreed >= MIN_POINTS or (agreed and not names):
        return True
    if agreed:
        return False  # they differ as written, and agreement at so few points says little
    raise Undecidable("the gold has no finite value at the points tried")


def same_number(gold: Expr, answer: Expr, gold_decimals: int, answer_decimals: int) -> bool:
    """`same_expression`, or one a fair rounding of the other (see `numbers.stands_for`).

    Args:
        gold, answer: expressions.
        gold_decimals, answer_decimals: the most decimals each side was written with.
    """
    if same_expression(gold, answer):
        return True
    if not gold.constant or not answer.constant:
        return False
    if gold.rational is not None:
        if answer.rational is not None:
            return stands_for(gold.rational, gold_decimals, answer.rational, answer_decimals)
        exact = value_of(answer)
        return (
            exact is not None
            and gold_decimals >= MIN_DIGITS_OF_ROUNDED_ANSWER
            and terminates(gold.rational, gold_decimals)
            and abs(exact - gold.rational) <= Fraction(1, 2 * 10**gold_decimals)
        )
    value = answer.rational
    if value is None or not 0 < answer_decimals <= 30 or not terminates(value, answer_decimals):
        return False
    exact = value_of(gold)
    enough = significant_digits(value, answer_decimals) >= MIN_DIGITS_OF_ROUNDED_ANSWER
    return enough and exact is not None and abs(exact - value) < Fraction(1, 10**answer_decimals)


def has_value(expression: Expr) -> bool:
    """Whether it has a finite value somewhere.

    Raises:
        TooCostly: see `same_expression`.
    """
    kind = _kind(expression) if symbols(expression) else "constant"
    return any(_value(expression, kind, k) is not None for k in range(len(_RANGES_OF[kind])))


def value_of(expression: Expr) -> Fraction | None:
    """A real constant to about 40 digits; None if it is not real, finite and constant."""
    if expression.rational is not None:
        return expression.rational
    if not expression.constant:
        return None
    value = _value(expression, "constant", 0)
    if value is None or value.imag != 0:
        return None
    mantissa, exponent = (int(part) for part in value.real.man_exp)
    if abs(exponent) > 10_000:
        return None
    return Fraction(mantissa) * Fraction(2) ** exponent


def constant_ratio(first: Expr, second: Expr) -> float | None:
    """The number c with `first = c * second` everywhere, if there is one and it is finite and not zero."""
    if not symbols(first) or not symbols(second):
        return None  # two constants are always proportional, which says nothing
    kind = _kind(first, second)
    ratio: Any = None
    agreed = 0
    for k in range(len(_RANGES_OF[kind])):
        one, other = _value(first, kind, k), _value(second, kind, k)
        if one is None or other is None:
            continue
        if one == 0 or other == 0:
            if one != other:
                return None
            continue
        if ratio is None:
            ratio = one / other
        elif not _close(ratio, one / other, 15):
            return None
        agreed += 1
    if agreed < MIN_POINTS or ratio.imag != 0:
        return None
    return float(ratio.real)


_RANGES_OF = {
    "constant": ((0, 1),),
    "real": _RANGES,
    "stepped": _RANGES + _WIDE_RANGES,
    "whole": _WHOLE_RANGES,
}


def _kind(*expressions: Expr) -> str:
    """Where to evaluate: at real points, also at large ones, or at natural numbers."""
    ops = {node.op for expression in expressions for node in nodes(expression)}
    if ops & {"factorial", "binomial"} or any(_alternates(expression) for expression in expressions):
        return "whole"
    return "stepped" if ops & _STEPPED else "real"


def _alternates(expression: Expr) -> bool:
    """Whether a negative number is raised to a variable, which then counts something."""
    return any(
        node.op == "pow" and (node.args[0].rational or 0) < 0 and not node.args[1].constant
        for node in nodes(expression)
    )


def _point(name: str, kind: str, k: int) -> Fraction:
    """The value of a symbol at a point; always the same, for a verdict must not change from run to run."""
    low, high = _RANGES_OF[kind][k]
    draw = random.Random(zlib.crc32(f"{name}/{k}".encode()))
    return (
        Fraction(draw.randint(low, high))
        if kind == "whole"
        else Fraction(draw.randint(low * 997 + 1, high * 997 - 1), 997)
    )


class _Contexts(threading.local):
    """mpmath's arithmetic at each precision, one for each thread since a context holds state."""

    def __init__(self) -> None:
        self.at: dict[int, Any] = {}

    def of(self, digits: int) -> Any:
        if digits not in self.at:
            from mpmath.ctx_mp import MPContext  # where trees are compared only

            self.at[digits] = MPContext()
            self.at[digits].dps = digits
        return self.at[digits]


_CONTEXTS = _Contexts()


@functools.lru_cache(8_192)
def _value(expression: Expr, kind: str, k: int, digits: int = SCREENING_DIGITS) -> Any | None:
    """The value at a point, None if it is not a finite number there."""
    context = _CONTEXTS.of(digits)
    try:
        value = _evaluate(expression, context, kind, k)
    except (_NoValue, ValueError, ArithmeticError, TypeError, RecursionError, NotImplementedError):
        return None
    return value if context.isfinite(value) else None


def _evaluate(node: Expr, context: Any, kind: str, k: int) -> Any:
    op = node.op
    if op == "number":
        assert node.rational is not None
        return context.mpf(node.rational.numerator) / node.rational.denominator
    if op == "symbol":
        point = _point(str(node.leaf), kind, k)
        return context.mpf(point.numerator) / point.denominator
    if op in ("pi", "e"):
        return +getattr(context, op)
    if op == "i":
        return context.mpc(0, 1)
    if op in ACCUMULATORS:
        raise TooCostly(f"the {op} has to be worked out")
    if op == "infinity":
        raise _NoValue
    values = [_evaluate(part, context, kind, k) for part in node.args]
    if op == "add":
        return _sum(values, context)
    if op == "mul":
        return context.fprod(values)
    if op == "pow":
        return _power(values[0], values[1], context)
    return _call(op, values, context)


def _sum(values: list[Any], context: Any) -> Any:
    """A sum; what is left of terms that cancel to within rounding is zero."""
    total = context.fsum(values)
    largest = max(abs(value) for value in values)
    if abs(total) <= largest * context.mpf(10) ** -(2 * context.dps // 3):
        return context.mpf(0)
    if total.imag and abs(total.imag) <= largest * context.mpf(10) ** -(2 * context.dps // 3):
        return context.mpf(total.real)
    return total


def _power(base: Any, exponent: Any, context: Any) -> Any:
    if base == 0:
        if exponent.imag == 0 and exponent.real > 0:
            return context.mpf(0)
        raise _NoValue
    if abs(exponent) * (abs(context.mag(base)) + 2) > MAX_MAGNITUDE:
        raise _NoValue
    value = context.power(base, exponent)
    return _chopped(value, context)


def _call(op: str, values: list[Any], context: Any) -> Any:
    first = values[0]
    if op in ("floor", "ceil", "max", "min", "mod"):
        if any(value.imag for value in values):
            raise _NoValue
        reals = [value.real for value in values]
        if op == "mod":
            if reals[1] == 0:
                raise _NoValue
            return reals[0] - reals[1] * context.floor(reals[0] / reals[1])
        if op in ("max", "min"):
            return max(reals) if op == "max" else min(reals)
        return getattr(context, op)(reals[0])
    if op == "abs":
        return abs(first)
    if op == "log":
        if first == 0:
            raise _NoValue
        return _chopped(context.log(first), context, first)
    if op in ("factorial", "binomial"):
        if any(abs(value) > MAX_GAMMA for value in values):
            raise _NoValue
        return context.factorial(first) if op == "factorial" else context.binomial(*values)
    if context.mag(first) > 4_000:
        raise _NoValue
    if op in ("sinh", "cosh", "tanh", "coth") and abs(first) > MAX_MAGNITUDE:
        raise _NoValue
    return _chopped(getattr(context, op)(first), context, first)


def _chopped(value: Any, context: Any, argument: Any = 0) -> Any:
    """Without what is rounding: an imaginary or real part, or all of it beside the argument, as in cos(pi/2)."""
    if argument and abs(value) <= abs(argument) * context.mpf(10) ** -(2 * context.dps // 3):
        return context.mpf(0)
    if not value.imag:
        return value
    limit = abs(value) * context.mpf(10) ** -(2 * context.dps // 3)
    if abs(value.imag) <= limit:
        return context.mpf(value.real)
    return context.mpc(0, value.imag) if value.real and abs(value.real) <= limit else value


def _close(first: Any, second: Any, digits: int) -> bool:
    """Equal to a relative 10^-digits; sound at any magnitude, since values carry their own exponent."""
    difference = abs(first - second)
    return bool(difference == 0 or difference <= max(abs(first), abs(second)) * difference.context.mpf(10) ** -digits)
