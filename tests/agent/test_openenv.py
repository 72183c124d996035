"""A real OpenEnv server: sessions of their own, rewards, mistakes, death and return."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

import darkhorse.verify.builtin  # noqa: F401
from darkhorse.chat.reasoning import Response
from darkhorse.errors import UserError
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import Context, judge
from darkhorse.verify.verdict import Abstained
from packages import answer_of, folder_of


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    packages = folder_of("openenv", "openenv-core>=0.3", "DARKHORSE_TEST_OPENENV", tmp_path_factory.mktemp("openenv"))
    return answer_of("openenv_client.py", packages)


@pytest.mark.slow
def test_the_prompt_is_what_a_reset_shows(found: dict[str, Any]) -> None:
    assert found["prompts"] == ["Play.\n\nGuess a number below 20.", "Play.\n\nGuess a number below 24."]


@pytest.mark.slow
def test_episodes_beside_each_other_have_sessions_of_their_own(found: dict[str, Any]) -> None:
    (first, state), (second, other) = found["both"]
    assert first[:3] == ["too low", "too high", "right\nThe episode is over."]
    assert first[3].startswith("Error: the episode is over")
    assert second[0] == "too low" and second[1].startswith("Error: ") and second[2].startswith("right")
    assert state["reward"] == other["reward"] == 1.0 and state["done"] and other["done"]


@pytest.mark.slow
def test_a_server_that_is_down_is_unavailable_and_used_again_when_it_is_back(found: dict[str, Any]) -> None:
    assert found["down"][0][0].startswith("unavailable: ")
    assert found["back"][0][0].startswith("right")


def test_the_reward_of_a_world_is_its_verdict() -> None:
    task = Task("t", (), "world_reward", None)
    for state, score in (({"reward": 0.25}, 0.25), ({"reward": 7}, 1.0), ({"reward": -1}, 0.0)):
        assert asyncio.run(judge(task, Response("", "done", True, state=state), Context())).score == score
    for state in (None, {}, {"reward": None}, {"reward": True}, {"reward": float("nan")}):
        assert isinstance(asyncio.run(judge(task, Response("", "done", True, state=state), Context())), Abstained)


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from darkhorse.agent.environments.openenv import openenv_tasks

    for name in ("openenv", "openenv.core"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=r"darkhorse\[openenv\]"):
        openenv_tasks("http://127.0.0.1:9", {}, [1])
