"""The check for rewards: what the published check lets pass and should not, and the other way round."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.bfcl.calls import Call, Language, Name
from darkhorse.verify.bfcl.strict import offered_problem, same_text, strict_problem


def schema(name: str = "f", required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    details = {key: value if isinstance(value, dict) else {"type": value} for key, value in properties.items()}
    return {"name": name, "parameters": {"type": "dict", "properties": details, "required": list(required)}}


def right(details: Any, accepted: list[Any], value: Any, language: Language = "python") -> bool:
    return strict_problem([schema(v=details)], [Call("f", {"v": value})], [{"f": {"v": accepted}}], language) is None


FLOATS = {"type": "array", "items": {"type": "float"}}
ENUM = {"type": "string", "enum": ["celsius", "kelvin"]}


@pytest.mark.parametrize(
    ("details", "accepted", "value", "passes"),
    [
        ("integer", [5], 5, True),
        ("integer", [5], 5.0, False),
        ("integer", [1], True, False),
        ("boolean", [True], 1, False),
        ("float", [5.0], 5, True),
        ("float", [5], 5.0, True),
        ("float", [2.5], "2.5", False),
        ("string", ["-5"], "5", False),
        ("string", ["5"], "-5", False),
        ("string", ["1.5"], "15", False),
        ("string", ["a/b"], "ab", False),
        ("string", ["x*y"], "xy", False),
        ("string", ["April 1, 2024"], "april 1 2024", True),
        ("string", ["New York, NY"], "New York,NY", True),
        ("string", ["well-known"], "well known", True),
        ("string", ["it's"], "it’s", True),
        ("string", ["units"], Name("units"), False),
        ("string", [None, "x"], None, True),
        ("string", ["", "x"], "", False),
        ({"type": "string", "default": ""}, ["", "x"], "", True),
        (ENUM, ["celsius"], "celsius", True),
        (ENUM, ["celsius"], "Celsius", False),
        (FLOATS, [[1, 2.5]], [1.0, 2.5], True),
        (FLOATS, [[1, 2.5]], (1.0, 2.5), False),
        (FLOATS, [[1.0]], [True], False),
        (FLOATS, [[1.0], ""], [], False),
        (FLOATS, ["data"], "data", True),
        (FLOATS, ["data"], Name("data"), True),
        ({"type": "tuple", "items": {"type": "integer"}}, [[1, 2]], (1, 2), True),
        ("dict", [{"a": [1], "b": ["x", ""]}], {"a": 1}, True),
        ("dict", [{"a": [1]}], {"a": True}, False),
        ("dict", [{"a": [1]}], {"a": 1, "b": 2}, False),
        ("dict", [{"format": "epoch"}], {"format": "epoch"}, True),
        ("dict", [{"format": "epoch"}], {}, False),
    ],
)
def test_values(details: Any, accepted: list[Any], value: Any, passes: bool) -> None:
    assert right(details, accepted, value) is passes


@pytest.mark.parametrize(
    ("language", "details", "accepted", "text", "passes"),
    [
        ("java", "integer", [5], "5", True),
        ("java", "integer", [5], '"5"', False),
        ("java", "integer", [5], "5L", False),
        ("java", "long", [5], "5L", True),
        ("java", "float", [2.5], "2.5f", True),
        ("java", "boolean", [True], "true", True),
        ("java", "boolean", [True], '"true"', False),
        ("java", "String", ["a b"], '"A b"', True),
        ("java", "any", ["map"], "map", True),
        ("java", "any", ["map"], "Map", False),
        ("java", "any", ["new P('a', 1)"], "new P( 'a',1 )", True),
        ("java", "HashMap", [{"a": [1]}], 'new HashMap<String, Integer>() {{ put("a", 1); }}', True),
        ("java", "HashMap", [{"a": [1]}], "new HashMap<String, Integer>()", False),
        ("java", {"type": "Array", "items": {"type": "String"}}, [["a,b"]], 'new String[]{"a,b"}', True),
        ("java", {"type": "Array", "items": {"type": "String"}}, [["-a"]], 'new String[]{"a"}', False),
        ("javascript", "String", ["x"], "'x'", True),
        ("javascript", "Boolean", [True], "true", True),
        ("javascript", "float", [5.0], "5", True),
        ("javascript", {"type": "array", "items": {"type": "String"}}, [["a,b"]], "['a,b']", True),
        ("javascript", "dict", [{"a": [1], "b": [[1, 2]]}], "{a: 1, b: [1, 2]}", True),
        ("javascript", "dict", [{"a": [1]}], "{a: '1'}", False),
        ("javascript", "dict", ["options"], "options", True),
        ("javascript", "dict", ["options"], "'options'", False),
    ],
)
def test_source_values(language: Language, details: Any, accepted: list[Any], text: str, passes: bool) -> None:
    assert right(details, accepted, text, language) is passes


def test_parallel_calls_are_matched_optimally() -> None:
    function = schema(a="integer")
    answers = [{"f": {"a": [1, 2]}}, {"f": {"a": [1]}}]
    calls = [Call("f", {"a": 1}), Call("f", {"a": 2})]
    assert strict_problem([function], calls, answers, "python") is None
    twice = strict_problem([function], [calls[0], calls[0]], answers, "python")
    assert twice is None  # both answers accept 1
    assert strict_problem([function], [calls[1], calls[1]], answers, "python") is not None
    same = [{"f": {"a": [1]}}, {"f": {"a": [1]}}]
    assert strict_problem([function], calls, same, "python") == "one call stands in for two expected ones"


def test_reasons_name_what_is_wrong() -> None:
    function = schema(required=("a",), a="integer", b="integer")
    answers = [{"f": {"a": [1], "b": [2, ""]}}]
    for arguments, reason in (
        ({}, "lacks the argument 'a'"),
        ({"a": 1, "c": 1}, "unexpected argument 'c'"),
        ({"a": 2}, "argument 'a' of 'f' has a wrong value"),
    ):
        assert reason in str(strict_problem([function], [Call("f", arguments)], answers, "python"))
    assert "'f' was not called" in str(strict_problem([function], [Call("g", {})], answers, "python"))


def test_calls_of_what_is_offered() -> None:
    functions = [schema("a.b", ("n",), n="integer", tags={"type": "array", "items": {"type": "string"}})]
    assert offered_problem(functions, [Call("a.b", {"n": 1, "tags": ["x"]})]) is None
    assert offered_problem(functions, [Call("a_b", {"n": 1})], underscores=True) is None
    for call in (Call("x", {}), Call("a.b", {}), Call("a.b", {"n": 1.5}), Call("a.b", {"n": 1, "m": 2})):
        assert offered_problem(functions, [call]) is not None
    assert offered_problem(functions, []) == "no function was called"
    assert offered_problem(functions, [Call("a.b", {"n": 1, "tags": [1]})]) is not None


@given(st.text(), st.sampled_from([" {} ", "{}\n", "{}", "\t{}"]))
def test_same_text_ignores_spaces_around(text: str, shape: str) -> None:
    assert same_text(shape.format(text), text)


@given(st.integers(), st.integers())
def test_different_numbers_are_different_texts(one: int, other: int) -> None:
    assert same_text(str(one), str(other)) is (one == other)
