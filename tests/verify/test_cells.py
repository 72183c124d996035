"""Items of lists and tables: numbers by value, text loosely."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.cells import cell_number, same_cell


@pytest.mark.parametrize(
    ("found", "wanted", "tolerance", "same"),
    [
        ("1,234.50", 1234.5, 0.0, True),
        ("1e3", 1000, 0.0, True),
        ("3/4", 0.75, 0.0, True),
        ("−5", -5, 0.0, True),
        ("5", "-5", 0.0, False),
        ("0.33", 1 / 3, 0.02, True),
        ("0.33", 1 / 3, 0.0, False),
        ("100.1", 100, 0.001, True),
        ("100.2", 100, 0.001, False),
        ("7", "007", 0.0, False),
        ("007", "007", 0.0, True),
        ("**Paris** ", "paris", 0.0, True),
        ("Paris", "Rome", 0.0, False),
        ("x", 5, 0.0, False),
        (True, 1, 0.0, False),
        ("true", True, 0.0, True),
        (None, "", 0.0, True),
        ("", None, 0.0, True),
        (float("nan"), 1, 0.0, False),
    ],
)
def test_same_cell(found: Any, wanted: Any, tolerance: float, same: bool) -> None:
    assert same_cell(found, wanted, tolerance) is same


def test_huge_integers_are_compared() -> None:
    assert same_cell(10**5000, 10**5000)
    assert not same_cell(10**5000, "x")
    assert not same_cell(10**5000, 10**5000 + 1)


CELLS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(CELLS)
def test_a_cell_is_itself(value: Any) -> None:
    assert same_cell(value, value)


@given(
    st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
)
def test_numbers_are_read_exactly(value: Any) -> None:
    assert cell_number(f" {value:,} ") == Fraction(str(value))


@given(st.floats(1, 10**6), st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0.5, 2))
def test_a_wider_tolerance_accepts_no_less(wanted: float, narrow: float, more: float, factor: float) -> None:
    if same_cell(wanted * factor, wanted, narrow):
        assert same_cell(wanted * factor, wanted, narrow + more)


@given(CELLS | st.text(alphabet="0123456789,./eE+-"), CELLS)
def test_any_pair_is_compared(found: Any, wanted: Any) -> None:
    assert same_cell(found, wanted) in (True, False)
