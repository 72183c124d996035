"""The alarm over a learned reward that leaves its meaning behind."""

from __future__ import annotations

import random

import pytest

from darkhorse.rewards.drift import DriftWatch, change


def run(window, pairs):
    watch = DriftWatch(window)
    return [watch.add(*pair) for pair in pairs]


def noisy(start, end, steps, seed):
    rng = random.Random(seed)
    return [start + (end - start) * step / steps + rng.gauss(0, 0.03) for step in range(steps)]


def test_it_rings_when_the_reward_rises_and_the_rules_fall():
    found = run(20, zip(noisy(0.4, 0.8, 40, 1), noisy(0.7, 0.4, 40, 2), strict=True))
    assert found[:19] == [{}] * 19
    assert found[-1]["alarm"] == 1.0
    assert found[-1]["learned_change"] > 2 and found[-1]["held_out_change"] < -2


@pytest.mark.parametrize(
    ("learned", "rules"), [((0.4, 0.8), (0.4, 0.7)), ((0.8, 0.4), (0.7, 0.4)), ((0.5, 0.5), (0.7, 0.4))]
)
def test_it_keeps_quiet_when_both_go_the_same_way_or_one_stays(learned, rules):
    found = run(20, zip(noisy(*learned, 40, 3), noisy(*rules, 40, 4), strict=True))
    assert found[-1]["alarm"] == 0.0


def test_noise_rings_rarely():
    alarms = sum(
        run(20, zip(noisy(0.5, 0.5, 20, seed), noisy(0.5, 0.5, 20, -seed - 1), strict=True))[-1]["alarm"]
        for seed in range(300)
    )
    assert alarms <= 3


def test_steps_without_a_figure_are_left_out_and_state_is_json():
    watch = DriftWatch(4)
    assert watch.add(None, 1.0) == watch.add(1.0, None) == {}
    for pair in [(0.1, 0.9), (0.1, 0.8), (0.9, 0.1)]:
        assert watch.add(*pair) == {}
    other = DriftWatch(4, list(watch.pairs))
    assert watch.add(0.8, 0.1) == other.add(0.8, 0.1) != {}


def test_change_by_hand():
    assert change([1.0, 3.0, 5.0, 7.0]) == pytest.approx(4 / (2**0.5))
    assert change([1.0, 1.0, 1.0, 1.0]) == 0.0
