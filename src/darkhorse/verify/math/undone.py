"""Answers that restate the question: arithmetic that was asked for and is left to the verifier."""

from __future__ import annotations

from darkhorse.verify.math.lexer import Token, tokenize
from darkhorse.verify.math.normalise import normalise
from darkhorse.verify.math.numbers import read_number
from darkhorse.verify.math.tree import Unreadable
from darkhorse.verify.math.units import DEGREE, split_unit

_OPERATORS = frozenset("+-*/^!")
_SEPARATORS = frozenset(("=", "~"))


def left_undone(gold: str, answer: str) -> bool:
    r"""Whether the gold is a plain number but the answer only says how to get it.

    `93 + 92`, `3 \cdot 58`, `(3)(58)`, `12/4` for 3 and `\gcd(12, 18)` equal their results, and a policy rewarded for
    them learns to copy the question into the box. Numbers in any notation, fractions that are no whole number or
    whose gold is a fraction, and what stands before the last equals sign of `x = 5` are no arithmetic.
    """
    gold_body, gold_unit = split_unit(normalise(gold))
    gold_number = read_number(gold_body)
    if gold_number is None or gold_unit is DEGREE:  # degrees may be answered in radians, which are no plain numbers
        return False
    body = split_unit(normalise(answer))[0].strip()
    number = read_number(body)
    if number is not None:
        return number.value.denominator == 1 and _is_quotient(body) and not _is_quotient(gold_body)
    try:
        tokens = tokenize(body)[:-1]
    except Unreadable:
        return False  # the comparison says what is wrong with it
    return _is_arithmetic(_after_equals(tokens))


def _is_quotient(body: str) -> bool:
    return "/" in body or "\\frac" in body


def _after_equals(tokens: list[Token]) -> list[Token]:
    last = max((place for place, token in enumerate(tokens) if token.text in _SEPARATORS), default=-1)
    return tokens[last + 1 :]


def _is_arithmetic(tokens: list[Token]) -> bool:
    """Whether there is an operation between or on numbers; a sign in front and brackets around one are none."""
    core = [token for token in tokens if token.text not in ("(", ")", "{", "}")]
    if read_number(" ".join(token.text for token in core)) is not None and len(core) <= 2:
        return False  # a number in brackets, or with a sign
    operators = any(token.kind == "operator" and token.text in _OPERATORS for token in core[1:])
    functions = any(token.kind == "name" or token.text.startswith("\\") for token in core)
    factors = sum(token.kind == "number" for token in core) > 1 and not any(token.text in ",;" for token in core)
    return operators or functions or factors
