"""An OpenEnv server for tests: guess a number. Run it with an interpreter that has the package `openenv-core`."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from openenv.core.env_server.http_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State


class Guess(Action):
    """A guess."""

    number: int


class Told(Observation):
    """What is said to it."""

    text: str


class GuessNumber(Environment[Guess, Told, State]):
    """The number is the seed; each guess is told to be too low, too high or right."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._number = 0

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Told:
        """Start anew."""
        self._number = seed or 0
        return Told(text=f"Guess a number below {2 * self._number + 10}.")

    def step(self, action: Guess, timeout_s: float | None = None, **kwargs: Any) -> Told:
        """Judge a guess."""
        if action.number == self._number:
            return Told(text="right", reward=1.0, done=True)
        return Told(text="too low" if action.number < self._number else "too high", reward=0.0)

    @property
    def state(self) -> State:
        """Nothing of interest."""
        return State()


if __name__ == "__main__":
    app = create_fastapi_app(GuessNumber, Guess, Told, max_concurrent_envs=8)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
