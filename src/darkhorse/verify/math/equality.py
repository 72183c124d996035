"""Deciding whether two parsed answers mean the same: by structure first, down to pairs of expressions."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction

from darkhorse.verify.math import building
from darkhorse.verify.math.building import Builder
from darkhorse.verify.math.numeric import constant_ratio, same_expression, same_number, value_of
from darkhorse.verify.math.realset import HIGHEST, LOWEST, REALS, Endpoint, Interval, RealSet
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
        if any(isinstance(side, Relation) and _bounds(side) is not None for side in (gold, answer)):
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
        if _bounds(gold) is not None or _bounds(answer) is not None:
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
        gold_bounds, answer_bounds = _bounds(gold), _bounds(answer)
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


def real_set(value: Value) -> RealSet | None:
    """The set of reals that an interval, set, inequality or set operation denotes, or None."""
    if isinstance(value, NumberSet):
        return REALS if value.name == "R" else None
    if isinstance(value, SetOperation):
        left, right = real_set(value.left), real_set(value.right)
        if left is None or right is None:
            return None
        return {"union": left.union, "intersection": left.intersection, "difference": left.difference}[value.operator](
            right
        )
    if isinstance(value, Relation):
        bounds = _bounds(value)
        return None if bounds is None else bounds[1]
    if not isinstance(value, Collection):
        return None
    if value.opening == "{":
        points = [_endpoint(item) for item in value.items]
        return None if None in points else RealSet.of(*(Interval(p, p, False, False) for p in points if p is not None))
    if value.opening == "":
        parts = [real_set(item) for item in value.items]  # "x < 1 or x > 3"
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        either = RealSet.of(*(interval for part in known for interval in part.parts))
        return either if either != REALS else functools.reduce(RealSet.intersection, known)  # "x > 1 and x < 2"
    if len(value.items) == 2:
        low, high = _endpoint(value.items[0]), _endpoint(value.items[1])
        if low is not None and high is not None and low.value <= high.value:
            return RealSet.of(Interval(low, high, value.opening == "(", value.closing == ")"))
    return None


def _endpoint(value: Value) -> Endpoint | None:
    """A real constant or an infinity as the end of an interval."""
    if value == building.INFINITY:
        return HIGHEST
    if value == _EXACT.negate(building.INFINITY):
        return LOWEST
    exact = value_of(value) if isinstance(value, Expr) else None
    return None if exact is None or not isinstance(value, Expr) else Endpoint(exact, value)


def _bounds(relation: Relation) -> tuple[str, RealSet] | None:
    """The variable and the set of a simple inequality: `x < 3`, `1 <= x < 2`, `-2x > 4`, `|x| < 1`, `x != 0`."""
    if not set(relation.operators) <= {"<", "<=", ">", ">=", "!="} or len(relation.sides) not in (2, 3):
        return None
    ends = [_endpoint(side) for side in relation.sides]
    position = next((i for i, end in enumerate(ends) if end is None), 0)
    if ends.count(None) != 1 or (len(ends) == 3 and position != 1):
        return None
    middle = relation.sides[position]
    known = _linear(middle) if isinstance(middle, Expr) else None
    if known is None:
        return None
    name, slope, shift, absolute = known
    found = REALS
    for index, operator in enumerate(relation.operators):
        first = position == index
        end = ends[index + 1 if first else index]
        assert end is not None
        if operator == "!=":
            part = RealSet((Interval(end, end, False, False),)).complement()
        elif (operator[0] == "<") == first:
            part = RealSet.of(Interval(LOWEST, end, True, operator[1:] == ""))
        else:
            part = RealSet.of(Interval(end, HIGHEST, operator[1:] == "", True))
        found = found.intersection(part)
    if absolute:
        positive = found.intersection(RealSet.of(Interval(Endpoint(Fraction(0), building.ZERO), HIGHEST, False, True)))
        found = positive.union(_transformed(positive, Fraction(-1), Fraction(0)))
    return name, _transformed(found, 1 / slope, -shift / slope)


def _linear(side: Expr) -> tuple[str, Fraction, Fraction, bool] | None:
    """`a x + b`, or its absolute value, as (x, a, b, absolute); None for anything else."""
    absolute = side.op == "abs"
    inside = side.args[0] if absolute else side
    if inside.name is not None:
        return inside.name, Fraction(1), Fraction(0), absolute
    slope, shift, name = Fraction(0), Fraction(0), None
    for term in inside.args if inside.op == "add" else (inside,):
        factors = term.args if term.op == "mul" else (term,)
        if term.rational is not None:
            shift = term.rational
        elif len(factors) <= 2 and factors[-1].name is not None and name is None:
            name = factors[-1].name
            coefficient = factors[0].rational if len(factors) == 2 else Fraction(1)
            if coefficient is None:
                return None
            slope = coefficient
        else:
            return None
    return (name, slope, shift, absolute) if name is not None and slope != 0 else None


def _transformed(reals: RealSet, factor: Fraction, shift: Fraction) -> RealSet:
    """The image of a set under `x -> factor x + shift`."""

    def moved(end: Endpoint) -> Endpoint:
        if end.expression is None:
            return end if factor > 0 else (LOWEST if end == HIGHEST else HIGHEST)
        image = _EXACT.add(_EXACT.mul(building.number(factor), end.expression), building.number(shift))
        assert isinstance(end.value, Fraction)
        return Endpoint(end.value * factor + shift, image)

    images = []
    for part in reals.parts:
        low, high = moved(part.low), moved(part.high)
        turned = factor < 0
        images.append(
            Interval(high, low, part.high_open, part.low_open)
            if turned
            else Interval(low, high, part.low_open, part.high_open)
        )
    return RealSet.of(*images)


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
        return all(isinstance(item, Relation) and _bounds(item) is not None for item in value.items)
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
