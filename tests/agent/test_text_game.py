"""Text games: a scorer that may be asked a few times, of our own and of `reasoning-gym`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import darkhorse.agent.environments.builtin
import darkhorse.verify.builtin  # noqa: F401
from darkhorse.agent.environments.base import Environment, Setting, environment_builder
from darkhorse.agent.tools import ToolUnavailable
from darkhorse.tasks.reasoning_gym import as_game
from darkhorse.tasks.task import Task
from packages import answer_of, folder_of


def game(truth: Any, attempts: int) -> Environment:
    task = as_game(Task("t", (), "exact", truth), attempts)
    return environment_builder(task.environment)(task, Setting())


def submit(world: Environment, answer: Any) -> str:
    return asyncio.run(world.tools["submit"]({"answer": answer}))


def test_attempts_are_judged_and_counted() -> None:
    world = game({"answer": "7"}, 2)
    assert submit(world, 7).startswith("Error: submit needs"), "what cannot be read is no attempt"
    assert submit(world, "6") == "Not right: the score is 0. 1 attempt left."
    assert submit(world, "7") == "That is right."
    assert submit(world, "7").startswith("Error: there is no attempt left")


def test_a_scorer_that_cannot_tell_is_down() -> None:
    with pytest.raises(ToolUnavailable, match="malformed"):
        submit(game({"answer": None}, 1), "7")


@pytest.mark.slow
def test_games_of_reasoning_gym_are_played_through_their_scorers(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("reasoning_gym")
    packages = folder_of("reasoning_gym", "reasoning-gym>=0.1.25", "DARKHORSE_TEST_REASONING_GYM", folder)
    for name, found in answer_of("reasoning_gym_client.py", packages).items():
        wrong, right, late = found["said"]
        assert wrong.startswith("Not right: the score is 0") and wrong.endswith("1 attempt left."), name
        assert right == "That is right." and late.startswith("Error: there is no attempt left"), name
        assert found["score"] == 1.0 and found["tools"] == ["submit"], name
