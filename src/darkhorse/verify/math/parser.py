r"""A recursive-descent parser from a LaTeX subset (and plain notations such as `2*sqrt(3)`) to values.

Grammar, loosest first:

    statement  := group ((";" | "and") group)*          group  := relation ("," relation)*
    relation   := ratio (("=" | "<" | ...) ratio)*      ratio  := sets (":" sets)*
    sets       := sum (("\cup" | "\cap" | "\setminus") sum)*
    sum        := ["+" | "-" | "\pm"] term (("+" | "-" | "\pm") term)*
    term       := signed (["*" | "/"] signed)*          signed := ["-"] power
    power      := atom ("!" | "^" exponent)*

Nothing is evaluated as code; atoms live in `atoms.py`, size limits in `building.py`.
"""

from __future__ import annotations

from darkhorse.verify.math import building, matrices
from darkhorse.verify.math.atoms import Atoms
from darkhorse.verify.math.building import Builder, scalar
from darkhorse.verify.math.lexer import tokenize
from darkhorse.verify.math.tree import (
    Collection,
    Expr,
    Ratio,
    Relation,
    SetOperation,
    Table,
    TooCostly,
    Unreadable,
    Value,
)

MAX_DEPTH = 40
MAX_CHEAP_TOKENS = 400
MAX_SUFFIXES = 4
MAX_BRANCHES = 60
_RELATIONS = frozenset(("=", "!=", "<", "<=", ">", ">=", "~", r"\in"))
_SET_OPERATORS = {r"\cup": "union", r"\cap": "intersection", r"\setminus": "difference"}
_SIGNS = ("+", "-", r"\pm", r"\mp")
_END_OF_INTERVAL = ("", ")", "]", ",", ";", r"\cup", r"\cap", r"\setminus", "set}")


def parse(text: str, build: Builder) -> Value:
    r"""The value of a normalised answer without its unit. `\pm` gives both values.

    Raises:
        Unreadable: if the text is not in the language, or too deep or too large.
        TooCostly: if it is long, or holds large numbers, and the builder is not thorough.
    """
    tokens = tokenize(text)
    if len(tokens) > MAX_CHEAP_TOKENS and not build.thorough:
        raise TooCostly("a long expression")
    parser = _Parser(tokens, build)
    value = parser.statement()
    if parser.peek() != "":
        raise Unreadable(f"unexpected {parser.peek()!r}")
    return value


class _Parser(Atoms):
    def statement(self) -> Value:
        groups = [self.items()]
        while self.take(";"):
            groups.append(self.items())
        if len(groups) > 1 and all(len(group) == len(groups[0]) > 1 for group in groups):
            items: list[Value] = [Collection("", "", tuple(group)) for group in groups]
        else:
            items = [item for group in groups for item in group]
        return items[0] if len(items) == 1 else Collection("", "", tuple(items))

    def items(self) -> list[Value]:
        items = self.both_signs()
        while self.take(","):
            items += self.both_signs()
        return items

    def both_signs(self) -> list[Value]:
        r"""One item of a list or set, or two if it holds `\pm`."""
        start, outer_sign, outer_used = self.position, self.sign, self.sign_used
        self.sign, self.sign_used = 1, False
        values = [self.relation()]
        if self.sign_used:
            self.branches += 1
            if self.branches > MAX_BRANCHES:
                raise Unreadable("too many double signs")
            self.position, self.sign = start, -1
            values.append(self.relation())
        self.sign, self.sign_used = outer_sign, outer_used
        return values

    def relation(self) -> Value:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("nested too deeply")
        sides, operators = [self.ratio()], []
        while self.peek() in _RELATIONS:
            operators.append(self.next().text)
            sides.append(self.ratio())
        self.depth -= 1
        if operators == [r"\in"] and isinstance(sides[0], Expr) and sides[0].name is not None:
            return sides[1]
        if r"\in" in operators:
            raise Unreadable("membership of something that is no variable")
        return Relation(tuple(sides), tuple(operators)) if operators else sides[0]

    def ratio(self) -> Value:
        parts = [self.sets()]
        while self.take(":"):
            parts.append(self.sets())
        return Ratio(tuple(scalar(part) for part in parts)) if len(parts) > 1 else parts[0]

    def sets(self) -> Value:
        value = self.sum()
        while self.peek() in _SET_OPERATORS:
            value = SetOperation(_SET_OPERATORS[self.next().text], value, self.sum())
        return value

    def sum(self) -> Value:
        sign = self.read_sign() if self.peek() in _SIGNS else None
        value = self.term()
        if sign is None and self.peek() not in _SIGNS:
            return value
        terms = [matrices.scaled(value, sign or 1, self.build)]
        while self.peek() in _SIGNS:
            following = self.read_sign()
            terms.append(matrices.scaled(self.term(), following, self.build))
        return matrices.total(terms, self.build)

    def read_sign(self) -> int:
        r"""The product of a run of signs; `\pm` and `\mp` follow the branch being parsed."""
        sign = 1
        while self.peek() in _SIGNS:
            token = self.next().text
            self.sign_used = self.sign_used or token in (r"\pm", r"\mp")
            sign *= {"+": 1, "-": -1, r"\pm": self.sign, r"\mp": -self.sign}[token]
        return sign

    def term(self) -> Value:
        factors = [self.power()]
        while True:
            if self.take("*"):
                factors.append(self.signed())
            elif self.take("/"):
                factors.append(self.build.divide(building.ONE, scalar(self.signed())))
            elif self.take(r"\bmod"):
                factors = [Expr("mod", (scalar(matrices.product(factors, self.build)), scalar(self.signed())))]
            elif self.starts_factor() or self.peek().startswith(r"\begin"):
                factors.append(self.power())
            else:
                return matrices.product(factors, self.build)

    def signed(self) -> Value:
        if self.peek() in ("+", "-"):
            sign = self.read_sign()
            return matrices.scaled(self.power(), sign, self.build)
        return self.power()

    def power(self) -> Value:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("nested too deeply")
        value = self.atom()
        suffixes = 0
        while self.peek() in ("!", "^"):
            suffixes += 1
            if suffixes > MAX_SUFFIXES:
                raise Unreadable("too many exponents in a row")
            if self.take("!"):
                value = self.build.factorial(scalar(value))
                continue
            self.next()
            if self.take_degree():
                value = self.build.mul(scalar(value), self.build.divide(building.PI, building.number(180)))
            else:
                value = self.build.power(scalar(value), scalar(self.exponent()))
        self.depth -= 1
        return value

    def exponent(self) -> Value:
        """What follows `^`: a group, or one signed atom with its own exponent (`2^3^4` is `2^(3^4)`)."""
        if self.peek() == "{":
            return self.group()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("nested too deeply")
        sign = self.read_sign() if self.peek() in ("+", "-") else 1
        value = scalar(self.atom())
        if self.take("^"):
            value = self.build.power(value, scalar(self.exponent()))
        self.depth -= 1
        return matrices.scaled(value, sign, self.build)

    def take_degree(self) -> bool:
        r"""Whether `\circ` or `{\circ}` comes next; consumed if so."""
        if self.take(r"\circ"):
            return True
        if self.peek() == "{" and self.peek(1) == r"\circ" and self.peek(2) == "}":
            self.position += 3
            return True
        return False

    def bracket(self) -> Value:
        """A parenthesis, tuple, interval, vector or set, from its opening token on."""
        opening = self.next().text
        if opening == "{set" and self.kind() == "letter" and (condition := self.condition()) is not None:
            return condition
        if opening == "{set":
            items = [] if self.peek() == "set}" else self.statement_items()
            self.expect("set}")
            return Collection("{", "}", tuple(items))
        items = [self.relation()]
        while self.take(",") or self.take(";"):
            items.append(self.relation())
        closing = self.next().text
        if closing not in (")", "]", "["):
            raise Unreadable(f"expected a closing bracket, found {closing!r}")
        if len(items) == 1:
            if (opening, closing) not in (("(", ")"), ("[", "]")):
                raise Unreadable("brackets that do not match")
            inner = items[0]
            return inner if isinstance(inner, Expr | Table) else Collection(opening, closing, (inner,))
        opening = "(" if opening == "]" else opening
        closing = ")" if closing == "[" else closing
        return Collection(opening, closing, tuple(items))

    def condition(self) -> Value | None:
        r"""What `\{x \mid ...\}` or `\{x \in \mathbb{R} : ...\}` asks of x; None if this is no such set."""
        ahead = 6 if [self.peek(k) for k in (1, 2, 3, 4, 5)] == [r"\in", r"\mathbb", "{", "R", "}"] else 1
        if self.peek(ahead) not in ("|", ":"):
            return None
        self.position += ahead + 1
        items = self.statement_items()
        self.expect("set}")
        return items[0] if len(items) == 1 else Collection("", "", tuple(items))

    def statement_items(self) -> list[Value]:
        items = self.items()
        while self.take(";"):
            items += self.items()
        return items

    def closes_interval(self) -> bool:
        """Whether a `[` here ends a French interval such as `[0,1[` rather than opening something."""
        return self.peek() == "[" and self.peek(1) in _END_OF_INTERVAL
