"""Preference pairs: margins from files, and pairs that are too long."""

from __future__ import annotations

import json

import pytest

from darkhorse.errors import UserError
from darkhorse.tasks.pairs import FilePairs, ShortPairs
from darkhorse.tasks.task import PreferencePair


def rows(**extra):
    return [{"prompt": f"question {n}", "chosen": "good", "rejected": "bad", **extra} for n in range(60)]


def written(tmp_path, rows):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("margin", [0, 0.5, 2])
def test_margins_are_read(tmp_path, margin):
    assert FilePairs(written(tmp_path, rows(margin=margin)), 0).train(0).margin == margin
    assert FilePairs(written(tmp_path, rows()), 0).train(0).margin is None


@pytest.mark.parametrize("margin", [-1, "big", True, float("inf"), float("nan")])
def test_margins_that_are_none_are_refused(tmp_path, margin):
    with pytest.raises(UserError, match=r"row 1: 'margin'"):
        FilePairs(written(tmp_path, rows(margin=margin)), 0)


class Numbers:
    """The pair at `n` has an answer of `n % 4` letters."""

    def train(self, index):
        return PreferencePair((), "x" * (index % 4), str(index))

    def held_out(self, count):
        return [self.train(index) for index in range(count)]


def test_overlong_pairs_are_left_out_in_order_and_counted():
    pairs = ShortPairs(Numbers(), lambda pair: len(pair.chosen) <= 1)
    assert [pairs.train(index).rejected for index in range(5)] == ["0", "1", "4", "5", "8"]
    assert pairs.overlong == 4
    assert ShortPairs(Numbers(), lambda pair: len(pair.chosen) <= 1).train(4) == pairs.train(4)
    assert [pair.rejected for pair in pairs.held_out(6)] == ["0", "1", "4", "5"]
    assert pairs.overlong_held_out == 2


def test_a_limit_that_nothing_meets_is_a_mistake():
    pairs = ShortPairs(Numbers(), lambda pair: False)
    with pytest.raises(UserError, match="all overlong"):
        pairs.train(0)
    with pytest.raises(UserError, match="All 3 held-out pairs are overlong"):
        pairs.held_out(3)
