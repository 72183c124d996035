"""The parser's indivisible parts: numbers, symbols, functions, LaTeX commands and matrices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import sympy

from darkhorse.verify.math import building
from darkhorse.verify.math.lexer import FUNCTIONS, Token
from darkhorse.verify.math.values import Table, Unreadable, Value

_GREEK_NAMES = (
    r"\alpha \beta \gamma \delta \epsilon \varepsilon \zeta \eta \theta \vartheta \iota \kappa \lambda \mu \nu \xi "
    r"\rho \sigma \tau \phi \varphi \chi \psi \omega \Gamma \Delta \Theta \Lambda \Xi \Sigma \Phi \Psi \Omega "
    r"\ell \ldots \hbar"
)
_GREEK = frozenset(_GREEK_NAMES.split())
_ACCUMULATORS = (r"\int", r"\sum", r"\prod")
_ATOM_COMMANDS = frozenset((r"\frac", r"\binom", r"\lfloor", r"\lceil", *_ACCUMULATORS))
_SETS: dict[str, Any] = {"R": sympy.S.Reals, "Z": sympy.S.Integers, "N": sympy.S.Naturals, "Q": sympy.S.Rationals}
_MATRICES = ("matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix")


class Atoms(ABC):
    """Token cursor and atom productions; the grammar above them is the subclass's."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.sign = 1
        self.sign_used = False
        self.inside_bars = 0

    @abstractmethod
    def relation(self) -> Value:
        """A sum, equation, inequality or set."""

    @abstractmethod
    def sum(self) -> Value:
        """Terms joined by signs."""

    @abstractmethod
    def term(self) -> Value:
        """Factors, implicit multiplication included."""

    @abstractmethod
    def power(self) -> Value:
        """An atom with its exponents and factorials."""

    @abstractmethod
    def exponent(self) -> Value:
        """What follows `^`."""

    @abstractmethod
    def bracket(self) -> Value:
        """Anything in brackets, from the opening one on."""

    @abstractmethod
    def closes_interval(self) -> bool:
        """Whether a `[` at the cursor ends a French interval."""

    def peek(self, ahead: int = 0) -> str:
        """Text of a coming token; empty at the end."""
        return self.tokens[min(self.position + ahead, len(self.tokens) - 1)].text

    def kind(self, ahead: int = 0) -> str:
        """Kind of a coming token."""
        return self.tokens[min(self.position + ahead, len(self.tokens) - 1)].kind

    def next(self) -> Token:
        """Consume one token."""
        token = self.tokens[self.position]
        if token.kind == "end":
            raise Unreadable("the expression breaks off")
        self.position += 1
        return token

    def take(self, text: str) -> bool:
        """Consume the token if it reads so."""
        if self.peek() != text or self.kind() == "end":
            return False
        self.position += 1
        return True

    def expect(self, text: str) -> None:
        """Consume the token, which must read so."""
        if not self.take(text):
            raise Unreadable(f"expected {text!r}, found {self.peek()!r}")

    def starts_factor(self, in_argument: bool = False) -> bool:
        """Whether an implicit multiplication goes on here; inside a bare function argument with fewer things."""
        kind, text = self.kind(), self.peek()
        if kind == "letter" or text in _GREEK or text == r"\frac" or (kind == "name" and text in ("pi", "sqrt")):
            return True
        if kind == "number":
            return self.tokens[self.position - 1].kind != "number"
        if in_argument:
            return False
        if kind == "name" or text in _ATOM_COMMANDS or text in ("(", "{"):
            return True
        return (text == "[" and not self.closes_interval()) or (text == "|" and not self.inside_bars)

    def atom(self) -> Value:
        """The smallest complete piece at the cursor."""
        kind, text = self.kind(), self.peek()
        if kind == "number":
            return self.number()
        if kind == "letter" or text in _GREEK:
            return self.symbol()
        if kind == "name":
            return self.name()
        if text in ("(", "[", "]", "{set"):
            return self.bracket()
        if text == "{":
            return self.group()
        if text == "|":
            return self.bars()
        if kind == "environment":
            return self.matrix()
        if kind == "command":
            return self.command()
        raise Unreadable(f"unexpected {text!r}" if text else "the expression breaks off")

    def group(self) -> Value:
        """`{...}`."""
        self.expect("{")
        value = self.relation()
        self.expect("}")
        return value

    def argument(self) -> Value:
        r"""An argument of `\frac` and its like: a group, one digit (`\frac12`) or one atom."""
        if self.peek() == "{":
            return self.group()
        if self.kind() == "number" and len(self.peek()) > 1 and self.peek().isdigit():
            digits = self.peek()
            self.tokens[self.position : self.position + 1] = [Token("number", digits[0]), Token("number", digits[1:])]
        return self.atom()

    def number(self) -> Any:
        """A number: plain, repeating (`0.\\overline{3}`), mixed (`3\\frac12`, `3 1/2`) or in a base (`204_5`)."""
        digits = self.next().text
        if self.peek() == r"\overline" and "." in digits:
            self.next()
            self.expect("{")
            period = self.next().text
            self.expect("}")
            if not period.isdigit() or len(period) > 50:
                raise Unreadable("a period that is no digits")
            return building.repeating(digits, period)
        if self.take("_"):
            return sympy.Symbol(f"{digits} in base {self.subscript()}")  # equal only when written alike
        value = building.decimal(digits)
        if digits.isdigit() and self.peek() == r"\frac":
            start = self.position
            fraction = self.command()
            if fraction.is_Rational and 0 < fraction < 1:
                return value + fraction
            self.position = start
        elif digits.isdigit() and self.kind() == "number" and self.peek(1) == "/" and self.kind(2) == "number":
            numerator = building.decimal(self.next().text)
            self.next()
            return value + building.divide(numerator, building.decimal(self.next().text))
        return value

    def symbol(self) -> Any:
        r"""A variable with subscript and primes; `e`, `i`; `f(x)` as one opaque symbol; `C_5^2` as a binomial."""
        name = self.next().text
        if name in ("e", "i") and self.peek() not in ("_", "'"):
            return sympy.E if name == "e" else sympy.I
        if self.peek() == "_":
            self.next()
            subscript = self.subscript()
            if name == "C" and self.peek() == "^" and subscript.isdigit():
                upper = self.peek(2) if self.peek(1) == "{" else self.peek(1)
                if upper.isdigit() and int(upper[:6]) <= int(subscript[:6]):
                    self.next()
                    return building.binomial(building.decimal(subscript), self.exponent())
            name = f"{name}_{{{subscript}}}"
        while self.take("'"):
            name += "'"
        if name[0] in "fgh" and self.peek() == "(":
            return sympy.Symbol(f"{name}({sympy.sstr(self.bracket())})")
        return sympy.Symbol(name)

    def subscript(self) -> str:
        """The text of a subscript, which names rather than computes."""
        if not self.take("{"):
            return self.next().text
        parts: list[str] = []
        depth = 1
        while depth:
            text = self.next().text
            depth += {"{": 1, "}": -1}.get(text, 0)
            parts.append(text)
        return "".join(parts[:-1])

    def name(self) -> Any:
        """A constant or a function with its exponent, base and argument."""
        name = self.next().text
        if name == "pi":
            return sympy.pi
        if name not in FUNCTIONS:
            return sympy.oo
        if name == "sqrt":
            degree = sympy.Integer(2)
            if self.peek() == "[":
                self.next()
                degree = self.sum()
                self.expect("]")
            return building.root(self.argument(), degree)
        base = exponent = None
        while self.peek() in ("_", "^"):
            if self.next().text == "^":
                exponent = self.exponent()
            else:
                base = self.argument()
        return building.call(name, self.function_argument(), base, exponent)

    def function_argument(self) -> Value:
        r"""`(x)`, `{x}`, `|x|`, or without brackets the product that follows: `\sin 2x`."""
        if self.peek() in ("(", "["):
            return self.bracket()
        if self.peek() == "-":
            self.next()
            return -building.scalar(self.function_argument())
        value = self.power()
        while self.starts_factor(in_argument=True):
            value = building.scalar(value) * building.scalar(self.power())
        if self.peek() == "/" and self.kind(1) == "number":  # \sin\pi/6 is the sine of a sixth of pi
            self.next()
            value = building.divide(value, self.power())
        return value

    def bars(self) -> Any:
        """`|x|`."""
        self.next()
        self.inside_bars += 1
        value = building.call("abs", self.sum())
        self.inside_bars -= 1
        self.expect("|")
        return value

    def command(self) -> Value:
        """A LaTeX command that is no letter and no function."""
        command = self.next().text
        if command == r"\frac":
            numerator = self.argument()
            return building.divide(numerator, self.argument())
        if command == r"\binom":
            n = self.argument()
            return building.binomial(n, self.argument())
        if command in (r"\lfloor", r"\lceil"):
            value = building.call("floor" if command == r"\lfloor" else "ceil", self.sum())
            self.expect(command.replace(r"\l", r"\r"))
            return value
        if command in (r"\emptyset", r"\varnothing"):
            return sympy.S.EmptySet
        if command == r"\mathbb":
            letter = self.group_letter()
            if letter in _SETS:
                return _SETS[letter]
        if command in _ACCUMULATORS:
            return self.accumulation(command)
        raise Unreadable(f"the command {command[:20]} is not supported")

    def group_letter(self) -> str:
        """`{R}` or `R`."""
        braced = self.take("{")
        letter = self.next().text
        if braced:
            self.expect("}")
        return letter

    def accumulation(self, command: str) -> Any:
        r"""`\int_a^b f dx`, `\sum_{k=a}^b f`, `\prod_{k=a}^b f`."""
        self.expect("_")
        variable = None
        if command == r"\int":
            low = self.argument()
        else:
            self.expect("{")
            variable = self.symbol()
            self.expect("=")
            low = self.sum()
            self.expect("}")
        self.expect("^")
        high = self.exponent()
        if command != r"\int":
            if not isinstance(variable, sympy.Symbol):
                variable = sympy.Symbol("i")
            return building.accumulate(command, self.term(), variable, low, high)
        differential = self.position
        while not (self.tokens[differential].text == "d" and self.tokens[differential + 1].kind == "letter"):
            differential += 1
            if differential >= len(self.tokens) - 1:
                raise Unreadable("an integral without its differential")
        self.tokens[differential] = Token("differential", "d")
        body = sympy.Integer(1) if self.position == differential else self.sum()
        self.expect("d")
        return building.accumulate(command, body, sympy.Symbol(self.next().text), low, high)

    def matrix(self) -> Table:
        r"""`\begin{pmatrix} a & b \\ c & d \end{pmatrix}`."""
        name = self.next().text[7:-1]
        if name not in _MATRICES:
            raise Unreadable(f"the environment {name[:20]} is not supported")
        rows: list[list[Value]] = [[]]
        while True:
            rows[-1].append(self.sum())
            if self.take("&"):
                continue
            row_ended = self.kind() == "row"
            if row_ended:
                self.next()
            if self.kind() == "environment" and self.next().text == f"\\end{{{name}}}":
                return Table(tuple(tuple(row) for row in rows))
            if not row_ended:
                raise Unreadable("a matrix that does not close")
            rows.append([])
