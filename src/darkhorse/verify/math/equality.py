"""Deciding whether two parsed answers mean the same: by structure first, down to pairs of expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy

from darkhorse.verify.math.numeric import constant_ratio, same_expression, same_number
from darkhorse.verify.math.values import Collection, Ratio, Relation, SetOperation, Table, Value

MAX_ITEMS = 60
_MIRRORED = {"<": ">", "<=": ">="}


@dataclass(frozen=True)
class Equality:
    """The comparison of one gold with one answer.

    Attributes:
        gold_decimals, answer_decimals: the most decimals each side was written with; bound rounding.
    """

    gold_decimals: int = 0
    answer_decimals: int = 0

    def holds(self, gold: Value, answer: Value) -> bool:
        """Whether the answer means what the gold means.

        Raises:
            Undecidable: if the gold has no value to compare with.
        """
        if isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr):
            return same_number(gold, answer, self.gold_decimals, self.answer_decimals)
        if isinstance(gold, Table) or isinstance(answer, Table):
            return self._tables(_table(gold), _table(answer))
        if isinstance(gold, Ratio) or isinstance(answer, Ratio):
            return _ratios(gold, answer)
        if _is_set(gold) or _is_set(answer):
            return self._sets(gold, answer)
        if isinstance(gold, Relation) and isinstance(answer, Relation):
            return self._relations(gold, answer)
        if any(isinstance(side, Relation) and _bounds(side) is not None for side in (gold, answer)):
            return self._sets(gold, answer)
        if isinstance(gold, Relation):
            assigned = _assigned(gold)
            return assigned is not None and self.holds(assigned[1], answer)
        if isinstance(answer, Relation):
            return self._all_sides(gold, answer)
        return self._collections(gold, answer)

    def _collections(self, gold: Value, answer: Value) -> bool:
        gold_items, answer_items = _items(gold), _items(answer)
        if max(len(gold_items), len(answer_items)) > MAX_ITEMS:
            return False
        brackets = {(side.opening, side.closing) for side in (gold, answer) if _is_ordered(side)}
        if len(brackets) > 1:
            return False
        kinds = {side.opening for side in (gold, answer) if isinstance(side, Collection)}
        ordered = bool(brackets)
        if ordered and "{" in kinds:
            return False
        named = {str(pair[0]) for item in gold_items if (pair := _assigned(item)) is not None}
        if len(named) > 1 and not any(isinstance(item, Relation) for item in answer_items):
            ordered = True
        if ordered:
            return len(gold_items) == len(answer_items) and all(map(self.holds, gold_items, answer_items))
        if "{" in kinds:
            return self._covered(gold_items, answer_items) and self._covered(answer_items, gold_items, swapped=True)
        return self._matched(gold_items, answer_items)

    def _covered(self, items: tuple[Value, ...], others: tuple[Value, ...], swapped: bool = False) -> bool:
        """Whether each item equals one of the others."""
        return all(any(self.holds(b, a) if swapped else self.holds(a, b) for b in others) for a in items)

    def _matched(self, gold: tuple[Value, ...], answer: tuple[Value, ...]) -> bool:
        """Whether the two are one multiset."""
        left = list(answer)
        for item in gold:
            position = next((i for i, other in enumerate(left) if self.holds(item, other)), None)
            if position is None:
                return False
            del left[position]
        return not left

    def _all_sides(self, gold: Value, answer: Relation) -> bool:
        """`x = 5`, `2 + 3 = 5` or `x = 5 ~ 5.0` for a gold of 5: every exact side but one variable must equal it."""
        exact = answer.operators.index("~") if "~" in answer.operators else len(answer.operators)
        if any(operator != "=" for operator in answer.operators[:exact]):
            return False
        sides = list(answer.sides[: exact + 1])
        if len(sides) > 1 and isinstance(sides[0], sympy.Symbol):
            sides.pop(0)
        elif len(sides) > 1 and isinstance(sides[-1], sympy.Symbol):
            sides.pop()
        return all(self.holds(gold, side) for side in sides)

    def _relations(self, gold: Relation, answer: Relation) -> bool:
        if _bounds(gold) is not None or _bounds(answer) is not None:
            return self._bounded(gold, answer)
        if gold.operators == answer.operators and all(map(self.holds, gold.sides, answer.sides)):
            return True
        if len(gold.sides) != 2 or len(answer.sides) != 2:
            return False
        gold_value, answer_value = _assigned(gold), _assigned(answer)
        if gold_value is not None and answer_value is not None and gold_value[0] == answer_value[0]:
            return self.holds(gold_value[1], answer_value[1])
        if gold_value is not None and _is_number(gold_value[1]):
            return False  # the gold is a solved unknown; another equation does not solve it
        gold_kind, gold_difference = _standard_form(gold)
        answer_kind, answer_difference = _standard_form(answer)
        if gold_kind != answer_kind or gold_difference is None or answer_difference is None:
            return False
        ratio = constant_ratio(gold_difference, answer_difference)
        return ratio is not None and (gold_kind in ("=", "!=") or bool(ratio > 0))

    def _bounded(self, gold: Relation, answer: Relation) -> bool:
        """Inequalities that bound one variable: the same variable and the same set."""
        gold_bounds, answer_bounds = _bounds(gold), _bounds(answer)
        if gold_bounds is None or answer_bounds is None or gold_bounds[0] != answer_bounds[0]:
            return False
        return self._sets(gold_bounds[1], answer_bounds[1])

    def _sets(self, gold: Value, answer: Value) -> bool:
        if _is_ordered(gold) and _is_ordered(answer):
            return self._collections(gold, answer)
        gold_set, answer_set = real_set(gold), real_set(answer)
        if gold_set is None and gold == answer:
            return True
        if gold_set is None or answer_set is None:
            return False
        return bool(gold_set == answer_set) or (
            gold_set.is_subset(answer_set) is True and answer_set.is_subset(gold_set) is True
        )

    def _tables(self, gold: Table | None, answer: Table | None) -> bool:
        if gold is None or answer is None or len(gold.rows) != len(answer.rows):
            return False
        rows = zip(gold.rows, answer.rows, strict=True)
        return all(len(a) == len(b) and all(map(self.holds, a, b)) for a, b in rows)


def real_set(value: Value) -> Any | None:
    """The sympy set of reals that an interval, set, inequality or set operation denotes, or None."""
    if isinstance(value, sympy.Set):
        return value
    if isinstance(value, SetOperation):
        left, right = real_set(value.left), real_set(value.right)
        if left is None or right is None:
            return None
        operation = {"union": sympy.Union, "intersection": sympy.Intersection, "difference": sympy.Complement}
        return operation[value.operator](left, right)
    if isinstance(value, Relation):
        bounds = _bounds(value)
        return None if bounds is None else bounds[1]
    if isinstance(value, Collection) and value.opening == "{":
        real = all(_is_number(item) and item.is_real for item in value.items)
        return sympy.FiniteSet(*value.items) if real else None
    if isinstance(value, Collection) and value.opening == "":
        parts = [real_set(item) for item in value.items]  # "x < 1 or x > 3"
        return None if None in parts else sympy.Union(*parts)
    if isinstance(value, Collection) and len(value.items) == 2 and all(map(_is_number, value.items)):
        low, high = value.items
        if low.is_extended_real and high.is_extended_real and bool(low <= high):
            return sympy.Interval(low, high, value.opening == "(", value.closing == ")")
    return None


def _bounds(relation: Relation) -> tuple[Any, Any] | None:
    """The variable and the set of a simple inequality: `x < 3`, `1 <= x < 2`, `x != 0`; None for any other relation."""
    symbols = [side for side in relation.sides if isinstance(side, sympy.Symbol)]
    if len(symbols) != 1 or not set(relation.operators) <= {"<", "<=", ">", ">=", "!="}:
        return None
    if not all(_is_number(side) and side.is_extended_real for side in relation.sides if side is not symbols[0]):
        return None
    position = relation.sides.index(symbols[0])
    if len(relation.sides) != 2 and (len(relation.sides) != 3 or position != 1):
        return None
    bounds: Any = sympy.S.Reals
    for index, operator in enumerate(relation.operators):
        variable_first = position == index
        number = relation.sides[index + 1 if variable_first else index]
        if operator == "!=":
            part = sympy.Complement(sympy.S.Reals, sympy.FiniteSet(number))
        elif (operator[0] == "<") == variable_first:
            part = sympy.Interval(-sympy.oo, number, True, operator[1:] == "")
        else:
            part = sympy.Interval(number, sympy.oo, operator[1:] == "", True)
        bounds = sympy.Intersection(bounds, part)
    return symbols[0], bounds


def _standard_form(relation: Relation) -> tuple[str, Any | None]:
    """The operator (`=`, `!=`, `>` or `>=`) and the difference of the sides it compares with zero."""
    left, right = relation.sides
    operator = relation.operators[0]
    if not isinstance(left, sympy.Expr) or not isinstance(right, sympy.Expr):
        return operator, None
    if operator in _MIRRORED:
        return _MIRRORED[operator], right - left
    return operator, left - right


def _assigned(value: Value) -> tuple[Any, Value] | None:
    """The variable (or `f(x)`) and the value of `x = value` or `value = x`, else None."""
    if not isinstance(value, Relation) or value.operators != ("=",):
        return None
    left, right = value.sides
    if isinstance(left, sympy.Symbol):
        return left, right
    return (right, left) if isinstance(right, sympy.Symbol) else None


def _is_set(value: Value) -> bool:
    if isinstance(value, Collection) and value.opening == "{":
        return not value.items
    if isinstance(value, Collection) and value.opening == "":
        return all(isinstance(item, Relation) and _bounds(item) is not None for item in value.items)
    return isinstance(value, sympy.Set | SetOperation)


def _is_ordered(value: Value) -> bool:
    return isinstance(value, Collection) and value.ordered


def _is_number(value: Value) -> bool:
    return isinstance(value, sympy.Expr) and bool(value.is_number)


def _items(value: Value) -> tuple[Value, ...]:
    return value.items if isinstance(value, Collection) else (value,)


def _table(value: Value) -> Table | None:
    """A matrix as such, or written as a list of rows."""
    if isinstance(value, Table):
        return value
    if not isinstance(value, Collection) or value.opening != "[":
        return None
    rows = [row for row in value.items if isinstance(row, Collection) and row.opening == "["]
    return Table(tuple(row.items for row in rows)) if len(rows) == len(value.items) else None


def _ratios(gold: Value, answer: Value) -> bool:
    """Equal up to a common factor; a fraction is a ratio of two."""
    first, second = _parts(gold), _parts(answer)
    if len(first) < 2 or len(first) != len(second):
        return False
    return all(
        same_expression(first[i] * second[0], second[i] * first[0]) and first[i].is_zero == second[i].is_zero
        for i in range(len(first))
    )


def _parts(value: Value) -> tuple[Any, ...]:
    if isinstance(value, Ratio):
        return value.parts
    return tuple(value.as_numer_denom()) if isinstance(value, sympy.Expr) else ()
