"""The sets of reals that intervals, inequalities and operations on them denote."""

from __future__ import annotations

import functools
from fractions import Fraction

from darkhorse.verify.math import building
from darkhorse.verify.math.building import Builder
from darkhorse.verify.math.numeric import value_of
from darkhorse.verify.math.realset import HIGHEST, LOWEST, REALS, Endpoint, Interval, RealSet
from darkhorse.verify.math.tree import Collection, Expr, NumberSet, Relation, SetOperation, Value

_EXACT = Builder(thorough=True)


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
        found = bounds(value)
        return None if found is None else found[1]
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


def bounds(relation: Relation) -> tuple[str, RealSet] | None:
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
