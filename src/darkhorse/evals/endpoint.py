"""Any OpenAI-compatible server under test: retries, a limit of requests a minute, and reasoning however it is sent."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from darkhorse.agent.tools import Tool, close_tools, for_episode
from darkhorse.agent.tools.calling import ToolFailed, call_tool
from darkhorse.chat.reasoning import THINK_CLOSE, split_reasoning
from darkhorse.chat.tool_calls import format_tool_call, parse_tool_calls
from darkhorse.config.rollout import AgentConfig
from darkhorse.errors import UserError, described
from darkhorse.evals.targets import Episode, Refused, Reply, Unanswered
from darkhorse.rollout.engine import SamplingParams
from darkhorse.tasks.task import Task
from darkhorse.types import Message, ToolSchema

_PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_NOT_THIS_ONE = (400, 413, 422)
_LONGEST_PAUSE_S = 60.0
_NEWER_LIMIT = "max_completion_tokens"
"""What OpenAI's reasoning models, which refuse `max_tokens`, take in its place; other servers may not know it."""
_AGENT = AgentConfig()
"""Limits of conversations with tools, as a checkpoint of this machine has them."""


@dataclass(frozen=True)
class EndpointOptions:
    """How to reach a server.

    Attributes:
        base_url: of its API, with the version: `http://localhost:8000/v1`.
        api_key: sent as a bearer token; never written down.
        concurrency: requests under way at once.
        retries: of a request that fails in passing: no connection, a timeout, too many requests, a server's error.
        requests_per_minute: most requests begun in a minute; None for no limit.
        timeout_s: of one request, which may think for long.
    """

    base_url: str
    api_key: str | None = None
    concurrency: int = 16
    retries: int = 6
    requests_per_minute: float | None = None
    timeout_s: float = 3600.0


class Endpoint:
    """A server under test. Use it as an asynchronous context manager.

    Args:
        model: its name on the server.
        options: how to reach it.
        tools: tools that this process executes for the model, by name.

    Raises:
        UserError: if the address is none of HTTP.
    """

    def __init__(self, model: str, options: EndpointOptions, tools: Mapping[str, Tool] | None = None) -> None:
        if not _is_http(options.base_url):
            raise UserError(
                f"--base-url '{options.base_url}' is no address of HTTP.", "Give one such as http://localhost:8000/v1."
            )
        self.name = model
        self._options = options
        self._tools = tools or {}
        self._pace = _Pace(options.requests_per_minute)
        self._limit = "max_tokens"
        headers = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
        limits = httpx.Limits(max_connections=options.concurrency)
        self._client = httpx.AsyncClient(headers=headers, timeout=options.timeout_s, limits=limits)

    async def __aenter__(self) -> Endpoint:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.aclose()

    @property
    def at_once(self) -> int:
        """See `Target.at_once`."""
        return self._options.concurrency

    def facts(self) -> Mapping[str, Any]:
        """Address and name of the model."""
        return {"kind": "endpoint", "model": self.name, "base_url": self._options.base_url}

    async def ask(self, messages: Sequence[Message], tools: Sequence[ToolSchema], sampling: SamplingParams) -> Reply:
        """See `Target.ask`."""
        body: dict[str, Any] = {
            "model": self.name,
            "messages": list(messages),
            self._limit: sampling.max_tokens,
            "temperature": sampling.temperature,
            "seed": sampling.seed & 0x7FFFFFFF,
        }
        # what is off is left out: some servers refuse settings that OpenAI's does not have
        if sampling.temperature > 0:
            body |= {"top_p": sampling.top_p} if sampling.top_p < 1 else {}
            body |= {"top_k": sampling.top_k} if sampling.top_k > 0 else {}
            body |= {"min_p": sampling.min_p} if sampling.min_p > 0 else {}
        body |= {"presence_penalty": sampling.presence_penalty} if sampling.presence_penalty else {}
        body |= {"tools": list(tools)} if tools else {}
        try:
            return _reply(await self._post(body))
        except Refused as error:
            if self._limit == _NEWER_LIMIT or _NEWER_LIMIT not in str(error):
                raise
        self._limit = _NEWER_LIMIT
        return await self.ask(messages, tools, sampling)

    async def run(self, task: Task, sampling: SamplingParams) -> Episode:
        """See `Target.run`."""
        shown = [schema["function"]["name"] for schema in task.tools]
        executable = bool(shown) and all(name in self._tools for name in shown)
        tools = for_episode({name: self._tools[name] for name in shown} if executable else {})
        try:
            return await self._converse(task, sampling, tools)
        finally:
            await close_tools(tools.values())

    async def _converse(self, task: Task, sampling: SamplingParams, tools: Mapping[str, Tool]) -> Episode:
        messages, turns = list(task.prompt), list[Message]()
        tokens = prompt_tokens = 0
        failure: str | None = None
        for turn in range(_AGENT.max_turns):
            reply = await self.ask(messages, task.tools, sampling)
            tokens, prompt_tokens = tokens + reply.tokens, prompt_tokens + reply.prompt_tokens
            turns.append({"role": "assistant", "content": reply.text})
            calls = parse_tool_calls(reply.answer) if tools and reply.finish_reason == "stop" else []
            if not calls or turn == _AGENT.max_turns - 1:
                break
            try:
                texts = [await call_tool(tools, call, _AGENT) for call in calls]
            except ToolFailed as error:
                failure = str(error)
                break
            results: list[Message] = [{"role": "tool", "content": text} for text in texts]
            turns += results
            messages += [{"role": "assistant", "content": reply.answer}, *results]
        response = split_reasoning(reply.text, tuple(turns), reply.finish_reason == "length")
        return Episode(response, tokens, prompt_tokens, reply.finish_reason, failure)

    async def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        problem = ""
        for attempt in range(self._options.retries + 1):
            await self._pace.wait()
            pause = min(_LONGEST_PAUSE_S, 2.0**attempt) * random.uniform(0.5, 1.0)
            try:
                answer = await self._client.post(f"{self._options.base_url.rstrip('/')}/chat/completions", json=body)
                if answer.status_code == 200:
                    return _object(answer)
                if answer.status_code not in _PASSING:
                    raise self._refused(answer)
                problem = f"status {answer.status_code}: {_message(answer)}"
                pause = max(pause, _retry_after(answer))
            except (httpx.RequestError, ValueError) as error:
                problem = described(error)
            if attempt < self._options.retries:
                await asyncio.sleep(pause)
        raise Unanswered(problem)

    def _refused(self, answer: httpx.Response) -> UserError:
        what = f"The server at {self._options.base_url} refused a request with status {answer.status_code}"
        remedy = {
            401: "Set the API key in OPENAI_API_KEY.",
            403: "Set the API key in OPENAI_API_KEY.",
            404: "Check --base-url (it ends in /v1) and the model's name.",
        }.get(
            answer.status_code,
            "If it knows no top_k or min_p, set --top-k 0 and --min-p 0; if its context is short, lower --max-tokens.",
        )
        kind = Refused if answer.status_code in _NOT_THIS_ONE else UserError
        return kind(f"{what}: {_message(answer)}", remedy)


class _Pace:
    """Spreads requests evenly over the minute."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap_s = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        if not self._gap_s:
            return
        now = time.monotonic()
        start = max(now, self._next)
        self._next = start + self._gap_s
        await asyncio.sleep(start - now)


def _is_http(address: str) -> bool:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


def _object(answer: httpx.Response) -> dict[str, Any]:
    """The body of an answer.

    Raises:
        ValueError: if it is no JSON, or holds no message.
    """
    value = answer.json()
    choices = value.get("choices") if isinstance(value, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
        raise ValueError(f"no message in the answer: {answer.text[:200]}")
    return dict(value)


def _message(answer: httpx.Response) -> str:
    try:
        error = answer.json().get("error", answer.json())
        return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
    except (ValueError, AttributeError):
        return answer.text[:300]


def _retry_after(answer: httpx.Response) -> float:
    try:
        return min(_LONGEST_PAUSE_S, float(answer.headers.get("retry-after", 0)))
    except ValueError:
        return 0.0


def _reply(answer: dict[str, Any]) -> Reply:
    """The reply, with reasoning that a server sends apart put back where the model wrote it."""
    choice = answer["choices"][0]
    message = choice["message"]
    content = _text(message.get("content"))
    thinking = _text(message.get("reasoning_content") or message.get("reasoning"))
    blocks = [_call_text(call) for call in message.get("tool_calls") or []]
    answered = "\n".join([content, *blocks] if content else blocks)
    cut = choice.get("finish_reason") == "length"
    closed = thinking and (answered or not cut)
    text = f"{thinking}\n{THINK_CLOSE}\n\n{answered}" if closed else thinking or answered
    usage = answer.get("usage") or {}
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return Reply(text, int(written or 0), int(read or 0), "length" if cut else "stop")


def _text(content: Any) -> str:
    """Text, or the text of OpenAI's content parts; nothing where there is none."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _call_text(call: dict[str, Any]) -> str:
    """A structured call as the block the model wrote; arguments that are no JSON are kept as they came."""
    function = call.get("function") or {}
    given = function.get("arguments")
    try:
        arguments = json.loads(given) if isinstance(given, str) else given
        if not isinstance(arguments, dict):
            raise ValueError("no object")
    except ValueError:
        return f'<tool_call>\n{{"name": {json.dumps(function.get("name"))}, "arguments": {given}}}\n</tool_call>'
    return format_tool_call(str(function.get("name")), arguments)
