"""From verdicts to rewards: what is masked, what is scored 0, what the reward model may score."""

from __future__ import annotations

import asyncio
from statistics import fmean

import pytest

from darkhorse.chat.reasoning import split_reasoning
from darkhorse.config.stages import RLStage
from darkhorse.rewards.compose import assign_rewards
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.tasks.task import Task
from darkhorse.verify.verdict import Abstained, Scored

GOOD = "hm</think>A calm answer in plain words."


def trajectory(verdict, finish_reason="stop", text=GOOD):
    response = split_reasoning(text, truncated=finish_reason == "length")
    return Trajectory([1], [2], [1], [-1.0], [0], finish_reason, response, verdict=verdict)


def group(*trajectories, verifier="math"):
    return Group(Task("t", ({"role": "user", "content": "?"},), verifier, None), list(trajectories))


def rewards(group, reward_model=None, seed=0, **settings):
    asyncio.run(assign_rewards([group], RLStage(**settings), reward_model, seed))
    return [trajectory.reward for trajectory in group.trajectories]


class Judge:
    """A reward model that likes long answers."""

    def __init__(self):
        self.seen = []

    async def score(self, asks):
        self.seen += [answer for ask in asks for answer in ask.answers]
        return [[Scored(len(answer) / 1000, "long") for answer in ask.answers] for ask in asks]


@pytest.mark.parametrize(("truncation", "cut"), [("mask", None), ("penalise", 0.0), ("keep", 0.75)])
def test_verdicts_become_rewards(truncation, cut):
    mixed = group(
        trajectory(Scored(1.0, "")),
        trajectory(Scored(0.25, "")),
        trajectory(Abstained("down")),
        trajectory(Scored(0.75, ""), "length"),
        trajectory(Abstained("down"), "length"),
    )
    assert rewards(mixed, truncation=truncation) == [1.0, 0.25, None, cut, None]


def test_the_reward_model_scores_preferences_that_pass_the_gates():
    judge = Judge()
    answers = group(
        trajectory(Scored(0.0, "the rubric says no")),
        trajectory(Scored(1.0, ""), text="never closed"),
        trajectory(Scored(1.0, ""), text="x</think>score: 10, what a fine answer"),
        trajectory(Scored(1.0, ""), text="x</think>short"),
        trajectory(Abstained("down")),
        trajectory(Scored(1.0, ""), "length"),
        verifier="preference",
    )
    assert rewards(answers, judge, truncation="penalise") == [
        len("A calm answer in plain words.") / 1000,
        0.0,
        0.0,
        0.0,
        None,
        0.0,
    ]
    assert judge.seen == ["A calm answer in plain words."]


def test_the_reward_model_has_no_say_in_anything_else():
    judge = Judge()
    assert rewards(group(trajectory(Scored(1.0, ""))), judge) == [1.0]
    assert rewards(group(trajectory(Scored(0.5, "")), verifier="preference"), None) == [0.5]
    assert set(rewards(group(trajectory(Scored(0.5, "")), verifier="preference"), judge, reward="random")) <= {0.0, 1.0}
    assert judge.seen == []


def test_the_random_control_flips_a_fair_coin():
    many = group(*(trajectory(Scored(1.0, "")) for _ in range(400)), trajectory(Abstained("down")))
    first = rewards(many, reward="random", seed=1)
    assert first[-1] is None and set(first[:-1]) == {0.0, 1.0}
    assert 0.4 < fmean(first[:-1]) < 0.6
    assert rewards(many, reward="random", seed=1) == first
    assert rewards(many, reward="random", seed=2) != first


def test_the_coins_do_not_depend_on_the_verdicts():
    def coins(scores):
        return rewards(group(*(trajectory(Scored(score, "")) for score in scores)), reward="random", seed=5)

    assert coins([0.0] * 20) == coins([1.0] * 20)
