"""The work of a mathematics worker process: parse gold and answer, and compare them."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import sympy

from darkhorse.verify.math.equality import Equality
from darkhorse.verify.math.normalise import normalise
from darkhorse.verify.math.numbers import most_decimals
from darkhorse.verify.math.numeric import Undecidable
from darkhorse.verify.math.parser import parse
from darkhorse.verify.math.units import DEGREE, Unit, factors, split_unit
from darkhorse.verify.math.values import Unreadable, Value

Outcome = Literal["equal", "different", "gold_unreadable", "answer_unreadable"]


def decide(payload: dict[str, str]) -> dict[str, str]:
    """Compare `payload["gold"]` with `payload["answer"]`, or with itself when there is no answer.

    A gold that equals itself can be parsed and evaluated, so that whatever goes wrong against an answer is the
    answer's doing.

    Returns:
        `outcome` (an `Outcome`) and `why`.
    """
    try:
        gold = _read(payload["gold"])
    except Exception as error:
        return _result("gold_unreadable", error)
    if "answer" not in payload:
        try:
            return _result("equal" if _equal(gold, gold) else "gold_unreadable")
        except Exception as error:
            return _result("gold_unreadable", error)
    try:
        answer = _read(payload["answer"])
        return _result("equal" if _equal(gold, answer) else "different")
    except (Unreadable, RecursionError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
        return _result("answer_unreadable", error)
    except (Undecidable, NotImplementedError) as error:
        return _result("different", error)


def _result(outcome: Outcome, why: object = "") -> dict[str, str]:
    return {"outcome": outcome, "why": f"{why}"[:200]}


def _read(text: str) -> tuple[str, Value, Unit]:
    """An answer's text, value and unit."""
    body, unit = split_unit(normalise(text))
    return body, parse(body), unit


def _equal(gold: tuple[str, Value, Unit], answer: tuple[str, Value, Unit]) -> bool:
    (gold_text, gold_value, gold_unit), (answer_text, answer_value, answer_unit) = gold, answer
    equality = Equality(most_decimals(gold_text), most_decimals(answer_text))
    scalars = isinstance(gold_value, sympy.Expr) and isinstance(answer_value, sympy.Expr)
    below_one = isinstance(gold_value, sympy.Expr) and gold_value.is_number and bool(abs(gold_value) < 1)
    pairs = factors(gold_unit, answer_unit, below_one)
    candidates: list[tuple[Value, Value]] = []
    for gold_factor, answer_factor in pairs:
        if gold_factor == answer_factor:
            candidates.append((gold_value, answer_value))
        elif scalars:
            candidates.append((gold_value * _rational(gold_factor), answer_value * _rational(answer_factor)))
    if (
        scalars
        and (gold_unit is DEGREE) != (answer_unit is DEGREE)
        and not (gold_unit.dimension and answer_unit.dimension)
    ):
        degree = sympy.pi / 180
        candidates.append(
            (gold_value * degree, answer_value) if gold_unit is DEGREE else (gold_value, answer_value * degree)
        )
    return any(itertools.starmap(equality.holds, candidates))


def _rational(value: Any) -> Any:
    return sympy.Rational(value.numerator, value.denominator)
