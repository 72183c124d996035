"""Comparing outputs and values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.sandbox.checkers import same, same_output, same_value
from darkhorse.sandbox.protocol import Checker


def output(actual: str, expected: str, name: str = "lines", **settings: Any) -> bool:
    return same_output(actual, expected, Checker.model_validate({"name": name, **settings}))


def value(actual: Any, expected: Any, name: str = "lines", **settings: Any) -> bool:
    return same_value(actual, expected, Checker.model_validate({"name": name, **settings}))


def test_same() -> None:
    assert same(1, 1)
    assert same([1, {"a": 2.0}], [1, {"a": 2}])
    assert same(True, 1)
    assert not same(1, True)
    assert not same("1", 1)
    assert not same([1], [1, 2])
    assert not same({"a": 1}, {"b": 1})
    assert output("1 \n2\n\n", "1\n2")
    assert not output(" 1", "1")
    assert not output("1\n\n2", "1\n2")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(values, values)
def test_same_agrees_with_typed_equality(left: Any, right: Any) -> None:
    assert same(left, left)
    if same(left, right):
        assert left == right


def test_ways_to_compare_outputs() -> None:
    assert output("1", "1", "exact") and not output("1\n", "1", "exact")
    assert output("1  2\n3", "1 2 3", "whitespace") and not output("1 2", "1 2 3", "whitespace")
    assert output("b\na\n", "a\nb", "unordered_lines") and not output("a\na", "a\nb", "unordered_lines")
    assert output("0.3333333 x", "0.33333334 x", "numeric") and not output("0.33", "0.33333334", "numeric")
    assert output("1e400", "1e400", "numeric") and not output("1e400", "1e500", "numeric")
    assert output("10", "1e1", "numeric") and not output("nan", "1", "numeric") and not output("1_0", "10", "numeric")
    assert output("100.4", "100", "numeric", relative=0.01) and not output("100.4", "100", "numeric", relative=0.001)


@pytest.mark.parametrize(
    ("actual", "expected", "agree"),
    [
        ("1.0 2\n", "1 2.00", True),
        ("  yes ", "yes", True),
        ("yes", "Yes", False),
        ("1\n2", "1 2", False),
        ("1", "1\n2", False),
        ("a 1.0", "a 1", False),
        ("", "", True),
    ],
)
def test_the_rule_of_livecodebench(actual: str, expected: str, agree: bool) -> None:
    assert output(actual, expected, "livecodebench") is agree


def test_ways_to_compare_values() -> None:
    assert value([0.1 + 0.2, {"a": 1}], [0.3, {"a": 1.0}], "numeric") and not value(0.1 + 0.2, 0.3)
    assert not value(True, 1.0000000001, "numeric") and not value(10**400, 10**401, "numeric")
    assert output("1000001", "1000000.5", "numeric") and not output("1000001", "1000000", "numeric")
    assert value(1000001, 1000000.5, "numeric") and not value(1000001, 1000000, "numeric")
    assert value([{"a": [1]}, 2, True], [True, 2.0, {"a": [1.0]}], "unordered_lines")
    assert not value([1], [True], "unordered_lines") and not value([1, 2, 2], [1, 2], "unordered_lines")
    assert value([*range(50_000)], [*range(50_000)][::-1], "unordered_lines")
    assert value([[2], [1]], [[1], [2]], "unordered_lines") and not value([1, 1], [1, 2], "unordered_lines")


def test_a_checker_with_source_is_a_program() -> None:
    with pytest.raises(ValueError, match="source"):
        Checker(name="program")
    with pytest.raises(ValueError, match="source"):
        Checker(name="lines", source="def check(): pass")
