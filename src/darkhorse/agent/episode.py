"""Episodes: the model thinks, calls tools, reads what they answer, and thinks again, all in one list of tokens."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from darkhorse.agent.tools import Tool
from darkhorse.chat.reasoning import split_reasoning
from darkhorse.chat.renderer import Renderer
from darkhorse.chat.tool_calls import MalformedCall, ToolCall, parse_tool_calls
from darkhorse.config.rollout import AgentConfig
from darkhorse.rollout.engine import Engine, Request, SamplingParams
from darkhorse.rollout.trajectory import Completion, Trajectory
from darkhorse.sandbox.client import SandboxUnavailable
from darkhorse.tasks.task import Task
from darkhorse.types import Message


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from anything printable; the same parts give the same seed on every machine."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass
class _Episode:
    task: Task
    trajectory: Trajectory
    sampling: SamplingParams
    seed: int
    turns: list[Message] = field(default_factory=list)
    assistant_turns: int = 0


async def run_episodes(
    engine: Engine,
    renderer: Renderer,
    tasks: Sequence[Task],
    num_generations: int,
    sampling: Sequence[SamplingParams],
    seeds: Sequence[int],
    tools: Mapping[str, Tool],
    config: AgentConfig,
    on_first_turn: Callable[[], None] | None = None,
    on_end: Callable[[Task, Trajectory], None] | None = None,
) -> list[list[Trajectory]]:
    """Run `num_generations` episodes of every task.

    A task is interactive when all the functions it shows can be executed; its calls are then answered, and the model
    goes on until it answers without a call or `max_turns` is reached. Other tasks end after one turn. Calls inside
    the thinking are ignored. What a tool answers is appended and masked; nothing is tokenized twice.

    Args:
        engine: samples.
        renderer: of the policy's tokenizer.
        tasks: what to do.
        num_generations: episodes for each task.
        sampling: settings of every turn, for each task; the seed is taken from `seeds`.
        seeds: one for each task.
        tools: executable tools by name.
        config: limits of episodes.
        on_first_turn: called as each episode's first turn ends, e.g. to show progress.
        on_end: called as each episode ends, while others still go on.

    Returns:
        Trajectories by task, in order; not yet judged.
    """
    requests = [
        Request(renderer.prompt(task.prompt, task.tools), replace(settings, seed=seed), num_generations)
        for task, settings, seed in zip(tasks, sampling, seeds, strict=True)
    ]
    episodes = [
        [
            _Episode(task, Trajectory(list(request.prompt)), request.sampling, derive_seed(seed, number))
            for number in range(num_generations)
        ]
        for task, request, seed in zip(tasks, requests, seeds, strict=True)
    ]
    takers = [list(group) for group in episodes]  # whose turn each request is, by sample
    async for completion in engine.generate(requests):
        episode = takers[completion.request][completion.sample]
        if on_first_turn is not None and completion.request < len(tasks):
            on_first_turn()
        if _take_turn(episode, completion, renderer, tools, config):
            # the engine waits meanwhile, so that what it decodes together does not depend on a tool's speed
            await _answer_calls(episode, renderer, tools, config)
            tokens = [*episode.trajectory.prompt_tokens, *episode.trajectory.tokens]
            seed = derive_seed(episode.seed, episode.assistant_turns)
            takers.append([episode])
            ended = (completion.request, completion.sample)
            requests.append(Request(tokens, replace(episode.sampling, seed=seed), continues=ended))
        elif on_end is not None:
            on_end(episode.task, episode.trajectory)
    return [[episode.trajectory for episode in group] for group in episodes]


def _take_turn(
    episode: _Episode, completion: Completion, renderer: Renderer, tools: Mapping[str, Tool], config: AgentConfig
) -> bool:
    """Add an assistant turn; returns whether its calls are to be answered."""
    episode.trajectory.append_sampled(completion)
    episode.assistant_turns += 1
    text = renderer.decode(completion.tokens)
    episode.turns.append({"role": "assistant", "content": text})
    truncated = completion.finish_reason == "length"
    episode.trajectory.response = response = split_reasoning(text, tuple(episode.turns), truncated)
    interactive = bool(episode.task.tools) and all(schema["function"]["name"] in tools for schema in episode.task.tools)
    return (
        interactive
        and not truncated
        and episode.assistant_turns < config.max_turns
        and bool(parse_tool_calls(response.answer))
    )


async def _answer_calls(episode: _Episode, renderer: Renderer, tools: Mapping[str, Tool], config: AgentConfig) -> None:
    response = episode.trajectory.response
    assert response is not None
    allowed = {schema["function"]["name"] for schema in episode.task.tools}
    calls = parse_tool_calls(response.answer)
    try:
        results = await asyncio.gather(*(_answer(call, tools, allowed, config) for call in calls))
    except SandboxUnavailable as error:
        episode.trajectory.failure = f"a tool could not run: {error}"
        results = ["Error: the tool is unavailable."] * len(calls)
    episode.turns += [{"role": "tool", "content": result} for result in results]
    version = episode.trajectory.weights_version[-1]
    episode.trajectory.append_observed(renderer.tool_results(results), version)


async def _answer(
    call: ToolCall | MalformedCall, tools: Mapping[str, Tool], allowed: set[str], config: AgentConfig
) -> str:
    if isinstance(call, MalformedCall):
        return f"Error: the call could not be read: {call.error}"
    if call.name not in allowed:
        return f"Error: there is no tool '{call.name}'. Known: {', '.join(sorted(allowed))}"
    text = await tools[call.name](call.arguments)
    return text if len(text) <= config.max_tool_output else text[: config.max_tool_output] + " [cut]"
