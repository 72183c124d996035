"""What a trajectory keeps of its turns."""

from __future__ import annotations

from darkhorse.rollout.trajectory import Completion, Trajectory
from darkhorse.verify.verdict import Abstained, Scored


def test_sampled_and_observed_tokens_stay_apart():
    trajectory = Trajectory([1, 2])
    trajectory.append_sampled(Completion(0, 0, [3, 4], [-0.5, -0.25], "stop", 7))
    trajectory.append_observed([5, 6, 7], 7)
    trajectory.append_sampled(Completion(0, 0, [8], [-1.0], "length", 8))
    assert trajectory.tokens == [3, 4, 5, 6, 7, 8]
    assert trajectory.loss_mask == [1, 1, 0, 0, 0, 1]
    assert trajectory.logprobs == [-0.5, -0.25, 0.0, 0.0, 0.0, -1.0]
    assert trajectory.weights_version == [7, 7, 7, 7, 7, 8]
    assert trajectory.num_sampled == 3
    assert trajectory.finish_reason == "length"


def test_an_abstention_is_no_score():
    assert Trajectory([1]).score is None
    assert Trajectory([1], verdict=Abstained("down")).score is None
    assert Trajectory([1], verdict=Scored(0.0, "wrong")).score == 0.0
