from __future__ import annotations

import asyncio

import tiny
from darkhorse.agent.collect import Workplace
from darkhorse.config.rollout import AgentConfig
from darkhorse.evals.local_target import LocalTarget
from darkhorse.rollout.engine import SamplingParams
from darkhorse.rollout.local import LocalEngine
from darkhorse.verify.registry import Context

ASK = [{"role": "user", "content": "Hello"}]
SAMPLING = SamplingParams(max_tokens=40, seed=2, ignore_end=True)


def test_an_answer_ends_where_the_model_was_made_to() -> None:
    policy = tiny.policy()
    place = Workplace(LocalEngine(policy), policy.renderer, Context(), {}, AgentConfig())
    length = len(policy.renderer.prompt(ASK))
    for window, tokens in ((None, 40), (length + 100, 40), (length + 9, 9), (length - 1, 1)):
        target = LocalTarget(place, "tiny", "tiny", "float32", window)
        reply = asyncio.run(target.ask(ASK, [], SAMPLING))
        assert (reply.tokens, reply.finish_reason) == (tokens, "length")
