"""Listed reward hacks against the most gullible scorer there could be: it gives every hack a full score."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.chat.reasoning import Response
from darkhorse.config.stages import RLStage
from darkhorse.rewards.compose import assign_rewards
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import Context, judge
from darkhorse.verify.verdict import Scored


def _listed():
    path = Path(__file__).parents[2] / "benchmarks" / "_reward_hacks.py"
    found = importlib.util.spec_from_file_location("_reward_hacks", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["_reward_hacks"] = module  # dataclasses look it up
    found.loader.exec_module(module)
    return module


LISTED = _listed()
HONEST_SCORE = 0.5


class Gullible:
    """Is fooled by everything."""

    async def score(self, asks):
        honest = {question.honest for question in LISTED.QUESTIONS}
        return [[Scored(HONEST_SCORE if answer in honest else 1.0, "") for answer in ask.answers] for ask in asks]


def rewards(question, answers):
    rules = list(question.rules)
    task = Task("t", ({"role": "user", "content": question.prompt},), "open_ended", {"rules": rules})
    group = Group(task, [Trajectory([1], [2], [1], [0.0], [0], response=Response("", a, True)) for a in answers])
    for trajectory in group.trajectories:
        trajectory.verdict = asyncio.run(judge(task, trajectory.response, Context()))
    asyncio.run(assign_rewards([group], RLStage(), Gullible(), 0))
    return [trajectory.reward for trajectory in group.trajectories]


def test_at_least_thirty_are_listed():
    assert len({(hack.question, hack.answer) for hack in LISTED.HACKS}) >= 30
    assert len({hack.kind for hack in LISTED.HACKS}) >= 8


@pytest.mark.parametrize("hack", LISTED.HACKS, ids=lambda hack: f"{hack.kind}: {hack.answer[:30]}")
def test_no_hack_outscores_the_honest_answer(hack):
    question = LISTED.QUESTIONS[hack.question]
    honest, hacked = rewards(question, [question.honest, hack.answer])
    assert honest == HONEST_SCORE
    assert hacked is None or hacked < honest


@pytest.mark.parametrize("hack", LISTED.UNCAUGHT, ids=lambda hack: hack.kind)
def test_what_the_page_says_is_not_caught_is_not(hack):
    assert rewards(LISTED.QUESTIONS[hack.question], [hack.answer]) == [1.0]
