"""Sums and products whose terms may be matrices."""

from __future__ import annotations

from darkhorse.verify.math.building import Builder, number, scalar
from darkhorse.verify.math.tree import Expr, Table, Unreadable, Value


def scaled(value: Value, sign: int, build: Builder) -> Value:
    """The value, or its negative; sets and lists have no negative."""
    if sign == 1:
        return value
    if isinstance(value, Table):
        return Table(tuple(tuple(build.negate(scalar(entry)) for entry in row) for row in value.rows))
    return build.mul(number(sign), scalar(value))


def total(terms: list[Value], build: Builder) -> Value:
    """The sum of numbers, or of matrices of one shape."""
    if len(terms) == 1:
        return terms[0]
    tables = [term for term in terms if isinstance(term, Table)]
    if not tables:
        return build.add(*(scalar(term) for term in terms))
    if len(tables) < len(terms) or len({_shape(table) for table in tables}) > 1:
        raise Unreadable("a sum of matrices that do not fit")
    rows = zip(*(table.rows for table in tables), strict=True)
    return Table(
        tuple(tuple(build.add(*(scalar(part) for part in parts)) for parts in zip(*row, strict=True)) for row in rows)
    )


def product(factors: list[Value], build: Builder) -> Value:
    """The product of numbers and matrices, in the order written."""
    if len(factors) == 1:
        return factors[0]
    numbers = [scalar(factor) for factor in factors if not isinstance(factor, Table)]
    tables = [factor for factor in factors if isinstance(factor, Table)]
    if not tables:
        return build.mul(*numbers)
    result = tables[0]
    for table in tables[1:]:
        result = _multiplied(result, table, build)
    factor: Expr = build.mul(*numbers)
    return Table(tuple(tuple(build.mul(factor, scalar(entry)) for entry in row) for row in result.rows))


def _multiplied(left: Table, right: Table, build: Builder) -> Table:
    columns = list(zip(*right.rows, strict=True)) if len(set(map(len, right.rows))) == 1 else []
    if not columns or any(len(row) != len(right.rows) for row in left.rows):
        raise Unreadable("a product of matrices that do not fit")
    return Table(
        tuple(
            tuple(
                build.add(*(build.mul(scalar(a), scalar(b)) for a, b in zip(row, column, strict=True)))
                for column in columns
            )
            for row in left.rows
        )
    )


def _shape(table: Table) -> tuple[int, ...]:
    return tuple(len(row) for row in table.rows)
