"""A batch goes through a checkpoint unchanged."""

from __future__ import annotations

import json

from darkhorse.chat.reasoning import Response
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.tasks.task import Task
from darkhorse.training.rollout_batch import Batch, remembered, restored
from darkhorse.verify.verdict import Abstained, Scored


def group(name, **more):
    task = Task(
        f"{name}/1",
        ({"role": "user", "content": "How many?"},),
        "math",
        {"answer": [1, 2.5, None]},
        ({"type": "function", "function": {"name": "count", "parameters": {}}},),
        name,
        {"level": 3},
    )
    turns = ({"role": "assistant", "content": "hm</think>1"}, {"role": "tool", "content": "2"})
    trajectory = Trajectory(
        [1, 2],
        [3, 4, 5],
        [1, 0, 1],
        [-0.1, 0.0, -1 / 3],
        [7, 7, 8],
        "length",
        Response("hm", "1", True, turns, True),
        **more,
    )
    return Group(task, [trajectory, Trajectory([1, 2])], name)


def test_a_batch_goes_through_json_unchanged():
    scored = group("a", verdict=Scored(0.1, "close", {"tests": [1, 2]}), reward=0.1, advantage=-0.2 / 3)
    abstained = group("b", verdict=Abstained("no gold", {"code": 7}), failure="the server was down")
    plain = group("c")
    batch = Batch([scored, abstained, plain], [plain, scored])
    again = restored(json.loads(json.dumps(remembered(batch))))
    assert again == batch
    assert again.kept[0] is again.everything[2] and again.kept[1] is again.everything[0]
    assert isinstance(again.everything[1].trajectories[0].verdict, Abstained)
