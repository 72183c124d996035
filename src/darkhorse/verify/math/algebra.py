"""The last rung, in worker processes only: sums, integrals, limits and derivatives worked out by SymPy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy

from darkhorse.verify.math import building
from darkhorse.verify.math.building import ACCUMULATORS, Builder, number, symbol
from darkhorse.verify.math.tree import (
    Collection,
    Expr,
    Ratio,
    Relation,
    SetOperation,
    Table,
    Unreadable,
    Value,
    nodes,
)

_TRIGONOMETRIC = "sin cos tan cot sec csc asin acos atan acot asec acsc sinh cosh tanh coth asinh acosh atanh"
_FUNCTIONS: dict[str, Any] = {
    "add": sympy.Add, "mul": sympy.Mul, "pow": sympy.Pow, "log": sympy.log, "abs": sympy.Abs, "floor": sympy.floor,
    "ceil": sympy.ceiling, "factorial": sympy.factorial, "binomial": sympy.binomial, "max": sympy.Max,
    "min": sympy.Min, "mod": sympy.Mod,
    **{name: getattr(sympy, name) for name in _TRIGONOMETRIC.split()},
}  # fmt: skip
_CONSTANTS = {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "infinity": sympy.oo}
_OPS = {function: name for name, function in _FUNCTIONS.items()}


def warm_up() -> None:
    """Have SymPy import what its first integral, sum and limit would."""
    x, n = sympy.symbols("x n")
    sympy.integrate(x * sympy.exp(x), (x, 0, 1))
    sympy.Sum(1 / n**2, (n, 1, sympy.oo)).doit()
    sympy.limit(sympy.sin(x) / x, x, 0)


def worked_out(value: Value, build: Builder) -> Value:
    """The value with every sum, integral, limit and derivative replaced by what it equals.

    Raises:
        Unreadable: if SymPy finds no closed form.
    """
    if isinstance(value, Expr):
        if not any(node.op in ACCUMULATORS for node in nodes(value)):
            return value
        return _from_sympy(_to_sympy(value), build)
    if isinstance(value, Collection):
        return Collection(value.opening, value.closing, tuple(worked_out(item, build) for item in value.items))
    if isinstance(value, Relation):
        return Relation(tuple(worked_out(side, build) for side in value.sides), value.operators)
    if isinstance(value, SetOperation):
        return SetOperation(value.operator, worked_out(value.left, build), worked_out(value.right, build))
    if isinstance(value, Table):
        return Table(tuple(tuple(worked_out(entry, build) for entry in row) for row in value.rows))
    if isinstance(value, Ratio):
        return Ratio(tuple(building.scalar(worked_out(part, build)) for part in value.parts))
    return value


def same_form(gold: Expr, answer: Expr) -> bool:
    """Whether the difference simplifies to zero, for expressions that have no value at any point tried."""
    return bool(sympy.simplify(_to_sympy(gold) - _to_sympy(answer)) == 0)


def _to_sympy(node: Expr) -> Any:
    if node.rational is not None:
        return sympy.Rational(node.rational.numerator, node.rational.denominator)
    if node.name is not None:
        return sympy.Symbol(node.name)
    if node.op in _CONSTANTS:
        return _CONSTANTS[node.op]
    args = [_to_sympy(part) for part in node.args]
    if node.op == "integral":
        return sympy.Integral(args[0], tuple(args[1:])).doit()
    if node.op in ("sum", "product"):
        return {"sum": sympy.Sum, "product": sympy.Product}[node.op](args[0], tuple(args[1:])).doit()
    if node.op == "limit":
        return sympy.Limit(*args, dir="+-" if args[2].is_finite else "-").doit()
    if node.op == "derivative":
        return sympy.Derivative(*args).doit()
    return _FUNCTIONS[node.op](*args)


def _from_sympy(value: Any, build: Builder) -> Expr:
    if value.is_Rational:
        return number(Fraction(int(value.p), int(value.q)))
    if value.is_Symbol:
        return symbol(value.name)
    for name, constant in _CONSTANTS.items():
        if value == constant:
            return Expr(name)
    if value == -sympy.oo:
        return build.negate(building.INFINITY)
    if value.func == sympy.exp:
        return build.power(building.E, _from_sympy(value.args[0], build))
    if value.func not in _OPS:
        raise Unreadable(f"no closed form: {str(value)[:80]}")
    return build.make(_OPS[value.func], tuple(_from_sympy(part, build) for part in value.args))
