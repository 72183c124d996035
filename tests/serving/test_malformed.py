"""A thousand malformed requests leave the server alive: no 500, no slot lost."""

from __future__ import annotations

import json
import random
import socket
import struct

import httpx
import pytest
from served import NAME, running

import tiny
from darkhorse.serving.local import LocalBackend

COUNT = 1000
CHAT = {"model": NAME, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 3}
TEXT = {"model": NAME, "prompt": "hello", "max_tokens": 3}
ODD = [
    None, True, -1, 0, 1, 2**70, -(2**70), 1e308, float("nan"), float("inf"), "", "x", "\ud800", "\x00", "ü" * 5000,
    [], [[]], [None], [1], [-1], [10**9], [[1], [2, "x"]], {}, {"type": "function"}, {"a": {"b": []}}, [{}], [["x"]],
    [{"role": "user"}], [{"role": "user", "content": None}], [{"role": "x", "content": "y"}],
    [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[" * 5000}}]}],
    [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
    [{"role": "user", "content": "\udfff"}],
    [{"role": "tool", "content": "{{ 1/0 }}{% raise %}"}],
    [{"type": "function", "function": {"name": "", "parameters": 3}}],
]  # fmt: skip
FIELDS = [
    "model", "messages", "prompt", "n", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p",
    "seed", "stop", "stream", "stream_options", "logprobs", "top_logprobs", "logit_bias", "tools", "tool_choice",
    "parallel_tool_calls", "presence_penalty", "frequency_penalty", "response_format", "chat_template_kwargs", "echo",
    "suffix", "best_of", "ignore_eos", "reasoning_effort",
]  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with running(LocalBackend(tiny.policy, 8, cache_gib=0.2)) as made:
        yield made


def raw(server, data, linger=False):
    """Send bytes as they are; the status that comes back, if one does. Without `linger` the socket is reset."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as link:
        link.sendall(data)
        if not linger:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return None
        link.shutdown(socket.SHUT_WR)
        answer = link.recv(64)
        return int(answer.split()[1]) if answer else None


def request_bytes(body, path, length=None):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length or len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n".encode() + body


def altered(rng):
    """A request with some of its fields made odd."""
    path, base = rng.choice([("/v1/chat/completions", CHAT), ("/v1/completions", TEXT)])
    body = dict(base)
    for _ in range(rng.randrange(1, 4)):
        body[rng.choice(FIELDS)] = rng.choice(ODD)
    return path, json.dumps(body).encode()


def test_a_thousand_malformed_requests(server):
    rng, seen = random.Random(1), dict[object, int]()
    with httpx.Client(base_url=server.url, timeout=60, headers={"Content-Type": "application/json"}) as client:
        for number in range(COUNT):
            path, body = altered(rng)
            match number % 8:
                case 0:  # truncated body
                    status = raw(server, request_bytes(body[: rng.randrange(len(body))], path), linger=True)
                case 1:  # truncated while it is being sent
                    status = raw(server, request_bytes(body[: len(body) // 2], path, len(body)))
                case 2:  # the client resets its connection when it has asked
                    endless = {"model": NAME, "prompt": "x", "max_tokens": 4000, "ignore_eos": True, "n": 3}
                    status = raw(
                        server, request_bytes(json.dumps(endless | {"stream": rng.random() < 0.5}).encode(), path)
                    )
                case 3:  # bad UTF-8
                    spot = rng.randrange(len(body))
                    status = client.post(path, content=body[:spot] + b"\xff\xfe\x80" + body[spot:]).status_code
                case 4 if number % 64 == 4:  # larger than is read
                    status = client.post(path, content=b'{"prompt": "' + b"x" * (2 << 20)).status_code
                case 5 if number % 64 == 5:  # deep
                    status = client.post(path, content=b'{"messages":' + b"[" * 100_000).status_code
                case 6 if number % 64 == 6:  # a prompt beyond the context
                    status = client.post(
                        path, json=TEXT | {"messages": CHAT["messages"], "prompt": "y" * 900_000}
                    ).status_code
                case 7 if number % 16 == 7:  # no HTTP
                    status = raw(server, rng.randbytes(200) + b"\r\n\r\n", linger=True)
                case _:
                    status = client.post(path, content=body).status_code
            seen[status] = seen.get(status, 0) + 1
            assert status is None or status < 500, (number, path, body)
        assert set(seen) <= {None, 200, 400, 404, 413}, seen
        assert seen[200] > 20 and seen[400] > 300 and seen[404] > 0 and seen[413] > 5, seen
        assert server.idle()
        answers = [client.post("/v1/completions", json=TEXT | {"n": 8}).json() for _ in range(2)]
    assert [len(answer["choices"]) for answer in answers] == [8, 8]  # all slots serve
    assert server.idle()


def test_requests_made_from_the_published_schema(server):
    """Of schemathesis, which knows what tends to break servers."""
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings

    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    statuses = []
    positive, negative = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
    chat, text, model = (
        schema["/v1/chat/completions"]["POST"],
        schema["/v1/completions"]["POST"],
        schema["/v1/models/{name}"],
    )
    for operation, kind in (
        (chat, positive),
        (chat, negative),
        (text, positive),
        (text, negative),
        (model["GET"], positive),
    ):

        @settings(max_examples=40, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(case=operation.as_strategy(generation_mode=kind))
        def ask(case):
            if isinstance(case.body, dict):
                case.body["max_tokens"] = 2
            statuses.append(case.call(timeout=30).status_code)
            assert statuses[-1] < 500, case

        ask()
    assert len(statuses) > 100 and server.idle()


def test_errors_of_the_framework_have_openais_shape(server):
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("GET", "/v1/completions", 405),
        ("POST", "/v1/completions", 400),
    ):
        answer = httpx.request(method, server.url + path, content=b"{")
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
