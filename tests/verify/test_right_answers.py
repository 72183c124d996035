"""Every verifier of closed answers passes its right answer, in space of any kind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.verify import registry
from judging import score

AREA = {"name": "area", "parameters": {"properties": {"base": {"type": "integer"}}, "required": ["base"]}}
CASES: dict[str, tuple[Any, str]] = {
    "exact": ("New York", "new york"),
    "choice": ("B", "The answer is (B)."),
    "set": (["a", "b"], "b, a"),
    "list": (["a", "b"], "a, b"),
    "json": ({"answer": [1, {"a": None}]}, '[1, {"a": null}]'),
    "json_schema": ({"schema": {"type": "array", "minItems": 1}}, "[1]"),
    "table": ({"header": ["a", "b"], "rows": [[1, "x"]]}, "| a | b |\n|---|---|\n| 1 | x |"),
    "countdown": ({"nums": [2, 3], "target": 6}, "2 * 3"),
    "knights_knaves": ({"solution": {"Ann": True, "Bob": False}}, "Ann is a knight. Bob is a knave."),
    "zebra": (
        {"header": ["House", "Name"], "rows": [["1", "Bob"], ["2", "Al"]]},
        json.dumps({"solution": {"House 1": {"Name": "Bob"}, "House 2": {"Name": "Al"}}}),
    ),
    "bfcl": ({"functions": [AREA], "ground_truth": [{"area": {"base": [10]}}]}, "[area(base=10)]"),
    "function_call": (
        {"calls": [{"name": "area", "arguments": {"base": 10}}]},
        '<tool_call>\n{"name": "area", "arguments": {"base": 10}}\n</tool_call>',
    ),
}


@pytest.mark.parametrize("name", CASES)
@given(before=st.text(" \n\t", max_size=6), after=st.text(" \n\t", max_size=6))
def test_space_around_a_right_answer_changes_nothing(name: str, before: str, after: str) -> None:
    truth, answer = CASES[name]
    assert score(registry.get(name), truth, before + answer + after) == 1
