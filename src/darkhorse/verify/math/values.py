"""What an answer can be once parsed: a sympy expression, or one of a few structures of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


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
class Ratio:
    """`a:b:c`; equal up to a common factor."""

    parts: tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A matrix, row by row."""

    rows: tuple[tuple[Value, ...], ...]


Value: TypeAlias = Any
"""A sympy expression or set, or one of the classes above (sympy is untyped here, and imported by workers only)."""


class Unreadable(Exception):
    """The text is no expression of the supported language, or one too large to build."""
