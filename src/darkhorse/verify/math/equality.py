"""Deciding whether two parsed answers mean the same: by structure first, down to pairs of expressions."""

from __future__ import annotations

from dataclasses import dataclass

from darkhorse.verify.math import building
from darkhorse.verify.math.building import Builder
from darkhorse.verify.math.inequalities import bounds, real_set
from darkhorse.verify.math.numeric import constant_ratio, same_expression, same_number
from darkhorse.verify.math.tree import (
    Collection,
    Expr,
    NumberSet,
    Ratio,
    Relation,
    SetOperation,
    Table,
    TooCostly,
    Value,
    nodes,
)

MAX_ITEMS = 60
_MIRRORED = {"<": ">", "<=": ">="}
_EXACT = Builder(thorough=True)


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
            TooCostly: if something has to be worked out symbolically first.
        """
        if isinstance(gold, Expr) and isinstance(answer, Expr):
            return self._numbers(gold, answer)
        if isinstance(gold, Table) or isinstance(answer, Table):
            return self._tables(_table(gold, answer), _table(answer, gold))
        if isinstance(gold, Ratio) or isinstance(answer, Ratio):
            return _ratios(gold, answer)
        if _is_set(gold) or _is_set(answer):
            return self._sets(gold, answer)
        if isinstance(gold, Relation) and isinstance(answer, Relation):
            return self._relations(gold, answer)
        if any(isinstance(side, Relation) and bounds(side) is not None for side in (gold, answer)):
            return self._sets(gold, answer)
        if isinstance(gold, Relation):
            assigned = _assigned(gold)
            exact = gold.sides[0] if gold.operators == ("~",) else None
            exact = assigned[1] if assigned is not None else exact
            return exact is not None and self.holds(exact, answer)
        if isinstance(answer, Relation):
            return self._all_sides(gold, answer)
        return self._collections(gold, answer)

    def _numbers(self, gold: Expr, answer: Expr) -> bool:
        ops = {part.op for side in (gold, answer) for part in nodes(side)}
        if not ops.isdisjoint(building.ACCUMULATORS):
            raise TooCostly("a sum, integral, limit or derivative has to be worked out")
        if "infinity" in ops:
            return gold == answer
        return same_number(gold, answer, self.gold_decimals, self.answer_decimals)

    def _collections(self, gold: Value, answer: Value) -> bool:
        gold_items, answer_items = _items(gold), _items(answer)
        if max(len(gold_items), len(answer_items)) > MAX_ITEMS:
            return False
        if isinstance(gold, Expr) and isinstance(answer, Collection) and answer.opening == "":
            return all(self.holds(gold, item) for item in answer_items)  # "3/2 or 1.5" says one thing twice
        sides = [side for side in (gold, answer) if isinstance(side, Collection)]
        brackets = {(side.opening, side.closing) for side in sides if side.ordered}
        if len(brackets) > 1:
            return False
        kinds = {side.opening for side in sides}
        ordered = bool(brackets)
        if ordered and "{" in kinds:
            return False
        named = {repr(pair[0]) for item in gold_items if (pair := _assigned(item)) is not None}
        if len(named) > 1 and not any(isinstance(item, Relation) for item in answer_items):
            ordered = True
        if ordered:
            return len(gold_items) == len(answer_items) and all(map(self.holds, gold_items, answer_items))
        points = all(isinstance(item, Collection) for item in gold_items + answer_items)
        if "{" in kinds or (points and len(set(gold_items)) == len(gold_items)):
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
        """`x = 5`, `2 + 3 = 5`, `x = 2 + 3 = 5 ~ 5.0` for a gold of 5: the last exact side is the answer.

        An equation of two values must be true, so that `5 = 6` is neither 5 nor 6.
        """
        sides, operators = list(answer.sides), list(answer.operators)
        if is_quantity(sides[0]):
            sides.pop(0)
            operators.pop(0)  # also x ~ 5
        exact = operators.index("~") if "~" in operators else len(operators)
        if any(operator != "=" for operator in operators[:exact]) or (answer.operators[0] not in ("=", "~")):
            return False
        sides = sides[: exact + 1]
        if len(sides) > 1 and isinstance(sides[-1], Expr) and sides[-1].name is not None:
            sides.pop()
        return all(self.holds(gold, side) for side in (sides if len(answer.sides) == 2 else sides[-1:]))

    def _relations(self, gold: Relation, answer: Relation) -> bool:
        if bounds(gold) is not None or bounds(answer) is not None:
            return self._bounded(gold, answer)
        if gold.operators == answer.operators and all(map(self.holds, gold.sides, answer.sides)):
            return True
        gold_value, answer_value = _assigned(gold), _assigned(answer)
        if gold_value is not None and answer_value is not None and gold_value[0] == answer_value[0]:
            return self._all_sides(gold_value[1], answer)
        if len(gold.sides) != 2 or len(answer.sides) != 2:
            return False
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
        gold_bounds, answer_bounds = bounds(gold), bounds(answer)
        if gold_bounds is None or answer_bounds is None or gold_bounds[0] != answer_bounds[0]:
            return False
        return gold_bounds[1].same(answer_bounds[1], self._numbers)

    def _sets(self, gold: Value, answer: Value) -> bool:
        if _is_ordered(gold) and _is_ordered(answer):
            return self._collections(gold, answer)
        gold_set, answer_set = real_set(gold), real_set(answer)
        if gold_set is not None and answer_set is not None:
            return gold_set.same(answer_set, self._numbers)
        return gold == answer or self._same_operation(gold, answer)

    def _same_operation(self, gold: Value, answer: Value) -> bool:
        """Operations on sets that hold symbols: the same operation on the same sets."""
        if not isinstance(gold, SetOperation) or not isinstance(answer, SetOperation):
            return False
        if gold.operator != answer.operator:
            return False
        if self.holds(gold.left, answer.left) and self.holds(gold.right, answer.right):
            return True
        swapped = gold.operator != "difference"
        return swapped and self.holds(gold.left, answer.right) and self.holds(gold.right, answer.left)

    def _tables(self, gold: Table | None, answer: Table | None) -> bool:
        if gold is None or answer is None or len(gold.rows) != len(answer.rows):
            return False
        rows = zip(gold.rows, answer.rows, strict=True)
        return all(len(a) == len(b) and all(map(self.holds, a, b)) for a, b in rows)


def _standard_form(relation: Relation) -> tuple[str, Expr | None]:
    """The operator (`=`, `!=`, `>` or `>=`) and the difference of the sides it compares with zero."""
    left, right = relation.sides
    operator = relation.operators[0]
    if not isinstance(left, Expr) or not isinstance(right, Expr):
        return operator, None
    if operator in _MIRRORED:
        return _MIRRORED[operator], _EXACT.add(right, _EXACT.negate(left))
    return operator, _EXACT.add(left, _EXACT.negate(right))


def _assigned(value: Value) -> tuple[Value, Value] | None:
    """The name and the value of `x = value`, `(x, y) = value` or `value = x`, else None."""
    if not isinstance(value, Relation) or value.operators[0] != "=" or not set(value.operators) <= {"=", "~"}:
        return None
    if is_quantity(value.sides[0]):
        exact = value.operators.index("~") if "~" in value.operators else len(value.operators)
        return value.sides[0], value.sides[exact]
    if len(value.sides) == 2 and isinstance(value.sides[1], Expr) and value.sides[1].name is not None:
        return value.sides[1], value.sides[0]
    return None


def is_quantity(value: Value) -> bool:
    """Whether this names a quantity rather than computes one: `x`, `f(x)`, `AB`, `|AB|`, `AB:CD`, `(p, q)`."""
    if isinstance(value, Ratio):
        return all(map(is_quantity, value.parts))
    if isinstance(value, Collection):
        return value.opening == "(" and all(isinstance(item, Expr) and item.name is not None for item in value.items)
    if not isinstance(value, Expr):
        return False
    if value.name is not None:
        return True
    capitals = [node.name is not None and node.name[:1].isupper() for node in nodes(value) if not node.args]
    return value.op in ("mul", "abs", "pow") and all(
        named or node.rational == -1
        for named, node in zip(capitals, (n for n in nodes(value) if not n.args), strict=True)
    )


def _is_set(value: Value) -> bool:
    if isinstance(value, Collection) and value.opening == "{":
        return not value.items
    if isinstance(value, Collection) and value.opening == "":
        return all(isinstance(item, Relation) and bounds(item) is not None for item in value.items)
    return isinstance(value, NumberSet | SetOperation)


def _is_ordered(value: Value) -> bool:
    return isinstance(value, Collection) and value.ordered


def _is_number(value: Value) -> bool:
    return isinstance(value, Expr) and value.constant


def _items(value: Value) -> tuple[Value, ...]:
    return value.items if isinstance(value, Collection) else (value,)


def _table(value: Value, beside: Value) -> Table | None:
    """A matrix as such, as a list of rows, or, beside a single row or column, as a vector `(1, 2)`."""
    if isinstance(value, Table):
        return value
    if not isinstance(value, Collection) or not value.ordered:
        return None
    rows = [row for row in value.items if isinstance(row, Collection) and row.opening == "["]
    if len(rows) == len(value.items) and value.opening == "[":
        return Table(tuple(row.items for row in rows))
    if isinstance(beside, Table) and not rows:
        column = all(len(row) == 1 for row in beside.rows)
        return Table(tuple((item,) for item in value.items)) if column else Table((value.items,))
    return None


def _ratios(gold: Value, answer: Value) -> bool:
    """Equal up to a common factor; a fraction is a ratio of two, and `AB:CD = 1:2` is `1:2`."""
    first, second = _unnamed(gold), _unnamed(answer)
    if isinstance(first, Ratio) and isinstance(second, Ratio):
        a, b = first.parts, second.parts
        return len(a) == len(b) and all(
            same_expression(_EXACT.mul(a[i], b[0]), _EXACT.mul(b[i], a[0]))
            and (a[i].rational == 0) == (b[i].rational == 0)
            for i in range(len(a))
        )
    ratio, other = (first, second) if isinstance(first, Ratio) else (second, first)
    if (
        not isinstance(ratio, Ratio)
        or not isinstance(other, Expr)
        or len(ratio.parts) != 2
        or ratio.parts[1].rational == 0
    ):
        return False
    return same_expression(_EXACT.divide(*ratio.parts), other)


def _unnamed(value: Value) -> Value:
    assigned = _assigned(value)
    return value if assigned is None else assigned[1]
