"""Constructing expression trees from parsed pieces: rationals are computed, with limits checked beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from darkhorse.verify.math.tree import Collection, Expr, TooCostly, Unreadable, Value, nodes

CHEAP_BITS = 24_000
MAX_ROOT_BITS = 2_000
MAX_BITS = 40_000
MAX_EXPONENT = 1_000_000
MAX_FACTORIAL = 3_000
MAX_TERMS = 1_000
ACCUMULATORS = ("integral", "sum", "product", "limit", "derivative")
_ALIASES = {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc")}
_INVERTIBLE = ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")

PI, E, IMAGINARY, INFINITY = Expr("pi"), Expr("e"), Expr("i"), Expr("infinity")


def number(value: Fraction | int) -> Expr:
    """A rational number."""
    return Expr("number", leaf=Fraction(value))


def symbol(name: str) -> Expr:
    """A variable, or anything else that is equal only when written alike."""
    return Expr("symbol", leaf=name)


ZERO, ONE = number(0), number(1)


def scalar(value: Value) -> Expr:
    """The value, if it is an expression.

    Raises:
        Unreadable: if it is a set, list, relation or matrix, with which arithmetic is not supported.
    """
    if not isinstance(value, Expr):
        raise Unreadable("arithmetic on something that is not a number or expression")
    return value


@dataclass(frozen=True)
class Builder:
    """Makes trees.

    Attributes:
        thorough: whether numbers of up to `MAX_BITS` bits are computed; otherwise those above `CHEAP_BITS` are too
            costly for the process that asks.
        log_base: of `\\log` without one; None for the natural logarithm.
    """

    thorough: bool = False
    log_base: int | None = None

    def add(self, *terms: Expr) -> Expr:
        """A sum, its rational terms added up."""
        total, rest = Fraction(0), []
        for term in terms:
            for part in term.args if term.op == "add" else (term,):
                if part.rational is None:
                    rest.append(part)
                else:
                    total = self._bounded(total + part.rational)
        if total or not rest:
            rest.append(number(total))
        return rest[0] if len(rest) == 1 else Expr("add", tuple(rest))

    def mul(self, *factors: Expr) -> Expr:
        """A product, its rational factors multiplied."""
        total, rest = Fraction(1), []
        for factor in factors:
            for part in factor.args if factor.op == "mul" else (factor,):
                if part.rational is None:
                    rest.append(part)
                else:
                    total = self._bounded(total * part.rational)
        if not rest:
            return number(total)
        if total != 1:
            rest.insert(0, number(total))
        return rest[0] if len(rest) == 1 else Expr("mul", tuple(rest))

    def negate(self, value: Expr) -> Expr:
        """`-value`."""
        return self.mul(number(-1), value)

    def divide(self, numerator: Expr, denominator: Expr) -> Expr:
        """A quotient; division by zero is unreadable."""
        if denominator.rational == 0:
            raise Unreadable("division by zero")
        return self.mul(numerator, self.power(denominator, number(-1)))

    def power(self, base: Expr, exponent: Expr) -> Expr:
        """`base ** exponent`, unless the result would be a number of more than `MAX_BITS` bits."""
        b, x = base.rational, exponent.rational
        if x is not None:
            if x == 1:
                return base
            if b is not None:
                return self._rational_power(base, b, x)
            if abs(x) > MAX_EXPONENT:
                raise Unreadable("an exponent too large to compute")
            if base.op == "i" and x.denominator == 1:
                return (ONE, IMAGINARY, number(-1), self.negate(IMAGINARY))[x.numerator % 4]
        elif exponent.constant and sum(node.op == "pow" for node in nodes(exponent)) > 3:
            raise Unreadable("a power too large to compute")
        return Expr("pow", (base, exponent))

    def _rational_power(self, base: Expr, b: Fraction, x: Fraction) -> Expr:
        if b == 0 and x < 0:
            raise Unreadable("division by zero")
        bits = max(b.numerator.bit_length(), b.denominator.bit_length())
        if b not in (-1, 0, 1) and bits * abs(x) > MAX_BITS:
            raise Unreadable("a power too large to compute")
        if x.denominator == 1:
            if b not in (-1, 0, 1):
                self._afford(int(bits * abs(x)))
            return number(b ** (x.numerator if b not in (-1, 1) else x.numerator % 2))
        if b >= 0 and x.denominator <= 60 and bits <= MAX_ROOT_BITS:
            roots = _exact_root(b.numerator, x.denominator), _exact_root(b.denominator, x.denominator)
            if roots[0] is not None and roots[1] is not None:
                return number(Fraction(roots[0], roots[1]) ** x.numerator)
        return Expr("pow", (base, number(x)))

    def root(self, radicand: Expr, degree: Expr) -> Expr:
        """The principal root; odd roots of negative numbers are real."""
        r, n = radicand.rational, degree.rational
        inverse = self.divide(ONE, degree)
        if r is not None and n is not None and r < 0 and n.denominator == 1 and n % 2 == 1:
            return self.negate(self.power(number(-r), inverse))
        return self.power(radicand, inverse)

    def factorial(self, value: Expr) -> Expr:
        """`value!`, computed for integers up to `MAX_FACTORIAL`."""
        n = value.rational
        if n is None:
            return Expr("factorial", (value,))
        if n.denominator != 1 or not 0 <= n <= MAX_FACTORIAL:
            raise Unreadable("a factorial that is too large or of no natural number")
        self._afford(int(n) * int(n).bit_length())
        return number(math.factorial(int(n)))

    def binomial(self, n: Expr, k: Expr) -> Expr:
        """The binomial coefficient, computed for n up to `MAX_FACTORIAL`."""
        for value in (n.rational, k.rational):
            if value is not None and (value.denominator != 1 or not 0 <= value <= MAX_FACTORIAL):
                raise Unreadable("a binomial coefficient that is too large or not of natural numbers")
        if n.rational is None or k.rational is None:
            return Expr("binomial", (n, k))
        self._afford(int(n.rational))
        return number(math.comb(int(n.rational), int(k.rational)))

    def call(self, name: str, argument: Value, base: Expr | None = None, exponent: Expr | None = None) -> Expr:
        """A named function applied: `log` with its base, any with an exponent written before the argument."""
        if name in ("gcd", "lcm", "max", "min"):
            items = argument.items if isinstance(argument, Collection) else (argument,)
            return self._of_many(name, tuple(scalar(item) for item in items))
        argument = scalar(argument)
        name = _ALIASES.get(name, name)
        if name in _INVERTIBLE and exponent == number(-1):
            name, exponent = f"a{name}", None
        if name == "exp":
            value = self.power(E, argument)
        elif name == "sqrt":
            value = self.root(argument, number(2))
        elif name in ("log", "lg", "ln"):
            value = self._logarithm(name, argument, base)
        elif name in ("abs", "floor", "ceil") and argument.rational is not None:
            r = argument.rational
            value = number(abs(r) if name == "abs" else math.floor(r) if name == "floor" else math.ceil(r))
        else:
            value = Expr(name, (argument,))
        return value if exponent is None else self.power(value, exponent)

    def _of_many(self, name: str, numbers: tuple[Expr, ...]) -> Expr:
        values = [one.rational for one in numbers]
        exact = [value for value in values if value is not None]
        if len(exact) < len(values):
            if name in ("gcd", "lcm"):
                return symbol(f"{name}{numbers}")
            return Expr(name, numbers)
        if name in ("max", "min"):
            return number(max(exact) if name == "max" else min(exact))
        if any(value.denominator != 1 for value in exact):
            raise Unreadable(f"{name} of something that is no integer")
        operation = math.gcd if name == "gcd" else math.lcm
        return number(self._bounded(Fraction(operation(*(int(value) for value in exact)))))

    def _logarithm(self, name: str, argument: Expr, base: Expr | None) -> Expr:
        if base is None and name == "lg":
            base = number(10)
        elif base is None and self.log_base is not None and name == "log":
            base = number(self.log_base)
        if argument.rational == 0 or (base is not None and base.rational in (0, 1)):
            raise Unreadable("a logarithm that does not exist")
        value = Expr("log", (argument,))
        return value if base is None else self.divide(value, Expr("log", (base,)))

    def accumulate(self, kind: str, body: Expr, variable: str, low: Expr, high: Expr) -> Expr:
        """A definite integral, or a sum or product; one of at most `MAX_TERMS` terms is written out."""
        first, last = low.rational, high.rational
        if kind != "integral" and first is not None and last is not None:
            if first.denominator != 1 or last.denominator != 1 or last - first > MAX_TERMS:
                raise Unreadable("a sum or product of too many terms")
            self._afford(int(last - first) * 40)
            parts = [self.substitute(body, variable, number(k)) for k in range(int(first), int(last) + 1)]
            return self.add(*parts) if kind == "sum" else self.mul(*parts)
        return Expr(kind, (body, symbol(variable), low, high))

    def substitute(self, expression: Expr, name: str, value: Expr) -> Expr:
        """The expression with a symbol replaced, and computed afresh."""
        if expression.name == name:
            return value
        if not expression.args:
            return expression
        if expression.op in ACCUMULATORS:
            raise TooCostly("a sum within a sum")
        return self.make(expression.op, tuple(self.substitute(part, name, value) for part in expression.args))

    def make(self, op: str, args: tuple[Expr, ...]) -> Expr:
        """The node of an operation, computed where its operands are rational."""
        plain: dict[str, Callable[..., Expr]] = {
            "add": self.add, "mul": self.mul, "pow": self.power, "factorial": self.factorial, "binomial": self.binomial,
        }  # fmt: skip
        if op in plain:
            return plain[op](*args)
        if op in ("max", "min"):
            return self._of_many(op, args)
        return self.call(op, args[0]) if len(args) == 1 else Expr(op, args)

    def decimal(self, digits: str) -> Expr:
        """A written number as an exact rational."""
        mantissa, _, exponent = digits.lower().partition("e")
        if len(mantissa) > MAX_BITS // 10 or abs(int(exponent[:8] or 0)) > 1_000:
            raise Unreadable("a number of too many digits")
        whole, _, decimals = mantissa.partition(".")
        value = Fraction(int((whole + decimals) or "0"), 10 ** len(decimals))
        return number(self._bounded(value * Fraction(10) ** int(exponent or 0)))

    def repeating(self, digits: str, period: str) -> Expr:
        """`0.1` and `6` for 0.1666..."""
        shift = len(digits.partition(".")[2])
        tail = number(Fraction(int(period), (10 ** len(period) - 1) * 10**shift))
        return self.add(self.decimal(digits.rstrip(".")), tail)

    def _bounded(self, value: Fraction) -> Fraction:
        self._afford(max(value.numerator.bit_length(), value.denominator.bit_length()))
        return value

    def _afford(self, bits: int) -> None:
        if bits > 2 * MAX_BITS:
            raise Unreadable("a number too large to compute")
        if bits > CHEAP_BITS and not self.thorough:
            raise TooCostly("a large number")


def _exact_root(value: int, degree: int) -> int | None:
    """The integer whose power is the value, if there is one."""
    if degree == 2:
        found = math.isqrt(value)
        return found if found * found == value else None
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high) // 2
        if middle**degree < value:
            low = middle + 1
        else:
            high = middle
    return low if low**degree == value else None
