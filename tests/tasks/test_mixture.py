"""Mixtures: proportions, determinism, and neither drops nor replays wherever a run is resumed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkhorse.errors import UserError
from darkhorse.tasks.mixture import EndlessSource, FiniteSource, Mixture, TaskSource
from darkhorse.tasks.task import Demonstration, Task


def task(identity: str) -> Task:
    return Task(identity, ({"role": "user", "content": identity},), "exact", "x")


def finite(name: str, size: int) -> FiniteSource:
    return FiniteSource(name, [task(f"{name}/{i}") for i in range(size)])


def endless(name: str) -> EndlessSource:
    return EndlessSource(name, lambda index: task(f"{name}/{index}"))


def mixture(seed: int = 0) -> Mixture:
    sources: list[tuple[str, float, TaskSource]] = [
        ("a", 3, finite("a", 7)),
        ("b", 1, finite("b", 5)),
        ("c", 0.5, endless("c")),
    ]
    return Mixture(sources, seed)


def ids(mix: Mixture, start: int, stop: int) -> list[str]:
    return [mix.task(index)[1].id for index in range(start, stop)]


@settings(max_examples=60)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=12))
def test_every_prefix_is_within_one_of_its_share(weights: list[float]) -> None:
    mix = Mixture([(str(i), weight, endless(str(i))) for i, weight in enumerate(weights)], 0)
    counts: Counter[str] = Counter()
    for index in range(150):
        counts[mix.task(index)[0]] += 1
        for i, weight in enumerate(weights):
            assert abs(counts[str(i)] - (index + 1) * weight / sum(weights)) < 1 + 1e-6


def test_equal_weights_take_turns() -> None:
    mix = Mixture([(name, 1, endless(name)) for name in "xyz"], 0)
    names = [mix.task(index)[0] for index in range(30)]
    assert all(set(names[i : i + 3]) == set("xyz") for i in range(0, 30, 3))


def test_the_item_at_an_index_depends_on_seed_and_index_alone() -> None:
    expected = ids(mixture(), 0, 60)
    assert [mixture().task(index)[1].id for index in (59, 0, 31)] == [expected[index] for index in (59, 0, 31)]
    assert ids(mixture(seed=1), 0, 60) != expected


def test_resuming_at_every_index_neither_drops_nor_replays() -> None:
    total = 90
    whole = ids(mixture(), 0, total)
    for cut in range(total + 1):
        assert ids(mixture(), 0, cut) + ids(mixture(), cut, total) == whole
    for name, size in (("a", 7), ("b", 5)):
        drawn = [identity for identity in whole if identity.startswith(f"{name}/")]
        assert len(drawn) > 3 * size
        epochs = [drawn[i : i + size] for i in range(0, len(drawn) - size + 1, size)]
        assert all(sorted(epoch) == [f"{name}/{i}" for i in range(size)] for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) > 1, "every epoch has an order of its own"
    assert [identity for identity in whole if identity.startswith("c/")] == [f"c/{i}" for i in range(10)]


def test_demonstrations_are_reduced_to_tasks_only_on_request() -> None:
    demonstration = Demonstration(task("d/0"), ({"role": "assistant", "content": "t\n</think>\n\nx"},))
    mix = Mixture([("d", 1, FiniteSource("d", [demonstration]))], 0)
    assert mix.item(0) == ("d", demonstration)
    assert mix.task(0) == ("d", demonstration.task)


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([], "no task sources"),
        ([("a", 0.0, endless("a"))], "weight 0.0"),
        ([("a", float("nan"), endless("a"))], "weight nan"),
        ([("a", 1.0, finite("a", 0))], "'a' is empty"),
        ([("a", 1.0, endless("a")), ("a", 1.0, endless("a"))], "named 'a'"),
    ],
)
def test_mistakes_are_named(sources: list[tuple[str, float, TaskSource]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Mixture(sources, 0)


def test_a_negative_index_is_an_error() -> None:
    with pytest.raises(IndexError):
        mixture().task(-1)
