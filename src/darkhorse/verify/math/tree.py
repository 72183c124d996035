"""What an answer can be once parsed: an expression tree, or one of a few structures of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Expr:
    """A node of an expression tree; built by `building.Builder` only, which bounds what it builds.

    Attributes:
        op: `number`, `symbol`, `pi`, `e`, `i`, `infinity`, `add`, `mul`, `pow`, or the name of a function.
        args: operands.
        leaf: the value of a number, the name of a symbol.
    """

    op: str
    args: tuple[Expr, ...] = ()
    leaf: Fraction | str | None = None

    @property
    def rational(self) -> Fraction | None:
        """The exact value of a number, None for anything else."""
        return self.leaf if isinstance(self.leaf, Fraction) else None

    @property
    def name(self) -> str | None:
        """The name of a symbol, None for anything else."""
        return self.leaf if isinstance(self.leaf, str) else None

    @property
    def constant(self) -> bool:
        """Whether it holds no symbol and no infinity."""
        return not any(node.op in ("symbol", "infinity") for node in nodes(self))


def nodes(expression: Expr) -> Iterator[Expr]:
    """The expression and everything below it."""
    stack = [expression]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.args)


def symbols(expression: Expr) -> frozenset[str]:
    """Names of the symbols in it."""
    return frozenset(node.leaf for node in nodes(expression) if isinstance(node.leaf, str))


@dataclass(frozen=True)
class Collection:
    """Several values in a row.

    Attributes:
        opening: `(`, `[`, `{`, or empty for a bare list. French `]a,b[` is stored as `(`, `)`.
        closing: the matching bracket.
        items: in the order written.
    """

    opening: str
    closing: str
    items: tuple[Value, ...]

    @property
    def ordered(self) -> bool:
        """Whether order matters: in tuples, vectors and intervals, not in sets and bare lists."""
        return self.opening in ("(", "[")


@dataclass(frozen=True)
class Relation:
    """A chain `sides[0] operators[0] sides[1] ...` with operators among `= != < <= > >= ~` (`~`: approximately)."""

    sides: tuple[Value, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class SetOperation:
    """`union`, `intersection` or `difference` of two sets."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True)
class NumberSet:
    """`R`, `Z`, `N`, `Q` or `C`."""

    name: str


@dataclass(frozen=True)
class Ratio:
    """`a:b:c`; equal up to a common factor."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True)
class Table:
    """A matrix, row by row."""

    rows: tuple[tuple[Value, ...], ...]


Value: TypeAlias = Expr | Collection | Relation | SetOperation | NumberSet | Ratio | Table


class Unreadable(Exception):
    """The text is no expression of the supported language, or one too large to build."""


class TooCostly(Exception):
    """The work is for a worker process: large numbers, long texts, sums, integrals and limits."""
