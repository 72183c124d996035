"""Splitting thinking from answer, and reading tool calls out of answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.chat.reasoning import split_reasoning
from darkhorse.chat.tool_calls import MalformedCall, ToolCall, format_tool_call, parse_tool_calls

PIECES = st.lists(
    st.sampled_from(
        ["</think>", "<think>", "<tool_call>", "</tool_call>", '{"name": "f"}', "\n", " ", "x", "[", "NaN"]
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("text", "thinking", "answer", "closed"),
    [
        ("a\n</think>\n\nb", "a", "b", True),
        ("<think>\na\n</think>\n\nb", "a", "b", True),
        ("a</think>b</think>c", "a", "b</think>c", True),
        ("</think>b", "", "b", True),
        ("a\n</think>\n \n", "a", "", True),
        ("a <think> b", "a <think> b", "", False),
        ("<think>never ends", "never ends", "", False),
        ("", "", "", False),
    ],
)
def test_the_first_closing_tag_divides(text, thinking, answer, closed):
    response = split_reasoning(text)
    assert (response.thinking, response.answer, response.closed) == (thinking, answer, closed)


@given(PIECES | st.text())
def test_nothing_is_lost_or_invented(text):
    response = split_reasoning(text)
    assert response.closed == ("</think>" in text)
    assert "</think>" not in response.thinking
    assert response.thinking in text and response.answer in text
    if not response.closed:
        assert response.answer == ""


NAMES = st.text(max_size=12).filter(lambda text: "tool_call>" not in text)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.tuples(NAMES, st.dictionaries(NAMES, VALUES, max_size=3)), max_size=4), NAMES)
def test_well_formed_calls_come_back(calls, between):
    answer = between.join(["", *(format_tool_call(name, arguments) for name, arguments in calls), ""])
    assert parse_tool_calls(answer) == [ToolCall(name, arguments) for name, arguments in calls]


@given(PIECES | st.text())
def test_any_answer_is_read_without_an_error(answer):
    found = parse_tool_calls(answer)
    assert bool(found) == ("<tool_call>" in answer)
    for call in found:
        if isinstance(call, ToolCall):
            json.dumps(call.arguments)
        else:
            assert call.error and call.text in answer


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "not valid JSON"),
        ("{'name': 'f'}", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"name": 1' + "0" * 5000 + "}", "not valid JSON"),
        ("[1]", 'expected {"name"'),
        ('{"arguments": {}}', 'expected {"name"'),
        ('{"name": 3}', 'expected {"name"'),
        ('{"name": "f", "arguments": "x"}', "'arguments' must be a JSON object"),
    ],
)
def test_what_is_no_call_says_why(body, error):
    (call,) = parse_tool_calls(f"<tool_call>\n{body}\n</tool_call>")
    assert isinstance(call, MalformedCall)
    assert error in call.error


def test_a_call_without_arguments_and_one_that_never_closes():
    assert parse_tool_calls('<tool_call>{"name": "f"}</tool_call>') == [ToolCall("f", {})]
    assert parse_tool_calls('text <tool_call>\n{"name": "f", "arguments": {"a": 1}}') == [ToolCall("f", {"a": 1})]
