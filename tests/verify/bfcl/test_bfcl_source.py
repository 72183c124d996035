"""Calls in Java's and JavaScript's syntax, the values of their literals, and what can be an expression."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.bfcl.calls import Call, Language
from darkhorse.verify.bfcl.expression import check_expression
from darkhorse.verify.bfcl.literals import Code, Number, compact, literal
from darkhorse.verify.bfcl.source import published_java_call, published_javascript_call, source_call
from darkhorse.verify.bfcl.tokens import split_list

MAP = 'new HashMap<String, Object>() {{ put("a", 1); put("b", "x, y"); }}'


def test_a_call_keeps_the_source_of_its_arguments() -> None:
    call = source_call(f'[Geo.find(a="x, y", b=new int[]{{1, 2}}, c={MAP}, d=s -> s.trim())]')
    assert call == Call("Geo.find", {"a": '"x, y"', "b": "new int[]{1, 2}", "c": MAP, "d": "s -> s.trim()"})


@pytest.mark.parametrize(
    "text",
    [
        "f(5, a=1)",
        "f(a=1, a=2)",
        "f(a=1), f(a=1)",
        "f(a=(1)",
        "f(a='x)",
        "f(a=1,)",
        "f(a=x y)",
        "say f(a=1)",
        "f",
        "",
        "f(a==1)",
    ],
)
def test_refused_calls(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        source_call(text)


def test_the_leaderboards_reading() -> None:
    java = published_java_call(f"[f(a=\"x\", b='c', c=new int[]{{1, 2}}, d={MAP}, e=x . y, g=h(1, 2), 5)]")
    assert java.arguments == {
        "a": "x",
        "b": "c",
        "c": "new int[]{1,2}",
        "d": "new HashMap<String,Object>()",
        "e": "x.y",
        "g": "h(1, 2)",
    }
    javascript = published_javascript_call("[f(a='x', b=[1, 2], c={a: 1}, 5)]")
    assert javascript.arguments == {"a": "x", "b": "[1, 2]", "c": "{a: 1}"}


@pytest.mark.parametrize(
    ("language", "text", "value"),
    [
        ("java", '"a\\"b"', 'a"b'),
        ("java", "5L", Number(5, "l")),
        ("java", "-2.5f", Number(-2.5, "f")),
        ("java", "true", True),
        ("java", "null", None),
        ("java", 'new String[]{"a, b", "c"}', ["a, b", "c"]),
        ("java", "{1, 2}", [Number(1, ""), Number(2, "")]),
        ("java", 'new ArrayList<String>(Arrays.asList("a", "b"))', ["a", "b"]),
        ("java", 'new ArrayList<String>() {{ add("a"); add("b;c"); }}', ["a", "b;c"]),
        ("java", "new ArrayList<>()", []),
        ("java", "List.of(1)", [Number(1, "")]),
        ("java", MAP, {"a": Number(1, ""), "b": "x, y"}),
        ("java", "new HashMap<String, Integer>()", {}),
        ("java", "new Path( 'x' )", Code("new Path('x')")),
        ("javascript", "[1, 'a,b', [true]]", [Number(1, ""), "a,b", [True]]),
        ("javascript", "new Array(1, 2)", [Number(1, ""), Number(2, "")]),
        ("javascript", "{a: 1, 'b c': [2], d,}", {"a": Number(1, ""), "b c": [Number(2, "")], "d": Code("d")}),
        ("javascript", "5n", Number(5, "n")),
        ("javascript", "getIt()", Code("getIt()")),
        ("javascript", "[1, 2", Code("[1,2")),
    ],
)
def test_literals(language: Language, text: str, value: Any) -> None:
    assert literal(text, language) == value


def test_spaces_of_code() -> None:
    assert compact("new  Foo( a , 'b  c' )") == "new Foo(a,'b  c')"
    assert compact("'open") == "'open"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "a.b(1, 2)",
        "(String) x",
        "a ? b : c",
        "A::b",
        "x -> x + 1",
        "new P(1)",
        MAP,
        "-5L",
        "10.",
        "new int[]{1}",
        "f()[0]",
        "(a, b) => a + b",
        "function (a) { return a }",
        "/a+b/gi",
        "i++",
    ],
)
def test_expressions(text: str) -> None:
    check_expression(text)


@pytest.mark.parametrize(
    "text", ["a b", "f(1)x", "f().", "a:b", "1.2.3", "NEW P(1)", '""x""', "", "f(a.)", "(", "a}", "x{1}"]
)
def test_no_expressions(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        check_expression(text)


@given(st.lists(st.from_regex(r"\A[a-z0-9]{1,5}\Z") | st.just('"a,b"') | st.just("[1, (2, 3)]")))
def test_lists_are_split_where_they_were_joined(parts: list[str]) -> None:
    assert split_list(", ".join(parts)) == parts


@given(st.text() | st.text(alphabet="f(a=1,'\"[]{}<>new HashMap put;:.?)"))
def test_only_value_errors_are_raised(text: str) -> None:
    for read in (source_call, published_java_call, published_javascript_call):
        with contextlib.suppress(ValueError):
            read(text)
    literal(text, "java")
    literal(text, "javascript")


@pytest.mark.parametrize("piece", ["new HashMap<", "<", "new Array(", "[", "put(", "f(a=", "a<b ", "{", "'"])
def test_hostile_repetition_is_cheap(piece: str) -> None:
    text = f"f(a={piece * (19_000 // len(piece))})"
    started = time.perf_counter()
    for read in (source_call, published_java_call, published_javascript_call):
        with contextlib.suppress(ValueError):
            read(text)
    assert time.perf_counter() - started < 2
