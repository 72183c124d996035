"""The `calculator` tool: exact arithmetic on a parsed expression; nothing is evaluated as code."""

from __future__ import annotations

import ast
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from darkhorse.agent.tools.base import function_schema, text_argument
from darkhorse.types import ToolSchema

MAX_CHARACTERS = 500
MAX_BITS = 4_096  # of a numerator or denominator
MAX_EXPONENT = 1_000  # of a number in scientific notation
SIGNIFICANT_DIGITS = 15
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})


class CalculatorError(ValueError):
    """An expression the calculator will not compute; the text is for the model."""


class Calculator:
    """Answers an arithmetic expression with its value, or with `Error: ...`."""

    @property
    def name(self) -> str:
        """`calculator`."""
        return "calculator"

    @property
    def schema(self) -> ToolSchema:
        """One text parameter, `expression`."""
        return function_schema(
            "calculator",
            "Compute an arithmetic expression with + - * / // % ** and parentheses.",
            "expression",
            "The expression, e.g. (3 + 4) * 2",
        )

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """The value of `arguments["expression"]` as text."""
        expression = text_argument(arguments, "expression")
        if expression is None:
            return 'Error: calculator needs {"expression": "..."}'
        try:
            return show(calculate(expression))
        except CalculatorError as error:
            return f"Error: {error}"


def calculate(expression: str) -> Fraction:
    """The exact value of an expression; decimals are read as written, so 0.1 + 0.2 is 0.3.

    Only a fractional power is computed in floating point.

    Raises:
        CalculatorError: if it is not arithmetic, divides by zero, or its value or a part of it grows too large.
    """
    text = expression.translate(_SIGNS).strip()
    if len(text) > MAX_CHARACTERS:
        raise CalculatorError(f"the expression is longer than {MAX_CHARACTERS} characters")
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CalculatorError(f"'{text}' is not an arithmetic expression") from None
    return _value(tree.body, text)


def show(value: Fraction) -> str:
    """A whole number in full; any other as a decimal of up to 15 significant digits without trailing zeros."""
    if value.denominator == 1:
        return str(value.numerator)
    with localcontext(prec=SIGNIFICANT_DIGITS):
        quotient = (Decimal(value.numerator) / Decimal(value.denominator)).normalize()
    plain = -SIGNIFICANT_DIGITS <= quotient.adjusted() <= SIGNIFICANT_DIGITS
    return format(quotient, "f") if plain else str(quotient)


def _value(node: ast.expr, text: str) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(_literal(ast.get_source_segment(text, node) or "", number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, text)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, text)
        case ast.BinOp(op=ast.BitXor()):
            raise CalculatorError("^ is not supported; write ** for powers")
        case ast.BinOp(left=left, op=operator, right=right):
            return _bounded(_apply(operator, _value(left, text), _value(right, text)))
    raise CalculatorError("only numbers, + - * / // % ** and parentheses are supported")


def _literal(source: str, number: int | float) -> Fraction:
    if isinstance(number, int):
        return Fraction(number)
    decimal = Decimal(source)
    if abs(decimal.adjusted()) > MAX_EXPONENT:
        raise CalculatorError("the number is too large or too small")
    return Fraction(decimal)


def _apply(operator: ast.operator, left: Fraction, right: Fraction) -> Fraction:
    if isinstance(operator, (ast.Div, ast.FloorDiv, ast.Mod)) and right == 0:
        raise CalculatorError("division by zero")
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right
        case ast.FloorDiv():
            return Fraction(left // right)
        case ast.Mod():
            return left % right
        case ast.Pow():
            return _power(left, right)
    raise CalculatorError("only + - * / // % ** are supported")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if base == 0 and exponent < 0:
        raise CalculatorError("division by zero")
    if exponent.denominator == 1:
        size = max(base.numerator.bit_length(), base.denominator.bit_length())
        if base not in (0, 1, -1) and size * abs(exponent) > 2 * MAX_BITS:
            raise CalculatorError("the result is too large")
        if base in (0, 1, -1):
            return base ** (exponent.numerator % 2) if exponent else Fraction(1)
        return base**exponent.numerator
    if base < 0:
        raise CalculatorError("a fractional power of a negative number is not real")
    try:
        return Fraction(repr(float(base) ** float(exponent)))
    except (OverflowError, ValueError):
        raise CalculatorError("the result is too large") from None


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise CalculatorError("the result is too large")
    return value
