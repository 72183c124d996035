r"""The published grader: what it accepts and refuses, its laxness included."""

from __future__ import annotations

import pytest

from darkhorse.verify.math.qwen import extracted, grade


@pytest.mark.parametrize(
    ("gold", "response", "accepted"),
    [
        ("5", r"\boxed{5}", True),
        ("5", "The answer is: 5.", True),
        ("5", "so we get 7 - 2 = 5", True),
        ("100", r"\boxed{1}", True),  # a percentage either way
        ("0.5", r"\boxed{50\%}", True),
        ("10000", r"\boxed{10000.5}", True),  # relative tolerance 1e-4
        ("10000", r"\boxed{10002}", False),
        ("B", r"\boxed{(A) or (B)}", True),  # the last letter
        ("x", r"\boxed{X}", True),  # case is ignored
        ("x>5", r"\boxed{x<5}", True),  # only the two sides are compared
        ("[1,2]", r"\boxed{(1,2)}", True),  # brackets are dropped
        ("x=3", r"\boxed{3}", True),
        ("5", r"\boxed{\text{five}}", True),
        (r"\frac{1}{3}", r"\boxed{0.33334}", True),
        (r"\frac{1}{3}", r"\boxed{0.334}", False),
        (r"\sqrt{8}", r"\boxed{2\sqrt2}", True),
        ("x+1", r"\boxed{1+x}", True),
        ("x+1", r"\boxed{x+2}", False),
        (r"\begin{pmatrix}0.29\\0.196\end{pmatrix}", r"\boxed{\begin{pmatrix}0.29024\\0.19601\end{pmatrix}}", True),
        ("(1,2)", r"\boxed{(1,3)}", False),
        ("2", r"\boxed{9**9**9**9}", False),
        ("2", r"\boxed{__import__('os').getpid()}", False),
    ],
)
def test_grade(gold: str, response: str, accepted: bool) -> None:
    assert grade(response, gold)[0] is accepted


def test_the_last_number_is_taken_where_nothing_is_stated() -> None:
    assert extracted("from 1,200 and 3") == "3"
    assert extracted("no digits") == ""
