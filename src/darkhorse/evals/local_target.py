"""A checkpoint under test, sampled by the local engine, which many conversations share."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from darkhorse.agent.collect import Workplace
from darkhorse.agent.episode import run_episodes
from darkhorse.evals.targets import Episode, Reply
from darkhorse.policy.loading import Policy
from darkhorse.rollout.engine import Engine, Request, SamplingParams
from darkhorse.rollout.trajectory import Completion
from darkhorse.tasks.task import Task
from darkhorse.types import Message, ToolSchema

_TURNS = 20
"""Turns of the event loop in which all who wait may hand in their requests, before a batch begins."""
_EDGE = 1 << 20


class SharedEngine:
    """One engine for many callers: they append to one sequence of requests, and join between decoding steps.

    Args:
        engine: does the work.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._batch: list[Request] = []
        self._owners: list[tuple[asyncio.Queue[Completion | BaseException], int, int]] = []
        self._batches = 0
        self._driver: asyncio.Task[None] | None = None

    async def generate(self, requests: Sequence[Request]) -> AsyncIterator[Completion]:
        """See `Engine.generate`."""
        queue: asyncio.Queue[Completion | BaseException] = asyncio.Queue()
        places: list[tuple[int, int]] = []
        waiting = 0
        while len(places) < len(requests) or waiting:
            for number in range(len(places), len(requests)):
                places.append(self._submit(requests[number], number, queue, places))
                waiting += requests[number].num_samples
            found = await queue.get()
            if isinstance(found, BaseException):
                raise found
            waiting -= 1
            yield found

    def sync_weights(self, policy: Policy) -> None:
        """See `Engine.sync_weights`."""
        self._engine.sync_weights(policy)

    def _submit(
        self,
        request: Request,
        number: int,
        queue: asyncio.Queue[Completion | BaseException],
        places: list[tuple[int, int]],
    ) -> tuple[int, int]:
        """Hand a request in; returns its batch and its place there."""
        before, continues = request.continues, None
        if before is not None and places[before[0]][0] == self._batches:
            continues = (places[before[0]][1], before[1])
        self._batch.append(replace(request, continues=continues))
        self._owners.append((queue, number, request.num_samples))
        if self._driver is None or self._driver.done():
            self._driver = asyncio.create_task(self._drive())
        return self._batches, len(self._batch) - 1

    async def _drive(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        while self._batch:
            batch, owners = self._batch, self._owners
            left = [owner[2] for owner in owners]
            try:
                async for completion in self._engine.generate(batch):
                    left += [owner[2] for owner in owners[len(left) :]]
                    queue, number, _ = owners[completion.request]
                    left[completion.request] -= 1
                    queue.put_nowait(replace(completion, request=number))
                    for _ in range(_TURNS):  # whoever goes on hands in the next request now
                        await asyncio.sleep(0)
            except BaseException as error:
                for queue, _, _ in owners:
                    queue.put_nowait(error)
                self._batch, self._owners = [], []
                self._batches += 1
                if not isinstance(error, Exception):
                    raise
                return
            left += [owner[2] for owner in owners[len(left) :]]
            rest = [place for place, count in enumerate(left) if count > 0]
            # what was handed in after the engine had ended; places move, so nothing can be continued from before
            self._batches += 1
            self._batch = [replace(batch[place], continues=None) for place in rest]
            self._owners = [owners[place] for place in rest]


class LocalTarget:
    """A policy of this process.

    Args:
        place: its engine, tools and limits.
        name: what tables call it.
        source: its folder, for its fingerprint.
        dtype: of its numbers.
        window: most tokens that the model was made for, prompt included; an answer that reaches it is cut off. None is
            no limit.
    """

    at_once = 100_000  # the engine itself decides how many it decodes

    def __init__(self, place: Workplace, name: str, source: str, dtype: str, window: int | None = None) -> None:
        self.name = name
        self._window = window
        self._place = place
        self._engine = SharedEngine(place.engine)
        self._source, self._dtype = source, dtype

    def facts(self) -> Mapping[str, Any]:
        """Name, number type and fingerprint of the checkpoint."""
        found = fingerprint(Path(self._source))
        return {"kind": "local", "model": self.name, "dtype": self._dtype, "fingerprint": found}

    async def ask(self, messages: Sequence[Message], tools: Sequence[ToolSchema], sampling: SamplingParams) -> Reply:
        """See `Target.ask`."""
        task = Task("", tuple(messages), "", None, tuple(tools))
        episode = await self._episode(task, sampling, tools_work=False)
        content = str(episode.response.turns[-1]["content"])
        return Reply(content, episode.tokens, episode.prompt_tokens, episode.finish_reason)

    async def run(self, task: Task, sampling: SamplingParams) -> Episode:
        """See `Target.run`."""
        return await self._episode(task, sampling, tools_work=True)

    async def _episode(self, task: Task, sampling: SamplingParams, tools_work: bool) -> Episode:
        place = self._place
        tools = place.tools if tools_work else {}
        if self._window is not None:
            room = self._window - len(place.renderer.prompt(task.prompt, task.tools))
            sampling = replace(sampling, max_tokens=max(1, min(sampling.max_tokens, room)))
        ((trajectory,),) = await run_episodes(
            self._engine, place.renderer, [task], 1, [sampling], [sampling.seed], tools, place.agent
        )
        assert trajectory.response is not None
        return Episode(
            trajectory.response,
            trajectory.num_sampled,
            len(trajectory.prompt_tokens),
            trajectory.finish_reason,
            trajectory.failure,
        )


def fingerprint(source: Path) -> str:
    """A digest of a checkpoint: names, sizes, and the first and last megabyte of every file of weights and settings."""
    files = [source] if source.is_file() else sorted(source.glob("*")) if source.is_dir() else []
    digest = hashlib.sha256(str(source).encode() if not files else b"")
    for path in files:
        if path.suffix not in (".safetensors", ".json", ".gguf", ".bin", ".jinja"):
            continue
        digest.update(f"{path.name}:{path.stat().st_size}".encode())
        with path.open("rb") as file:
            digest.update(file.read(_EDGE))
            with suppress(OSError):
                file.seek(-_EDGE, 2)
                digest.update(file.read(_EDGE))
    return digest.hexdigest()
