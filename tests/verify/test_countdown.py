"""Expressions of given numbers, computed exactly and never evaluated."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.countdown import countdown, evaluate
from darkhorse.verify.verdict import Abstained
from judging import judge, score

TRUTH = {"nums": [44, 19, 35], "target": 98}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("44 + 19 + 35", 1),
        ("<answer> (44 + 19) + 35 </answer>", 1),
        ("\\boxed{44 + 19 + 35 = 98}", 1),
        ("`44 + 19 + 35`", 1),
        ("44 + 19 + 35 = 97", 0),
        ("44 + 54", 0),
        ("98", 0),
        ("44 + 19 + 35 + 0 * 1", 0),
        ("44 + 19 + 35 + 44 - 44", 0),
        ("44 + 35 + 19 = 98 = 98", 0),
        ("4419 - 35", 0),
        ("44 19 + 35", 0),
        ("-44 + 19 + 35", 0),
        ("44 ** 19", 0),
        ("44 // 19", 0),
        ("The answer is 44 + 19 + 35", 0),
        ("<answer>44 + 19 + 35</answer><answer>1</answer>", 0),
        ("__import__('os')", 0),
        ("(" * 1000, 0),
        ("", 0),
    ],
)
def test_expressions(answer: str, expected: int) -> None:
    assert score(countdown, TRUTH, answer) == expected


def test_numbers_may_be_left_over_where_that_is_allowed() -> None:
    truth = {"numbers": [2, 3, 7], "target": 6}
    assert score(countdown, truth, "2 \\times 3") == 0
    assert score(countdown, {**truth, "use": "any"}, "2 \\times 3") == 1
    assert score(countdown, {**truth, "use": "any"}, "2 + 2 + 2") == 0
    assert score(countdown, {"nums": [3, 3, 8, 8], "target": 24}, "8 / (3 - 8 ÷ 3)") == 1


@pytest.mark.parametrize(
    "truth",
    [
        None,
        {},
        {"nums": [], "target": 1},
        {"nums": [1.5], "target": 1},
        {"nums": [1], "target": "1"},
        {"nums": [-1], "target": 1},
    ],
)
def test_malformed_truths_abstain(truth: Any) -> None:
    assert isinstance(judge(countdown, truth, "1"), Abstained)


EXPRESSIONS = st.recursive(
    st.integers(0, 50).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_values_are_exact(text: str) -> None:
    exact = "".join(
        f"Fraction({piece})" if piece.isdigit() else piece
        for piece in text.replace("(", "( ").replace(")", " )").split(" ")
    )
    try:
        expected = eval(exact, {"Fraction": Fraction})
    except ZeroDivisionError:
        with pytest.raises(ValueError, match="zero"):
            evaluate(text)
        return
    value, numbers = evaluate(text)
    assert value == expected
    if value.denominator == 1:
        assert score(countdown, {"nums": numbers, "target": int(value)}, text) == 1


@given(st.text() | st.text(alphabet="0123456789+-*/()= ×÷\\times"))
def test_any_answer_is_scored(answer: str) -> None:
    assert score(countdown, TRUTH, answer) in (0, 1)


@pytest.mark.data
def test_the_puzzles_of_tinyzero_are_read(data_dir: Path) -> None:
    import pyarrow.parquet as parquet

    rows = parquet.read_table(data_dir / "countdown/test.parquet", columns=["reward_model"]).to_pylist()
    for row in rows:
        truth = row["reward_model"]["ground_truth"]
        numbers = " + ".join(map(str, truth["numbers"]))
        assert score(countdown, truth, numbers) == float(sum(truth["numbers"]) == truth["target"])
