"""Expressions as source text and meaning side by side."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Env = Mapping[str, Any]
Run = Callable[[Env], Any]

_INFIX: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "//": (2, operator.floordiv),
    "%": (2, operator.mod),
}
_ATOM = 4
_CALLS: dict[str, Callable[..., Any]] = {"max": max, "min": min, "abs": abs, "len": len, "sorted": sorted}


@dataclass(frozen=True)
class Value:
    """An expression.

    Attributes:
        code: Python source.
        precedence: how tightly its outermost operator binds: 1 sum, 2 product, 3 power, 4 atom.
        run: its value where names have the given values.
    """

    code: str
    precedence: int
    run: Run

    def within(self, precedence: int) -> str:
        """The source, in brackets if it binds less tightly than `precedence`."""
        return self.code if self.precedence >= precedence else f"({self.code})"


def name(word: str) -> Value:
    """A variable."""
    return Value(word, _ATOM, lambda env: env[word])


def constant(value: int | str) -> Value:
    """A non-negative integer or a string."""
    return Value(repr(value), _ATOM, lambda env: value)


def infix(left: Value, symbol: str, right: Value) -> Value:
    """`left symbol right` with the brackets it needs."""
    precedence, function = _INFIX[symbol]
    code = f"{left.within(precedence)} {symbol} {right.within(precedence + 1)}"
    return Value(code, precedence, lambda env: function(left.run(env), right.run(env)))


def call(function: str, *arguments: Value) -> Value:
    """`function(arguments)` for a built-in function."""
    meaning = _CALLS[function]
    code = f"{function}({', '.join(argument.code for argument in arguments)})"
    return Value(code, _ATOM, lambda env: meaning(*(argument.run(env) for argument in arguments)))


def square(base: Value) -> Value:
    """`base ** 2`."""
    return Value(f"{base.within(_ATOM)} ** 2", 3, lambda env: base.run(env) ** 2)


def negate(operand: Value) -> Value:
    """`-operand`; bound loosely so that it is bracketed inside products."""
    return Value(f"-{operand.within(3)}", 1, lambda env: -operand.run(env))


def suffix(operand: Value, code: str, meaning: Callable[[Any], Any]) -> Value:
    """`operand` followed by a slice or a method call."""
    return Value(f"{operand.within(_ATOM)}{code}", _ATOM, lambda env: meaning(operand.run(env)))
