from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from darkhorse.agent.tools import ToolUnavailable
from darkhorse.chat.tool_calls import ToolCall, parse_tool_calls
from darkhorse.config.rollout import AgentConfig
from darkhorse.errors import UserError
from darkhorse.evals import endpoint
from darkhorse.evals.endpoint import Endpoint, EndpointOptions
from darkhorse.evals.targets import Episode, Reply, Unanswered
from darkhorse.rollout.engine import SamplingParams
from darkhorse.tasks.task import Task
from evals_support import Server, serving, sums

QWQ = SamplingParams(temperature=0.6, top_p=0.95, top_k=40, max_tokens=100, seed=2**62 + 3)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_LONGEST_PAUSE_S", 0.0)


def _ask(server: Server, sampling: SamplingParams = QWQ, **options: Any) -> Reply:
    async def ask() -> Reply:
        async with Endpoint("adder", EndpointOptions(server.url, **options)) as target:
            return await target.ask([{"role": "user", "content": "2 and 3"}], [], sampling)

    return asyncio.run(ask())


def _says(message: dict[str, Any], finish: str = "stop") -> Any:
    return lambda body: {"choices": [{"message": message, "finish_reason": finish}], "usage": {"completion_tokens": 4}}


def test_a_request_carries_the_protocol_and_the_key() -> None:
    with serving() as server:
        reply = _ask(server, api_key="secret")
        (body,) = server.bodies
        assert server.headers["Authorization"] == "Bearer secret"
    assert body["model"] == "adder" and body["messages"] == [{"role": "user", "content": "2 and 3"}]
    assert (body["temperature"], body["top_p"], body["top_k"], body["max_tokens"]) == (0.6, 0.95, 40, 100)
    assert 0 <= body["seed"] < 2**31 and "min_p" not in body and "tools" not in body
    assert reply.answer.startswith("So \\boxed{") and reply.tokens >= 5 and reply.finish_reason == "stop"


def test_greedy_requests_leave_out_what_means_nothing_then() -> None:
    with serving() as server:
        _ask(server, SamplingParams(temperature=0.0, max_tokens=5))
        assert not {"top_p", "top_k", "min_p", "presence_penalty"} & server.bodies[0].keys()


def test_a_server_that_wants_the_newer_name_of_the_limit_gets_it() -> None:
    wants = '{"error": {"message": "Unsupported parameter: max_tokens. Use max_completion_tokens instead."}}'
    with serving() as server:
        server.refusals = [(400, wants)]
        assert _ask(server).tokens >= 5
        first, second = server.bodies
    assert first["max_tokens"] == second["max_completion_tokens"] == 100
    assert "max_tokens" not in second


def test_a_server_that_refuses_both_names_ends_at_once() -> None:
    with serving() as server:
        server.refusals = [(400, '{"error": {"message": "max_completion_tokens is too large"}}')] * 3
        with pytest.raises(UserError, match="too large"):
            _ask(server)
        assert len(server.bodies) == 2


def test_failures_in_passing_are_tried_again() -> None:
    with serving() as server:
        server.refusals = [(429, "{}"), (503, "busy"), (200, "no json"), (200, '{"choices": []}')]
        assert _ask(server, retries=4).tokens >= 5
        assert len(server.bodies) == 5


def test_a_server_that_stays_away_leaves_the_sample_for_later() -> None:
    with serving() as server:
        server.refusals = [(500, '{"error": {"message": "no memory"}}')] * 3
        with pytest.raises(Unanswered, match="status 500: no memory"):
            _ask(server, retries=2)
    with pytest.raises(Unanswered, match="ConnectError"):
        _ask(server, retries=1)


@pytest.mark.parametrize(("status", "remedy"), [(401, "OPENAI_API_KEY"), (404, "--base-url"), (400, "--top-k 0")])
def test_a_refusal_ends_at_once_and_says_what_to_do(status: int, remedy: str) -> None:
    with serving() as server:
        server.refusals = [(status, '{"error": {"message": "never"}}')]
        with pytest.raises(UserError, match="never") as caught:
            _ask(server, retries=5)
        assert remedy in caught.value.remedy and len(server.bodies) == 1


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_sent_apart_is_put_back(field: str) -> None:
    with serving(_says({"content": "It is 5.", field: "I add."})) as server:
        reply = _ask(server)
    assert reply.text == "I add.\n</think>\n\nIt is 5." and reply.answer == "It is 5."


def test_reasoning_that_was_cut_off_stays_open() -> None:
    with serving(_says({"content": None, "reasoning_content": "I add and"}, "length")) as server:
        reply = _ask(server)
    assert reply.text == "I add and" and reply.finish_reason == "length"


def test_structured_calls_become_blocks_whatever_their_arguments() -> None:
    calls = [
        {"function": {"name": "f", "arguments": '{"a": 1}'}},
        {"function": {"name": "g", "arguments": "{broken"}},
    ]
    with serving(_says({"content": "", "tool_calls": calls}, "tool_calls")) as server:
        first, second = parse_tool_calls(_ask(server).answer)
    assert first == ToolCall("f", {"a": 1}) and not isinstance(second, ToolCall)


def test_requests_keep_to_a_rate() -> None:
    with serving() as server:

        async def ask() -> None:
            async with Endpoint("adder", EndpointOptions(server.url, requests_per_minute=600)) as target:
                await asyncio.gather(*(target.ask([{"role": "user", "content": "1"}], [], QWQ) for _ in range(5)))

        begun = time.monotonic()
        asyncio.run(ask())
        assert time.monotonic() - begun >= 4 * 0.1


def test_tools_of_this_process_are_called_and_their_results_sent_back() -> None:
    schema = {"type": "function", "function": {"name": "double", "description": "", "parameters": {}}}

    def answer(body: dict[str, Any]) -> Any:
        if body["messages"][-1]["role"] == "tool":
            return sums({"messages": [body["messages"][-1]], "seed": 0})
        call = {"function": {"name": "double", "arguments": '{"n": 4}'}}
        return _says({"content": None, "tool_calls": [call]})(body)

    async def double(arguments: dict[str, Any]) -> str:
        return str(2 * arguments["n"])

    async def run(url: str) -> Any:
        async with Endpoint("adder", EndpointOptions(url), {"double": double}) as target:
            return await target.run(Task("t", ({"role": "user", "content": "double 4"},), "exact", "8", (schema,)), QWQ)

    with serving(answer) as server:
        episode = asyncio.run(run(server.url))
    assert [turn["role"] for turn in episode.response.turns] == ["assistant", "tool", "assistant"]
    assert episode.response.turns[1]["content"] == "8" and "boxed" in episode.response.answer
    assert json.dumps(server.bodies[0]["tools"]) == json.dumps([schema])


@pytest.mark.parametrize("address", ["localhost:8000/v1", "ftp://host/v1", "http://", "http://[::1"])
def test_an_address_that_is_none_ends_at_once(address: str) -> None:
    with pytest.raises(UserError, match="is no address of HTTP") as caught:
        Endpoint("adder", EndpointOptions(address))
    assert "http://localhost:8000/v1" in caught.value.remedy


@pytest.mark.parametrize(
    "body",
    [b'{"choices": "\xff"}', b'{"choices": {"0": {}}}', b'{"choices": ["text"]}', b'{"choices": [{"message": "hi"}]}'],
)
def test_an_answer_of_another_shape_is_tried_again(body: bytes) -> None:
    with serving() as server:
        server.refusals = [(200, body)]
        assert _ask(server, retries=1).tokens >= 5
        assert len(server.bodies) == 2


def test_content_in_parts_is_put_together() -> None:
    parts = [{"type": "text", "text": "It is "}, {"type": "text", "text": "5."}, {"type": "refusal", "refusal": "no"}]
    with serving(_says({"content": parts, "reasoning": "I add."})) as server:
        assert _ask(server).answer == "It is 5."


class _Counter:
    """A tool that keeps a count for as long as its episode, and says a lot."""

    def __init__(self, broken: bool = False) -> None:
        self.count, self.broken = 0, broken
        self.name, self.schema = "count", {}

    def fresh(self, shared: dict[Any, Any]) -> _Counter:
        return _Counter(self.broken)

    async def __call__(self, arguments: dict[str, Any]) -> str:
        if self.broken:
            raise ToolUnavailable("its server is down")
        self.count += 1
        return f"{self.count} " + "." * 10_000


def _count(tool: _Counter, times: int) -> list[Episode]:
    schema = {"type": "function", "function": {"name": "count", "description": "", "parameters": {}}}
    call = {"function": {"name": "count", "arguments": "{}"}}

    def answer(body: dict[str, Any]) -> Any:
        over = body["messages"][-1]["role"] == "tool"
        return _says({"content": "Done."} if over else {"content": None, "tool_calls": [call]})(body)

    async def run(url: str) -> list[Episode]:
        task = Task("t", ({"role": "user", "content": "count"},), "exact", "8", (schema,))
        async with Endpoint("adder", EndpointOptions(url), {"count": tool}) as target:
            return [await target.run(task, QWQ) for _ in range(times)]

    with serving(answer) as server:
        return asyncio.run(run(server.url))


def test_a_conversation_has_tools_of_its_own_and_reads_as_much_of_them_as_a_local_one() -> None:
    said = [episode.response.turns[1]["content"] for episode in _count(_Counter(), 2)]
    assert said[0] == said[1] and said[0].startswith("1 .")
    assert len(said[0]) == AgentConfig().max_tool_output + len(" [cut]")


def test_a_tool_that_is_down_abstains() -> None:
    (episode,) = _count(_Counter(broken=True), 1)
    assert episode.failure is not None and "its server is down" in episode.failure
