"""Constructing sympy expressions from parsed pieces, with limits checked before anything large is computed."""

from __future__ import annotations

from typing import Any

import sympy

from darkhorse.verify.math.values import Collection, Unreadable, Value

MAX_BITS = 40_000
MAX_SYMBOLIC_EXPONENT = 1_000_000
MAX_FACTORIAL = 3_000
MAX_TERMS = 1_000

_FUNCTIONS: dict[str, Any] = {
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "cot": sympy.cot, "sec": sympy.sec, "csc": sympy.csc,
    "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan, "asin": sympy.asin, "acos": sympy.acos,
    "atan": sympy.atan, "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh, "ln": sympy.log, "log": sympy.log,
    "exp": sympy.exp, "sqrt": sympy.sqrt, "abs": sympy.Abs, "floor": sympy.floor, "ceil": sympy.ceiling,
}  # fmt: skip
_OF_MANY: dict[str, Any] = {"gcd": sympy.gcd, "lcm": sympy.lcm, "max": sympy.Max, "min": sympy.Min}
_INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}


def scalar(value: Value) -> Any:
    """The value, if it is an expression.

    Raises:
        Unreadable: if it is a set, list, relation or matrix, with which arithmetic is not supported.
    """
    if not isinstance(value, sympy.Expr):
        raise Unreadable("arithmetic on something that is not a number or expression")
    return value


def decimal(digits: str) -> Any:
    """A written number as an exact rational."""
    mantissa, _, exponent = digits.lower().partition("e")
    if len(mantissa) > MAX_BITS // 10 or abs(int(exponent[:8] or 0)) > 1_000:
        raise Unreadable("a number of too many digits")
    whole, _, decimals = mantissa.partition(".")
    value = sympy.Rational(int((whole + decimals) or "0"), 10 ** len(decimals))
    return value * sympy.Integer(10) ** int(exponent or 0)


def repeating(digits: str, period: str) -> Any:
    """`0.1` and `6` for 0.1666..."""
    shift = len(digits.partition(".")[2])
    return decimal(digits) + sympy.Rational(int(period), (10 ** len(period) - 1) * 10**shift)


def divide(numerator: Value, denominator: Value) -> Any:
    """A quotient; division by zero is unreadable."""
    if scalar(denominator).is_zero:
        raise Unreadable("division by zero")
    return scalar(numerator) / denominator


def power(base: Value, exponent: Value) -> Any:
    """`base ** exponent`, unless the result would be a number of more than `MAX_BITS` bits."""
    base, exponent = scalar(base), scalar(exponent)
    if exponent.is_Rational:
        size = abs(exponent)
        if base.is_Rational:
            bits = max(int(base.p).bit_length(), int(base.q).bit_length())
            if base not in (-1, 0, 1) and bits * size > MAX_BITS:
                raise Unreadable("a power too large to compute")
            if exponent.q != 1 and bits > 300:
                raise Unreadable("a root of a number too large to factor")
        elif size > MAX_SYMBOLIC_EXPONENT or (base.is_number and size > 1_000):
            raise Unreadable("an exponent too large to compute")
        if base.is_zero and exponent < 0:
            raise Unreadable("division by zero")
    elif base.is_Rational and base.is_number and exponent.is_number and not _moderate(exponent):
        raise Unreadable("a power too large to compute")
    return base**exponent


def _moderate(exponent: Any) -> bool:
    """Whether a constant exponent such as sqrt(2) or 2*pi is built of small parts; nested powers are not."""
    return sum(1 for part in sympy.preorder_traversal(exponent) if part.is_Pow or part.is_Function) <= 3


def root(radicand: Value, degree: Value) -> Any:
    """The principal root; odd roots of negative numbers are real."""
    radicand, degree = scalar(radicand), scalar(degree)
    if radicand.is_Rational and radicand < 0 and degree.is_Integer and degree % 2 == 1:
        return -power(-radicand, divide(sympy.S.One, degree))
    return power(radicand, divide(sympy.S.One, degree))


def factorial(value: Value) -> Any:
    """`value!`, computed for integers up to `MAX_FACTORIAL`."""
    if scalar(value).is_number and not (value.is_Integer and 0 <= value <= MAX_FACTORIAL):
        raise Unreadable("a factorial that is too large or of no natural number")
    return sympy.factorial(value)


def binomial(n: Value, k: Value) -> Any:
    """The binomial coefficient, computed for n up to `MAX_FACTORIAL`."""
    for value in (scalar(n), scalar(k)):
        if value.is_number and not (value.is_Integer and 0 <= value <= MAX_FACTORIAL):
            raise Unreadable("a binomial coefficient that is too large or not of natural numbers")
    return sympy.binomial(n, k)


def call(name: str, argument: Value, base: Value | None = None, exponent: Value | None = None) -> Any:
    """A named function applied: `log` with its base, any with an exponent written before the argument."""
    if name in _OF_MANY:
        items = argument.items if isinstance(argument, Collection) else (argument,)
        numbers = [scalar(item) for item in items]
        if name in ("gcd", "lcm") and not all(number.is_Integer for number in numbers):
            raise Unreadable(f"{name} of something that is no integer")
        return _OF_MANY[name](*numbers) if name in ("max", "min") else _OF_MANY[name](numbers)
    argument = scalar(argument)
    if name in _INVERSES and exponent == -1:
        name, exponent = _INVERSES[name], None
    if name == "lg" or (name == "log" and base is not None):
        divisor = scalar(base) if base is not None else sympy.Integer(10)
        if divisor in (0, 1) or argument.is_zero:
            raise Unreadable("a logarithm that does not exist")
        value = sympy.log(argument, divisor)
    elif name in ("ln", "log") and argument.is_zero:
        raise Unreadable("a logarithm of zero")
    else:
        value = _FUNCTIONS[name](argument)
    return value if exponent is None else power(value, exponent)


def accumulate(command: str, body: Value, variable: Any, low: Value, high: Value) -> Any:
    r"""A definite `\int`, `\sum` or `\prod`; numeric ranges of up to `MAX_TERMS` terms."""
    body, low, high = scalar(body), scalar(low), scalar(high)
    if command == r"\int":
        return sympy.Integral(body, (variable, low, high)).doit()
    if high.is_Integer and low.is_Integer and abs(high - low) > MAX_TERMS:
        raise Unreadable("a sum or product of too many terms")
    operation = sympy.Sum if command == r"\sum" else sympy.Product
    return operation(body, (variable, low, high)).doit()
