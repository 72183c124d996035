"""One answer of a conversation with tools: the same loop as in training, for chat and for the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from darkhorse.agent.episode import run_episodes
from darkhorse.agent.tools import Tool, ToolSettings, build_tools, for_episode, needs_sandbox
from darkhorse.chat.renderer import Renderer
from darkhorse.config.rollout import AgentConfig
from darkhorse.errors import UserError
from darkhorse.rollout.engine import Engine, SamplingParams
from darkhorse.rollout.trajectory import Trajectory
from darkhorse.sandbox.client import SandboxProcess, SandboxUnavailable
from darkhorse.tasks.task import Task
from darkhorse.types import Message, ToolSchema


class _Held:
    """A tool that a whole conversation shares: it does not start anew with every answer."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool

    @property
    def name(self) -> str:
        return self._tool.name

    @property
    def schema(self) -> ToolSchema:
        return self._tool.schema

    async def __call__(self, arguments: dict[str, Any]) -> str:
        return await self._tool(arguments)


@contextmanager
def conversation_tools(names: str, corpus: Path | None, database: Path | None) -> Iterator[dict[str, Tool]]:
    """Tools for a conversation, which keep their state from answer to answer; a sandbox runs as long where one is
    needed.

    Args:
        names: a comma list, as `build_tools` takes it; empty for none.
        corpus: what `search` looks in; the current folder when None.
        database: what `sql` reads.

    Raises:
        UserError: if a tool is unknown or cannot be made.
    """
    if not needs_sandbox(names):
        yield _held(build_tools(names, ToolSettings(corpus=corpus, database=database)))
        return
    try:
        with SandboxProcess(workers=1) as sandbox:
            yield _held(build_tools(names, ToolSettings(sandbox, corpus=corpus, database=database)))
    except SandboxUnavailable as error:
        raise UserError(f"A tool needs a sandbox. {error}", "Try 'darkhorse sandbox'.") from error


async def converse(
    engine: Engine,
    renderer: Renderer,
    messages: Sequence[Message],
    tools: Mapping[str, Tool],
    sampling: SamplingParams,
    config: AgentConfig,
    on_message: Callable[[Message], None] | None = None,
) -> Trajectory:
    """Answer a conversation, calling tools on the way.

    Args:
        engine: samples; its own callback shows tokens as they come.
        renderer: of the policy's tokenizer.
        messages: so far; the last one is the user's.
        tools: what can be called, by name.
        sampling: settings of every turn, the seed included.
        config: limits.
        on_message: called with every message as it is there: the model's turns, and what tools answer.

    Returns:
        The episode; `response.turns` are the new messages, `failure` says whether a tool was down.
    """
    task = Task("chat", tuple(messages), "", None, tuple(tool.schema for tool in tools.values()))

    def hear(_: Task, message: Message) -> None:
        if on_message is not None:
            on_message(message)

    seeds = [sampling.seed]
    ((trajectory,),) = await run_episodes(
        engine, renderer, [task], 1, [sampling], seeds, tools, config, on_message=hear
    )
    return trajectory


def _held(tools: Mapping[str, Tool]) -> dict[str, Tool]:
    return {name: _Held(tool) for name, tool in for_episode(tools).items()}
