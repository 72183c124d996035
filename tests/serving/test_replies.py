"""Reading a sample's tokens: however they come, the reply is that of the whole text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from darkhorse.chat.reasoning import split_reasoning
from darkhorse.chat.renderer import Renderer
from darkhorse.chat.tool_calls import MalformedCall, parse_tool_calls
from darkhorse.serving.replies import Form, Reply, TokenText

RENDERER = Renderer(tiny.tokenizer())
TEXTS = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "</thin", "<", " ", "\n", "a", "é🦄", "<tool_call>", "</tool_call>", "STOP", "ST",
         '{"name": "f", "arguments": {"x": 1}}', '{"name": 3}']
    ),
    max_size=12,
).map("".join)  # fmt: skip


def read(text, form):
    """Each kind's text, and the calls."""
    reply = Reply(RENDERER, form)
    pieces = [piece for token in RENDERER.encode(text) for piece in reply.add(token)] + reply.end()
    reasoning, content = ("".join(p.text for p in pieces if p.kind == kind) for kind in ("reasoning", "content"))
    return reasoning, content, [p.call for p in pieces if p.call is not None]


@given(TEXTS)
def test_thinking_and_answer_are_split_as_for_rewards(text):
    reasoning, content, calls = read(text, Form())
    whole = split_reasoning(text)
    assert (reasoning, content, calls) == (whole.thinking, whole.answer, [])


@given(TEXTS)
def test_calls_are_those_of_the_answer(text):
    _, content, calls = read(text, Form(thinks=False, calls=True))
    parsed = [call for call in parse_tool_calls(text) if not isinstance(call, MalformedCall)]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [(c.name, c.arguments) for c in parsed]
    if "<tool_call>" not in text:
        assert content == text.strip()


@given(TEXTS)
def test_stop_strings_cut_the_answer(text):
    _, content, _ = read(text, Form(thinks=False, stop=("STOP", "a"), strip=False))
    ends = [at for stop in ("STOP", "a") if (at := text.find(stop)) >= 0]
    assert content == (text[: min(ends)] if ends else text)


def test_a_malformed_call_is_shown_as_it_was_written():
    text = 'so: <tool_call>\n{"name": 3}\n</tool_call> done'
    assert read(text, Form(thinks=False, calls=True)) == ("", text, [])


@pytest.mark.parametrize(
    ("text", "arguments"), [('{"a": {"b": "}"}} </tool_call>', '{"a": {"b": "}"}}'), ('{"a": ', '{"a": ')]
)
def test_forced_arguments_end_with_their_json(text, arguments):
    reasoning, content, (call,) = read(text, Form(False, True, forced="f"))
    assert (reasoning, content, call.name, call.arguments) == ("", "", "f", arguments)


@given(st.text(max_size=40))
def test_tokens_give_whole_characters_and_nothing_twice(text):
    stream = TokenText(RENDERER)
    parts = [stream.add(token) for token in RENDERER.encode(text)]
    assert "".join(parts) + stream.rest() == RENDERER.decode(RENDERER.encode(text))
