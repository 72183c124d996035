"""Ordered lists in JSON, on lines, and between separators."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.listing import list_items, listing
from darkhorse.verify.verdict import Abstained
from judging import judge, score


@pytest.mark.parametrize(
    ("truth", "answer", "expected"),
    [
        (["a", "b"], "a, B", 1),
        (["a", "b"], "b, a", 0),
        (["a", "b"], "1. a\n2. b", 1),
        (["a", "b"], "- a\n\n- b\n", 1),
        (["a", "b"], '["a", "b"]', 1),
        (["a", "b"], "<solution>a; b</solution>", 1),
        (["a", "b"], "a, b, c", 0),
        (["a", "a"], "a", 0),
        (["x, y", "z"], "x, y; z", 1),
        ([1, 2.5], "\\boxed{1, 2.5}", 1),
        ([1, 2.5], "[1, 2.50]", 1),
        ([1000, 2], "1,000; 2", 1),
        ({"answer": ["no", "yes"], "form": "bold"}, "It says **no, yes**", 1),
        ({"answer": ["no", "yes"], "form": "bold"}, "no, yes", 0),
        ({"answer": [3.14159], "tolerance": 0.01}, "3.14", 1),
        ({"answer": ["a", "b"], "separator": "->"}, "a -> b", 1),
    ],
)
def test_lists(truth: Any, answer: str, expected: int) -> None:
    assert score(listing, truth, answer) == expected


@pytest.mark.parametrize(
    "truth", [[], None, "a, b", {"answer": []}, {"answer": ["a"], "x": 1}, [["a"]], {"answer": ["a"], "tolerance": 2}]
)
def test_malformed_truths_abstain(truth: Any) -> None:
    assert isinstance(judge(listing, truth, "a"), Abstained)


@given(st.lists(st.text(alphabet="abc xyz", min_size=1).filter(str.strip) | st.integers(), min_size=1))
def test_a_list_is_itself(items: list[Any]) -> None:
    assert score(listing, items, json.dumps(items)) == 1
    assert score(listing, items, "\n".join(f"- {item}" for item in items)) == 1


@given(st.text())
def test_any_answer_is_scored(answer: str) -> None:
    assert score(listing, ["a", "b"], answer) in (0, 1)
    list_items(answer)
