"""Environments of the package `verifiers` (0.1; extra `verifiers`), through its public `rollout` and its rubric.

The package drives an episode itself: `rollout` asks a client for each turn of the model. Here the client hands the
question over and waits, so its environment's code (tools, users, ends, rewards) runs unchanged, while the turns are
sampled, as tokens, by our loop.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import time
from collections.abc import Sequence
from typing import Any

from darkhorse.agent.environments.base import Environment, Setting, register_environment
from darkhorse.chat.reasoning import Response
from darkhorse.chat.tool_calls import ToolCall, parse_tool_calls
from darkhorse.errors import UserError, missing_extra
from darkhorse.tasks.task import Task
from darkhorse.types import Message

VERIFIERS = "verifiers"


def verifiers_tasks(environment_id: str, count: int, **arguments: Any) -> list[Task]:
    """The first tasks of an environment's data set.

    Args:
        environment_id: as `verifiers.load_environment` takes it; its package must be installed.
        count: at most so many.
        arguments: of the environment.

    Raises:
        UserError: if a package is missing or the environment cannot be loaded.
    """
    options = json.dumps(arguments, sort_keys=True)
    environment = _loaded(environment_id, options)
    tools = tuple(_schema(tool) for tool in environment.tool_defs or ())
    rows = [json.loads(json.dumps(row, default=str)) for row in environment.get_dataset(n=count)]
    return [
        Task(
            id=f"{VERIFIERS}/{environment_id}/{number}",
            prompt=tuple({"role": message["role"], "content": message["content"]} for message in row["prompt"]),
            verifier="world_reward",
            truth=None,
            tools=tools,
            source=f"{VERIFIERS}/{environment_id}",
            environment=VERIFIERS,
            setup={"id": environment_id, "arguments": options, "row": row},
        )
        for number, row in enumerate(rows)
    ]


@register_environment(VERIFIERS)
class VerifiersWorld(Environment):
    """A rollout of the package. `setup`: `id`, `arguments` and `row`, as `verifiers_tasks` makes them.

    Its state holds the rubric's reward; 0 for an episode that did not come to the environment's own end.
    """

    def __init__(self, task: Task, setting: Setting) -> None:
        super().__init__()
        self._setup = task.setup
        self._asked: asyncio.Queue[list[Message]] = asyncio.Queue()
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._rollout: asyncio.Task[Any] | None = None
        self._reward = 0.0

    async def reply(self, response: Response) -> Sequence[Message] | None:
        """What the environment says to a turn, with or without calls; None once its rollout is over."""
        environment = _loaded(self._setup["id"], self._setup["arguments"])
        if self._rollout is None:
            client = _bridge()(self._asked, self._answers)
            self._rollout = asyncio.create_task(environment.rollout(self._setup["row"], client, "policy", {}))
            await self._question()
        self._answers.put_nowait(_message(response))
        said = await self._question()
        if said is None:
            state = self._rollout.result()
            if state.get("error") is not None:
                raise RuntimeError(f"verifiers: {state['error']}")
            await environment.rubric.score_rollout(state)
            self._reward = float(state["reward"])
        return said

    def state(self) -> Any:
        """The reward."""
        return {"reward": self._reward}

    async def close(self) -> None:
        """Give up a rollout that is not over."""
        if self._rollout is not None:
            self._rollout.cancel()
            await asyncio.wait([self._rollout])

    async def _question(self) -> list[Message] | None:
        """What is new in the next question to the model; None when there is none any more."""
        assert self._rollout is not None
        asked = asyncio.create_task(self._asked.get())
        await asyncio.wait([asked, self._rollout], return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return asked.result()
        asked.cancel()
        return None


def _message(response: Response) -> Any:
    """A turn of the model as the package has it; what is no proper call stays in the text."""
    types = _package("verifiers.types")
    calls = [call for call in parse_tool_calls(response.answer) if isinstance(call, ToolCall)]
    message = types.ResponseMessage(
        role="assistant",
        content=response.answer.partition("<tool_call>")[0].strip() if calls else response.answer,
        tool_calls=[
            types.ToolCall(id=f"call_{number}", name=call.name, arguments=json.dumps(call.arguments))
            for number, call in enumerate(calls)
        ]
        or None,
        finish_reason="tool_calls" if calls else "stop",
        is_truncated=False,
    )
    return types.Response(id="0", created=int(time.time()), model="policy", message=message)


@functools.cache
def _bridge() -> Any:
    """The client; made late, since its base class is the package's."""

    class Bridge(_package("verifiers.clients").Client):  # type: ignore[misc]
        def __init__(self, asked: asyncio.Queue[list[Message]], answers: asyncio.Queue[Any]) -> None:
            super().__init__(None)
            self._asked, self._answers, self._seen = asked, answers, 0

        async def get_response(self, prompt: Any, *_: Any, **__: Any) -> Any:
            new = [message for message in prompt[self._seen :] if message.role != "assistant"]
            self._seen = len(prompt)
            self._asked.put_nowait([{"role": _role(message), "content": _text(message.content)} for message in new])
            return await self._answers.get()

        def setup_client(self, config: Any) -> Any:
            return None

        async def to_native_tool(self, tool: Any) -> Any:
            return tool

        async def to_native_prompt(self, messages: Any) -> Any:
            return messages, {}

        async def get_native_response(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

        async def raise_from_native_response(self, response: Any) -> None:
            pass

        async def from_native_response(self, response: Any) -> Any:
            return response

        async def close(self) -> None:
            pass

    return Bridge


def _role(message: Any) -> str:
    return "tool" if message.role == "tool" else "user"


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(getattr(part, "text", part)) for part in content or ())


def _schema(tool: Any) -> dict[str, Any]:
    given = tool if isinstance(tool, dict) else tool.model_dump()
    keys = ("name", "description", "parameters")
    return {"type": "function", "function": {key: given[key] for key in keys}}


@functools.cache
def _loaded(environment_id: str, arguments: str) -> Any:
    package = _package(VERIFIERS)
    if not hasattr(package, "load_environment"):
        raise UserError("This version of the package 'verifiers' has no 'load_environment'.", "Install verifiers<0.2.")
    try:
        return package.load_environment(environment_id, **json.loads(arguments))
    except Exception as error:
        raise UserError(f"The environment '{environment_id}' of 'verifiers' cannot be loaded: {error}.") from error


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_extra("verifiers", "verifiers", "An environment of 'verifiers'") from error
