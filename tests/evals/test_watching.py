"""Measuring in the middle of a stage: other prompts than the evaluation's, the same ones each time."""

from __future__ import annotations

import pytest

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
import tiny
from darkhorse.agent.collect import Workplace
from darkhorse.config.evals import EvaluationConfig
from darkhorse.config.rollout import AgentConfig
from darkhorse.config.stages import WatchConfig
from darkhorse.config.tasks import SyntheticSource
from darkhorse.errors import UserError
from darkhorse.evals.watching import watching
from darkhorse.tasks.build import held_out
from darkhorse.verify.registry import Context

SUMS = SyntheticSource(suite="mathematics", kinds=["sums"], max_level=2)
POLITE = SyntheticSource(suite="preference")


def test_it_measures_other_prompts_than_the_evaluation_and_hands_over_the_weights():
    policy = tiny.policy()
    engine = tiny.ScriptedEngine(policy.renderer, lambda request, sample: "hm\n</think>\n\n\\boxed{0}")
    place = Workplace(engine, policy.renderer, Context(), {}, AgentConfig())
    synced = []
    settings = WatchConfig(tasks=[SUMS], improves=[POLITE], samples_per_suite=6)
    evaluation = EvaluationConfig(tasks=[SUMS, POLITE], samples_per_suite=9)
    measure = watching(place, settings, evaluation, lambda: synced.append(1), seed=0)
    first = measure()
    assert first.means["mathematics"] == 0.0 and first.lows["mathematics"] == 0.0 and first.improved == 0.0
    asked = [policy.renderer.decode(request.prompt) for request in engine.requests]
    assert len(set(asked)) == 12 and len(synced) == 1
    used = {item.task.prompt[0]["content"] for source in evaluation.tasks for item in held_out(source, 9)}
    assert len(used) == 18
    assert not any(prompt in text for prompt in used for text in asked)
    assert measure() == first
    assert [policy.renderer.decode(request.prompt) for request in engine.requests[12:]] == asked


def test_a_suite_without_other_prompts_is_refused(monkeypatch):
    policy = tiny.policy()
    place = Workplace(
        tiny.ScriptedEngine(policy.renderer, lambda *_: ""), policy.renderer, Context(), {}, AgentConfig()
    )
    few = held_out(SUMS, 3)
    monkeypatch.setattr("darkhorse.evals.watching.held_out", lambda source, count: few[:count])
    with pytest.raises(UserError, match="no held-out prompts left to watch"):
        watching(place, WatchConfig(tasks=[SUMS]), EvaluationConfig(tasks=[SUMS], samples_per_suite=3), lambda: None, 0)
