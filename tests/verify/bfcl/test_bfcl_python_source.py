"""Calls in Python's syntax are read without running them: strictly, and as the leaderboard reads them."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.bfcl.calls import Call, Name
from darkhorse.verify.bfcl.python_source import published_python_calls, python_calls


def test_calls_with_literals() -> None:
    text = "[geo.find(x=-5, y=[1, 2.5, 'q'], z={'a': True, 'b': None}, t=(1, 2), v=city), g()]"
    first, second = python_calls(text)
    assert first == Call(
        "geo.find", {"x": -5, "y": [1, 2.5, "q"], "z": {"a": True, "b": None}, "t": (1, 2), "v": "city"}
    )
    assert isinstance(first.arguments["v"], Name)
    assert second == Call("g", {})


@pytest.mark.parametrize("text", ["f(a=1)", "[f(a=1)]", "```python\n[f(a=1)]\n```", "  f(a=1)\n", "`f(a=1)`"])
def test_wrappings(text: str) -> None:
    assert python_calls(text) == [Call("f", {"a": 1})]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("f(5, a=1)", "without its name"),
        ("f(*x)", "without its name"),
        ("f(**x)", "unpacked"),
        ("f(a=1, a=2)", "given twice"),
        ("f(a={'k': 1, 'k': 2})", "given twice"),
        ("f(a={1: 2})", "no string"),
        ("f(a=not True)", "neither a literal"),
        ("f(a=-True)", "a sign stands"),
        ("f(a=-'x')", "a sign stands"),
        ("f(a=--5)", "a sign stands"),
        ("f(a=~5)", "neither a literal"),
        ("f(a=2 * 5)", "neither a literal"),
        ("f(a=g(1))", "neither a literal"),
        ("f(a=b'x')", "no JSON value"),
        ("f(a=...)", "no JSON value"),
        ("f(a={1, 2})", "neither a literal"),
        ("Here: f(a=1)", "syntax"),
        ("[1]", "other than calls"),
        ("{}", "other than calls"),
        ("(lambda: 0)()", "no function's name"),
        ("f(a=" + "9" * 5000 + ")", "syntax"),
        ("f(a=" + "[" * 40 + "]" * 40 + ")", "too deeply"),
        ("f(a=" + "-" * 50 + "1)", "in a row"),
        ("f(a='" + "x" * 30_000 + "')", "characters"),
        ("[" + "f()," * 100 + "]", "more than 64"),
    ],
)
def test_refusals(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        python_calls(text)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("f(5, a=1)", {"a": 1}),
        ("f(a=1, a=2)", {"a": 2}),
        ("f(a=+5)", {"a": -5}),
        ("f(a=not True)", {"a": -1}),
        ("f(a=city)", {"a": "city"}),
        ("f(a=2 * 5 + 1)", {"a": 11}),
        ("f(a='x' + 'y')", {"a": "xy"}),
        ("f(a=g(1))", {"a": "g(1)"}),
        ("f(a=g(x=1))", {"a": {"g": {"x": 1}}}),
        ("f(a=xs[0])", {"a": "xs[0]"}),
        ("f(a=...)", {"a": "..."}),
        ("f(a=r'\\d')", {"a": "\\d"}),
        ("f(a='\\d\\n')", {"a": "\\d\n"}),
    ],
)
def test_the_leaderboards_reading(text: str, arguments: dict[str, Any]) -> None:
    assert published_python_calls(text) == [Call("f", arguments)]


@pytest.mark.parametrize(
    "text", ["f(a=9**9**9)", "f(a='x' * 10**9)", "f(a=__import__('os').system('id') + 1)", "f(a=1 / 0)"]
)
def test_nothing_is_run(text: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ValueError, match=r"\S"):
        published_python_calls(text)
    assert time.perf_counter() - started < 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,3}_\Z"), VALUES, max_size=4))
def test_what_is_written_is_read(arguments: dict[str, Any]) -> None:
    text = f"[f({', '.join(f'{name}={value!r}' for name, value in arguments.items())})]"
    assert python_calls(text) == [Call("f", arguments)]


@given(st.text() | st.text(alphabet="f(a=1,'\"[]{}*-+\\ not lambda:.)"))
def test_only_value_errors_are_raised(text: str) -> None:
    for read in (python_calls, published_python_calls):
        with contextlib.suppress(ValueError):
            read(text)
