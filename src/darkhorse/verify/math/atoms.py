"""The parser's indivisible parts: numbers, symbols, functions, LaTeX commands and matrices."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from darkhorse.verify.math import building
from darkhorse.verify.math.building import Builder, scalar, symbol
from darkhorse.verify.math.lexer import FUNCTIONS, Token
from darkhorse.verify.math.tree import Collection, Expr, NumberSet, Table, Unreadable, Value

_GREEK_NAMES = (
    r"\alpha \beta \gamma \delta \epsilon \varepsilon \zeta \eta \theta \vartheta \iota \kappa \lambda \mu \nu \xi "
    r"\rho \sigma \tau \phi \varphi \chi \psi \omega \Gamma \Delta \Theta \Lambda \Xi \Sigma \Phi \Psi \Omega "
    r"\ell \ldots \hbar \aleph \top"
)
_GREEK = frozenset(_GREEK_NAMES.split())
_ACCUMULATORS = {r"\int": "integral", r"\sum": "sum", r"\prod": "product"}
_ATOM_COMMANDS = frozenset((r"\frac", r"\binom", r"\lfloor", r"\lceil", r"\lim", *_ACCUMULATORS))
_MATRICES = ("matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array")
_DIGITS_OVER_DIGITS = re.compile(r"(?:\{(\d{1,9})\}|(\d)(?!\d*\}))(?:\{(\d{1,9})\}|(\d))")
_PAIR = re.compile(r"\((\d{1,4}),(\d{1,4})\)")
_RECURRING = re.compile(r"(\d*\.\d{0,6}?)(\d{1,6}?)\2{2,40}")
_EMPTY = Collection("{", "}", ())


class Atoms(ABC):
    """Token cursor and atom productions; the grammar above them is the subclass's."""

    def __init__(self, tokens: list[Token], build: Builder) -> None:
        self.tokens = tokens
        self.build = build
        self.position = 0
        self.depth = 0
        self.sign = 1
        self.sign_used = False
        self.branches = 0
        self.indices: list[str] = []  # letters that sums and products around the cursor count with
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

    def number(self) -> Expr:
        """A number: plain, repeating (`0.\\overline{3}`), mixed (`3\\frac12`, `3 1/2`) or in a base (`204_5`)."""
        digits = self.next().text
        if self.peek() in (r"\overline", r"\dot") and "." in digits:
            self.next()
            self.expect("{")
            period = self.next().text
            self.expect("}")
            if not period.isdigit() or len(period) > 50:
                raise Unreadable("a period that is no digits")
            return self.build.repeating(digits, period)
        if "." in digits and self.take(r"\ldots"):
            recurring = _RECURRING.fullmatch(digits)
            return self.build.repeating(*recurring.groups()) if recurring else self.build.decimal(digits)
        if self.take("_"):
            return symbol(f"{digits} in base {self.subscript()}")  # equal only when written alike
        value = self.build.decimal(digits)
        if digits.isdigit() and self.peek() == r"\frac":
            proper = self._proper_fraction()
            if proper is not None:
                return self.build.add(value, proper)
        elif digits.isdigit() and self.kind() == "number" and self.peek(1) == "/" and self.kind(2) == "number":
            numerator = self.build.decimal(self.next().text)
            self.next()
            return self.build.add(value, self.build.divide(numerator, self.build.decimal(self.next().text)))
        return value

    def _proper_fraction(self) -> Expr | None:
        r"""The fraction of a mixed number, consumed; None if what follows is no fraction of digits below one."""
        written = "".join(token.text for token in self.tokens[self.position + 1 : self.position + 7])
        match = _DIGITS_OVER_DIGITS.match(written)
        if match is None:
            return None
        numerator, denominator = (int(part) for part in match.groups() if part is not None)
        if not 0 < numerator < denominator:
            return None
        self.next()
        self.argument()
        self.argument()
        return self.build.divide(building.number(numerator), building.number(denominator))

    def symbol(self) -> Expr:
        r"""A variable with subscript and primes; `e`, `i`; `f(x)` as one opaque symbol; `C_5^2` as a binomial."""
        name = self.next().text
        if name in ("e", "i") and name not in self.indices and self.peek() not in ("_", "'"):
            return building.E if name == "e" else building.IMAGINARY
        if self.peek() == "_":
            self.next()
            subscript = self.subscript()
            if name == "C" and self.peek() == "^" and subscript.isdigit():
                upper = self.peek(2) if self.peek(1) == "{" else self.peek(1)
                if upper.isdigit() and int(upper[:6]) <= int(subscript[:6]):
                    self.next()
                    return self.build.binomial(self.build.decimal(subscript), scalar(self.exponent()))
            name = f"{name}_{{{subscript}}}"
        while self.take("'"):
            name += "'"
        if self.peek() == "(" and (name[0] in "fgh" or (name[0].isupper() and self._names_arguments())):
            start = self.position
            self.bracket()
            inside = "".join(token.text for token in self.tokens[start : self.position])
            if name == "C" and (pair := _PAIR.fullmatch(inside)) and int(pair[1]) >= int(pair[2]):
                return self.build.binomial(building.number(int(pair[1])), building.number(int(pair[2])))
            return symbol(f"{name}{inside}")
        return symbol(name)

    def _names_arguments(self) -> bool:
        """Whether the bracket at the cursor holds several things, as in `F(1, 2)`, or ends an answer, as in `P(x)`."""
        if self.kind(1) in ("letter", "number") and self.peek(2) == ")":
            return self.peek(3) in ("", "=", "<", ">", ",", ";")
        depth = 0
        for token in self.tokens[self.position :]:
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
            if depth <= 0:
                return False
            if depth == 1 and token.text == ",":
                return True
        return False

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

    def name(self) -> Expr:
        """A constant or a function with its exponent, base and argument."""
        name = self.next().text
        if name == "pi":
            return building.PI
        if name not in FUNCTIONS:
            return building.INFINITY
        if name == "sqrt":
            degree = building.number(2)
            if self.peek() == "[":
                self.next()
                degree = scalar(self.sum())
                self.expect("]")
            whole = self.kind() == "number"  # \sqrt12 is meant as the root of twelve
            return self.build.root(scalar(self.number() if whole else self.argument()), degree)
        base: Expr | None = None
        exponent: Expr | None = None
        while self.peek() in ("_", "^"):
            if self.next().text == "^":
                exponent = scalar(self.exponent())
            else:
                base = scalar(self.argument())
        return self.build.call(name, self.function_argument(), base, exponent)

    def function_argument(self) -> Value:
        r"""`(x)`, `{x}`, `|x|`, or without brackets the product that follows: `\sin 2x`."""
        if self.peek() in ("(", "["):
            return self.bracket()
        negative = False
        while self.peek() == "-":
            self.next()
            negative = not negative
        value = self.power()
        while self.starts_factor(in_argument=True):
            value = self.build.mul(scalar(value), scalar(self.power()))
        if self.peek() == "/" and self.kind(1) == "number":  # \sin\pi/6 is the sine of a sixth of pi
            self.next()
            value = self.build.divide(scalar(value), scalar(self.power()))
        return self.build.negate(scalar(value)) if negative else value

    def bars(self) -> Expr:
        """`|x|`."""
        self.next()
        self.inside_bars += 1
        value = self.build.call("abs", self.sum())
        self.inside_bars -= 1
        self.expect("|")
        return value

    def command(self) -> Value:
        """A LaTeX command that is no letter and no function."""
        command = self.next().text
        if command == r"\frac" and (variable := self._derived_by()) is not None:
            return Expr("derivative", (scalar(self.term()), symbol(variable)))
        if command == r"\frac":
            numerator = scalar(self.argument())
            return self.build.divide(numerator, scalar(self.argument()))
        if command == r"\binom":
            n = scalar(self.argument())
            return self.build.binomial(n, scalar(self.argument()))
        if command in (r"\lfloor", r"\lceil"):
            value = self.build.call("floor" if command == r"\lfloor" else "ceil", self.sum())
            self.expect(command.replace(r"\l", r"\r"))
            return value
        if command in (r"\emptyset", r"\varnothing"):
            return _EMPTY
        if command in (r"\mathbb", r"\mathfrak"):
            letter = self.group_letter()
            if command == r"\mathbb" and letter in ("R", "Z", "N", "Q", "C") and self.peek() not in ("_", "^"):
                return NumberSet(letter)
            index = f"_{self.subscript()}" if self.take("_") else ""
            return symbol(f"{command}{letter}{index}")
        if command in _ACCUMULATORS:
            return self.accumulation(command)
        if command == r"\lim":
            return self.limit()
        if command in (
            r"\overline",
            r"\angle",
            r"\triangle",
            r"\vec",
            r"\overrightarrow",
            r"\widehat",
            r"\hat",
            r"\bar",
        ):
            start = self.position
            self.argument()
            inside = "".join(token.text for token in self.tokens[start : self.position])
            return symbol(f"{command}{inside.strip('{}')}")
        raise Unreadable(f"the command {command[:20]} is not supported")

    def _derived_by(self) -> str | None:
        r"""The variable of `\frac{d}{dx}`, consumed; None if this is another fraction."""
        coming = [self.peek(k) for k in range(7)]
        if coming[:5] != ["{", "d", "}", "{", "d"] or self.kind(5) != "letter" or coming[6] != "}":
            return None
        self.position += 7
        return coming[5]

    def group_letter(self) -> str:
        """`{R}` or `R`."""
        braced = self.take("{")
        letter = self.next().text
        if braced:
            self.expect("}")
        return letter

    def limit(self) -> Expr:
        r"""`\lim_{x \to a} f`."""
        self.expect("_")
        self.expect("{")
        variable = self.symbol().name
        self.expect(r"\to")
        target = scalar(self.sum())
        self.expect("}")
        if variable is None:
            raise Unreadable("a limit in something that is no variable")
        return Expr("limit", (scalar(self.term()), symbol(variable), target))

    def accumulation(self, command: str) -> Expr:
        r"""`\int_a^b f dx`, `\sum_{k=a}^b f`, `\prod_{k=a}^b f`."""
        self.expect("_")
        if command == r"\int":
            low = scalar(self.argument())
        else:
            self.expect("{")
            self.indices.append(self.peek())
            variable = self.symbol().name
            self.expect("=")
            low = scalar(self.sum())
            self.expect("}")
        self.expect("^")
        high = scalar(self.exponent())
        kind = _ACCUMULATORS[command]
        if kind != "integral":
            body = scalar(self.term())
            self.indices.pop()
            if variable is None:
                raise Unreadable("a sum over something that is no variable")
            return self.build.accumulate(kind, body, variable, low, high)
        differential = self.position
        while not (self.tokens[differential].text == "d" and self.tokens[differential + 1].kind == "letter"):
            differential += 1
            if differential >= len(self.tokens) - 1:
                raise Unreadable("an integral without its differential")
        self.tokens[differential] = Token("differential", "d")
        body = building.ONE if self.position == differential else scalar(self.sum())
        self.expect("d")
        return self.build.accumulate(kind, body, self.next().text, low, high)

    def matrix(self) -> Table:
        r"""`\begin{pmatrix} a & b \\ c & d \end{pmatrix}`."""
        name = self.next().text[7:-1]
        if name not in _MATRICES:
            raise Unreadable(f"the environment {name[:20]} is not supported")
        if name == "array" and self.peek() == "{":
            self.subscript()
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
