"""Stages that stop when an earlier one's suites fall: the watch alone, and in a real trainer, killed and resumed."""

from __future__ import annotations

import json

import pytest
import torch

import tiny
from darkhorse.agent.collect import Workplace
from darkhorse.config.rollout import AgentConfig, SamplingConfig
from darkhorse.config.stages import RLStage
from darkhorse.observe.measured import Measured
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.tasks.mixture import EndlessSource, Mixture
from darkhorse.tasks.task import Task
from darkhorse.training.advantages import ADVANTAGES, by_source
from darkhorse.training.rl import RLTrainer
from darkhorse.training.watch import Watch
from darkhorse.verify import registry
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Scored


@pytest.fixture(autouse=True)
def _verifier(monkeypatch):
    async def verify(task, response, context):
        return Scored(float(response.answer), "said so itself")

    monkeypatch.setitem(registry._VERIFIERS, "scripted", verify)


def measurements(*rows):
    """A measure that gives one row after the other: mean of the suite, improved."""
    left = iter(rows)

    def measure():
        mean, improved = next(left)
        return Measured({"mathematics": mean}, {"mathematics": mean - 0.1}, improved)

    return measure


def test_the_best_step_is_the_one_with_the_highest_mean_before_a_fall():
    watch = Watch(measurements((0.6, 0.3), (0.55, 0.5), (0.52, 0.4), (0.45, 0.9)))
    watch.start()
    metrics = [watch.check(step) for step in (10, 20, 30)]
    assert [m["watch/fallen"] for m in metrics] == [0, 0, 1]
    assert metrics[0]["watch/mathematics/floor"] == pytest.approx(0.5)
    assert watch.best == 10 and watch.fallen == ["mathematics"]


def test_without_suites_to_improve_the_latest_is_the_best():
    watch = Watch(measurements((0.6, None), (0.55, None), (0.52, None), (0.1, None)))
    watch.start()
    for step in (10, 20, 30):
        watch.check(step)
    assert watch.best == 20


def test_a_restored_watch_goes_on_where_it_was():
    watch = Watch(measurements((0.6, 0.3), (0.55, 0.5)))
    watch.start()
    watch.check(5)
    other = Watch(measurements((0.58, 0.4)))
    other.restore(json.loads(json.dumps(watch.state)))
    other.check(10)
    assert (other.best, other.fallen) == (5, [])


def test_a_suite_that_could_not_be_measured_at_first_is_watched_from_when_it_can_be():
    none, both = Measured({}, {}), {"programming": 0.5}
    rows = iter(
        [none, Measured(both, {"programming": 0.4}), none, Measured({"programming": 0.3}, {"programming": 0.2})]
    )
    watch = Watch(lambda: next(rows))
    watch.start()
    fallen = [(watch.check(step), watch.fallen)[1] for step in (5, 10, 15)]
    assert fallen == [[], [], ["programming"]] and watch.floors == {"programming": 0.4}


def trainer(measure, steps=8, **settings):
    policy = tiny.policy(dtype=torch.float32)
    engine = tiny.ScriptedEngine(policy.renderer, lambda request, sample: f"hm\n</think>\n\n{sample % 2}")
    place = Workplace(engine, policy.renderer, Context(), {}, AgentConfig())
    prompt = ({"role": "user", "content": "go"},)
    tasks = Mixture([("s", 1.0, EndlessSource("s", lambda n: Task(f"t{n}", prompt, "scripted", None)))], seed=0)
    stage = RLStage(
        steps=steps,
        checkpoint_every=2,
        prompts_per_step=1,
        num_generations=2,
        learning_rate=1e-2,
        sampling=SamplingConfig(),
        **settings,
    )
    return RLTrainer(policy, "general", stage, 0, tasks, place, watch=Watch(measure))


def steps_left(folder):
    return sorted(int(path.name[5:]) for path in (folder / "general/checkpoints").glob("step_*"))


def weight(folder, step):
    from safetensors.torch import load_file

    return load_file(folder / f"general/checkpoints/step_{step}/model.safetensors")["lm_head.weight"]


FALLING = ((0.6, 0.2), (0.6, 0.4), (0.6, 0.3), (0.4, 0.9))


def test_a_fall_ends_the_stage_and_its_best_checkpoint_is_left(tmp_path):
    trainer(measurements(*FALLING[:2], (0.6, 0.5), (0.6, 0.3), (0.6, 0.2))).train(tmp_path / "whole")
    assert steps_left(tmp_path / "whole") == [8]
    assert not (tmp_path / "whole/general/stopped.json").exists()

    trainer(measurements(*FALLING)).train(tmp_path / "fallen")
    assert steps_left(tmp_path / "fallen") == [2]
    note = json.loads((tmp_path / "fallen/general/stopped.json").read_text())
    assert note == {"step": 6, "fallen_below": {"mathematics": 0.5}, "went_back_to": 2}
    rows = [json.loads(line) for line in (tmp_path / "fallen/general/metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["watch/fallen"] == 1 and "watch/mathematics" not in rows[0]


def test_a_fall_at_once_goes_back_to_the_start(tmp_path):
    made = trainer(measurements((0.6, 0.2), (0.1, 0.9)))
    start = made.policy.model.get_output_embeddings().weight.detach().clone()
    made.train(tmp_path)
    assert steps_left(tmp_path) == [0]
    assert torch.equal(weight(tmp_path, 0), start)
    assert not torch.equal(made.policy.model.get_output_embeddings().weight, start), "it had learned something"


def test_a_stage_that_was_interrupted_measures_its_start_once_and_ends_alike(tmp_path):
    trainer(measurements(*FALLING)).train(tmp_path / "whole")

    class Killed(Exception):
        pass

    def rows():
        yield from FALLING[:2]
        raise Killed

    left = rows()
    first = trainer(lambda: measurements(next(left))())
    with pytest.raises(Killed):
        first.train(tmp_path / "killed")
    assert steps_left(tmp_path / "killed") == [2]
    trainer(measurements(*FALLING[2:])).train(tmp_path / "killed")
    assert steps_left(tmp_path / "killed") == [2]
    assert torch.equal(weight(tmp_path / "killed", 2), weight(tmp_path / "whole", 2))


def test_advantages_by_source_have_the_same_spread_whatever_the_reward():
    right_or_wrong = [torch.tensor([0.0, 1.0, 1.0, 0.0]), torch.tensor([1.0, 0.0, 0.0, 0.0])]
    learned = [0.4 + 0.01 * rewards for rewards in right_or_wrong]
    groups = [right_or_wrong[0], learned[0], right_or_wrong[1], learned[1]]
    found = by_source(ADVANTAGES["group"], groups, ["rules", "model", "rules", "model"])
    # (the small constant that keeps a division from blowing up is a hundredth of the learned deviation)
    torch.testing.assert_close(found[0], found[1], rtol=0.03, atol=0)
    torch.testing.assert_close(found[2], found[3], rtol=0.03, atol=0)
    alone = ADVANTAGES["group"](right_or_wrong, scale_rewards="batch")
    torch.testing.assert_close(found[0], alone[0])
    assert float(torch.cat([found[0], found[2]]).std(correction=0)) == pytest.approx(1.0, rel=0.01)


def test_sources_are_scaled_apart_in_the_trainer():
    made = trainer(measurements((0.5, None)), scale_rewards="source")
    groups = []
    for source, size in (("rules", 1.0), ("model", 0.1)):
        group = Group(Task("t", (), "scripted", None), [], source)
        for reward in (0.0, size):
            group.trajectories.append(Trajectory([1], [2], [1], [0.0], [0], reward=reward))
        groups.append(group)
    made._set_advantages(groups)
    first, second = ([t.advantage for t in group.trajectories] for group in groups)
    assert first == pytest.approx(second, rel=0.01)
    assert first[1] == pytest.approx(1.0, rel=0.01)
