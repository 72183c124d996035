"""The chat template against QwQ-32B's own, on conversations of every shape."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tiny

TEXT = st.one_of(
    st.text(max_size=20),
    st.lists(
        st.sampled_from(["</think>", "<think>", "\n", "\n\n", " ", "a", "<|im_end|>", "{%- x %}", "ü"]), max_size=6
    ).map("".join),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
CALL = st.builds(lambda name, arguments: {"name": name, "arguments": arguments}, TEXT, st.dictionaries(TEXT, JSON))
CALLS = st.lists(CALL | CALL.map(lambda call: {"type": "function", "function": call}), min_size=1, max_size=3)
MESSAGE = st.one_of(
    st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(["user", "system", "tool"]), TEXT),
    st.builds(lambda text: {"role": "assistant", "content": text}, TEXT),
    st.builds(lambda thought, text: {"role": "assistant", "content": f"{thought}\n</think>\n\n{text}"}, TEXT, TEXT),
    st.builds(lambda text, calls: {"role": "assistant", "content": text, "tool_calls": calls}, TEXT, CALLS),
)
TOOL = st.builds(
    lambda name, text: {"type": "function", "function": {"name": name, "description": text, "parameters": {}}},
    TEXT,
    TEXT,
)


@pytest.fixture(scope="module")
def reference(data_dir) -> str:
    return (data_dir / "qwq_chat_template" / "Qwen-QwQ-32B.jinja").read_text()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MESSAGE, min_size=1, max_size=6), st.none() | st.lists(TOOL, min_size=1, max_size=3), st.booleans())
def test_conversations_render_as_qwq_renders_them(reference, messages, tools, generation):
    options = {"tools": tools, "tokenize": False, "add_generation_prompt": generation}
    ours = WORDS.apply_chat_template(messages, **options)
    assert ours == WORDS.apply_chat_template(messages, chat_template=reference, **options)


WORDS = tiny.tokenizer()


def test_a_conversation_as_it_should_look():
    text = WORDS.apply_chat_template(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "1+1?"},
            {"role": "assistant", "content": "easy\n</think>\n\n2"},
            {"role": "user", "content": "and 2+2?"},
        ],
        tokenize=False,
        add_generation_prompt=True,
    )
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n1+1?<|im_end|>\n"
        "<|im_start|>assistant\n2<|im_end|>\n"
        "<|im_start|>user\nand 2+2?<|im_end|>\n<|im_start|>assistant\n<think>\n"
    )
