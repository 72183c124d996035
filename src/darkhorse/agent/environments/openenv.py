"""Environments served by the package `openenv-core` (extra `openenv`): one tool, `step`, and the reward of the server.

The server keeps a session for each connection, so every episode has its own. Actions and observations are JSON objects
(`GenericEnvClient`); no code of an environment runs here.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Sequence
from typing import Any

from darkhorse.agent.environments.base import Environment, Setting, register_environment
from darkhorse.agent.tools.base import ToolUnavailable
from darkhorse.errors import described, missing_extra
from darkhorse.tasks.task import Task
from darkhorse.types import ToolSchema

OPENENV = "openenv"


def openenv_tasks(url: str, action: ToolSchema, seeds: Sequence[int], instruction: str = "") -> list[Task]:
    """Tasks in the environment that a server offers; the prompt is what a reset with the seed shows.

    Args:
        url: of the server.
        action: a function named `step` whose parameters are the fields of the environment's action.
        seeds: one for each task, given to `reset`.
        instruction: what the model is told before the first observation.

    Raises:
        UserError: if the package is missing.
        ToolUnavailable: if the server does not answer.
    """

    async def first_observations() -> list[str]:
        shown = []
        for seed in seeds:
            session = _Session(url, {"seed": seed})
            try:
                shown.append(await session.start())
            finally:
                await session.close()
        return shown

    return [
        Task(
            id=f"{OPENENV}/{url}/{seed}",
            prompt=({"role": "user", "content": f"{instruction}\n\n{text}".strip()},),
            verifier="world_reward",
            truth=None,
            tools=(action,),
            source=OPENENV,
            environment=OPENENV,
            setup={"url": url, "reset": {"seed": seed}},
        )
        for seed, text in zip(seeds, asyncio.run(first_observations()), strict=True)
    ]


@register_environment(OPENENV)
class OpenEnvWorld(Environment):
    """A session with a server. `setup`: `url`, and `reset`, the arguments of the reset.

    Its state holds the sum and the last of the rewards, and whether the server said that the episode is over.
    """

    def __init__(self, task: Task, setting: Setting) -> None:
        self._session = _Session(task.setup["url"], task.setup.get("reset", {}))
        super().__init__({"step": _Step(task.tools[0], self._session)})

    def state(self) -> Any:
        """Rewards so far."""
        rewards = self._session.rewards
        return {"reward": sum(rewards), "last_reward": rewards[-1] if rewards else 0.0, "done": self._session.done}

    async def close(self) -> None:
        """End the session."""
        await self._session.close()


class _Step:
    name = "step"

    def __init__(self, schema: ToolSchema, session: _Session) -> None:
        self.schema, self._session = schema, session

    async def __call__(self, arguments: dict[str, Any]) -> str:
        return await self._session.step(arguments)


class _Session:
    """A connection, opened when it is needed first."""

    def __init__(self, url: str, reset: dict[str, Any]) -> None:
        self._url, self._reset = url, reset
        self._client: Any = None
        self.rewards: list[float] = []
        self.done = False

    async def start(self) -> str:
        """Connect and reset; returns the first observation."""
        self._client = _package().GenericEnvClient(base_url=self._url)
        return _shown((await self._asked(self._client.reset(**self._reset))).observation)

    async def step(self, action: dict[str, Any]) -> str:
        """The observation after an action."""
        if self._client is None:
            await self.start()
        if self.done:
            return "Error: the episode is over; give your answer."
        try:
            result = await self._asked(self._client.step(action))
        except RuntimeError as error:  # what the server says to an action that it cannot read
            return f"Error: {error}"
        if result.reward is not None:
            self.rewards.append(float(result.reward))
        self.done = bool(result.done)
        return _shown(result.observation) + ("\nThe episode is over." if self.done else "")

    async def close(self) -> None:
        """Disconnect; safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _asked(self, answer: Any) -> Any:
        try:
            return await answer
        except RuntimeError:
            raise
        except Exception as error:
            raise ToolUnavailable(f"OpenEnv server {self._url}: {described(error)}") from error


def _shown(observation: Any) -> str:
    if isinstance(observation, dict) and len(observation) == 1:
        (observation,) = observation.values()
    return observation if isinstance(observation, str) else json.dumps(observation, ensure_ascii=False, default=str)


def _package() -> Any:
    try:
        return importlib.import_module("openenv.core")
    except ImportError as error:
        raise missing_extra("openenv-core", "openenv", "An OpenEnv environment") from error
