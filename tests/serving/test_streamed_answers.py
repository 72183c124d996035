"""The events of streamed answers."""

from __future__ import annotations

import json

import httpx
import pytest
from served import NAME, ScriptedBackend, running

import tiny
from darkhorse.chat.renderer import Renderer

TEXT = "one\u2028two\x85three é \U0001f40e"


@pytest.mark.parametrize(
    ("path", "asked"),
    [("completions", {"prompt": "p"}), ("chat/completions", {"messages": [{"role": "user", "content": "p"}]})],
)
def test_events_are_ascii_so_that_no_client_takes_a_character_for_the_end_of_a_line(path, asked):
    with running(ScriptedBackend(Renderer(tiny.tokenizer()), lambda request, sample: TEXT)) as server:
        body = {"model": NAME, "stream": True, "max_tokens": 99, **asked}
        said = httpx.post(f"{server.url}/v1/{path}", json=body, trust_env=False).content
    assert said.isascii()
    events = [json.loads(line[6:]) for line in said.decode().splitlines() if line.startswith("data: {")]
    choices = [choice for event in events for choice in event["choices"]]
    parts = [choice.get("text") or choice.get("delta", {}).get("reasoning_content") or "" for choice in choices]
    assert "".join(parts) == TEXT


def test_a_call_with_half_a_surrogate_pair_is_streamed():
    said = 'I call.</think><tool_call>\n{"name": "f", "arguments": {"a": "\\ud83d"}}\n</tool_call>'
    with running(ScriptedBackend(Renderer(tiny.tokenizer()), lambda request, sample: said)) as server:
        tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
        body = {"model": NAME, "stream": True, "tools": tools, "messages": [{"role": "user", "content": "p"}]}
        answer = httpx.post(f"{server.url}/v1/chat/completions", json=body, trust_env=False).content
    assert answer.endswith(b"data: [DONE]\n\n") and b'"error"' not in answer
    assert b"ud83d" in answer and b'"tool_calls"' in answer
