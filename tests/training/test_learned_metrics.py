"""Learned rewards in a whole stage: what is logged, audited and remembered, and a judge that is killed half-way."""

from __future__ import annotations

import asyncio
import json

import pytest
import torch
from fastapi import FastAPI

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
import tiny
from darkhorse.agent.collect import Workplace
from darkhorse.chat.reasoning import Response
from darkhorse.config.rewards import JudgeConfig, LearnedRewardConfig
from darkhorse.config.rollout import AgentConfig
from darkhorse.config.stages import RLStage
from darkhorse.rewards.judge import Judge
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.tasks.mixture import EndlessSource, Mixture
from darkhorse.tasks.task import Task
from darkhorse.training.learned_metrics import LearnedMetrics
from darkhorse.training.rl import RLTrainer
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Scored
from live_app import Served

PROMPT = ({"role": "user", "content": "Say something kind."},)


def group(*pairs):
    """Of `(learned, verdict)` pairs."""
    task = Task("t", PROMPT, "preference", None)
    made = Group(task, [], "preference")
    for learned, verdict in pairs:
        trajectory = Trajectory([1], response=Response("", "an answer", True), verdict=verdict, learned=learned)
        made.trajectories.append(trajectory)
    return made


class Auditor:
    def __init__(self, score):
        self.asked, self.result = 0, score

    async def score(self, asks):
        self.asked += len(asks)
        return [[self.result for _ in ask.answers] for ask in asks]


def metrics_of(learned, *groups, seed=0):
    return asyncio.run(learned.of(groups, seed))


def test_figures_by_hand():
    guarded = Scored(0.0, "too short", {"gate": "guard"})
    made = group((Scored(0.8, ""), Scored(1.0, "")), (guarded, Scored(0.0, "")), (Abstained("gone"), Scored(1.0, "")))
    found = metrics_of(LearnedMetrics(LearnedRewardConfig()), made)
    assert found == {
        "learned/mean": pytest.approx(0.4),
        "learned/abstained": 1.0,
        "learned/guarded": 1.0,
        "drift/alarm": 0.0,
    }
    assert metrics_of(LearnedMetrics(LearnedRewardConfig()), group((None, Scored(1.0, "")))) == {}


def test_an_audit_asks_about_one_answer_of_some_groups():
    auditor = Auditor(Scored(0.3, ""))
    learned = LearnedMetrics(LearnedRewardConfig(audit_share=0.25), auditor)
    groups = [group((Scored(0.8, ""), Scored(1.0, "")), (Scored(0.7, ""), Scored(1.0, ""))) for _ in range(400)]
    found = metrics_of(learned, *groups)
    assert found["learned/audited"] == auditor.asked and 60 < auditor.asked < 140
    gone = LearnedMetrics(LearnedRewardConfig(audit_share=1.0), Auditor(Abstained("gone")))
    assert metrics_of(gone, *groups[:3])["learned/audited"] == 0.0


@pytest.mark.parametrize("audited", [False, True])
def test_the_alarm_rings_for_rules_and_for_audits_and_survives_a_checkpoint(audited):
    settings = LearnedRewardConfig(drift_window=8, audit_share=1.0)
    auditor = Auditor(Scored(0.5, ""))
    learned = LearnedMetrics(settings, auditor if audited else None)
    for step in range(8):
        if step == 5:
            state = json.loads(json.dumps(learned.state))
            learned = LearnedMetrics(settings, auditor if audited else None)
            learned.restore(state)
        auditor.result = Scored(0.9 - 0.1 * step, "")
        verdict = Scored(0.5, "") if audited else auditor.result
        found = metrics_of(learned, group((Scored(0.1 + 0.1 * step, ""), verdict)))
    assert found["drift/alarm"] == 1.0
    assert found[f"drift/{'audit' if audited else 'rules'}/alarm"] == 1.0


def test_a_run_goes_on_without_its_judge_and_takes_it_up_again(tmp_path, monkeypatch):
    monkeypatch.setattr("darkhorse.rewards.judge._FIRST_WAIT_S", 0.01)
    app = FastAPI()
    grades = iter(range(10**6))

    @app.post("/v1/chat/completions")
    async def completions() -> dict:
        verdict = {"reason": "r", "grade": next(grades) % 10 + 1}
        return {"choices": [{"message": {"content": json.dumps(verdict)}}]}

    served = Served(app)
    policy = tiny.policy(dtype=torch.float32)
    sampled = 0

    def write(request, sample):
        nonlocal sampled
        sampled += 1
        if sampled == 5:  # the second step
            served.stop()
        if sampled == 9:  # the third
            served.start()
        return f"hm\n</think>\n\nThat was a kind thing of you, number {sample}."

    place = Workplace(tiny.ScriptedEngine(policy.renderer, write), policy.renderer, Context(), {}, AgentConfig())
    source = EndlessSource("open", lambda number: Task(f"t{number}", PROMPT, "open_ended", {}))
    stage = RLStage(steps=3, prompts_per_step=1, num_generations=4, max_refills=0, learning_rate=1e-4)
    judge = Judge(JudgeConfig(base_url=f"{served.url}/v1", model="m", attempts=2))
    RLTrainer(policy, "general", stage, 0, Mixture([("open", 1.0, source)], 0), place, judge).train(tmp_path)
    served.stop()
    rows = [json.loads(line) for line in (tmp_path / "general/metrics.jsonl").read_text().splitlines()]
    assert [row["learned/abstained"] for row in rows] == [0, 4, 0]
    assert [row["groups/kept"] for row in rows] == [1, 0, 1]
    assert [row["sources/open/masked"] for row in rows] == [0, 4, 0]
    assert rows[0]["sources/open/reward_std"] > 0 and rows[2]["grad_norm"] > 0
