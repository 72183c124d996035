"""A model in Python, the page about it, and long contexts."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
import torch
from served import NAME, running

import tiny
from darkhorse.errors import UserError
from darkhorse.policy.long_context import extend_context
from darkhorse.serving.local import LocalBackend
from darkhorse.serving.model import Answer, ContextFull, Model

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
ASK = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def model():
    with Model(tiny.policy, max_sequences=8) as made:
        yield made


def test_a_stream_is_the_answer_in_pieces(model):
    whole = model.chat(ASK, seed=3, max_tokens=40, temperature=1.0)
    into = Answer()
    pieces = list(model.stream(ASK, seed=3, max_tokens=40, temperature=1.0, into=into))
    assert "".join(piece.text for piece in pieces) == whole.reasoning + whole.content and into == whole
    assert (whole.tokens, whole.finish_reason) == (40, "length") and whole.prompt_tokens > 10
    assert len(pieces) > 5


def test_leaving_the_loop_ends_the_answer(model):
    for _ in model.stream(ASK, ignore_end=True):
        break
    assert model._backend.running + model._backend.waiting == 0


def test_threads_share_a_model(model):
    wanted = [model.chat(ASK, seed=n, max_tokens=30) for n in range(4)]
    found = [Answer() for _ in range(4)]

    def ask(n):
        for _ in model.stream(ASK, seed=n, max_tokens=30, into=found[n]):
            pass

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == wanted


def test_messages_that_do_not_fit_are_an_error(model):
    with pytest.raises(ContextFull, match="context holds 4096"):
        model.chat([{"role": "user", "content": "word " * 2000}])


@pytest.mark.parametrize(
    ("messages", "settings", "said"),
    [
        ("hello", {}, "messages: "),
        ([], {}, "messages: "),
        ([{"role": "user"}], {}, "messages.0: a message of role 'user' needs content"),
        ([{"role": "user", "content": [{"type": "text"}]}], {}, "messages.0.content.0.text: Field required"),
        (ASK, {"tools": [{"name": "f"}]}, "tools.0.type: Field required"),
        (ASK, {"max_token": 3}, "Did you mean 'max_tokens'"),
        (ASK, {"max_tokens": 0}, "max_tokens is 0"),
        (ASK, {"temperature": "hot"}, "temperature is 'hot'"),
    ],
)
def test_what_is_no_question_is_an_error_of_the_caller_alone(model, messages, settings, said):
    with pytest.raises(UserError, match=said):
        model.chat(messages, **settings)


def test_messages_may_be_as_the_api_gives_and_takes_them(model):
    def prompt(arguments, content):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
        messages = [
            *ASK,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": content},
        ]
        into = Answer()
        for _ in model.stream(messages, max_tokens=1, into=into):
            pass
        return into.prompt_tokens

    assert prompt('{"a": 1}', "x") == prompt({"a": 1}, [{"type": "text", "text": "x"}])


def test_one_stop_string_is_not_its_letters(model):
    whole = model.chat(ASK, thinks=False, seed=1, max_tokens=30, temperature=1.0).content
    assert (
        model.chat(ASK, thinks=False, seed=1, max_tokens=30, temperature=1.0, stop=whole[3:] + whole[0]).content
        == whole
    )
    assert model.chat(ASK, thinks=False, seed=1, max_tokens=30, temperature=1.0, stop=["", whole[5:7]]).content == (
        whole[: whole.index(whole[5:7])].strip()
    )


def test_a_closed_model_says_so():
    made = Model(tiny.policy, max_sequences=2)
    made.close()
    with pytest.raises(RuntimeError, match="closed"):
        made.chat(ASK)


def test_the_page_says_what_works(tmp_path, monkeypatch, capsys):
    openai = pytest.importorskip("openai")
    folder = tiny.folder(tmp_path / "tiny")
    python, client = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(python.replace("smollm2-135m", str(folder)), str(PAGE), "exec"), names)
    assert re.search("length|stop", capsys.readouterr().out)
    names["model"].close()
    assert openai and len(python.strip().splitlines()) <= 7
    with running(LocalBackend(tiny.policy, 4, cache_gib=0.2)) as server:
        exec(compile(client.replace("quickstart", NAME), str(PAGE), "exec"), {"address": server.url})
    assert capsys.readouterr().out.strip()


def test_yarn_stretches_a_window_and_leaves_it_alone_within():
    policy = tiny.policy()
    ids = torch.tensor([[1, 2, 3, 4]])
    reference = tiny.model()
    extend_context(policy.model, 4096)
    assert policy.model.config.rope_parameters["rope_type"] == "default"
    extend_context(policy.model, 16384)
    assert policy.model.config.max_position_embeddings == 16384
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "llama", **{k: v for k, v in policy.model.config.to_dict().items() if k != "model_type"}
    )
    fresh = AutoModelForCausalLM.from_config(config).eval()
    fresh.load_state_dict(reference.state_dict())
    with torch.no_grad():
        stretched, plain = fresh(ids).logits, reference(ids).logits
    with Model(lambda: policy, max_sequences=2) as made:
        assert made.context == 16384
        drawn = made.chat(ASK, temperature=0.0, max_tokens=5)
    assert drawn.tokens == 5 and not torch.allclose(stretched, plain)
    rotary = next(m for n, m in policy.model.named_modules() if n.endswith("rotary_emb"))
    wanted = next(m for n, m in fresh.named_modules() if n.endswith("rotary_emb"))
    assert torch.equal(rotary.inv_freq, wanted.inv_freq) and rotary.attention_scaling == wanted.attention_scaling > 1


def test_a_window_that_yarn_cannot_stretch_is_an_error():
    with pytest.raises(UserError, match="YaRN cannot stretch"):
        extend_context(tiny.policy("gemma3").model, 100_000)
