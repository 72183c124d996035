"""The official `openai` client drives the server."""

from __future__ import annotations

import json
import time

import pytest
from served import NAME, Running, ScriptedBackend, running

import tiny
from darkhorse.chat.renderer import Renderer
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.serving.local import LocalBackend

openai = pytest.importorskip("openai")

CALLS = (
    "I look it up.\n</think>\n\nOne moment.\n<tool_call>\n"
    '{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>\n'
    '<tool_call>\n{"name": "weather", "arguments": {"city": "Ümeå"}}\n</tool_call>'
)
THOUGHT = "Let me <think>: naïve 🦄.\n</think>\n\nIt is **four**. END of it"
TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
]
ASK = [{"role": "user", "content": "2 + 2?"}]


def scripted(said, api_key=None, **kwargs):
    backend = ScriptedBackend(Renderer(tiny.tokenizer()), said if callable(said) else lambda *_: said)
    return running(backend, api_key, **kwargs)


def client(server: Running, key="none"):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)


def streamed(chunks):
    """What the pieces of a one-choice stream come to."""
    found = {"reasoning": "", "content": "", "calls": {}, "reason": None, "usage": None}
    for chunk in chunks:
        found["usage"] = chunk.usage or found["usage"]
        for choice in chunk.choices:
            found["reasoning"] += getattr(choice.delta, "reasoning_content", None) or ""
            found["content"] += choice.delta.content or ""
            for call in choice.delta.tool_calls or []:
                entry = found["calls"].setdefault(
                    call.index, {"id": call.id, "name": call.function.name, "arguments": ""}
                )
                entry["arguments"] += call.function.arguments or ""
            found["reason"] = choice.finish_reason or found["reason"]
    return found


def test_a_chat_has_thinking_answer_and_usage():
    with scripted(THOUGHT) as server:
        answer = client(server).chat.completions.create(model=NAME, messages=ASK)
        message = answer.choices[0].message
        assert message.content == "It is **four**. END of it"
        assert message.reasoning_content == "Let me <think>: naïve 🦄."
        assert answer.choices[0].finish_reason == "stop" and answer.object == "chat.completion"
        thinking = len(THOUGHT[: THOUGHT.index("</think>") + 8].encode())
        assert answer.usage.completion_tokens_details.reasoning_tokens == thinking
        assert answer.usage.completion_tokens == len(THOUGHT.encode()) + 1
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
        (request,) = server.serving.backend.requests
        assert (request.sampling.temperature, request.sampling.top_p, request.sampling.top_k) == (0.6, 0.95, 40)
        assert request.sampling.max_tokens == 4096 - len(request.prompt)


def test_a_stream_says_what_a_whole_answer_says():
    with scripted(THOUGHT) as server:
        chunks = client(server).chat.completions.create(
            model=NAME, messages=ASK, stream=True, stream_options={"include_usage": True}
        )
        found = streamed(chunks)
        assert (found["content"], found["reasoning"]) == ("It is **four**. END of it", "Let me <think>: naïve 🦄.")
        assert found["reason"] == "stop" and found["usage"].completion_tokens == len(THOUGHT.encode()) + 1


@pytest.mark.parametrize("parallel", [True, False])
def test_tools_are_called_in_parallel_and_streamed(parallel):
    with scripted(CALLS) as server:
        ask = {"model": NAME, "messages": ASK, "tools": TOOLS, "parallel_tool_calls": parallel}
        whole = client(server).chat.completions.create(**ask).choices[0]
        found = streamed(client(server).chat.completions.create(**ask, stream=True))
        wanted = [{"city": "Oslo"}, {"city": "Ümeå"}][: 1 + parallel]
        assert [json.loads(call.function.arguments) for call in whole.message.tool_calls] == wanted
        assert [json.loads(call["arguments"]) for call in found["calls"].values()] == wanted
        assert {call.function.name for call in whole.message.tool_calls} == {"weather"}
        assert len({call.id for call in whole.message.tool_calls}) == len(wanted)
        assert whole.message.content == found["content"] == "One moment."
        assert whole.finish_reason == found["reason"] == "tool_calls"


def test_what_tools_answered_is_shown_to_the_model_and_thinking_is_not():
    with scripted(THOUGHT) as server:
        call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
        messages = [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Weather "}, {"type": "text", "text": "in Oslo?"}]},
            {"role": "assistant", "content": None, "reasoning_content": "secret", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        ]
        client(server).chat.completions.create(model=NAME, messages=messages, tools=TOOLS)
        (request,) = server.serving.backend.requests
        text = server.serving.served.renderer.decode(request.prompt)
        assert "Be brief." in text and "Weather in Oslo?" in text and "secret" not in text
        assert '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>' in text
        assert "<tool_response>\nrain\n</tool_response>" in text and text.endswith("assistant\n<think>\n")


def test_tool_choice_none_shows_no_tools_and_a_named_one_is_forced():
    said = iter(["no call\n</think>\n\nplain", '{"city": {"x": 1}}}\n</tool_call> and more', '{"city": "cut'])
    with scripted(lambda *_: next(said)) as server:
        create = client(server).chat.completions.create
        plain = create(model=NAME, messages=ASK, tools=TOOLS, tool_choice="none")
        assert plain.choices[0].message.content == "plain"
        named = {"type": "function", "function": {"name": "weather"}}
        forced = create(model=NAME, messages=ASK, tools=TOOLS, tool_choice=named).choices[0]
        assert forced.message.tool_calls[0].function.arguments == '{"city": {"x": 1}}'
        assert forced.message.content is None and forced.finish_reason == "tool_calls"
        cut = create(model=NAME, messages=ASK, tools=TOOLS, tool_choice="required", max_tokens=8).choices[0]
        assert (cut.message.tool_calls[0].function.arguments, cut.finish_reason) == ('{"city":', "length")
        first, second, third = (
            server.serving.served.renderer.decode(r.prompt) for r in server.serving.backend.requests
        )
        assert "weather" not in first
        assert second == third and second.endswith('<tool_call>\n{"name": "weather", "arguments": ')


def test_thinking_can_be_turned_off():
    with scripted("four") as server:
        create = client(server).chat.completions.create
        for extra in (
            {"reasoning_effort": "none"},
            {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}},
        ):
            message = create(model=NAME, messages=ASK, **extra).choices[0].message
            assert message.content == "four" and not hasattr(message, "reasoning_content")
        prompt = server.serving.backend.requests[0].prompt
        assert server.serving.served.renderer.decode(prompt).endswith("<think>\n\n</think>\n\n")


def test_stop_strings_end_the_answer_but_not_the_thinking():
    with scripted("END? Not yet.\n</think>\n\nIt is four. END of it") as server:
        create = client(server).chat.completions.create
        for stop in ("END", ["nothing", "END"]):
            choice = create(model=NAME, messages=ASK, stop=stop).choices[0]
            assert (choice.message.content, choice.finish_reason) == ("It is four.", "stop")
            assert choice.message.reasoning_content == "END? Not yet."
            assert streamed(create(model=NAME, messages=ASK, stop=stop, stream=True))["content"] == "It is four."


def test_completions_are_plain_text_with_echo_and_stop():
    with scripted("one\n two</think> three") as server:
        create = client(server).completions.create
        answer = create(model=NAME, prompt=["A", "B"], n=2, echo=True, max_tokens=99)
        assert [c.text for c in answer.choices] == [f"{p}one\n two</think> three" for p in "AABB"]
        assert [c.index for c in answer.choices] == [0, 1, 2, 3]
        (choice,) = create(model=NAME, prompt=[65, 66], stop="\n").choices
        assert (choice.text, choice.finish_reason) == ("one", "stop")
        chunks = list(create(model=NAME, prompt="x", stream=True, max_tokens=6))
        assert (
            "".join(c.choices[0].text for c in chunks) == "one\n t" and chunks[-1].choices[0].finish_reason == "length"
        )
        request = server.serving.backend.requests[-1]
        assert (request.sampling.temperature, request.sampling.top_p, request.sampling.top_k) == (1.0, 1.0, 0)


def test_log_probabilities_are_those_of_every_token():
    with scripted("x</think>A") as server:
        answer = client(server).chat.completions.create(model=NAME, messages=ASK, logprobs=True, top_logprobs=2)
        content = answer.choices[0].logprobs.content
        assert "".join(entry.token for entry in content) == "x</think>A<|im_end|>"
        assert [top.token for top in content[0].top_logprobs] == [chr_of(65), chr_of(66)]
        chunks = client(server).chat.completions.create(model=NAME, messages=ASK, logprobs=True, stream=True)
        tokens = [e.token for c in chunks if c.choices and c.choices[0].logprobs for e in c.choices[0].logprobs.content]
        assert "".join(tokens) == "x</think>A<|im_end|>"
        completion = client(server).completions.create(model=NAME, prompt="x", logprobs=2)
        logprobs = completion.choices[0].logprobs
        assert logprobs.token_logprobs[0] == -0.5
        assert logprobs.top_logprobs[0] == {chr_of(65): -0.5, chr_of(66): -1.0, "x": -0.5}, (
            "the drawn one beside the two"
        )


def test_log_probabilities_tell_the_bytes_of_half_characters():
    with scripted("a🦄b") as server:
        off = {"chat_template_kwargs": {"enable_thinking": False}}
        answer = client(server).chat.completions.create(model=NAME, messages=ASK, logprobs=True, extra_body=off)
        told = [byte for entry in answer.choices[0].logprobs.content for byte in entry.bytes]
        assert bytes(told).decode() == "a🦄b<|im_end|>"
        whole = client(server).completions.create(model=NAME, prompt="x", logprobs=1).choices[0].logprobs
        chunks = client(server).completions.create(model=NAME, prompt="x", logprobs=1, stream=True)
        pieces = [chunk.choices[0].logprobs for chunk in chunks if chunk.choices[0].logprobs]
        assert whole.tokens == ["a", *(f"bytes:\\x{byte:02x}" for byte in "🦄".encode()), "b", "<|im_end|>"]
        assert whole.text_offset == [0, 1, 2, 2, 2, 2, 3] == [offset for p in pieces for offset in p.text_offset]


def test_an_answer_that_was_all_thinking_can_be_sent_back():
    with scripted("I only think") as server:
        create = client(server).chat.completions.create
        message = create(model=NAME, messages=ASK).choices[0].message
        assert message.content is None
        assert create(model=NAME, messages=[*ASK, message.model_dump(), *ASK]).choices[0].finish_reason == "stop"


def chr_of(token):
    return tiny.tokenizer().decode([token])


@pytest.fixture(scope="module")
def local():
    with running(LocalBackend(tiny.policy, 16, cache_gib=0.2)) as server:
        yield server


def test_seeds_and_choices_over_a_real_model(local):
    create = client(local).chat.completions.create

    def ask(seed):
        answer = create(model=NAME, messages=ASK, n=3, seed=seed, max_completion_tokens=20, temperature=1.0)
        return [(c.message.reasoning_content, c.finish_reason) for c in answer.choices]

    one, again, other = ask(7), ask(7), ask(8)
    assert one == again != other and len(set(one)) == 3
    assert local.idle()


def test_models_health_and_metrics(local):
    import httpx

    assert [m.id for m in client(local).models.list()] == [NAME]
    assert client(local).models.retrieve(NAME).id == NAME
    assert httpx.get(f"{local.url}/health").json()["status"] == "ok"
    page = httpx.get(f"{local.url}/metrics").text
    assert 'darkhorse_requests_total{path="/v1/models",status="200"}' in page and "darkhorse_samples_running" in page


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        ({"stream_options": {"include_usage": True}}, "BadRequestError", "invalid_value"),
        ({"extra_body": {"functions": [{"name": "f"}]}}, "BadRequestError", "unsupported_parameter"),
        ({"model": "gpt-4"}, "NotFoundError", "model_not_found"),
        ({"max_tokens": 100_000}, "BadRequestError", "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "word " * 2000}]}, "BadRequestError", "context_length_exceeded"),
        ({"temperature": -1}, "BadRequestError", "invalid_value"),
        ({"messages": []}, "BadRequestError", "invalid_value"),
        ({"tool_choice": "required"}, "BadRequestError", "invalid_value"),
        ({"response_format": {"type": "json_object"}}, "BadRequestError", "unsupported_parameter"),
        ({"top_logprobs": 3}, "BadRequestError", "invalid_value"),
        ({"logit_bias": {"999999": 1}}, "BadRequestError", "invalid_value"),
    ],
)
def test_errors_are_the_clients_own(local, change, kind, code):
    with pytest.raises(getattr(openai, kind)) as caught:
        client(local).chat.completions.create(**({"model": NAME, "messages": ASK} | change))
    assert caught.value.code == code and caught.value.body["type"] == "invalid_request_error"


def test_a_key_is_asked_for():
    with scripted(THOUGHT, api_key="s3cret") as server:
        with pytest.raises(openai.AuthenticationError) as caught:
            client(server, "wrong").models.list()
        assert caught.value.code == "invalid_api_key" and caught.value.response.headers["www-authenticate"] == "Bearer"
        assert client(server, "s3cret").models.list().data
        import httpx

        for sent, status in (("bearer s3cret", 200), ("s3cret", 401), ("Basic s3cret", 401), ("Bearer s3cret x", 401)):
            assert httpx.get(f"{server.url}/v1/models", headers={"Authorization": sent}).status_code == status


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"stop": 5}, "stop"),
        ({"tool_choice": "some"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {}}, "tools": TOOLS}, "tool_choice.function.name"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        ({"messages": [{"role": "user"}]}, "messages.0"),
    ],
)
def test_an_error_names_the_place_in_the_request(local, change, param):
    import httpx

    answer = httpx.post(f"{local.url}/v1/chat/completions", json={"model": NAME, "messages": ASK} | change)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param) and error["message"].startswith(f"{param}: ")


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b"", b"\xff"])
def test_what_is_no_json_object_is_called_so(local, content):
    import httpx

    for kind in ("application/json", "text/plain"):
        answer = httpx.post(f"{local.url}/v1/completions", content=content, headers={"Content-Type": kind})
        error = answer.json()["error"]
        assert (
            answer.status_code == 400
            and error["param"] is None
            and "'Content-Type: application/json'" in error["message"]
        )


def long_request(server, **extra):
    return client(server).completions.create(
        model=NAME, prompt="x", max_tokens=3000, stream=True, extra_body={"ignore_eos": True}, **extra
    )


def test_too_many_requests_are_told_to_come_back():
    with running(LocalBackend(tiny.policy, 2, cache_gib=0.2), most=3) as server:
        streams = [long_request(server) for _ in range(3)]
        for stream in streams[:2]:
            next(iter(stream))
        with pytest.raises(openai.RateLimitError) as caught:
            client(server).completions.create(model=NAME, prompt="x")
        assert caught.value.response.headers["retry-after"] == "1"
        for stream in streams:
            stream.close()
        assert server.idle()
        client(server).completions.create(model=NAME, prompt="x")


@pytest.mark.parametrize("streams", [True, False])
def test_a_client_that_leaves_frees_its_slots_at_once(local, streams):
    import httpx

    body = {"model": NAME, "prompt": "x", "max_tokens": 3000, "n": 4, "ignore_eos": True, "stream": streams}
    if streams:
        with httpx.stream("POST", f"{local.url}/v1/completions", json=body) as answer:
            lines = answer.iter_lines()  # held, since closing it hangs up
            next(lines)
            assert local.serving.backend.running + local.serving.backend.waiting == 4
    else:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{local.url}/v1/completions", json=body, timeout=0.3)
    left = time.monotonic()
    assert local.idle() and time.monotonic() - left < 2.0


def test_clients_share_the_batches_of_the_engine(local):
    backend = local.serving.backend
    requests = [Request([n, 3], SamplingParams(max_tokens=12, seed=n)) for n in range(4)]
    streams = [long_request(local) for _ in range(3)]
    for stream in streams:
        next(iter(stream))
    assert backend.running == 3  # beside each other
    answer = client(local).completions.create(model=NAME, prompt=list(requests[1].prompt), seed=1, max_tokens=12)
    for stream in streams:
        stream.close()
    assert local.idle()
    alone = client(local).completions.create(model=NAME, prompt=list(requests[1].prompt), seed=1, max_tokens=12)
    assert answer.choices[0].text == alone.choices[0].text


def test_a_failure_of_the_engine_is_an_error_and_the_next_request_is_served(monkeypatch):
    backend = LocalBackend(tiny.policy, 4, cache_gib=0.2)
    drawer = backend._lane._drawer
    draw, broken = drawer.draw, [True]

    def fail(live, logits):
        if broken.pop() if broken else False:
            raise ArithmeticError("no such token")
        draw(live, logits)

    monkeypatch.setattr(drawer, "draw", fail)
    with running(backend) as server:
        with pytest.raises(openai.InternalServerError) as caught:
            client(server).completions.create(model=NAME, prompt="x")
        assert caught.value.code == "engine_failed"
        assert client(server).completions.create(model=NAME, prompt="x", max_tokens=3).choices[0].text is not None
        assert server.idle()


def test_langchain_calls_tools_and_streams():
    chat_openai = pytest.importorskip("langchain_openai").ChatOpenAI
    said = iter([CALLS, THOUGHT, THOUGHT])
    with scripted(lambda *_: next(said)) as server:
        model = chat_openai(model=NAME, base_url=f"{server.url}/v1", api_key="none")
        answer = model.bind_tools(TOOLS).invoke("Weather?")
        assert [call["args"] for call in answer.tool_calls] == [{"city": "Oslo"}, {"city": "Ümeå"}]
        assert model.invoke("2 + 2?").content == "It is **four**. END of it"
        assert "".join(str(piece.content) for piece in model.stream("2 + 2?")) == "It is **four**. END of it"


@pytest.mark.parametrize("raw", [False, True])
def test_qwen_agent_thinks_and_calls_functions(raw):
    """With its own prompt for functions, and with the server's."""
    get_chat_model = pytest.importorskip("qwen_agent.llm").get_chat_model
    function = TOOLS[0]["function"] | {"description": "tells the weather"}
    with scripted(CALLS) as server:
        config = {"max_tokens": 500, "use_raw_api": raw}
        settings = {"model": NAME, "model_server": f"{server.url}/v1", "api_key": "none", "generate_cfg": config}
        said = list(get_chat_model(settings).chat([{"role": "user", "content": "Weather?"}], [function], stream=True))[
            -1
        ]
    assert said[0]["reasoning_content"] == "I look it up."
    calls = [message["function_call"] for message in said if message.get("function_call")]
    assert [call["name"] for call in calls] == ["weather"] * 2
    assert [json.loads(call["arguments"]) for call in calls] == [{"city": "Oslo"}, {"city": "Ümeå"}]
