"""JSON against a schema: every keyword, schemas that cannot be used, and bounds."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.json_schema import json_schema
from darkhorse.verify.schema_rules import json_equal, schema_problem
from darkhorse.verify.verdict import Abstained
from judging import judge, score

KEYWORDS: list[tuple[Any, list[Any], list[Any]]] = [
    (True, [1, None], []),
    (False, [], [1, None]),
    ({"type": "integer"}, [1, 1.0, -3], [1.5, True, "1", None]),
    ({"type": ["string", "null"]}, ["a", None], [1]),
    ({"type": "number"}, [1, 1.5], [True, "1"]),
    ({"enum": [1, "a", [True]]}, [1, 1.0, "a", [True]], [True, [1], "b"]),
    ({"const": {"a": [1]}}, [{"a": [1.0]}], [{"a": [True]}, {}]),
    ({"minimum": 1, "maximum": 2}, [1, 2, "x"], [0.9, 2.1]),
    ({"exclusiveMinimum": 1, "exclusiveMaximum": 2}, [1.5], [1, 2]),
    ({"multipleOf": 0.1}, [0.3, 1, 7.7], [0.35]),
    ({"minLength": 2, "maxLength": 3}, ["ab", "äöü", 5], ["a", "abcd"]),
    ({"pattern": "^a+$"}, ["aa", 5], ["b"]),
    ({"minItems": 1, "maxItems": 2}, [[1]], [[], [1, 2, 3]]),
    ({"uniqueItems": True}, [[1, "1", True, [1], [True]]], [[1, 1.0], [[1], [1.0]], [{"a": 1}, {"a": 1}]]),
    ({"items": {"type": "integer"}}, [[1, 2], []], [[1, "a"]]),
    ({"prefixItems": [{"type": "integer"}], "items": {"type": "string"}}, [[1, "a"], []], [["a"], [1, 2]]),
    ({"contains": {"const": 1}}, [[2, 1]], [[2]]),
    ({"contains": {"const": 1}, "minContains": 2, "maxContains": 2}, [[1, 1]], [[1], [1, 1, 1]]),
    ({"minProperties": 1, "maxProperties": 1}, [{"a": 1}], [{}, {"a": 1, "b": 2}]),
    ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, [{"a": 1, "b": 2}], [{}, {"a": "x"}]),
    ({"properties": {"a": True}, "additionalProperties": False}, [{"a": 1}], [{"b": 1}]),
    (
        {"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False},
        [{"x1": 1}],
        [{"x1": "a"}, {"y": 1}],
    ),
    ({"propertyNames": {"maxLength": 1}}, [{"a": 1}], [{"ab": 1}]),
    ({"dependentRequired": {"a": ["b"]}}, [{"a": 1, "b": 1}, {}], [{"a": 1}]),
    ({"allOf": [{"minimum": 1}, {"maximum": 2}]}, [1], [0, 3]),
    ({"anyOf": [{"const": 1}, {"const": 2}]}, [1, 2], [3]),
    ({"oneOf": [{"minimum": 1}, {"minimum": 2}]}, [1], [0, 3]),
    ({"not": {"type": "null"}}, [1], [None]),
    ({"if": {"minimum": 5}, "then": {"maximum": 6}, "else": {"const": 0}}, [5, 6, 0], [7, 1]),
    ({"$ref": "#/$defs/n", "maximum": 9, "$defs": {"n": {"type": "integer"}}}, [1], ["a", 10]),
    ({"type": "object", "properties": {"next": {"$ref": "#"}}}, [{"next": {"next": {}}}], [{"next": {"next": 1}}]),
]


@pytest.mark.parametrize(("schema", "valid", "invalid"), KEYWORDS)
def test_keywords(schema: Any, valid: list[Any], invalid: list[Any]) -> None:
    for value in valid:
        assert score(json_schema, {"schema": schema}, json.dumps(value)) == 1, value
    for value in invalid:
        assert score(json_schema, {"schema": schema}, json.dumps(value)) == 0, value


@pytest.mark.parametrize(
    "truth",
    [
        None,
        {},
        {"schema": 5},
        {"schema": {"type": "text"}},
        {"schema": {"unknown": 1}},
        {"schema": {"items": {"minimun": 1}}},
        {"schema": {"minimum": "1"}},
        {"schema": {"pattern": "("}},
        {"schema": {"$ref": "#/$defs/none"}},
        {"schema": {"$ref": "https://example.org/schema"}},
        {"schema": {"allOf": []}},
        {"schema": {"$ref": "#"}},
        {"schema": {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}},
        {"schema": {"type": "object"}, "more": 1},
    ],
)
def test_schemas_that_cannot_be_used_abstain(truth: Any) -> None:
    assert isinstance(judge(json_schema, truth, "{}"), Abstained)


@pytest.mark.parametrize(
    "answer", ["", "no", "{'a': 1}", "NaN", '{"a": 1, "a": 2}', "[" * 5000, "9" * 5000, "{} and more"]
)
def test_what_is_no_json_scores_zero(answer: str) -> None:
    assert score(json_schema, {"schema": True}, answer) == 0


def test_a_fence_is_no_part_of_the_answer() -> None:
    assert score(json_schema, {"schema": {"type": "object"}}, "```json\n{}\n```") == 1


def test_large_answers_are_bounded() -> None:
    started = time.perf_counter()
    deep: Any = {}
    for _ in range(400):
        deep = {"next": deep}
    recursive = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert score(json_schema, {"schema": recursive}, json.dumps(deep)) == 0
    assert score(json_schema, {"schema": {"uniqueItems": True}}, json.dumps([[n] for n in range(1500)])) == 0
    branching = {"anyOf": [{"items": {"$ref": "#"}, "minItems": 1}] * 3}
    assert score(json_schema, {"schema": branching}, "[" * 40 + "[]" + "]" * 40) == 0
    assert time.perf_counter() - started < 5


def test_patterns_that_could_hang_are_killed() -> None:
    schema = {"type": "string", "pattern": "^(a+)+$"}
    assert score(json_schema, {"schema": schema}, '"aaa"') == 1
    assert score(json_schema, {"schema": {"items": schema}}, "[" * 900 + "]" * 900) == 0
    started = time.perf_counter()
    verdict = judge(json_schema, {"schema": schema}, json.dumps("a" * 60 + "b"))
    assert time.perf_counter() - started < 10
    assert isinstance(verdict, Abstained) or "too long to match" in verdict.reason


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_is_its_own_constant(value: Any) -> None:
    assert json_equal(value, value)
    assert score(json_schema, {"schema": {"const": value}}, json.dumps(value)) == 1
    assert score(json_schema, {"schema": {"not": {"const": value}}}, json.dumps(value)) == 0


@given(
    VALUES,
    st.sampled_from([schema for schema, _, _ in KEYWORDS]),
    st.sampled_from([schema for schema, _, _ in KEYWORDS]),
)
def test_more_rules_allow_no_more(value: Any, one: Any, other: Any) -> None:
    both = {"allOf": [one, other]}
    if "$ref" in json.dumps(both):
        return
    assert (schema_problem(value, both) is None) == (
        schema_problem(value, one) is None and schema_problem(value, other) is None
    )


@given(st.text())
def test_any_answer_is_scored(answer: str) -> None:
    assert score(json_schema, {"schema": {"type": "object"}}, answer) in (0, 1)
