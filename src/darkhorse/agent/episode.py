"""Episodes: the model thinks, calls tools, reads what they answer, and thinks again, all in one list of tokens."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from darkhorse.agent.environments.base import Setting, environment_builder
from darkhorse.agent.tools import Tool
from darkhorse.agent.turns import Episode
from darkhorse.chat.renderer import Renderer
from darkhorse.config.rollout import AgentConfig
from darkhorse.rollout.engine import Engine, Request, SamplingParams
from darkhorse.rollout.trajectory import Trajectory
from darkhorse.tasks.task import Task
from darkhorse.types import Message
from darkhorse.verify.registry import Context


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from anything printable; the same parts give the same seed on every machine."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


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
    context: Context | None = None,
    on_message: Callable[[Task, Message], None] | None = None,
) -> list[list[Trajectory]]:
    """Run `num_generations` episodes of every task.

    A task is interactive when it names an environment, or when all the functions it shows can be executed; its calls
    are then answered, and the model goes on until it answers without a call (and the environment's user has no more to
    say) or a limit is reached. Other tasks end after one turn. Calls inside the thinking are ignored. What tools and
    users say is appended and masked; nothing is tokenized twice.

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
        context: what environments may need besides tools.
        on_message: called with every message of every episode as it is there, e.g. to show it.

    Returns:
        Trajectories by task, in order; not yet judged.

    Raises:
        UserError: if a task names an environment that does not exist.
    """
    context = context or Context()
    for task in tasks:
        environment_builder(task.environment)
    requests = [
        Request(renderer.prompt(task.prompt, task.tools), replace(settings, seed=seed), num_generations)
        for task, settings, seed in zip(tasks, sampling, seeds, strict=True)
    ]
    episodes = [
        [
            Episode(
                task,
                Trajectory(list(request.prompt)),
                request.sampling,
                Setting(tools, context, derive_seed(seed, number)),
                renderer,
                config,
                on_message,
            )
            for number in range(num_generations)
        ]
        for task, request, seed in zip(tasks, requests, seeds, strict=True)
    ]
    everyone = [episode for group in episodes for episode in group]
    try:
        await _run(engine, requests, episodes, config.tool_wait_s, on_first_turn, on_end)
    finally:
        for episode in everyone:
            await episode.close()
    return [[episode.trajectory for episode in group] for group in episodes]


async def _run(
    engine: Engine,
    requests: list[Request],
    takers: list[list[Episode]],
    wait_s: float | None,
    on_first_turn: Callable[[], None] | None,
    on_end: Callable[[Task, Trajectory], None] | None,
) -> None:
    """Decode, and let tools work meanwhile.

    Args:
        engine: samples.
        requests: of the first turns.
        takers: whose turn each request is, by sample.
        wait_s: how long decoding waits for one episode's tools; None waits to the end.
        on_first_turn, on_end: as in `run_episodes`.
    """
    takers = [list(group) for group in takers]
    busy: dict[asyncio.Task[bool], Episode] = {}

    def go_on(episode: Episode, goes_on: bool, continues: tuple[int, int] | None) -> None:
        if goes_on:
            seed = derive_seed(episode.setting.seed, episode.requests)
            requests.append(episode.next_request(seed, continues))
            takers.append([episode])
        elif on_end is not None:
            on_end(episode.task, episode.trajectory)

    def take_up() -> None:
        for work in [work for work in busy if work.done()]:
            go_on(busy.pop(work), work.result(), None)

    try:
        while requests:
            async for completion in engine.generate(requests):
                episode = takers[completion.request][completion.sample]
                if on_first_turn is not None and episode.requests == 1:
                    on_first_turn()
                episode.hear(completion)
                ended = (completion.request, completion.sample)
                if wait_s is None:
                    # the engine waits meanwhile, so that what it decodes together does not depend on a tool's speed
                    go_on(episode, await episode.respond(), ended)
                    continue
                work = asyncio.create_task(episode.respond())
                await asyncio.wait([work], timeout=wait_s)
                if work.done():
                    go_on(episode, work.result(), ended)
                else:
                    busy[work] = episode
                take_up()
            requests, takers = [], []
            while busy and not requests:
                await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
                take_up()
    finally:
        for work in busy:
            work.cancel()
