"""The leaderboard's check, its faults included."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.bfcl.calls import Call, Language
from darkhorse.verify.bfcl.published import published_problem, standardised
from darkhorse.verify.bfcl.published_types import convert


def schema(name: str = "f", required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    details = {key: value if isinstance(value, dict) else {"type": value} for key, value in properties.items()}
    return {"name": name, "parameters": {"type": "dict", "properties": details, "required": list(required)}}


def right(function: dict[str, Any], accepted: dict[str, Any], language: Language = "python", **arguments: Any) -> bool:
    calls = [Call(function["name"], arguments)]
    return published_problem([function], calls, [{function["name"]: accepted}], language, "simple") is None


NUMBERS = {"type": "array", "items": {"type": "integer"}}
DICTS = {"type": "array", "items": {"type": "dict"}}


@pytest.mark.parametrize(
    ("kind", "accepted", "value", "passes"),
    [
        ("integer", [5], 5, True),
        ("integer", [5], 5.0, False),
        ("integer", [5], "5", False),
        ("float", [5.0], 5, True),
        ("boolean", [True], 1, False),
        ("string", ["April 1, 2024"], "april 1 2024", True),
        ("string", ["5"], "-5", True),
        ("string", ["a/b"], "ab", True),
        ("string", ["a"], None, False),
        ("string", [None], None, True),
        ("string", ["", "x"], "", True),
        ("array", ["numbers"], "numbers", True),
        (NUMBERS, [[1, 2]], [1, 2], True),
        (NUMBERS, [[1, 2]], [2, 1], False),
        (NUMBERS, [[1, 2]], [1, 2.0], False),
        (NUMBERS, [[1], ""], [], True),
        ({"type": "tuple", "items": {"type": "float"}}, [[1.0, 2.0]], (1.0, 2.0), True),
        ("dict", [{"a": [1], "b": ["x", ""]}], {"a": 1}, True),
        ("dict", [{"a": [1]}], {"a": True}, True),
        ("dict", [{"a": [1]}], {}, False),
        ("dict", [{"a": [1]}], {"a": 1, "c": 2}, False),
        (DICTS, [[{"a": [1]}, {"a": [2]}]], [{"a": 1}, {"a": 2}], True),
        (DICTS, [[{"a": [1]}, {"a": [2]}]], [{"a": 2}, {"a": 1}], False),
    ],
)
def test_values(kind: Any, accepted: list[Any], value: Any, passes: bool) -> None:
    function = schema(v=kind if isinstance(kind, dict) else {"type": kind, "items": {"type": "string"}})
    assert right(function, {"v": accepted}, v=value) is passes


def test_parameters() -> None:
    function = schema(required=("a",), a="integer", b="integer")
    accepted = {"a": [1], "b": [2, ""]}
    assert right(function, accepted, a=1)
    assert right(function, accepted, a=1, b=2)
    assert not right(function, accepted, b=2)
    assert not right(function, accepted, a=1, c=3)
    assert not right(function, {"a": [1], "b": [2]}, a=1)


def test_parallel_calls_are_matched_greedily() -> None:
    function = schema(a="integer")
    answers = [{"f": {"a": [1, 2]}}, {"f": {"a": [1]}}]
    first = [Call("f", {"a": 2}), Call("f", {"a": 1})]
    assert published_problem([function], first, answers, "python", "parallel") is None
    crossed = published_problem([function], first[::-1], answers, "python", "parallel")
    assert crossed is not None and "no call fits 'f'" in crossed


def test_names_with_dots() -> None:
    function = schema("a.b")
    answers: list[dict[str, Any]] = [{"a.b": {}}]
    assert published_problem([function], [Call("a.b", {})], answers, "python", "multiple") is None
    assert published_problem([function], [Call("a_b", {})], answers, "python", "multiple") is not None
    assert published_problem([function], [Call("a_b", {})], answers, "python", "multiple", underscores=True) is None


def test_what_the_leaderboard_crashes_on_is_wrong() -> None:
    problem = published_problem(
        [schema(v=DICTS)], [Call("f", {"v": [1]})], [{"f": {"v": ["", [1]]}}], "python", "simple"
    )
    assert problem is not None and "fails with" in problem


@pytest.mark.parametrize(
    ("language", "kind", "inner", "text", "value"),
    [
        ("java", "integer", None, "5", 5),
        ("java", "integer", None, "5.0", "5.0"),
        ("java", "long", None, "5L", 5),
        ("java", "long", None, "5", "5"),
        ("java", "float", None, "2.5f", 2.5),
        ("java", "double", None, "2", 2.0),
        ("java", "boolean", None, "true", True),
        ("java", "Array", "integer", "new int[]{1, 2}", [1, 2]),
        ("java", "Array", "String", 'new String[]{"a"}', ['"a"']),
        ("java", "ArrayList", "String", 'new ArrayList<>(Arrays.asList("a,b"))', ["", ""]),
        ("java", "ArrayList", "integer", "new ArrayList<Integer>() {{ add(1); add(2); }}", [1, 2]),
        (
            "java",
            "HashMap",
            None,
            'new HashMap<String, Object>() {{ put("a", 5); put("b", "c"); }}',
            {"a": 5, "b": "c"},
        ),
        ("java", "HashMap", None, "new HashMap<>()", {}),
        ("javascript", "String", None, "'x'", "x"),
        ("javascript", "Bigint", None, "5n", 5),
        ("javascript", "array", "integer", "[1, 2]", [1, 2]),
        ("javascript", "array", None, "[[1, 2], [3]]", [[1, 2], [3]]),
        ("javascript", "array", "String", "new Array('a', \"b\")", ["a", "b"]),
        ("javascript", "dict", None, "{a: 1, 'b': [true, x]}", {"a": 1, "b": [True, "x"]}),
        ("javascript", "dict", None, "name", "name"),
    ],
)
def test_source_text(language: Language, kind: str, inner: str | None, text: str, value: Any) -> None:
    assert convert(text, kind, inner, language) == value


@pytest.mark.parametrize(
    "piece", ["[[],", "{a:", "new ArrayList<>() {{", "new HashMap<>() {", 'put("', "a:b,", "new Array([],"]
)
def test_hostile_source_is_cheap(piece: str) -> None:
    text = piece * (4_000 // len(piece))
    started = time.perf_counter()
    for language, kinds in (("java", ("ArrayList", "Array", "HashMap")), ("javascript", ("array", "dict"))):
        for kind in kinds:
            convert(text, kind, "String" if kind != "dict" else None, language)  # type: ignore[arg-type]
    assert time.perf_counter() - started < 3


@given(st.text())
def test_standardising_is_idempotent(text: str) -> None:
    once = standardised(text)
    assert standardised(once) == once
