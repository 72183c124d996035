"""The RL trainer against the objective written out by hand, in float64, on scripted and on sampled rollouts."""

from __future__ import annotations

import asyncio
import copy
import json
import math
import re
import threading
from statistics import fmean

import pytest
import torch

import darkhorse.agent.collect
import tiny
from darkhorse.agent.collect import Workplace
from darkhorse.agent.tools import Calculator
from darkhorse.config.rollout import AgentConfig, SamplingConfig
from darkhorse.config.stages import RLStage
from darkhorse.errors import UserError
from darkhorse.rollout.local import LocalEngine
from darkhorse.rollout.trajectory import Group
from darkhorse.tasks.mixture import EndlessSource, Mixture
from darkhorse.tasks.task import Task
from darkhorse.training.losses import LOSSES
from darkhorse.training.optimizer import MasterOptimizer
from darkhorse.training.packed_groups import PackedGroup, sampled_logprobs
from darkhorse.training.rl import RLTrainer
from darkhorse.verify import registry
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Scored

TEMPERATURE = 0.8
CUT = [65, 66, 67]
"""Tokens that do not end their turn: a truncated completion."""


@pytest.fixture(autouse=True)
def _scripted_verifier(monkeypatch):
    async def verify(task, response, context):
        if response.answer == "abstain":
            return Abstained("no gold")
        return Scored(float(response.answer.split()[-1]), "said so itself")

    monkeypatch.setitem(registry._VERIFIERS, "scripted", verify)


def says(score, thinking="hm"):
    return f"{thinking}\n</think>\n\n{score}"


def tasks(tools=()):
    """An endless source whose task `n` asks for `n`."""

    def task(index):
        return Task(f"t{index}", ({"role": "user", "content": f"task {index}."},), "scripted", None, tools)

    return Mixture([("scripted", 1.0, EndlessSource("scripted", task))], seed=0)


def number(renderer, prompt):
    return int(re.search(r"task (\d+)\.", renderer.decode(prompt))[1])


class Recorder:
    """Keeps the gradient of every update, and takes a plain step down it."""

    def __init__(self, model, rate=0.0):
        self.model, self.rate, self.updates = model, rate, []
        self.device = model.device

    def backward(self, loss):
        loss.backward()

    def step(self, step):
        self.updates.append(tiny.gradients(self.model))
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter -= self.rate * self.updates[-1][name]
        return {"grad_norm": 1.0, "learning_rate": self.rate}


def sampler_logprobs(reference):
    """A sampler that is nearly the policy."""

    def logprobs(prompt, tokens):
        with torch.no_grad():
            exact = tiny.reference_logprobs(reference, prompt, tokens, TEMPERATURE)
        return (exact + 0.6 * torch.sin(torch.arange(len(tokens)) + len(prompt))).tolist()

    return logprobs


def trainer_of(script, kind="llama", tools=(), beta_policy=None, **settings):
    """A trainer in float64 whose engine says what `script(task number, sample, turn)` returns."""
    policy = tiny.policy(kind, torch.float64)
    renderer = policy.renderer

    def write(request, sample):
        text = renderer.decode(request.prompt)
        return script(number(renderer, request.prompt), sample, text.count("<tool_response>"))

    engine = tiny.ScriptedEngine(renderer, write, sampler_logprobs(tiny.model(kind, torch.float64)))
    place = Workplace(engine, renderer, Context(), {"calculator": Calculator()}, AgentConfig())
    stage = RLStage(
        **(
            {"prompts_per_step": 4, "num_generations": 4, "sampling": SamplingConfig(temperature=TEMPERATURE)}
            | settings
        )
    )
    return RLTrainer(policy, "reason", stage, 0, tasks(tools), place, reference=beta_policy)


def varied(task, sample, turn):
    """Scores and lengths that differ, within every group."""
    return says(((task + sample) % 3) / 2, "because " * ((task * sample) % 4))


def logprobs_of(model, trajectory):
    """Log-probabilities of what the model wrote of a trajectory."""
    everything = tiny.reference_logprobs(model, trajectory.prompt_tokens, trajectory.tokens, TEMPERATURE)
    return everything[torch.tensor(trajectory.loss_mask) == 1]


def sampled(trajectory):
    return torch.tensor(
        [lp for lp, m in zip(trajectory.logprobs, trajectory.loss_mask, strict=True) if m], dtype=torch.float64
    )


def objective(model, groups, old, settings, reference=None):
    """DAPO with truncated importance sampling, from the formula; `old` by the identity of a trajectory."""
    rewarded = [[t for t in group.trajectories if t.reward is not None] for group in groups]
    count = sum(sum(t.loss_mask) for group in rewarded for t in group)
    loss = torch.zeros((), dtype=torch.float64)
    for group in rewarded:
        mean = fmean(t.reward for t in group)
        for t in group:
            advantage, logprobs = t.reward - mean, logprobs_of(model, t)
            ratio = (logprobs - old[id(t)]).exp()
            clipped = ratio.clamp(1 - settings.epsilon_low, 1 + settings.epsilon_high)
            weight = (old[id(t)] - sampled(t)).exp().clamp(max=settings.importance_sampling_cap)
            loss = loss - (weight * torch.minimum(ratio * advantage, clipped * advantage)).sum() / count
            if reference is not None:
                difference = logprobs_of(reference, t).detach() - logprobs
                loss = loss + settings.beta * (difference**2 / 2).sum() / count
    return loss


def old_logprobs(model, groups):
    with torch.no_grad():
        return {id(t): logprobs_of(model, t) for group in groups for t in group.trajectories}


def wanted_gradients(trainer, groups, kind="llama", reference=None, share=1.0):
    """Of the objective over `groups`, times the share they are of what a step wants."""
    model = tiny.model(kind, torch.float64)
    (share * objective(model, groups, old_logprobs(model, groups), trainer.settings, reference)).backward()
    return tiny.gradients(model)


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3"])
def test_an_update_follows_the_formula(kind):
    trainer = trainer_of(varied, kind)
    recorder = Recorder(trainer.policy.model)
    groups, metrics = trainer.step(1, recorder)
    (got,) = recorder.updates
    tiny.assert_same_gradients(got, wanted_gradients(trainer, groups, kind))
    assert metrics["groups/kept"] == 4
    weights = torch.cat([sampled(t) for group in groups for t in group.trajectories])
    exact = torch.cat(
        [logprobs_of(tiny.model(kind, torch.float64), t).detach() for group in groups for t in group.trajectories]
    )
    ratio = (exact - weights).exp().clamp(max=2.0).mean()
    assert metrics["sampling/importance_sampling_ratio/mean"] == pytest.approx(float(ratio), rel=1e-5)
    assert metrics["clip_ratio/high_mean"] == metrics["clip_ratio/low_mean"] == 0.0


def test_an_update_can_be_cut_to_the_completions_that_vary_most():
    trainer = trainer_of(varied, num_updated=2)
    recorder = Recorder(trainer.policy.model)
    groups, metrics = trainer.step(1, recorder)
    telling = []
    for group in groups:
        lowest = min(group.trajectories, key=lambda t: t.reward)
        highest = max(reversed(group.trajectories), key=lambda t: t.reward)
        assert {id(t) for t in group.trajectories if t.advantage is not None} == {id(lowest), id(highest)}
        telling.append(Group(group.task, [lowest, highest]))
    tiny.assert_same_gradients(recorder.updates[0], wanted_gradients(trainer, telling))
    assert metrics["completions/updated"] == 8
    assert metrics["reward"] == pytest.approx(fmean(t.reward for group in groups for t in group.trajectories))


def with_calls(task, sample, turn):
    """Some episodes call a tool once or twice before they answer; a later turn is sample 0 of its own request."""
    if turn < (task + sample) % 3:
        return (
            f'</think><tool_call>{{"name": "calculator", "arguments": {{"expression": "{task}+{sample}"}}}}</tool_call>'
        )
    return varied(task, sample, turn)


def test_tokens_of_tools_are_read_but_not_trained_on():
    trainer = trainer_of(with_calls, tools=(Calculator().schema,), dynamic_sampling=False)
    recorder = Recorder(trainer.policy.model)
    groups, metrics = trainer.step(1, recorder)
    masks = [t.loss_mask for group in groups for t in group.trajectories]
    assert sum(0 in mask for mask in masks) > 8
    assert metrics["num_tokens"] == sum(map(sum, masks))
    tiny.assert_same_gradients(recorder.updates[0], wanted_gradients(trainer, groups))


@pytest.mark.parametrize("loss_type", sorted(LOSSES))
def test_one_pass_over_eight_groups_equals_eight_passes_over_one(loss_type):
    updates = []
    for micro_batch_tokens in (1, 10**9):
        trainer = trainer_of(varied, loss_type=loss_type, micro_batch_tokens=micro_batch_tokens, prompts_per_step=8)
        recorder = Recorder(trainer.policy.model)
        _, metrics = trainer.step(1, recorder)
        updates.append((recorder.updates[0], metrics["loss"], metrics["entropy"]))
    (whole, *figures), (cut, *other_figures) = updates
    assert figures == pytest.approx(other_figures)
    tiny.assert_same_gradients(cut, whole)


@pytest.mark.parametrize("micro_batch_tokens", [1, 10**9])
def test_later_updates_of_a_rollout_keep_the_old_log_probabilities(micro_batch_tokens):
    trainer = trainer_of(
        varied, updates_per_rollout=2, epsilon_low=0.1, epsilon_high=0.1, micro_batch_tokens=micro_batch_tokens
    )
    recorder = Recorder(trainer.policy.model, rate=2.0)
    groups, metrics = trainer.step(1, recorder)
    model = tiny.model(dtype=torch.float64)
    old = old_logprobs(model, groups)
    by_hand = Recorder(model, rate=2.0)
    for share in (groups[:2], groups[2:]):
        objective(model, share, old, trainer.settings).backward()
        by_hand.step(1)
    for got, wanted in zip(recorder.updates, by_hand.updates, strict=True):
        tiny.assert_same_gradients(got, wanted, relative=1e-4)
    assert metrics["clip_ratio/high_mean"] + metrics["clip_ratio/low_mean"] > 0, (
        "nothing was clipped: nothing is tested"
    )


def test_the_kl_term_pulls_towards_the_reference():
    reference = tiny.policy(dtype=torch.float64, seed=4)
    trainer = trainer_of(varied, beta_policy=reference, beta=0.3)
    recorder = Recorder(trainer.policy.model)
    groups, metrics = trainer.step(1, recorder)
    plain = tiny.model(dtype=torch.float64, seed=4)
    tiny.assert_same_gradients(recorder.updates[0], wanted_gradients(trainer, groups, reference=plain))
    assert metrics["kl"] > 0.1
    assert all(parameter.grad is None for parameter in reference.model.parameters())


@pytest.mark.parametrize("settings", [{"beta": 0.3}, {"replay_beta": 0.3}])
def test_a_kl_term_without_a_reference_is_an_error(settings):
    trainer = trainer_of(varied, **settings)
    trainer.betas = {"scripted": trainer.settings.replay_beta or 0.0}
    (name,) = settings
    with pytest.raises(UserError, match=rf"stage\.reason\.{name} is 0\.3.*no reference"):
        trainer.step(1, Recorder(trainer.policy.model))


def draw_from(trainer, *names):
    """Give a trainer the same tasks from several sources."""
    endless = tasks()
    trainer.mixture = Mixture([(n, 1.0, EndlessSource(n, lambda at: endless.task(at)[1])) for n in names], 0)


def test_a_source_may_be_held_with_a_weight_of_its_own():
    reference = tiny.policy(dtype=torch.float64, seed=4)
    trainer = trainer_of(varied, beta_policy=reference, beta=0.3, prompts_per_step=6)
    draw_from(trainer, "own", "held")
    trainer.betas = {"held": 1.2}
    recorder = Recorder(trainer.policy.model)
    groups, _ = trainer.step(1, recorder)
    wanted = {}
    for source, beta in {"own": 0.3, "held": 1.2}.items():
        mine = [group for group in groups if group.source == source]
        share = sum(t.num_sampled for g in mine for t in g.trajectories) / sum(
            t.num_sampled for g in groups for t in g.trajectories
        )
        trainer.settings.beta = beta
        plain = tiny.model(dtype=torch.float64, seed=4)
        for name, gradient in wanted_gradients(trainer, mine, reference=plain, share=share).items():
            wanted[name] = wanted.get(name, 0.0) + gradient
    tiny.assert_same_gradients(recorder.updates[0], wanted)


def test_a_held_group_teaches_without_differences_in_its_rewards():
    def all_right(task, sample, turn):
        return says(1.0, "because " * (sample % 4))

    trainer = trainer_of(all_right, beta_policy=tiny.policy(dtype=torch.float64, seed=4), max_refills=0)
    draw_from(trainer, "own", "held")
    trainer.betas = {"held": 0.5}
    recorder = Recorder(trainer.policy.model)
    groups, metrics = trainer.step(1, recorder)
    held = [group for group in groups if group.source == "held"]
    assert 0 < len(held) < 4 and metrics["groups/kept"] == len(held)
    trainer.settings.beta = 0.5
    plain = tiny.model(dtype=torch.float64, seed=4)
    wanted = wanted_gradients(trainer, held, reference=plain, share=len(held) / 4)
    tiny.assert_same_gradients(recorder.updates[0], wanted)


def test_a_source_may_have_a_temperature_of_its_own():
    trainer = trainer_of(varied)
    draw_from(trainer, "hot", "usual")
    trainer.temperatures = {"hot": 1.3}
    groups, _ = trainer.step(1, Recorder(trainer.policy.model))
    heats = [1.3 if group.source == "hot" else TEMPERATURE for group in groups]
    assert len(set(heats)) == 2
    assert [request.sampling.temperature for request in trainer.place.engine.requests] == heats
    packs = [PackedGroup.of(group, trainer._temperature(group.source), 0.0) for group in groups]
    scored, _ = sampled_logprobs(trainer.policy, packs)
    reference = tiny.model(dtype=torch.float64)
    wanted = [
        tiny.reference_logprobs(reference, trajectory.prompt_tokens, trajectory.tokens, heat)
        for group, heat in zip(groups, heats, strict=True)
        for trajectory in group.trajectories
    ]
    torch.testing.assert_close(scored, torch.cat(wanted), rtol=0, atol=1e-5)


def test_weights_move_back_at_the_end_of_the_stage(tmp_path):
    def weights_after(**settings):
        start = tiny.policy(dtype=torch.float64)
        trainer = trainer_of(varied, beta_policy=start, steps=2, learning_rate=1e-2, warmup_steps=0, **settings)
        trainer.train(tmp_path / f"run{len(settings)}")
        return dict(start.model.named_parameters()), dict(trainer.policy.model.named_parameters())

    start, trained = weights_after()
    _, moved_back = weights_after(interpolation=0.7)
    for name, weight in moved_back.items():
        assert (trained[name] - start[name]).abs().max() > 1e-3
        torch.testing.assert_close(weight, 0.3 * start[name] + 0.7 * trained[name])


def test_moving_back_without_a_start_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"stage\.reason\.interpolation is 0\.5.*no reference"):
        trainer_of(varied, steps=1, interpolation=0.5).train(tmp_path)


def test_abstentions_leave_their_group_and_are_counted():
    def script(task, sample, turn):
        return says("abstain") if (task + sample) % 4 == 0 else varied(task, sample, turn)

    trainer = trainer_of(script)
    recorder = Recorder(trainer.policy.model)
    groups, metrics = trainer.step(1, recorder)
    rewards = [[t.reward for t in group.trajectories] for group in groups]
    assert [row.count(None) for row in rewards] == [1, 1, 1, 1]
    assert metrics["rewards/scripted/abstained"] == 4
    scores = [reward for row in rewards for reward in row if reward is not None]
    assert metrics["reward"] == metrics["rewards/scripted/mean"] == pytest.approx(fmean(scores))
    tiny.assert_same_gradients(recorder.updates[0], wanted_gradients(trainer, groups))


def odd_are_equal(task, sample, turn):
    return says(1.0) if task % 2 else varied(task, sample, turn)


def test_groups_without_a_signal_are_dropped_and_refilled():
    trainer = trainer_of(odd_are_equal)
    recorder = Recorder(trainer.policy.model)
    groups, metrics = trainer.step(1, recorder)
    assert [group.task.id for group in groups] == ["t0", "t1", "t2", "t3", "t4", "t5"]
    assert (metrics["groups/sampled"], metrics["groups/kept"]) == (6, 3)
    assert metrics["frac_reward_zero_std"] == pytest.approx(3 / 6)
    tiny.assert_same_gradients(recorder.updates[0], wanted_gradients(trainer, groups[::2], share=3 / 4))
    following, _ = trainer.step(2, recorder)
    assert following[0].task.id == "t6", "no prompt is skipped or repeated"


@pytest.mark.parametrize(("refills", "sampled_groups"), [(0, 4), (1, 6), (2, 7), (9, 7)])
def test_refilling_stops_when_there_is_enough_or_the_rounds_are_used_up(refills, sampled_groups):
    trainer = trainer_of(odd_are_equal, max_refills=refills)
    groups, metrics = trainer.step(1, Recorder(trainer.policy.model))
    assert len(groups) == sampled_groups
    assert metrics["groups/kept"] == min(4, math.ceil(sampled_groups / 2))


def test_a_step_short_of_groups_moves_less():
    trainer = trainer_of(odd_are_equal, max_refills=0)
    recorder = Recorder(trainer.policy.model)
    groups, metrics = trainer.step(1, recorder)
    assert (metrics["groups/sampled"], metrics["groups/kept"]) == (4, 2)
    tiny.assert_same_gradients(recorder.updates[0], wanted_gradients(trainer, groups[::2], share=2 / 4))


def test_without_dynamic_sampling_every_group_stays():
    trainer = trainer_of(odd_are_equal, dynamic_sampling=False)
    recorder = Recorder(trainer.policy.model)
    groups, metrics = trainer.step(1, recorder)
    assert len(groups) == metrics["groups/kept"] == 4
    tiny.assert_same_gradients(recorder.updates[0], wanted_gradients(trainer, groups))


@pytest.mark.parametrize("script", [lambda *_: says(0.0), lambda *_: says("abstain"), lambda *_: CUT])
@pytest.mark.parametrize("updates", [1, 2])
def test_a_step_without_a_signal_changes_nothing(script, updates):
    trainer = trainer_of(script, updates_per_rollout=updates)
    recorder = Recorder(trainer.policy.model)
    _, metrics = trainer.step(1, recorder)
    assert recorder.updates == []
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["frac_reward_zero_std"] == 1.0


def test_sampling_ahead_takes_the_same_prompts_and_the_same_objective():
    trainer = trainer_of(odd_are_equal, max_off_policy_steps=1, steps=3)
    recorder = Recorder(trainer.policy.model)
    found = [trainer.step(step, recorder)[0] for step in (1, 2, 3)]
    usual = trainer_of(odd_are_equal)
    wanted = [usual.step(step, Recorder(usual.policy.model))[0] for step in (1, 2, 3)]
    ids = [[group.task.id for group in groups] for groups in found]
    assert ids == [[group.task.id for group in groups] for groups in wanted]
    for groups, update in zip(found, recorder.updates, strict=True):
        tiny.assert_same_gradients(update, wanted_gradients(trainer, groups[::2], share=3 / 4))


def test_a_batch_sampled_ahead_is_judged_while_the_update_runs(monkeypatch):
    updating = threading.Event()

    async def waits_for_the_update(task, response, context):
        if int(task.id[1:]) >= 4 and not await asyncio.to_thread(updating.wait, 20):
            return Abstained("no update began")
        return Scored(float(response.answer.split()[-1]), "said so itself")

    monkeypatch.setitem(registry._VERIFIERS, "scripted", waits_for_the_update)
    trainer = trainer_of(varied, max_off_policy_steps=1, steps=2)
    recorder = Recorder(trainer.policy.model)
    monkeypatch.setattr(recorder, "backward", lambda loss: updating.set() or loss.backward())
    first, _ = trainer.step(1, recorder)
    second, metrics = trainer.step(2, recorder)
    assert [group.task.id for group in (*first, *second)] == [f"t{n}" for n in range(8)]
    assert metrics["rewards/scripted/abstained"] == 0 and len(recorder.updates) == 2


def test_an_update_that_fails_ends_the_step(monkeypatch):
    trainer = trainer_of(varied, max_off_policy_steps=1, steps=2)
    recorder = Recorder(trainer.policy.model)

    def fail(loss):
        raise FloatingPointError("not a number")

    monkeypatch.setattr(recorder, "backward", fail)
    with pytest.raises(FloatingPointError):
        trainer.step(1, recorder)


def every_fourth_is_cut(task, sample, turn):
    return CUT if sample == 3 else varied(task, sample, turn)


@pytest.mark.parametrize(("truncation", "reward"), [("mask", None), ("penalise", 0.0), ("keep", 0.0)])
def test_truncated_completions(truncation, reward):
    trainer = trainer_of(every_fourth_is_cut, truncation=truncation)
    recorder = Recorder(trainer.policy.model)
    groups, metrics = trainer.step(1, recorder)
    assert {group.trajectories[3].reward for group in groups} == {reward}
    assert metrics["completions/clipped_ratio"] == pytest.approx(1 / 4)
    kept = [group for group in groups if len({t.reward for t in group.trajectories} - {None}) > 1]
    tiny.assert_same_gradients(recorder.updates[0], wanted_gradients(trainer, kept))


def test_the_random_control_ignores_the_verdicts():
    trainer = trainer_of(varied, reward="random", prompts_per_step=16, dynamic_sampling=False)
    groups, metrics = trainer.step(1, Recorder(trainer.policy.model))
    coins = [t.reward for group in groups for t in group.trajectories]
    assert set(coins) == {0.0, 1.0} and 0.3 < fmean(coins) < 0.7
    assert metrics["rewards/scripted/mean"] == pytest.approx(fmean(t.score for g in groups for t in g.trajectories))


def test_the_coins_of_a_refill_are_fresh():
    trainer = trainer_of(varied, reward="random", prompts_per_step=64, num_generations=2)
    groups, _ = trainer.step(1, Recorder(trainer.policy.model))
    coins = [[t.reward for t in group.trajectories] for group in groups]
    first, refill = coins[:64], coins[64:]
    assert refill != first[: len(refill)]


def test_metrics_by_hand():
    trainer = trainer_of(every_fourth_is_cut, truncation="keep", dynamic_sampling=False, prompts_per_step=2)
    groups, metrics = trainer.step(1, Recorder(trainer.policy.model))
    lengths = [len(t.tokens) for group in groups for t in group.trajectories]
    assert metrics["completions/mean_length"] == fmean(lengths)
    assert metrics["completions/max_length"] == max(lengths)
    assert metrics["reward"] == pytest.approx(fmean([0, 0.5, 1, 0, 0.5, 1, 0, 0]))
    deviations = [math.sqrt(fmean([x**2 for x in row]) - fmean(row) ** 2) for row in ([0, 0.5, 1, 0], [0.5, 1, 0, 0])]
    assert metrics["reward_std"] == pytest.approx(fmean(deviations))
    assert metrics["sources/scripted/reward"] == metrics["reward"]


# -- with the real engine and the real optimizer


@pytest.fixture
def likes_ascii(monkeypatch):
    """The verdict is the share of ASCII in what was said."""

    async def judge(task, response, context):
        text = response.thinking + response.answer
        return Scored(sum(map(str.isascii, text)) / max(len(text), 1), "counted")

    monkeypatch.setattr(darkhorse.agent.collect, "judge", judge)


def sampling_trainer(seed=0, mixture=None, **settings):
    policy = tiny.policy(seed=seed)
    place = Workplace(LocalEngine(policy, 8), policy.renderer, Context(), {}, AgentConfig())
    stage = RLStage(
        **(
            {
                "prompts_per_step": 2,
                "num_generations": 8,
                "sampling": SamplingConfig(max_completion_length=10),
                "learning_rate": 1e-2,
                "warmup_steps": 0,
                "truncation": "keep",
            }
            | settings
        )
    )
    return RLTrainer(policy, "reason", stage, 1, mixture or tasks(), place)


def read(path):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in row.items() if not key.startswith(("time/", "perf/"))} for row in rows]


def test_the_reward_rises(tmp_path, likes_ascii):
    trainer = sampling_trainer(steps=20, checkpoint_every=20)
    trainer.train(tmp_path)
    rewards = [row["reward"] for row in read(tmp_path / "reason/metrics.jsonl")]
    assert fmean(rewards[:3]) < 0.7 < 0.9 < fmean(rewards[-3:])


class Interrupted(Mixture):
    """Stops the process, as it were, in the middle of step 4."""

    def item(self, index):
        if index >= 7:
            raise KeyboardInterrupt
        return super().item(index)


@pytest.mark.parametrize("behind", [0, 1])
def test_a_resumed_stage_samples_and_ends_as_an_uninterrupted_one(tmp_path, likes_ascii, behind):
    settings = {"steps": 5, "checkpoint_every": 2, "max_off_policy_steps": behind}
    straight = sampling_trainer(**settings)
    straight.train(tmp_path / "straight")

    source = tasks()
    source.__class__ = Interrupted
    with pytest.raises(KeyboardInterrupt):
        sampling_trainer(mixture=source, **settings).train(tmp_path / "broken")
    resumed = sampling_trainer(seed=6, **settings)
    resumed.train(tmp_path / "broken")

    for name, tensor in straight.policy.model.state_dict().items():
        assert torch.equal(resumed.policy.model.state_dict()[name], tensor), name
    for file in ("metrics.jsonl", "rollouts.jsonl"):
        assert read(tmp_path / "straight/reason" / file) == read(tmp_path / "broken/reason" / file)


def test_the_engine_samples_from_what_was_just_trained(likes_ascii):
    trainer = sampling_trainer()
    before = copy.deepcopy(trainer.policy.model.state_dict())
    optimizer = MasterOptimizer(trainer.policy.model, trainer.settings)
    for step in (1, 2, 3):
        _, metrics = trainer.step(step, optimizer)
        assert metrics["sampling/importance_sampling_ratio/mean"] == pytest.approx(1.0, abs=1e-3)
        assert metrics["sampling/sampling_logp_difference/mean"] < 1e-4
    after = trainer.policy.model.state_dict()
    assert all(not torch.equal(after[name], before[name]) for name in before)


def test_what_was_sampled_ahead_is_one_update_old(likes_ascii):
    trainer = sampling_trainer(max_off_policy_steps=1, steps=9, dynamic_sampling=False)
    optimizer = MasterOptimizer(trainer.policy.model, trainer.settings)
    differences = []
    for step in (1, 2, 3):
        groups, metrics = trainer.step(step, optimizer)
        differences.append(metrics["sampling/sampling_logp_difference/mean"])
        assert {v for g in groups for t in g.trajectories for v in t.weights_version} == {max(step - 1, 1)}
    assert differences[0] < 1e-4 < 1e-3 < min(differences[1:])
