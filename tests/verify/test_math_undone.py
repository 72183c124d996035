"""Arithmetic left in the box scores nothing; numbers in any notation are no arithmetic."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.math import MathVerifier
from darkhorse.verify.math.extraction import Found
from darkhorse.verify.math.undone import left_undone


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("185", "93 + 92"),
        ("36", "62 - 26"),
        ("174", r"3 \cdot 58"),
        ("174", r"3 \times 58"),
        ("174", "3*58"),
        ("174", "(3)(58)"),
        ("3", "12/4"),
        ("3", r"\frac{12}{4}"),
        ("3", "(12)/(4)"),
        ("6", r"\gcd(12, 18)"),
        ("6", "gcd(12, 18)"),
        ("32", "2^5"),
        ("120", "5!"),
        ("4", r"\sqrt{16}"),
        ("3/4", r"\frac{1}{2} + \frac{1}{4}"),
        ("5", "x = 10 - 5"),
        ("10", r"\binom{5}{2}"),
        ("-5", "-(2 + 3)"),
    ],
)
def test_undone(gold: str, answer: str) -> None:
    assert left_undone(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("185", "185"),
        ("185", "x = 185"),
        ("185", "93 + 92 = 185"),
        ("185", r"185 \text{ apples}"),
        ("-3", "-3"),
        ("-3", "(-3)"),
        ("5", "{5}"),
        ("1000000", "1,000,000"),
        ("300000", r"3 \times 10^5"),
        ("3/4", r"\frac{6}{8}"),
        ("10/5", "10/5"),
        (r"\frac{10}{5}", "2"),
        ("0.75", "3/4"),
        ("1/2", "0.5"),
        ("7/2", r"3\frac{1}{2}"),
        ("50%", r"50\%"),
        (r"30^\circ", r"\frac{\pi}{6}"),
        (r"2\sqrt{3}", r"\sqrt{12}"),
        ("x + 1", "1 + x"),
        ("(1, 2)", "(1, 1 + 1)"),
    ],
)
def test_done(gold: str, answer: str) -> None:
    assert not left_undone(gold, answer)


@given(st.integers(-999, 999), st.integers(0, 999), st.sampled_from(["{} + {}", "{} - {}", r"{} \cdot {}", "{}*{}"]))
def test_no_sum_difference_or_product_of_two_numbers_is_done(a: int, b: int, form: str) -> None:
    result = a + b if "+" in form else a - b if " - " in form else a * b
    assert left_undone(str(result), form.format(a, b))
    assert not left_undone(str(result), str(result))


def test_the_verdict_says_why() -> None:
    verdict = asyncio.run(MathVerifier().judge("185", Found("93 + 92", "a box"), strict=True))
    assert verdict.reason == "The answer leaves the arithmetic undone."
    assert verdict.score == 0.0
