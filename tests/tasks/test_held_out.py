"""Train and held-out prompts never meet, in any synthetic suite."""

from __future__ import annotations

import pytest

from darkhorse.config.tasks import SourceConfig, SyntheticSource
from darkhorse.errors import UserError
from darkhorse.tasks.build import build_mixture
from darkhorse.tasks.synthetic import SUITES, generators
from darkhorse.tasks.synthetic.base import draw
from darkhorse.tasks.task import is_held_out, normalise_prompt


@pytest.mark.parametrize("suite", SUITES)
def test_sides_are_disjoint(suite: str) -> None:
    kinds = generators(suite)
    train = [draw(kinds, 0, "train", index).task for index in range(500)]
    held_out = [draw(kinds, 0, "held_out", index).task for index in range(200)]
    assert not {normalise_prompt(task.prompt) for task in train} & {normalise_prompt(task.prompt) for task in held_out}
    assert all(is_held_out(task.prompt) for task in held_out)
    assert not any(is_held_out(task.prompt) for task in train)


@pytest.mark.parametrize("suite", SUITES)
def test_ids_are_unique_and_sources_name_the_suite(suite: str) -> None:
    kinds = generators(suite)
    tasks = [draw(kinds, seed, "train", index).task for seed in (0, 1) for index in range(40)]
    assert len({task.id for task in tasks}) == len(tasks)
    assert {task.suite for task in tasks} == {suite}
    assert {task.source for task in tasks} == {f"{suite}/{kind.name}" for kind in kinds}
    assert all(1 <= task.metadata["level"] <= 9 for task in tasks)


@pytest.mark.parametrize("suite", SUITES)
def test_names_are_unique_in_a_suite(suite: str) -> None:
    names = [kind.name for kind in SUITES[suite]]
    assert len(set(names)) == len(names)
    assert {kind.suite for kind in SUITES[suite]} == {suite}


def test_seeds_name_different_sequences() -> None:
    kinds = generators("mathematics")
    first, second = ([draw(kinds, seed, "train", index).task.prompt for index in range(50)] for seed in (0, 1))
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 5


def test_kinds_are_chosen_by_name_in_order() -> None:
    assert [kind.name for kind in generators("mathematics", ("gcd", "sums"))] == ["gcd", "sums"]


def test_unknown_suite_and_kind_are_named_with_a_remedy() -> None:
    with pytest.raises(UserError, match=r"'mathematic'.*Did you mean 'mathematics'"):
        generators("mathematic")
    with pytest.raises(UserError, match=r"'gdc'.*Did you mean 'gcd'"):
        generators("mathematics", ("gdc",))


def test_stages_draw_their_own_prompts_from_the_same_source() -> None:
    sources: list[tuple[SourceConfig, float]] = [(SyntheticSource(suite="mathematics"), 1.0)]

    def prompts(stage: str) -> list[str]:
        mixture = build_mixture(sources, 0, stage)
        return [normalise_prompt(mixture.task(index)[1].prompt) for index in range(60)]

    assert prompts("cold_start") == prompts("cold_start")
    assert len(set(prompts("cold_start")) & set(prompts("reason"))) < 6
