"""A run whose tool server is killed on the way goes on, abstains, says so, and scores again once it is back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import darkhorse.agent.environments.builtin
import darkhorse.verify.builtin  # noqa: F401
import tiny
from darkhorse.agent.collect import Workplace
from darkhorse.agent.tools import default_tools
from darkhorse.chat.renderer import Renderer
from darkhorse.config.rollout import AgentConfig
from darkhorse.config.stages import RLStage
from darkhorse.sandbox.client import SandboxClient
from darkhorse.sandbox.server import READY
from darkhorse.tasks.mixture import EndlessSource, Mixture
from darkhorse.tasks.synthetic.agentic.turns import calls, says
from darkhorse.tasks.synthetic.tools import PYTHON
from darkhorse.tasks.task import Task
from darkhorse.training.optimizer import MasterOptimizer
from darkhorse.training.rl import RLTrainer
from darkhorse.verify import registry
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Scored


def start(port: int = 0) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "darkhorse.sandbox.server", "--port", str(port), "--workers", "1"]
    source = str(Path(__file__).parents[2] / "src")
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, "PYTHONPATH": source}
    )
    assert server.stdout is not None
    return server, server.stdout.readline().removeprefix(READY).strip()


def kill(server: subprocess.Popen[str]) -> None:
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    assert server.stdout is not None
    server.stdout.close()


def trainer(url: str, write, task: Task, **settings) -> tuple[RLTrainer, MasterOptimizer]:
    policy = tiny.policy()
    client = SandboxClient(url, patience_s=0.3)
    stage = RLStage(prompts_per_step=2, num_generations=2, max_refills=0, dynamic_sampling=False, **settings)
    engine = tiny.ScriptedEngine(policy.renderer, write)
    place = Workplace(engine, policy.renderer, Context(client), default_tools(client), AgentConfig())
    mixture = Mixture([("agents", 1.0, EndlessSource("agents", lambda index: task))], 0)
    return RLTrainer(policy, "reason", stage, 0, mixture, place), MasterOptimizer(policy.model, stage)


def test_a_killed_tool_server_costs_verdicts_and_not_the_run() -> None:
    renderer = Renderer(tiny.tokenizer())

    def write(request, sample):
        heard = renderer.decode(request.prompt)
        if "<tool_response>" in heard:
            return says("", "\\boxed{4}" if "\n4\n" in heard else "\\boxed{0}")["content"]
        return calls("", "python", {"code": "2+2" if sample == 0 else "2+3"})["content"]

    task = Task("t", ({"role": "user", "content": "2+2?"},), "exact", "4", (PYTHON,))
    server, url = start()
    try:
        run, optimizer = trainer(url, write, task, turn_advantage="anchor")
        _, before = run.step(1, optimizer)
        kill(server)
        _, during = run.step(2, optimizer)
        server, again = start(int(url.rpartition(":")[2]))
        assert again == url
        groups, after = run.step(3, optimizer)
    finally:
        kill(server)
    for metrics in (before, after):
        assert metrics["rewards/exact/abstained"] == metrics["agent/failures"] == 0
        assert metrics["reward"] == 0.5 and metrics["grad_norm"] > 0
    assert during["rewards/exact/abstained"] == during["agent/failures"] == 4
    assert during["rewards/exact/mean"] == 0.0 and during["grad_norm"] == 0, "nothing was learned from it"
    assert after["agent/turns"] == 2
    turns = [t.turn_advantages for group in groups for t in group.trajectories]
    assert all(len(values) == 2 for values in turns) and turns[0][0] > 0 > turns[1][0]


def test_a_judge_that_is_down_abstains_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    up = {"judge": True}

    async def far_judge(task, response, context):
        if not up["judge"]:
            raise ConnectionError("connection refused")
        return Scored(float(response.answer == "a"), "judged")

    monkeypatch.setitem(registry._VERIFIERS, "far_judge", far_judge)
    task = Task("t", ({"role": "user", "content": "?"},), "far_judge", None)
    run, optimizer = trainer("http://127.0.0.1:9", lambda _, sample: says("", "ab"[sample])["content"], task)
    steps = []
    for number, is_up in enumerate((True, False, True), start=1):
        up["judge"] = is_up
        steps.append(run.step(number, optimizer)[1])
    assert [step["rewards/far_judge/abstained"] for step in steps] == [0, 4, 0]
    assert [step["grad_norm"] > 0 for step in steps] == [True, False, True]
    assert torch.isfinite(next(run.policy.model.parameters())).all()


def test_tools_of_many_episodes_come_and_go_within_one_batch() -> None:
    """A server that dies in the middle of a batch: those before it are scored, those after it abstained on."""
    server, url = start()
    renderer = Renderer(tiny.tokenizer())
    asked = []

    def write(request, sample):
        if "<tool_response>" in renderer.decode(request.prompt):
            return says("", "4")["content"]
        asked.append(sample)
        if len(asked) == 3:
            kill(server)
        return calls("", "python", {"code": "2+2"})["content"]

    task = Task("t", ({"role": "user", "content": "2+2?"},), "exact", "4", (PYTHON,))
    run, _ = trainer(url, write, task)
    groups = asyncio.run(_judged(run))
    scores = [t.score for group in groups for t in group.trajectories]
    assert sorted(scores, key=str) == [1.0, 1.0, None, None]


async def _judged(run: RLTrainer):
    return await (await run._sample(2)).groups.judged()
