"""Comparing what a program gave with what was expected. Runs in the server, never beside the program."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from darkhorse.sandbox.protocol import Checker

_MOST_DIGITS = 1_000  # of a number that is compared as one
_WHOLE = re.compile(r"[+-]?\d+")


def same_output(actual: str, expected: str, checker: Checker) -> bool:
    """Whether a program's output is the expected one, as `checker` (any but `program`) sees it."""
    if checker.name == "exact":
        return actual == expected
    if checker.name == "whitespace":
        return actual.split() == expected.split()
    if checker.name == "numeric":
        return _all(actual.split(), expected.split(), lambda one, other: _same_word(one, other, checker))
    if checker.name == "unordered_lines":
        return sorted(_lines(actual)) == sorted(_lines(expected))
    if checker.name == "livecodebench":
        return _livecodebench(actual, expected)
    return _lines(actual) == _lines(expected)


def same_value(actual: Any, expected: Any, checker: Checker) -> bool:
    """Whether a call's value, of exact JSON types, is the expected one, as `checker` (any but `program`) sees it."""
    if checker.name == "numeric":
        return _same(actual, expected, lambda one, other: _close(one, other, checker))
    if checker.name == "unordered_lines" and isinstance(expected, list):
        return isinstance(actual, list) and _same_members(actual, expected)
    return same(actual, expected)


def same(actual: Any, expected: Any) -> bool:
    """Whether two JSON values are equal as Python sees them, except that an expected boolean is matched only by one."""
    return _same(actual, expected, lambda one, other: bool(one == other))


def _same(actual: Any, expected: Any, equal: Any) -> bool:
    if isinstance(expected, bool):
        return isinstance(actual, bool) and actual is expected
    if isinstance(expected, list):
        return isinstance(actual, list) and _all(actual, expected, lambda one, other: _same(one, other, equal))
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and actual.keys() == expected.keys()
            and all(_same(actual[key], value, equal) for key, value in expected.items())
        )
    return bool(equal(actual, expected))


def _same_members(actual: list[Any], expected: list[Any]) -> bool:
    if len(actual) != len(expected):
        return False
    left: dict[Any, list[Any]] = {}
    for value in actual:
        left.setdefault(_hashable(value), []).append(value)
    for value in expected:
        alike = left.get(_hashable(value), [])
        index = next((index for index, other in enumerate(alike) if same(other, value)), None)
        if index is None:
            return False
        del alike[index]
    return True


def _hashable(value: Any) -> Any:
    """Equal for JSON values that are equal."""
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return frozenset((key, _hashable(item)) for key, item in value.items()) if isinstance(value, dict) else value


def _all(actual: list[Any], expected: list[Any], equal: Any) -> bool:
    return len(actual) == len(expected) and all(map(equal, actual, expected))


def _close(actual: Any, expected: Any, checker: Checker) -> bool:
    kinds = {type(actual), type(expected)}
    if not kinds <= {int, float} or kinds == {int}:
        return bool(actual == expected)
    try:
        return actual == expected or math.isclose(actual, expected, rel_tol=checker.relative, abs_tol=checker.absolute)
    except OverflowError:  # integers beyond floats, and not equal
        return False


def _same_word(actual: str, expected: str, checker: Checker) -> bool:
    if actual == expected:
        return True
    one, other = _number(actual), _number(expected)
    if one is None or other is None:
        return False
    if one == other:
        return True
    if _WHOLE.fullmatch(actual) and _WHOLE.fullmatch(expected):
        return False
    return _in_range(one) and _in_range(other) and _close(float(one), float(other), checker)


def _in_range(number: Decimal) -> bool:
    return math.isfinite(float(number))


def _number(word: str) -> Decimal | None:
    if len(word) > _MOST_DIGITS or "_" in word:
        return None
    try:
        number = Decimal(word)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _livecodebench(actual: str, expected: str) -> bool:
    """LiveCodeBench's `grade_stdio`: stripped lines, each equal as text or word by word as decimal numbers."""
    ours, theirs = ([line.strip() for line in text.strip().split("\n")] for text in (actual, expected))
    return _all(ours, theirs, _same_decimals)


def _same_decimals(actual: str, expected: str) -> bool:
    if actual == expected:
        return True
    numbers = [[_number(word) for word in line.split()] for line in (actual, expected)]
    return None not in numbers[0] and None not in numbers[1] and numbers[0] == numbers[1]
