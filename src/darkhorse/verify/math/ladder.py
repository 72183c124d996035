"""The comparison of an answer with a gold: a ladder of rungs that stops at the first decision."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Literal

from darkhorse.verify.math import building
from darkhorse.verify.math.building import Builder, number
from darkhorse.verify.math.equality import Equality
from darkhorse.verify.math.fast import decide_fast
from darkhorse.verify.math.normalise import normalise
from darkhorse.verify.math.numbers import most_decimals
from darkhorse.verify.math.numeric import Undecidable, has_value
from darkhorse.verify.math.parser import parse
from darkhorse.verify.math.tree import Collection, Expr, TooCostly, Unreadable, Value
from darkhorse.verify.math.units import DEGREE, Unit, factors, has_variable, split_unit

Outcome = Literal["equal", "different", "gold_unreadable", "answer_unreadable", "costly"]
_BARE_LOG = re.compile(r"\blog(?![A-Za-z_]|\s*_)")
_REMEMBERED = 2_048


@dataclass(frozen=True)
class Decision:
    """What a rung decided.

    Attributes:
        outcome: `costly` leaves the decision to a worker process.
        rung: `text`, `number`, `tree` or `algebra`.
        why: one clause a person reads.
    """

    outcome: Outcome
    rung: str = ""
    why: str = ""

    def as_json(self) -> dict[str, str]:
        """For the way out of a worker."""
        return {key: str(value)[:200] for key, value in asdict(self).items()}


def decide(gold: str, answer: str, thorough: bool = False) -> Decision:
    """Compare two answers as written. Never raises on text.

    Args:
        gold, answer: LaTeX or plain text, as extracted.
        thorough: whether this process may be killed, so that costly work is done here; otherwise it is refused.
    """
    fast = decide_fast(gold, answer)
    if fast is not None:
        equal, rung = fast
        return Decision("equal" if equal else "different", rung, "the same" if equal else "not the same")
    different = None
    for base in (None, 10) if _BARE_LOG.search(gold) or _BARE_LOG.search(answer) else (None,):
        decision = _compare(gold, answer, Builder(thorough, base))
        if decision.outcome != "different":
            return decision
        different = different or decision
    assert different is not None
    return different


def check_gold(gold: str, thorough: bool = False) -> Decision:
    """Whether a gold can be read and has a value, so that what goes wrong against it is the answer's doing."""
    try:
        value = _read(gold, Builder(thorough))[1]
        for item in value.items if isinstance(value, Collection) else (value,):
            if isinstance(item, Expr) and item.op != "infinity" and not has_value(item):
                return Decision("gold_unreadable", "tree", "it has no finite value")
    except TooCostly as error:
        return Decision("costly", "tree", str(error))
    except Exception as error:
        return Decision("gold_unreadable", "tree", str(error))
    return Decision("equal", "tree")


def _compare(gold: str, answer: str, build: Builder) -> Decision:
    rung = "algebra" if build.thorough else "tree"
    try:
        gold_side = _read(gold, build)
    except TooCostly as error:
        return Decision("costly", rung, str(error))
    except Exception as error:
        return Decision("gold_unreadable", rung, str(error))
    try:
        equal = _equal(gold_side, _read(answer, build, letters=not has_variable(gold_side[0])), build)
        return Decision("equal" if equal else "different", rung, "equal in value" if equal else "another value")
    except TooCostly as error:
        return Decision("costly", rung, str(error))
    except Undecidable as error:
        return Decision("gold_unreadable" if build.thorough else "costly", rung, str(error))
    except Exception as error:  # whatever an answer brings about is the answer's doing, unless the gold does it too
        sound = check_gold(gold, build.thorough)
        return sound if sound.outcome != "equal" else Decision("answer_unreadable", rung, str(error))


@functools.lru_cache(_REMEMBERED)
def _read(text: str, build: Builder, letters: bool = False) -> tuple[str, Value, Unit]:
    """An answer's text, value and unit; of `name = value` with a name nobody reads, the value's."""
    body, unit = split_unit(normalise(text), letters)
    try:
        value = parse(body, build)
    except Unreadable:
        head, equals, tail = body.rpartition("=")
        if not equals or not tail.strip() or head.rstrip()[-1:] in "<>!:" or head.count("{") != head.count("}"):
            raise
        body = tail
        value = parse(body, build)
    if build.thorough:
        from darkhorse.verify.math.algebra import worked_out

        value = worked_out(value, build)
    return body, value, unit


def _equal(gold: tuple[str, Value, Unit], answer: tuple[str, Value, Unit], build: Builder) -> bool:
    (gold_text, gold_value, gold_unit), (answer_text, answer_value, answer_unit) = gold, answer
    equality = Equality(most_decimals(gold_text), most_decimals(answer_text))
    rational = gold_value.rational if isinstance(gold_value, Expr) else None
    pairs = factors(gold_unit, answer_unit, rational is not None and abs(rational) < 1)
    candidates: list[tuple[Value, Value]] = []
    for gold_factor, answer_factor in pairs:
        if gold_factor == answer_factor:
            candidates.append((gold_value, answer_value))
        elif isinstance(gold_value, Expr) and isinstance(answer_value, Expr):
            candidates.append((_times(gold_value, gold_factor, build), _times(answer_value, answer_factor, build)))
    if isinstance(gold_value, Expr) and isinstance(answer_value, Expr):
        dimensions = gold_unit.dimension and answer_unit.dimension
        if (gold_unit is DEGREE) != (answer_unit is DEGREE) and not dimensions:
            degree = build.divide(building.PI, number(180))
            if gold_unit is DEGREE:
                candidates.append((build.mul(gold_value, degree), answer_value))
            else:
                candidates.append((gold_value, build.mul(answer_value, degree)))
    try:
        return any(itertools.starmap(equality.holds, candidates))
    except Undecidable:
        if not build.thorough or not isinstance(gold_value, Expr) or not isinstance(answer_value, Expr):
            raise
        from darkhorse.verify.math.algebra import same_form

        if same_form(gold_value, answer_value):
            return True
        raise


def _times(value: Expr, factor: Fraction, build: Builder) -> Expr:
    return build.mul(value, number(factor))
